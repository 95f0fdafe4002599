"""Streams that nobody reads to their end: the run goes on, and the thread stays usable."""

from __future__ import annotations

import pytest
from contract_tools import TIME, outputs_for

STORY = "A story that goes on without its reader."


async def _finished(api, thread):
    run = (await api.threads.runs.list(thread.id, limit=1)).data[0]
    return await api.rested(run)


@pytest.mark.parametrize("last", ["thread.run.created", "thread.message.delta"])
async def test_a_run_ends_though_its_stream_is_closed(api, last):
    """Early or in the middle of the text."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say(STORY, delay=0.15)

    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    async for event in stream:
        if event.event == last:
            break
    await stream.close()

    assert (await _finished(api, thread)).status == "completed"
    assert await api.text(thread.id) == STORY
    assert len(api.asked) == 1


async def test_a_run_ends_though_its_helper_is_left(api):
    """Leaving the `with` block closes the stream."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say(STORY, delay=0.15)

    async with api.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        async for event in stream:
            if event.event == "thread.message.delta":
                break

    assert (await _finished(api, thread)).status == "completed"
    assert await api.text(thread.id) == STORY


async def test_a_run_ends_though_nobody_reads_a_single_event(api):
    """A stream that is closed unread was a run all the same."""
    assistant, thread = await api.scene("Hello")

    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    await stream.close()

    assert (await _finished(api, thread)).status == "completed"
    assert await api.text(thread.id) == "You said: Hello"


async def test_a_dropped_run_can_come_to_wait_for_outputs(api):
    """They are then submitted as for any other."""
    assistant, thread = await api.scene("Hello", tools=[TIME])
    api.offline.script.call("get_time", {}, "call_A", delay=0.1).say("It is ten.")
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    await stream.close()

    waiting = await _finished(api, thread)
    outputs = outputs_for(waiting, "ten")
    inner = await api.threads.runs.submit_tool_outputs(
        waiting.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": key, "output": value} for key, value in outputs.items()],
        stream=True,
    )
    await inner.close()

    assert (await _finished(api, thread)).status == "completed"
    assert await api.text(thread.id) == "It is ten."


async def test_a_thread_is_usable_after_a_dropped_stream(api):
    """It is locked as long as the run lasts, and then it is not."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say(STORY, delay=0.1)
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    await stream.close()
    await _finished(api, thread)

    await api.threads.messages.create(thread.id, role="user", content="Again")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    assert (await api.rested(run)).status == "completed"
    assert [item["role"] for item in api.asked[1]["input"]] == ["user", "assistant", "user"]
