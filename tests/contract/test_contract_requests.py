"""Requests as programs send them: with nulls, whole objects, odd spellings, and mistakes."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of

BETA = {"OpenAI-Beta": "assistants=v2"}
INCLUDE = "step_details.tool_calls[*].file_search.results[*].content"


async def test_a_run_can_be_given_nothing_but_nulls(api, runner):
    """Libraries send every optional argument, set or not."""
    assistant, thread = await api.scene("Hello")
    names = ["model", "instructions", "additional_instructions", "additional_messages", "tools"]
    names += ["metadata", "temperature", "top_p", "tool_choice", "response_format"]
    names += ["max_prompt_tokens", "max_completion_tokens", "truncation_strategy"]
    names += ["reasoning_effort", "parallel_tool_calls"]

    run = await runner.run(thread, assistant, **dict.fromkeys(names))

    assert (run.status, run.model, run.metadata) == ("completed", "gpt-4o", {})
    assert (run.tool_choice, run.response_format, run.tools) == ("auto", "auto", [])


async def test_resources_may_hold_nulls(api):
    """As an assistant or thread that was read and sent back."""
    resources = {"code_interpreter": None, "file_search": None}

    assistant = await api.client.beta.assistants.create(model="gpt-4o", tool_resources=resources)
    thread = await api.threads.create(tool_resources=resources)
    run = await api.threads.create_and_run(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "Hi"}]},
        tool_resources=resources,
    )

    assert (await api.threads.retrieve(thread.id)).id == thread.id
    assert (await api.rested(run)).status == "completed"


async def test_a_whole_thread_can_be_posted_as_the_new_one(api, runner):
    """Programs send back what they were given; a new thread is made, and the run says so."""
    assistant, thread = await api.scene("Hello", instructions="Greet.")
    whole = {**thread.model_dump(), "messages": [{"role": "user", "content": "Hi"}]}

    run = await runner.create_and_run(assistant, thread=whole)

    answer = await api.threads.runs.with_raw_response.retrieve(run.id, thread_id=run.thread_id)
    assert run.thread_id != thread.id
    assert "thread.id" in answer.headers["x-shim-notes"]
    assert run.status == "completed"


async def test_an_empty_body_makes_a_thread(api):
    """So do an empty object and none at all."""
    made = [
        await api.client.post("/threads", cast_to=object, options={"headers": BETA}),
        await api.client.post("/threads", cast_to=object, body={}, options={"headers": BETA}),
    ]
    answer = await api.client._client.post(f"{api.url}/threads", content=b'""', headers=api.headers)

    for thread in [*made, answer.json()]:
        assert (await api.threads.retrieve(thread["id"])).metadata == {}


@pytest.mark.parametrize("spelling", ["include[]", "include", "include[0]"])
async def test_include_is_understood_in_every_spelling(api, spelling):
    """Old SDKs and other languages write it in their own ways."""
    assistant, thread = await api.scene("Hello")
    query = {spelling: INCLUDE, "include[]": ""} if spelling == "include" else {spelling: INCLUDE}
    run = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, extra_query=query
    )
    await api.rested(run)

    steps = await api.threads.runs.steps.list(run.id, thread_id=thread.id, extra_query=query)
    step = await api.threads.runs.steps.retrieve(
        steps.data[0].id, thread_id=thread.id, run_id=run.id, extra_query=query
    )

    assert step.id == steps.data[0].id


async def test_extra_headers_do_no_harm(api):
    """Other services' tokens travel on to the upstream, or nowhere."""
    thread = await api.threads.create(extra_headers={"astra-api-token": "t", "X-Team": "blue"})

    assert thread.object == "thread"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (
            {},
            (
                "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
                "Please try again by setting the header 'OpenAI-Beta: assistants=v2'."
            ),
        ),
        (
            {"OpenAI-Beta": "assistants=v1"},
            (
                "The v1 Assistants API has been deprecated. Please try again by setting the header "
                "'OpenAI-Beta: assistants=v2'. See the migration guide for more information: "
                "https://platform.openai.com/docs/assistants/migration."
            ),
        ),
    ],
    ids=["missing", "v1"],
)
async def test_the_beta_header_is_required(api, sent, text):
    """The refusal says how to set it."""
    with pytest.raises(openai.BadRequestError) as caught:
        await api.client.post("/threads", cast_to=object, body={}, options={"headers": sent})

    assert message_of(caught) == text
    assert (caught.value.code, caught.value.param) == ("invalid_beta", None)


async def test_the_sdk_can_ask_for_the_first_version_and_is_refused(api):
    """`extra_headers` wins over what the SDK sends of itself."""
    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.create(extra_headers={"OpenAI-Beta": "assistants=v1"})

    assert caught.value.code == "invalid_beta"


async def test_malformed_json_is_refused(api):
    """With the envelope of every other error."""
    answer = await api.client._client.post(f"{api.url}/threads", content=b"{", headers=api.headers)

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert list(error) == ["message", "type", "param", "code"]
    assert error["message"].startswith("We could not parse the JSON body of your request.")


@pytest.mark.parametrize(
    ("given", "text", "param", "code"),
    [
        (
            {"extra_body": {"file_ids": []}},
            "Unknown parameter: 'file_ids'.",
            "file_ids",
            "unknown_parameter",
        ),
        (
            {"temperature": 3},
            (
                "Invalid 'temperature': decimal above maximum value. "
                "Expected a value <= 2, but got 3 instead."
            ),
            "temperature",
            "decimal_above_max_value",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "not a name"}}]},
            (
                "Invalid 'tools[0].function.name': string does not match pattern. "
                "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            ),
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            {"tools": [{"type": "code_interpreter"}] * 129},
            (
                "Invalid 'tools': array too long. Expected an array with maximum length 128, "
                "but got an array with length 129 instead."
            ),
            "tools",
            "array_above_max_length",
        ),
        (
            {"metadata": {"k": "x" * 600}},
            (
                "Invalid 'metadata.k': string too long. Expected a string with maximum length 512, "
                "but got a string with length 600 instead."
            ),
            "metadata.k",
            "string_above_max_length",
        ),
    ],
    ids=["unknown", "range", "pattern", "count", "length"],
)
async def test_a_wrong_assistant_is_refused(api, given, text, param, code):
    """In the original's words, with the name of what is wrong."""
    with pytest.raises(openai.BadRequestError) as caught:
        await api.client.beta.assistants.create(model="gpt-4o", **given)

    assert message_of(caught) == text
    assert (caught.value.param, caught.value.code) == (param, code)
    assert caught.value.type == "invalid_request_error"


async def test_what_is_missing_is_named(api):
    """A run needs an assistant."""
    _, thread = await api.scene("Hello")

    with pytest.raises(openai.BadRequestError) as caught:
        await api.client.post(
            f"/threads/{thread.id}/runs", cast_to=object, body={}, options={"headers": BETA}
        )

    assert message_of(caught) == "Missing required parameter: 'assistant_id'."
    assert (caught.value.param, caught.value.code) == (
        "assistant_id",
        "missing_required_parameter",
    )
