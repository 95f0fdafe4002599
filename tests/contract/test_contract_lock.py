"""A thread whose run is active: what is refused, in which words, and what still works."""

from __future__ import annotations

import re

import openai
import pytest
from contract_api import message_of
from contract_tools import TIME

# how agency-swarm and its like cut the ids out
THREAD_ID = re.compile(r"thread_([a-zA-Z0-9]+)")
RUN_ID = re.compile(r"run_([a-zA-Z0-9]+)")


async def _waiting(api):
    assistant, thread = await api.scene("Hello", tools=[TIME])
    api.offline.script.call("get_time")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    return assistant, thread, await api.rested(run)


async def test_no_message_is_added_while_a_run_is_active(api):
    """The text names the thread and the run, such that programs can cancel it."""
    _, thread, run = await _waiting(api)

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.messages.create(thread.id, role="user", content="And?")

    text = message_of(caught)
    assert text == f"Can't add messages to {thread.id} while a run {run.id} is active."
    assert THREAD_ID.search(text)[0] == thread.id
    assert RUN_ID.search(text)[0] == run.id
    assert (caught.value.code, caught.value.param, caught.value.type) == (
        None,
        None,
        "invalid_request_error",
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_no_second_run_is_made_while_one_is_active(api, stream):
    """Streamed or not, the refusal is a plain answer."""
    assistant, thread, run = await _waiting(api)

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=stream)

    text = message_of(caught)
    assert text == f"Thread {thread.id} already has an active run {run.id}."
    assert RUN_ID.search(text)[0] == run.id
    assert len(api.asked) == 1


async def test_a_program_frees_the_thread_by_the_text_of_the_refusal(api):
    """Cancel the named run, poll it to its end, try again."""
    assistant, thread, _ = await _waiting(api)

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.messages.create(thread.id, role="user", content="And?")
    run_id = RUN_ID.search(str(caught.value))[0]
    await api.threads.runs.cancel(run_id, thread_id=thread.id)
    ended = await api.rested(await api.threads.runs.retrieve(run_id, thread_id=thread.id))
    message = await api.threads.messages.create(thread.id, role="user", content="And?")
    second = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    assert (ended.status, message.content[0].text.value) == ("cancelled", "And?")
    assert (await api.rested(second)).status == "completed"


async def test_a_thread_is_locked_while_the_model_works(api):
    """Not only while outputs are waited for."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("Done.", delay=5)
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.messages.create(thread.id, role="user", content="And?")

    assert run.id in message_of(caught)
    stopped = await api.threads.runs.cancel(run.id, thread_id=thread.id)
    assert (await api.rested(stopped)).status == "cancelled"


async def test_reading_and_labelling_go_on_while_a_run_is_active(api):
    """Only new messages and new runs are refused."""
    _, thread, run = await _waiting(api)
    message = (await api.threads.messages.list(thread.id)).data[0]

    await api.threads.update(thread.id, metadata={"a": "1"})
    await api.threads.messages.update(message.id, thread_id=thread.id, metadata={"b": "2"})
    changed = await api.threads.runs.update(run.id, thread_id=thread.id, metadata={"c": "3"})

    kept = await api.threads.messages.retrieve(message.id, thread_id=thread.id)
    assert (await api.threads.retrieve(thread.id)).metadata == {"a": "1"}
    assert (kept.metadata, changed.metadata) == ({"b": "2"}, {"c": "3"})
    assert changed.status == "requires_action"


async def test_a_run_at_work_is_not_changed(api):
    """Its metadata may be replaced before and after, not meanwhile."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("Done at last.", delay=0.8)
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )

    async for event in stream:
        if event.event == "thread.run.in_progress":
            with pytest.raises(openai.BadRequestError) as caught:
                await api.threads.runs.update(event.data.id, thread_id=thread.id, metadata={})
            break
    await stream.close()

    assert message_of(caught) == "Cannot update run with status 'in_progress'."
    run = (await api.threads.runs.list(thread.id)).data[0]
    assert (await api.rested(run)).status == "completed"


async def test_the_probe_for_an_active_run_is_fresh(api):
    """Listing is looking: a program that does nothing else sees the run end."""
    assistant, thread = await api.scene("Hello")
    newest = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    while newest.status in ("queued", "in_progress"):
        await api.pause(0.02)
        newest = (await api.threads.runs.list(thread.id, limit=1)).data[0]

    assert newest.status == "completed"


async def test_threads_do_not_lock_each_other(api):
    """One assistant serves many threads at once."""
    assistant, _, _ = await _waiting(api)
    other = await api.threads.create(messages=[{"role": "user", "content": "Hi"}])

    run = await api.threads.runs.create(thread_id=other.id, assistant_id=assistant.id)

    assert (await api.rested(run)).status == "completed"
