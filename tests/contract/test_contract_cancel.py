"""Cancelling: in which statuses it works, what it answers, and what it leaves."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of
from contract_events import check_order, plain
from contract_tools import TIME


async def _cancel(api, run):
    return await api.threads.runs.cancel(run.id, thread_id=run.thread_id)


async def _waiting(api):
    """A thread, its assistant, and a run that waits for outputs."""
    assistant, thread = await api.scene("Hello", tools=[TIME])
    api.offline.script.call("get_time", {}, "call_A")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    return assistant, thread, await api.rested(run)


async def test_a_queued_run_is_cancelled(api):
    """It is cancelling at once and cancelled soon, and the upstream is told to stop."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("Too late.", delay=3)
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    answer = await _cancel(api, run)
    ended = await api.rested(answer)

    assert (answer.status, answer.cancelled_at, answer.usage) == ("cancelling", None, None)
    assert answer.expires_at == run.expires_at
    assert (ended.status, ended.expires_at, ended.completed_at) == ("cancelled", None, None)
    assert ended.cancelled_at >= ended.created_at
    assert len((await api.threads.messages.list(thread.id)).data) == 1
    told = [e.path for e in api.offline.log if e.path.endswith("/cancel")]
    assert len(told) == (1 if api.background else 0)


async def test_a_run_in_progress_is_cancelled(api):
    """The same, once the model is at work."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("Too late to say.", delay=3)
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.pause(0.5)
    working = await api.threads.runs.retrieve(run.id, thread_id=thread.id)

    answer = await _cancel(api, working)

    assert (working.status, answer.status) == ("in_progress", "cancelling")
    assert working.started_at >= run.created_at
    assert (await api.rested(answer)).status == "cancelled"


async def test_a_streamed_run_is_cancelled_from_elsewhere(api):
    """Its stream tells of it, closes what was open, and ends."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("A long story without an end.", delay=5)
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )

    told = []
    async for event in stream:
        told.append(plain(event))
        if event.event == "thread.message.delta" and len(told) < 10:
            await _cancel_once(api, told, event, thread)

    check_order(told)
    assert [name.removeprefix("thread.") for name, _ in told[-4:]] == [
        "run.cancelling",
        "message.incomplete",
        "run.step.cancelled",
        "run.cancelled",
    ]
    assert told[-3][1]["incomplete_details"] == {"reason": "run_cancelled"}
    message = (await api.threads.messages.list(thread.id, limit=1)).data[0]
    assert message.status == "incomplete"
    assert message.content[0].text.value == told[-3][1]["content"][0]["text"]["value"]


async def _cancel_once(api, told, event, thread):
    if sum(name == event.event for name, _ in told) == 1:
        run_id = told[0][1]["id"]
        answer = await api.threads.runs.cancel(run_id, thread_id=thread.id)
        assert answer.status == "cancelling"
        with pytest.raises(openai.BadRequestError) as caught:
            await api.threads.runs.cancel(run_id, thread_id=thread.id)
        assert message_of(caught) == "Cannot cancel run with status 'cancelling'."


async def test_a_waiting_run_is_cancelled(api):
    """Its step is cancelled with it, and outputs come too late."""
    _, thread, run = await _waiting(api)

    answer = await _cancel(api, run)
    ended = await api.rested(answer)

    steps = (await api.threads.runs.steps.list(run.id, thread_id=thread.id)).data
    with pytest.raises(openai.BadRequestError) as caught:
        await api.threads.runs.submit_tool_outputs(
            run.id, thread_id=thread.id, tool_outputs=[{"tool_call_id": "call_A", "output": ""}]
        )
    assert (answer.status, answer.required_action) == ("cancelling", None)
    assert (ended.status, ended.required_action) == ("cancelled", None)
    assert [(step.type, step.status) for step in steps] == [("tool_calls", "cancelled")]
    assert steps[0].cancelled_at is not None
    assert message_of(caught) == 'Runs in status "cancelled" do not accept tool outputs.'


async def test_a_thread_is_free_once_its_run_is_cancelled(api):
    """Programs cancel, poll, and start again; the open call is not asked about any more."""
    assistant, thread, run = await _waiting(api)
    await api.rested(await _cancel(api, run))
    await api.threads.messages.create(thread.id, role="user", content="Hello again")

    second = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)

    assert (await api.rested(second)).status == "completed"
    assert [item["type"] for item in api.asked[1]["input"]] == ["message", "message"]


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
async def test_an_ended_run_cannot_be_cancelled(api, status):
    """Programs that cancel to be sure look for this text."""
    assistant, thread = await api.scene("Hello")
    if status == "failed":
        api.offline.script.fail("server_error", "Boom.")
    if status == "cancelled":
        api.offline.script.call("anything")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    rested = await api.rested(run)
    if status == "cancelled":
        rested = await api.rested(await _cancel(api, rested))

    with pytest.raises(openai.BadRequestError) as caught:
        await _cancel(api, run)

    assert rested.status == status
    assert message_of(caught) == f"Cannot cancel run with status '{status}'."
    assert (caught.value.code, caught.value.param) == (None, None)
