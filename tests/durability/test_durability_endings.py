"""Runs that end by cancel, expiry or failure: what they leave behind, and how threads go on."""

from __future__ import annotations

import threading
import time

import openai
import pytest
from durability_place import until

from shim.offline import Call, Failure, Reply

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

BOTH = pytest.mark.parametrize("dialect", ["openai", "generic"])


@pytest.fixture
def delay():
    """Most runs here end at once; those that last say so."""
    return 0.0


@pytest.fixture
def clock():
    """A clock that a test sets forward: seconds to be added to the time."""
    return {"ahead": 0.0}


@pytest.fixture
def shifted(place, clock):
    """A client whose shim goes by that clock."""
    with place.client(now=lambda: time.time() + clock["ahead"]) as client:
        yield client


def waiting(client, errand):
    """A run that waits for outputs."""
    run = client.beta.threads.runs.create_and_poll(
        thread_id=errand.thread, assistant_id=errand.assistant, poll_interval_ms=20
    )
    assert run.status == "requires_action"
    return run


def submit(client, run):
    """Submit an output for each open call."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return client.beta.threads.runs.submit_tool_outputs(
        run.id,
        thread_id=run.thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "sunny"} for call in calls],
    )


def only_step(client, run):
    """The one step of a run."""
    (step,) = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id)
    return step


def sent_call_items(place):
    """The calls and outputs in the upstream's last request."""
    return [item for item in place.posts()[-1].body["input"] if "call" in item["type"]]


@BOTH
def test_a_cancelled_run_with_an_open_call(place, client, errand, sound, finished):
    """A run cancelled while it waited for outputs takes its call with it."""
    run = waiting(client, errand)

    cancelling = client.beta.threads.runs.cancel(run.id, thread_id=errand.thread)
    cancelled = finished(run.id, errand.thread)

    assert cancelling.status == "cancelling"
    assert cancelled.status == "cancelled"
    assert only_step(client, run).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match='"cancelled" do not accept tool outputs'):
        submit(client, run)
    sound(errand.thread, errand.assistant)
    assert sent_call_items(place) == []


@BOTH
def test_an_expired_run_with_an_open_call(place, client, errand, *, sound, clock, shifted):
    """A run whose outputs never came expires when somebody looks, and takes its call with it."""
    run = waiting(client, errand)

    clock["ahead"] = 601
    with pytest.raises(openai.BadRequestError, match='"expired" do not accept tool outputs'):
        submit(shifted, run)

    expired = client.beta.threads.runs.retrieve(run.id, thread_id=errand.thread)
    assert expired.status == "expired"
    assert expired.required_action is None
    assert only_step(client, run).status == "expired"
    sound(errand.thread, errand.assistant)
    assert sent_call_items(place) == []


@BOTH
@pytest.mark.parametrize("way", ["polled", "streamed"])
def test_a_failed_run_with_an_open_call(place, client, errand, *, sound, finished, way):
    """A response that fails after it made a call leaves no call behind."""
    call = Call("get_weather", {"city": "Paris"})
    place.offline.script.add(Reply((call,), Failure("server_error", "Boom"), None, 0.0))

    run = client.beta.threads.runs.create(
        thread_id=errand.thread, assistant_id=errand.assistant, stream=way == "streamed"
    )
    events = list(run) if way == "streamed" else []
    run_id = events[0].data.id if events else run.id
    failed = finished(run_id, errand.thread)

    assert failed.status == "failed"
    assert (failed.last_error.code, failed.last_error.message) == ("server_error", "Boom")
    steps = client.beta.threads.runs.steps.list(run_id, thread_id=errand.thread)
    assert {step.status for step in steps} <= {"failed"}
    sound(errand.thread, errand.assistant)
    assert sent_call_items(place) == []


@pytest.mark.parametrize("delay", [30.0])
def test_a_background_run_expires(place, client, chat, *, sound, clock, shifted):
    """A run that the upstream still works on at `expires_at` expires and is stopped upstream."""
    run = shifted.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    clock["ahead"] = 500
    before = shifted.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)
    clock["ahead"] = 601
    after = shifted.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)

    assert before.status in ("queued", "in_progress")
    assert after.status == "expired"
    assert after.expires_at is None
    path = f"/responses/{place.run_row(run.id)['response_id']}/cancel"
    assert len(place.offline.posts(path)) == 1
    sound(chat.thread, chat.assistant)


def test_an_end_before_expires_at_wins(client, chat, sound, clock, shifted):
    """A response that ended in time completes its run, however late somebody looks."""
    run = shifted.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    clock["ahead"] = 3600
    late = shifted.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)

    assert late.status == "completed"
    assert late.completed_at <= run.expires_at
    sound(chat.thread, chat.assistant)


def test_a_run_nobody_works_on_expires(place, client, chat, *, sound, clock, shifted):
    """A run without a response id, whose worker is elsewhere, expires when its time is over."""
    place.offline.faults.add("/responses", method="POST", kind="hang")
    program = place.program("create", chat.thread, chat.assistant)
    until(place.asked)
    (run,) = shifted.beta.threads.runs.list(chat.thread)

    clock["ahead"] = 601
    late = shifted.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)

    assert run.status == "queued"
    assert late.status == "expired"
    program.kill()
    sound(chat.thread, chat.assistant)


@BOTH
@pytest.mark.parametrize("delay", [0.4])
def test_a_live_stream_expires(client, chat, sound, clock, shifted):
    """A stream that is under way at `expires_at` tells that its run expired, with what was open."""
    told = []

    with shifted.beta.threads.runs.create(
        thread_id=chat.thread, assistant_id=chat.assistant, stream=True
    ) as events:
        for event in events:
            told.append(event)
            if event.event == "thread.message.delta":
                clock["ahead"] = 601

    assert [each.event for each in told[-3:]] == [
        "thread.message.incomplete",
        "thread.run.step.expired",
        "thread.run.expired",
    ]
    assert told[-3].data.incomplete_details.reason == "run_expired"
    assert told[-3].data.content[0].text.value
    sound(chat.thread, chat.assistant)


@pytest.mark.parametrize("dialect", ["generic"])
@pytest.mark.parametrize("delay", [2.0])
def test_a_worker_learns_that_its_run_expired(place, client, chat, *, sound, clock, shifted):
    """A run that expired by a look of another process is left alone by the one at work."""
    run = client.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)
    until(lambda: place.rows("SELECT 1 FROM messages WHERE run_id = ?", run.id))

    clock["ahead"] = 601
    late = shifted.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)
    (message,) = client.beta.threads.messages.list(chat.thread, run_id=run.id)
    until(lambda: not [each for each in threading.enumerate() if each.name == "shim"])

    assert late.status == "expired"
    assert message.status == "incomplete"
    assert message.incomplete_details.reason == "run_expired"
    assert place.run_row(run.id)["status"] == "expired"
    sound(chat.thread, chat.assistant)


@pytest.mark.parametrize("dialect", ["generic"])
@pytest.mark.parametrize("delay", [0.6])
def test_a_cancelled_polled_run(client, chat, sound, finished):
    """A run that a worker carries is cancelled within half a second and the next event."""
    run = client.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    cancelling = client.beta.threads.runs.cancel(run.id, thread_id=chat.thread)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancell"):
        client.beta.threads.runs.cancel(run.id, thread_id=chat.thread)
    ended = finished(run.id, chat.thread)

    assert (cancelling.status, ended.status) == ("cancelling", "cancelled")
    sound(chat.thread, chat.assistant)
