"""LiteLLM's functions without a loop, as its documentation shows them."""

from __future__ import annotations

import logging

import openai
import pytest
from openai import AssistantEventHandler
from openai.pagination import SyncCursorPage
from openai.types.beta import Assistant, AssistantDeleted, Thread
from openai.types.beta.threads import Message, Run

import shim as litellm
from shim import (
    add_message,
    create_assistants,
    create_thread,
    delete_assistant,
    get_assistants,
    get_messages,
    get_thread,
    run_thread,
    run_thread_stream,
)

HELLO = {"role": "user", "content": "Hey, how's it going?"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def text_of(message):
    return message.content[0].text.value


@pytest.fixture
def assistant(served):
    return create_assistants("openai", "gpt-6-luna", instructions="You are a tutor.")


@pytest.fixture
def thread(served):
    return create_thread("openai", [HELLO], {"a": "b"})


def test_assistants_are_made_listed_and_deleted(served):
    """The three functions of assistants give the SDK's objects."""
    made = create_assistants(
        custom_llm_provider="openai",
        model="gpt-6-luna",
        instructions="You are a personal math tutor.",
        name="Math Tutor",
        tools=[{"type": "code_interpreter"}],
        metadata={"k": "v"},
        temperature=0.5,
        top_p=0.9,
        response_format="auto",
    )

    page = get_assistants(custom_llm_provider="openai")
    deleted = delete_assistant(custom_llm_provider="openai", assistant_id=made.id)

    assert isinstance(made, Assistant)
    assert (made.name, made.metadata, made.temperature, made.top_p) == (
        "Math Tutor",
        {"k": "v"},
        0.5,
        0.9,
    )
    assert isinstance(page, SyncCursorPage)
    assert page.data[0].model_dump() == made.model_dump()
    assert isinstance(deleted, AssistantDeleted)
    assert (deleted.id, deleted.deleted) == (made.id, True)
    assert get_assistants("openai").data == []


def test_lists_take_the_parameters_of_the_api(assistant, thread):
    """What LiteLLM did not name is taken where the API has it."""
    second = create_assistants("openai", "gpt-6-luna")

    oldest = get_assistants("openai", order="asc", limit=1)
    add_message("openai", thread.id, "user", "And you?")
    messages = get_messages("openai", thread.id, order="asc", limit=1)

    assert [each.id for each in oldest.data] == [assistant.id]
    assert [each.id for each in oldest] == [assistant.id, second.id]
    assert [text_of(each) for each in messages.data] == [HELLO["content"]]


def test_threads_and_messages_are_made_and_read(served):
    """Threads and messages come back as they were made, with all that the API takes."""
    made = create_thread("openai", messages=[HELLO], metadata={"a": "b"}, tool_resources={})
    message = add_message("openai", made.id, "user", "And you?", None, {"c": "d"})

    found = get_thread("openai", made.id)
    page = get_messages("openai", made.id)

    assert isinstance(made, Thread)
    assert found.id == made.id
    assert (found.object, found.metadata) == ("thread", {"a": "b"})
    assert isinstance(message, Message)
    assert (message.status, message.metadata) == ("completed", {"c": "d"})
    assert [text_of(each) for each in page.data] == ["And you?", HELLO["content"]]


def test_a_message_may_have_parts_and_files(offline, served):
    """Content parts and attachments pass, although LiteLLM refused them for some providers."""
    client = litellm.OpenAI()
    file = client.files.create(file=("a.txt", b"whales"), purpose="assistants")
    thread = create_thread("openai")

    message = add_message(
        custom_llm_provider="openai",
        thread_id=thread.id,
        role="user",
        content=[{"type": "text", "text": "Look."}],
        attachments=[{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}],
    )

    assert text_of(message) == "Look."
    assert message.attachments[0].file_id == file.id
    client.close()


def test_a_run_is_polled_to_its_end(offline, assistant, thread):
    """`run_thread` gives the run when it rests; its overrides reach the upstream."""
    offline.script.say("Fine.")

    run = run_thread(
        custom_llm_provider="openai",
        thread_id=thread.id,
        assistant_id=assistant.id,
        additional_instructions="Be kind.",
        metadata={"r": "1"},
        model="gpt-6-terra",
        tools=[TOOL],
        temperature=0.3,
    )

    sent = offline.posts()[-1].body
    assert isinstance(run, Run)
    assert (run.status, run.metadata, run.model) == ("completed", {"r": "1"}, "gpt-6-terra")
    assert run.instructions == "You are a tutor.\nBe kind."
    assert (sent["model"], sent["tools"][0]["name"]) == ("gpt-6-terra", "look")
    assert text_of(get_messages("openai", thread.id).data[0]) == "Fine."


def test_a_run_stops_where_action_is_required(offline, assistant, thread):
    """Polling ends at an open call, as LiteLLM's did."""
    offline.script.call("look", {})

    run = run_thread("openai", thread.id, assistant.id, tools=[TOOL], instructions="Look.")

    assert run.status == "requires_action"
    assert run.required_action.submit_tool_outputs.tool_calls[0].function.name == "look"


@pytest.mark.parametrize("how", ["run_thread_stream", "run_thread"])
def test_a_run_is_streamed(offline, assistant, thread, how):
    """Both ways to ask for a stream give the SDK's manager, whose handler reads events."""
    offline.script.say("Fine.")
    data = {
        "custom_llm_provider": "openai",
        "thread_id": thread.id,
        "assistant_id": assistant.id,
    }

    manager = run_thread(stream=True, **data) if how == "run_thread" else run_thread_stream(**data)
    with manager as stream:
        assert isinstance(stream, AssistantEventHandler)
        names = [event.event for event in stream]
        stream.until_done()

    assert names[0] == "thread.run.created"
    assert names[-1] == "thread.run.completed"


def test_a_stream_has_the_handler_that_was_given(offline, assistant, thread):
    """An event handler of the user's own sees the events."""
    offline.script.say("Fine, thanks.")

    class Handler(AssistantEventHandler):
        said = ""

        def on_text_delta(self, delta, snapshot):
            self.said += delta.value

    handler = Handler()

    with run_thread_stream(
        custom_llm_provider="openai",
        thread_id=thread.id,
        assistant_id=assistant.id,
        event_handler=handler,
    ) as stream:
        stream.until_done()

    assert stream is handler
    assert handler.said == "Fine, thanks."
    assert handler.get_final_run().status == "completed"


def test_what_nobody_takes_is_told(assistant, thread, caplog):
    """LiteLLM's page passes a message to a run; it is left out, and the log names it."""
    with (
        caplog.at_level(logging.WARNING, "shim"),
        run_thread_stream(
            custom_llm_provider="openai",
            thread_id=thread.id,
            assistant_id=assistant.id,
            drop_params=True,
            **HELLO,
        ) as stream,
    ):
        stream.until_done()

    assert "run_thread_stream has no parameter role, content: left out" in caplog.messages


def test_errors_are_those_of_the_sdk(served):
    """LiteLLM's classes are subclasses of these, so that code which caught them still does."""
    with pytest.raises(openai.NotFoundError) as missing:
        get_thread("openai", "thread_none")
    with pytest.raises(openai.BadRequestError) as refused:
        create_assistants("openai", "gpt-6-luna", temperature=7)

    assert missing.value.body["message"] == "No thread found with id 'thread_none'."
    assert refused.value.param == "temperature"
    assert litellm.NotFoundError is openai.NotFoundError


@pytest.mark.parametrize("provider", ["anthropic", "", None])
def test_another_provider_is_refused(provider):
    """Those that never had the Assistants API get the status that LiteLLM gave."""
    with pytest.raises(openai.BadRequestError, match="is not supported for 'get_thread'") as error:
        get_thread(provider, "thread_1")

    assert (error.value.status_code, error.value.param) == (400, "custom_llm_provider")


def test_a_missing_argument_is_told(served):
    """What LiteLLM demanded is demanded."""
    with pytest.raises(TypeError, match="assistant_id"):
        run_thread_stream(custom_llm_provider="openai", thread_id="thread_1")
