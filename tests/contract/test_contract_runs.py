"""Runs that answer with text, whichever way they are followed."""

from __future__ import annotations

import json
import re

import openai
import pytest
from contract_api import message_of


async def test_a_run_answers_the_user(api, runner):
    """The run completes, and its answer is the thread's newest message."""
    assistant, thread = await api.scene("Hello", name="Greeter")

    run = await runner.run(thread, assistant)

    messages = (await api.threads.messages.list(thread.id)).data
    assert (run.status, run.last_error, run.incomplete_details) == ("completed", None, None)
    assert [message.role for message in messages] == ["assistant", "user"]
    assert messages[0].content[0].text.value == "You said: Hello"
    assert (messages[0].run_id, messages[0].assistant_id) == (run.id, assistant.id)
    assert (messages[1].run_id, messages[1].assistant_id) == (None, None)
    assert [message.content[0].text.annotations for message in messages] == [[], []]


async def test_a_run_shows_its_times_and_its_usage(api, runner):
    """Times are whole seconds, the end has no `expires_at`, and the counts add up."""
    assistant, thread = await api.scene("Hello")

    run = await runner.run(thread, assistant)

    assert run.created_at <= run.started_at <= run.completed_at
    assert (run.expires_at, run.failed_at, run.cancelled_at) == (None, None, None)
    assert all(type(at) is int for at in (run.created_at, run.started_at, run.completed_at))
    assert run.usage.prompt_tokens + run.usage.completion_tokens == run.usage.total_tokens
    assert run.usage.model_extra["prompt_token_details"] == {"cached_tokens": 0}
    assert run.model_dump(warnings=False)["tool_resources"] == {}


async def test_a_run_has_a_step_that_names_its_message(api, runner):
    """Programs build their answer from the steps alone, and add up their tokens."""
    assistant, thread = await api.scene("Hello")

    run = await runner.run(thread, assistant)

    steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data
    message_id = steps[0].step_details.message_creation.message_id
    message = await api.threads.messages.retrieve(message_id, thread_id=thread.id)
    step = await api.threads.runs.steps.retrieve(steps[0].id, thread_id=thread.id, run_id=run.id)
    assert [step.type for step in steps] == ["message_creation"]
    assert (step.status, step.last_error) == ("completed", None)
    assert step.completed_at >= step.created_at
    assert step.usage.total_tokens == run.usage.total_tokens
    assert message.content[0].text.value == "You said: Hello"


async def test_ids_are_a_prefix_and_alphanumerics(api, runner):
    """Programs cut ids out of texts, and tell kinds apart by how they begin."""
    assistant, thread = await api.scene("Hello")

    run = await runner.run(thread, assistant)

    step = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data[0]
    message = (await api.threads.messages.list(thread.id)).data[0]
    ids = f"{assistant.id} {thread.id} {run.id} {step.id} {message.id}"
    word = "[A-Za-z0-9]{24}"
    assert re.fullmatch(f"asst_{word} thread_{word} run_{word} step_{word} msg_{word}", ids)


async def test_a_run_is_queued_when_it_is_created(api):
    """Programs that loop until `completed` must not be given an ended run at once."""
    assistant, thread = await api.scene("Hello")

    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    assert (run.status, run.started_at, run.usage, run.required_action) == ("queued", *[None] * 3)
    assert run.expires_at == run.created_at + 600
    assert (await api.rested(run)).status == "completed"


async def test_the_poll_helpers_work(api):
    """`create_and_poll` gives back the run at its end."""
    assistant, thread = await api.scene("Hello")

    run = await api.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20
    )
    again = await api.threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=20)

    assert (run.status, again.status) == ("completed", "completed")


async def test_a_thread_is_made_and_run_at_once(api, runner):
    """`create_and_run` makes the thread; only its stream tells of it, and first."""
    assistant = await api.client.beta.assistants.create(model="gpt-4o")
    thread = {"messages": [{"role": "user", "content": "Hello"}], "metadata": {"made": "here"}}

    run = await runner.create_and_run(assistant, thread=thread)

    made = await api.threads.retrieve(run.thread_id)
    assert (run.status, made.metadata) == ("completed", {"made": "here"})
    assert await api.text(made.id) == "You said: Hello"
    if runner.events:
        name, data = runner.events[0]
        assert (name, data["id"]) == ("thread.created", made.id)


async def test_a_thread_is_made_and_run_and_polled(api):
    """`create_and_run_poll` polls the thread it made."""
    assistant = await api.client.beta.assistants.create(model="gpt-4o", instructions="Say hello.")

    run = await api.threads.create_and_run_poll(assistant_id=assistant.id, poll_interval_ms=20)

    assert run.status == "completed"


async def test_instructions_of_a_run_replace_those_of_the_assistant(api, runner):
    """The run shows and sends its own; the assistant keeps its."""
    assistant, thread = await api.scene("Hello", instructions="Be brief.")

    run = await runner.run(thread, assistant, instructions="Be long.")

    kept = await api.client.beta.assistants.retrieve(assistant.id)
    assert (run.instructions, kept.instructions) == ("Be long.", "Be brief.")
    assert api.asked[0]["instructions"] == "Be long."


async def test_additional_instructions_are_added(api, runner):
    """They come behind the instructions that hold for the run."""
    assistant, thread = await api.scene("Hello", instructions="Be brief.")

    run = await runner.run(thread, assistant, additional_instructions="Be kind.")

    assert run.instructions.split() == ["Be", "brief.", "Be", "kind."]
    assert api.asked[0]["instructions"] == run.instructions


async def test_additional_messages_come_before_the_run(api, runner):
    """They are part of the thread and of what the model is asked, and no events tell of them."""
    assistant, thread = await api.scene("Hello")
    more = [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Bye"}]

    run = await runner.run(thread, assistant, additional_messages=more)

    messages = [m async for m in api.threads.messages.list(thread.id, order="asc")]
    assert [m.content[0].text.value for m in messages[:3]] == ["Hello", "Hi.", "Bye"]
    assert [m.run_id for m in messages] == [None, None, None, run.id]
    assert [item["role"] for item in api.asked[0]["input"]] == ["user", "assistant", "user"]


async def test_a_run_shows_what_it_overrides(api, runner):
    """What a run was given is read back from it, and the assistant's metadata is not."""
    assistant, thread = await api.scene("Hello in json", metadata={"of": "assistant"})
    given = {
        "model": "gpt-4.1",
        "temperature": 0.5,
        "top_p": 0.25,
        "metadata": {"of": "run"},
        "tool_choice": "none",
        "tools": [{"type": "function", "function": {"name": "nothing"}}],
        "response_format": {"type": "json_object"},
        "max_completion_tokens": 500,
        "max_prompt_tokens": 5000,
        "truncation_strategy": {"type": "last_messages", "last_messages": 3},
    }

    run = await runner.run(thread, assistant, parallel_tool_calls=False, **given)

    shown = run.model_dump(exclude_unset=True, warnings=False)
    parameters = {"type": "object", "properties": {}}
    given["tools"][0]["function"] = {"name": "nothing", "parameters": parameters, "strict": False}
    assert {key: shown[key] for key in given} == given
    assert shown["parallel_tool_calls"] is False


async def test_what_a_run_overrides_is_sent(api, runner):
    """The request for a response says the same in the words of the Responses API."""
    assistant, thread = await api.scene("Hello in json")

    await runner.run(
        thread,
        assistant,
        model="gpt-4.1",
        temperature=0.5,
        top_p=0.25,
        metadata={"of": "run"},
        response_format={"type": "json_object"},
        max_completion_tokens=500,
    )

    sent = api.asked[0]
    assert (sent["model"], sent["temperature"], sent["top_p"]) == ("gpt-4.1", 0.5, 0.25)
    assert sent["text"] == {"format": {"type": "json_object"}}
    assert sent["max_output_tokens"] == 500
    assert sent["metadata"]["of"] == "run"


async def test_what_nobody_set_is_not_sent(api, runner):
    """Defaults are left to the model's server."""
    assistant, thread = await api.scene("Hello")

    run = await runner.run(thread, assistant)

    assert not api.asked[0].keys() & {"temperature", "top_p", "reasoning", "text", "tool_choice"}
    assert (run.temperature, run.top_p) == (1.0, 1.0)
    assert run.truncation_strategy.model_dump() == {"type": "auto", "last_messages": None}
    assert (run.tool_choice, run.response_format, run.metadata) == ("auto", "auto", {})


async def test_reasoning_effort_is_carried(api, runner):
    """It goes to the upstream and is shown on the run."""
    assistant, thread = await api.scene("Hello", model="gpt-5.1", reasoning_effort="low")

    run = await runner.run(thread, assistant)

    assert api.asked[0]["reasoning"] == {"effort": "low"}
    assert run.model_dump()["reasoning_effort"] == "low"


async def test_a_reply_can_have_to_fit_a_schema(api, runner):
    """The schema travels, and the answer is of its form."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    given = {"name": "place", "description": "A place", "schema": schema}
    response_format = {"type": "json_schema", "json_schema": given}
    assistant, thread = await api.scene("I live in Oslo", response_format=response_format)

    run = await runner.run(thread, assistant)

    form = {"type": "json_schema", "strict": False, **given}
    assert api.asked[0]["text"] == {"format": form}
    assert run.model_dump(warnings=False)["response_format"]["type"] == "json_schema"
    assert json.loads(await api.text(thread.id)).keys() == {"city"}


async def test_a_parameter_that_a_model_refuses_is_left_out(api, runner):
    """The run goes on without it, says so in a note, and the next one does not try again."""
    assistant, thread = await api.scene("Hello", model="o3-mini", temperature=0.5)
    api.refusals = [400]

    first = await runner.run(thread, assistant)
    second = await runner.run(thread, assistant)

    answer = await api.threads.runs.with_raw_response.retrieve(first.id, thread_id=thread.id)
    assert [first.status, second.status, first.temperature] == ["completed", "completed", 0.5]
    assert "temperature was left out" in answer.headers["x-shim-notes"]
    assert all("temperature" not in sent for sent in api.asked)


async def test_earlier_turns_are_sent_again(api, runner):
    """A later run sees what was said before it, without ids."""
    assistant, thread = await api.scene("One")
    await runner.run(thread, assistant)
    await api.threads.messages.create(thread.id, role="user", content="Two")

    await runner.run(thread, assistant)

    sent = api.asked[1]["input"]
    assert [item["role"] for item in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"][0]["text"] == "You said: One"
    assert not any("id" in item for item in sent)


async def test_only_the_last_messages_are_sent_if_so_asked(api, runner):
    """`last_messages` leaves older ones out of the context."""
    texts = ["One", "Two", "Three"]
    assistant = await api.client.beta.assistants.create(model="gpt-4o")
    thread = await api.threads.create(messages=[{"role": "user", "content": t} for t in texts])
    strategy = {"type": "last_messages", "last_messages": 2}

    await runner.run(thread, assistant, truncation_strategy=strategy)

    sent = api.asked[0]["input"]
    assert [item["content"][0]["text"] for item in sent] == ["Two", "Three"]


async def test_a_run_needs_something_to_go_by(api):
    """An empty thread runs only if there are instructions."""
    bare = await api.client.beta.assistants.create(model="gpt-4o")
    told = await api.client.beta.assistants.create(model="gpt-4o", instructions="Greet.")
    thread = await api.threads.create()

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.runs.create(thread_id=thread.id, assistant_id=bare.id)
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=told.id)

    assert message_of(caught) == (
        "Run creation requires a Thread with a user message or an assistant with instructions."
    )
    assert (caught.value.code, caught.value.param) == ("invalid_thread", None)
    assert (await api.rested(run)).status == "completed"


async def test_runs_are_listed_newest_first(api):
    """The first of one is the latest: how programs look for an active run."""
    assistant, thread = await api.scene("Hello")
    made = []
    for _ in range(2):
        run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
        made.append((await api.rested(run)).id)

    newest = await api.threads.runs.list(thread.id, limit=1)
    everything = [run.id async for run in api.threads.runs.list(thread.id, order="asc", limit=1)]

    assert [run.id for run in newest.data] == made[1:]
    assert everything == made


async def test_the_metadata_of_a_run_can_be_replaced(api):
    """The map that is given is the map that is kept."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, metadata={"a": "1"}
    )
    await api.rested(run)

    changed = await api.threads.runs.update(run.id, thread_id=thread.id, metadata={"b": "2"})

    assert changed.metadata == {"b": "2"}
    assert (await api.threads.runs.retrieve(run.id, thread_id=thread.id)).metadata == {"b": "2"}
