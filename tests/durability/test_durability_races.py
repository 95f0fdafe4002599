"""Two that move one run at the same moment: each test holds one of them just before its write."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import openai
import pytest
from durability_place import until

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

BOTH = pytest.mark.parametrize("dialect", ["openai", "generic"])


@pytest.fixture
def delay():
    """Races are arranged, not waited for."""
    return 0.0


@pytest.fixture
def meddled(place):
    """A client in whose ledger something is done once, just before a certain write."""
    clients = []

    def make(when, does):
        done = []

        def before(kind, run, batch):
            if not done and when(kind, run, batch):
                done.append(run.id)
                does(run)

        clients.append(place.client(before=before))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def cancels(client):
    """Cancel a run from elsewhere."""

    def cancel(run):
        client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)

    return cancel


def becoming(status):
    """Whether a write moves a run to a status."""
    return lambda kind, run, _batch: kind == "save" and run.status == status


def writing(status, new):
    """Whether a write puts in, or changes, a message of a status."""

    def when(_kind, _run, batch):
        records = batch.new if new else batch.changed
        return any(hasattr(each, "role") and each.status == status for each in records)

    return when


def streamed(client, talk):
    """The events of a streamed run."""
    with client.beta.threads.runs.create(
        thread_id=talk.thread, assistant_id=talk.assistant, stream=True
    ) as events:
        return list(events)


def assert_told_what_is_stored(client, talk, events):
    """The steps and messages told of are those that are stored, and in the state told last."""
    (run,) = client.beta.threads.runs.list(talk.thread)
    assert events[-1].event == f"thread.run.{run.status}"
    told = {
        each.data.id: each.event.rpartition(".")[2]
        for each in events
        if ".step." in each.event or ".message." in each.event
        if not each.event.endswith("delta")
    }
    steps = client.beta.threads.runs.steps.list(run.id, thread_id=talk.thread)
    messages = client.beta.threads.messages.list(talk.thread, run_id=run.id)
    assert told == {each.id: each.status for each in [*steps, *messages]}


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(becoming("in_progress"), id="start"),
        pytest.param(writing("in_progress", new=True), id="message begun"),
        pytest.param(writing("completed", new=False), id="message done"),
        pytest.param(becoming("completed"), id="end"),
    ],
)
def test_cancelled_just_before_a_stream_writes(
    place, client, chat, *, sound, meddled, cancels, when
):
    """A cancel that slips in before a write of a stream leaves nothing open and nothing untold."""
    streaming = meddled(when, cancels)

    events = streamed(streaming, chat)

    assert_told_what_is_stored(client, chat, events)
    assert events[-1].data.status in ("cancelled", "completed")
    assert len(place.posts()) <= 1
    sound(chat.thread, chat.assistant)


def test_cancelled_just_before_requires_action(client, errand, sound, meddled, cancels):
    """A run that is cancelled when it would ask for outputs is cancelled with its calls."""
    streaming = meddled(becoming("requires_action"), cancels)

    events = streamed(streaming, errand)

    assert_told_what_is_stored(client, errand, events)
    assert events[-1].data.status == "cancelled"
    sound(errand.thread, errand.assistant)


def test_cancelled_just_before_a_failure_is_stored(place, client, chat, *, sound, meddled, cancels):
    """A failure that meets a cancel ends the run with nothing open."""
    place.offline.script.fail("server_error", "Boom", partial="So far")
    streaming = meddled(becoming("failed"), cancels)

    events = streamed(streaming, chat)

    assert_told_what_is_stored(client, chat, events)
    sound(chat.thread, chat.assistant)


@pytest.mark.parametrize("sent", [0, 1], ids=["before asking", "while asking"])
def test_cancelled_while_a_polled_run_begins(place, client, chat, *, sound, meddled, cancels, sent):
    """A cancel that slips into the beginning of a background run ends it there and then."""

    def when(kind, run, _batch):
        return kind == "save" and run.sent == 1 and (run.response_id is not None) == bool(sent)

    creating = meddled(when, cancels)

    run = creating.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    assert place.run_row(run.id)["status"] == "cancelled"
    assert len(place.posts()) == sent
    sound(chat.thread, chat.assistant)


@pytest.mark.parametrize("delay", [5.0])
def test_a_response_nobody_wants_any_more_is_cancelled(place, client, chat, meddled, cancels):
    """The response of a run that was cancelled while it was asked for is stopped upstream."""
    creating = meddled(lambda kind, run, _: kind == "save" and run.response_id is not None, cancels)

    creating.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    assert [each.path for each in place.offline.log if each.path.endswith("/cancel")]


def test_cancelled_just_before_a_look_settles(client, chat, sound, meddled, cancels):
    """Of a look that completes a run and a cancel, one wins and nothing is open."""
    looking = meddled(becoming("completed"), cancels)
    run = looking.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    seen = looking.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)

    assert seen.status in ("cancelling", "cancelled")
    sound(chat.thread, chat.assistant)


def test_two_looks_at_once(place, client, chat, sound, meddled):
    """Two looks that both see the end of a response store it once."""

    def look(run):
        client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)

    looking = meddled(becoming("completed"), look)
    run = looking.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    seen = looking.beta.threads.runs.retrieve(run.id, thread_id=chat.thread)

    assert seen.status == "completed"
    assert len(place.rows("SELECT 1 FROM turns")) == 1
    sound(chat.thread, chat.assistant)


@BOTH
def test_two_submits_at_once(place, client, errand, *, sound, finished, meddled):
    """Of two submits the second is told that the run is queued, and the model is asked once."""
    waiting = client.beta.threads.runs.create_and_poll(
        thread_id=errand.thread, assistant_id=errand.assistant, poll_interval_ms=20
    )
    submitting = meddled(becoming("queued"), lambda _: submit(client, waiting))

    with pytest.raises(openai.BadRequestError, match="do not accept tool outputs"):
        submit(submitting, waiting)

    assert finished(waiting.id, errand.thread).status == "completed"
    assert len(place.posts()) == 2
    sound(errand.thread, errand.assistant)


@BOTH
def test_cancelled_just_before_outputs_are_taken(place, client, errand, *, sound, meddled, cancels):
    """Outputs that come when the run was just cancelled are refused in the original's words."""
    waiting = client.beta.threads.runs.create_and_poll(
        thread_id=errand.thread, assistant_id=errand.assistant, poll_interval_ms=20
    )
    submitting = meddled(becoming("queued"), cancels)

    with pytest.raises(openai.BadRequestError, match="do not accept tool outputs"):
        submit(submitting, waiting)

    assert place.run_row(waiting.id)["status"] == "cancelled"
    assert len(place.posts()) == 1
    sound(errand.thread, errand.assistant)


@BOTH
def test_outputs_just_before_a_cancel_is_stored(client, errand, sound, meddled, finished):
    """A cancel that finds the run queued again cancels it there."""
    waiting = client.beta.threads.runs.create_and_poll(
        thread_id=errand.thread, assistant_id=errand.assistant, poll_interval_ms=20
    )
    cancelling = meddled(becoming("cancelling"), lambda _: submit(client, waiting))

    try:
        cancelling.beta.threads.runs.cancel(waiting.id, thread_id=errand.thread)
    except openai.BadRequestError as error:
        assert "Cannot cancel run with status 'completed'" in str(error)  # noqa: PT017

    assert finished(waiting.id, errand.thread).status in ("cancelled", "completed")
    sound(errand.thread, errand.assistant)


@pytest.fixture
def overtaken(place, client):
    """A client that finds a thread free, then taken at its write, then free again."""
    looks = []

    def before(kind, what, _batch):
        match kind:
            case "add":
                assistant = client.beta.assistants.create(model="gpt-4o", instructions="Be brief")
                client.beta.threads.runs.create(
                    thread_id=looks[0], assistant_id=assistant.id, instructions="Be slow"
                )
            case "look":
                looks.append(what)
                if len(looks) == 2:
                    (run,) = client.beta.threads.runs.list(what)
                    client.beta.threads.runs.cancel(run.id, thread_id=what)

    def before_once(*args):
        if len(looks) < 2:
            before(*args)

    with place.client(before=before_once) as overtaken:
        yield overtaken


@pytest.mark.parametrize("delay", [5.0])
def test_a_run_that_was_overtaken_by_one_that_has_ended(place, client, chat, overtaken):
    """A run that loses its thread to another, which has ended by then, is put in after it."""
    run = overtaken.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    newest, other = client.beta.threads.runs.list(chat.thread)
    assert (newest.id, newest.status) == (run.id, "queued")
    assert other.status == "cancelled"


@pytest.mark.parametrize("delay", [5.0])
def test_a_message_that_was_overtaken_by_a_run_that_has_ended(client, chat, overtaken):
    """A message that finds its thread taken, by a run that has ended by then, is put in."""
    message = overtaken.beta.threads.messages.create(chat.thread, role="user", content="Hi")

    assert client.beta.threads.messages.list(chat.thread).data[0].id == message.id
    (run,) = client.beta.threads.runs.list(chat.thread)
    assert run.status == "cancelled"


def test_a_thread_deleted_in_the_middle_of_a_stream(place, client, chat, meddled):
    """A stream whose thread is deleted ends, and leaves nothing behind."""
    streaming = meddled(
        writing("completed", new=False), lambda run: client.beta.threads.delete(run.thread_id)
    )

    events = streamed(streaming, chat)

    assert events[-1].event == "thread.message.delta"
    for table in ("threads", "messages", "runs", "steps", "turns"):
        assert place.rows(f"SELECT 1 FROM {table}") == []


def test_a_worker_that_was_frozen_for_a_turn(place, client, errand, *, sound, meddled, finished):
    """A worker that wakes up after others have gone on with its run leaves it alone."""
    later = place.client(now=lambda: time.time() + 100)

    def go_on_without(run):
        waiting = later.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
        assert waiting.status == "requires_action"
        place.offline.script.say("It is sunny", delay=0.6)
        submit(place.spoken("generic").client(), waiting)
        until(lambda: place.run_row(run.id)["status"] == "in_progress")

    frozen = meddled(becoming("requires_action"), go_on_without)

    events = streamed(frozen, errand)

    assert events[-1].event == "thread.run.in_progress"
    run_id = events[0].data.id
    assert finished(run_id, errand.thread).status == "completed"
    assert len(place.posts()) == 2
    later.close()
    sound(errand.thread, errand.assistant)


def test_a_look_that_overtakes_a_frozen_worker(place, client, chat, sound, meddled):
    """A worker that wakes up after a look has finished its run tells how it ended."""
    later = place.client(now=lambda: time.time() + 100)
    streaming = meddled(
        writing("completed", new=False),
        lambda run: later.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id),
    )

    events = streamed(streaming, chat)

    assert events[-1].event == "thread.run.completed"
    assert len(place.posts()) == 1
    later.close()
    sound(chat.thread, chat.assistant)


def submit(client, run):
    """Submit an output for each open call."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": call.id, "output": "sunny"} for call in calls]
    return client.beta.threads.runs.submit_tool_outputs(
        run.id, thread_id=run.thread_id, tool_outputs=outputs
    )


def waits_while_looked_at(place, faults, begins):
    """Begin a run that has to wait a second for its response, and look at it much later."""
    place.offline.faults.add(
        "/responses", method="POST", status=429, headers={"retry-after": "1"}, times=faults
    )
    with place.client(now=lambda: time.time() + 100) as later, ThreadPoolExecutor(1) as pool:
        begun = pool.submit(begins)
        run_id = until(lambda: place.asked() and place.rows("SELECT id FROM runs")[0]["id"])
        thread_id = place.run_row(run_id)["thread_id"]
        seen = later.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
        begun.result()
    return seen


@BOTH
def test_a_stream_that_waits_long_for_its_response(place, client, chat, sound, dialect):
    """A look never gives up a live worker whose response has not begun, however long it takes."""
    seen = waits_while_looked_at(place, 1, lambda: streamed(client, chat))

    assert seen.status == "in_progress"
    (run,) = client.beta.threads.runs.list(chat.thread)
    assert run.status == "completed"
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


def test_a_stream_that_is_silent_and_not_stored(place, client, chat, sound):
    """A look never gives up a live worker whose response the upstream does not keep."""
    silent = replace(place, store=False).client()
    events = silent.beta.threads.runs.create(
        thread_id=chat.thread, assistant_id=chat.assistant, stream=True
    )
    first = next(each for each in events if each.event == "thread.message.delta")

    with place.client(now=lambda: time.time() + 100) as later:
        seen = later.beta.threads.runs.list(chat.thread).data[0]
    told = [first, *events]

    assert seen.status == "in_progress"
    assert told[-1].event == "thread.run.completed"
    silent.close()
    sound(chat.thread, chat.assistant)


def test_a_background_run_that_waits_long_to_begin(place, client, chat, *, sound, finished):
    """A look never gives up a run that is still being asked for."""

    def create():
        client.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    seen = waits_while_looked_at(place, 2, create)

    assert seen.status == "queued"
    assert finished(seen.id, chat.thread).status == "completed"
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)


def interrupt(_run):
    """What Ctrl-C does."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(("known", "status"), [(False, "failed"), (True, "completed")])
def test_interrupted_while_a_polled_run_begins(client, chat, *, sound, meddled, known, status):
    """A run whose beginning is interrupted is not held: it ends by its response id, or fails."""

    def when(kind, run, _batch):
        return kind == "save" and run.sent == 1 and (run.response_id is not None) == known

    creating = meddled(when, interrupt)

    with pytest.raises(KeyboardInterrupt):
        creating.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)

    (run,) = client.beta.threads.runs.list(chat.thread)
    assert run.status == status
    sound(chat.thread, chat.assistant)


@BOTH
def test_interrupted_in_the_middle_of_a_stream(place, client, chat, *, sound, meddled, finished):
    """A run whose reader is interrupted in the middle of a read is finished by the next look."""
    streaming = meddled(writing("completed", new=False), interrupt)

    with pytest.raises(KeyboardInterrupt):
        streamed(streaming, chat)

    (run,) = client.beta.threads.runs.list(chat.thread)
    assert finished(run.id, chat.thread).status == "completed"
    assert len(place.posts()) == 1
    sound(chat.thread, chat.assistant)
