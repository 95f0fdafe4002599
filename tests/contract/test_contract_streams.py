"""Streams as programs and as other clients read them: names, order, framing, ends."""

from __future__ import annotations

import json
import time

import openai
import pytest
from contract_api import message_of
from contract_events import check_order, plain, recorded
from contract_tools import TIME, WEATHER, outputs_for, pending

from shim.offline import Say

PLAIN = [
    "thread.run.created",
    "thread.run.queued",
    "thread.run.in_progress",
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.message.created",
    "thread.message.in_progress",
    "thread.message.delta",
    "thread.message.delta",
    "thread.message.completed",
    "thread.run.step.completed",
    "thread.run.completed",
]


def _names(told):
    return [name for name, _ in told]


async def test_a_text_streams_in_the_order_of_the_original(api, streamer):
    """Run, step, message, deltas; then message, step and run, each complete."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("", chunks=["Hel", "lo."])

    await streamer.run(thread, assistant)

    deltas = [d["delta"]["content"][0] for n, d in streamer.events if n == "thread.message.delta"]
    assert _names(streamer.events) == PLAIN
    assert deltas == [
        {"index": 0, "type": "text", "text": {"value": "Hel", "annotations": []}},
        {"index": 0, "type": "text", "text": {"value": "lo."}},
    ]


async def test_a_call_streams_piece_by_piece(api, streamer):
    """First who is called, then the arguments, then what is waited for; the step stays open."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])

    run = await streamer.run(thread, assistant)

    (call,) = pending(run)
    entries = [
        data["delta"]["step_details"]["tool_calls"][0]
        for name, data in streamer.events
        if name == "thread.run.step.delta"
    ]
    function = {"name": "get_weather", "arguments": "", "output": None}
    assert entries[0] == {"index": 0, "id": call.id, "type": "function", "function": function}
    assert "".join(e["function"]["arguments"] for e in entries) == call.function.arguments
    assert _names(streamer.events)[-1] == "thread.run.requires_action"
    assert "thread.run.step.completed" not in _names(streamer.events)


async def test_parallel_calls_stream_under_their_own_index(api, streamer):
    """They follow each other in one step."""
    assistant, thread = await api.scene("Weather and time", tools=[WEATHER, TIME])
    calls = [("get_weather", {"city": "Oslo"}, "call_A"), ("get_time", {"zone": "UTC"}, "call_B")]
    api.offline.script.calls(calls)

    await streamer.run(thread, assistant)

    entries = [
        data["delta"]["step_details"]["tool_calls"][0]
        for name, data in streamer.events
        if name == "thread.run.step.delta"
    ]
    assert [(e["index"], e["id"]) for e in entries if "id" in e] == [(0, "call_A"), (1, "call_B")]
    assert _names(streamer.events).count("thread.run.step.created") == 1


async def test_the_second_stream_opens_with_the_answered_step(api, streamer):
    """It belongs to the same run, which is not created again."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    waiting = await streamer.run(thread, assistant)
    opened = next(d for n, d in streamer.events if n == "thread.run.step.created")

    await streamer.submit(waiting, outputs_for(waiting, "sunny"))

    names = _names(streamer.events)
    step = streamer.events[0][1]
    assert names[:3] == [
        "thread.run.step.completed",
        "thread.run.queued",
        "thread.run.in_progress",
    ]
    assert step["id"] == opened["id"]
    assert step["step_details"]["tool_calls"][0]["function"]["output"] == "sunny"
    assert names[-1] == "thread.run.completed"
    assert {data["id"] for _, data in streamer.events if data["object"] == "thread.run"} == {
        waiting.id
    }


async def test_a_limit_a_failure_and_a_refusal_stream_to_their_ends(api, streamer):
    """Each end has its own last event."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.incomplete("Once upon").fail("server_error", "Boom.", partial="Well")
    api.offline.script.refuse("No.")

    ends = []
    for _ in range(3):
        await streamer.run(thread, assistant)
        ends.append(_names(streamer.events)[-3:])

    assert ends == [
        ["thread.message.incomplete", "thread.run.step.completed", "thread.run.incomplete"],
        ["thread.message.incomplete", "thread.run.step.failed", "thread.run.failed"],
        ["thread.message.completed", "thread.run.step.completed", "thread.run.completed"],
    ]


async def test_reasoning_makes_no_step(api, streamer):
    """What a model thinks is not part of a thread."""
    assistant, thread = await api.scene("Hello", model="o3-mini")
    api.offline.script.think("Hm.", then=Say("Hello."))

    await streamer.run(thread, assistant)

    assert _names(streamer.events).count("thread.run.step.created") == 1
    assert await api.text(thread.id) == "Hello."


async def test_events_are_sent_as_they_happen(api):
    """A program sees the run start, and text grow, long before the answer is whole."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("A story that takes a while to tell.", delay=0.6)
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )

    seen = {}
    async for event in stream:
        seen.setdefault(event.event, time.monotonic())

    end = seen["thread.run.completed"]
    assert end - seen["thread.run.in_progress"] > 0.4
    assert end - seen["thread.message.delta"] > 0.2


async def test_a_stream_is_framed_as_the_original(api):
    """Each event is a line of name and a line of compact JSON; `done` is the last, then the end."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.say("Grüße 【4:0†x】")

    answer = await api.client._client.post(
        f"{api.url}/threads/{thread.id}/runs",
        json={"assistant_id": assistant.id, "stream": True},
        headers=api.headers,
    )

    frames = answer.content.decode().split("\n\n")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert frames[-2:] == ["event: done\ndata: [DONE]", ""]
    for frame in frames[:-2]:
        name, data = frame.split("\n")
        assert name.startswith("event: thread.")
        packed = json.dumps(json.loads(data[6:]), separators=(",", ":"), ensure_ascii=False)
        assert data == f"data: {packed}"
    assert "Grüße 【4:0†x】" in frames[-6] + frames[-5] + frames[-4]


async def test_a_waiting_run_ends_its_stream(api):
    """Old SDKs read until the body ends, before outputs can be submitted."""
    assistant, thread = await api.scene("Hello", tools=[TIME])
    api.offline.script.call("get_time")

    answer = await api.client._client.post(
        f"{api.url}/threads/{thread.id}/runs",
        json={"assistant_id": assistant.id, "stream": True},
        headers=api.headers,
    )

    frames = answer.content.decode().split("\n\n")
    assert frames[-3].startswith("event: thread.run.requires_action\n")
    assert frames[-2:] == ["event: done\ndata: [DONE]", ""]


async def test_what_is_wrong_before_the_run_is_no_event(api):
    """The answer is a plain refusal, and the SDK raises it."""
    _, thread = await api.scene("Hello")
    unknown = "asst_000000000000000000000000"

    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.runs.create(thread_id=thread.id, assistant_id=unknown, stream=True)

    assert message_of(caught) == f"No assistant found with id '{unknown}'."
    assert caught.value.response.headers["content-type"] == "application/json"
    assert (await api.threads.runs.list(thread.id)).data == []


async def test_outputs_are_submitted_from_inside_the_first_stream(api):
    """The run waits in earnest when its stream says so, though that stream is still open."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=[WEATHER])
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )

    first, second = [], []
    async for event in stream:
        first.append(plain(event))
        if event.event == "thread.run.requires_action":
            inner = await api.threads.runs.submit_tool_outputs(
                event.data.id,
                thread_id=thread.id,
                tool_outputs=[{"tool_call_id": pending(event.data)[0].id, "output": "sunny"}],
                stream=True,
            )
            second = await recorded(inner)

    check_order(first)
    check_order(second)
    assert _names(second)[-1] == "thread.run.completed"
    assert await api.text(thread.id) == "get_weather returned: sunny"


async def test_a_streamed_run_can_be_read_meanwhile(api):
    """A second look at the run sees it at work, and its message as far as it got."""
    assistant, thread = await api.scene("Hello")

    for delay in (0.6, 3.0, 9.0):  # on a busy machine a look may come late
        seen = await _seen_meanwhile(api, assistant, thread, delay)
        if seen["run"] == "in_progress":
            break

    assert seen == {"run": "in_progress", "message": "in_progress"}


async def _seen_meanwhile(api, assistant, thread, delay):
    api.offline.script.say("Once upon a time.", delay=delay)
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )

    seen = {}
    async for event in stream:
        if event.event == "thread.message.created":
            runs = (await api.threads.runs.list(thread.id)).data
            messages = (await api.threads.messages.list(thread.id)).data
            seen = {"run": runs[0].status, "message": messages[0].status}
    return seen
