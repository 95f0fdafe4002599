"""Callers who go away: their runs go on, or whoever comes next finds out how they ended."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from durability_place import until_async

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

BOTH = pytest.mark.parametrize("dialect", ["openai", "generic"])


@pytest.fixture
def collected():
    """What the test left behind is collected before the next one."""
    yield
    for _ in range(3):
        gc.collect()


def leaves_loose_ends(test):
    """Mark a test whose loop ends before its tasks and sockets, which complain when collected."""
    ignoring = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return ignoring(pytest.mark.usefixtures("collected")(test))


@pytest.fixture
def delay():
    """Long enough to leave in the middle."""
    return 0.5


@pytest.fixture
def left(client, place, chat, sound, finished):
    """The run of the thread was carried to its end although its caller left."""

    def check():
        (run,) = client.beta.threads.runs.list(chat.thread)
        assert finished(run.id, chat.thread).status == "completed"
        (message,) = client.beta.threads.messages.list(chat.thread, run_id=run.id)
        assert message.content[0].text.value.endswith("29 30")
        assert len(place.posts()) == 1
        sound(chat.thread, chat.assistant)

    return check


@BOTH
def test_a_stream_closed_early(client, chat, left):
    """A run whose stream is closed in the middle goes on."""
    with client.beta.threads.runs.create(
        thread_id=chat.thread, assistant_id=chat.assistant, stream=True
    ) as events:
        for event in events:
            if event.event == "thread.message.delta":
                break

    left()


@BOTH
def test_a_stream_dropped(client, chat, left):
    """A run whose stream is dropped in the middle, not closed, goes on."""
    events = client.beta.threads.runs.create(
        thread_id=chat.thread, assistant_id=chat.assistant, stream=True
    )
    for event in events:
        if event.event == "thread.message.delta":
            break

    del events, event
    gc.collect()

    left()


@BOTH
def test_a_stream_never_read(client, chat, left):
    """A run whose stream nobody begins to read goes on."""
    client.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant, stream=True)

    gc.collect()

    left()


@BOTH
def test_a_handler_that_raises(client, chat, left):
    """An error in the loop over a stream does not end its run."""

    def read():
        with client.beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant, stream=True
        ) as events:
            for event in events:
                if event.event == "thread.message.delta":
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()

    left()


async def _until_a_delta(events):
    async for event in events:
        if event.event == "thread.message.delta":
            return


def asynchronously(place, does):
    """Do something with an async client, and let what is left behind go on for a while."""

    async def main():
        async with place.async_client() as client:
            await does(client)
            await asyncio.sleep(0.8)

    asyncio.run(main())


@BOTH
def test_a_task_cancelled_in_the_middle_of_a_stream(place, chat, left):
    """A run whose reader's task is cancelled goes on."""

    async def read(client):
        reading = asyncio.Event()

        async def consume():
            events = await client.beta.threads.runs.create(
                thread_id=chat.thread, assistant_id=chat.assistant, stream=True
            )
            await _until_a_delta(events)
            reading.set()
            async for _ in events:
                pass

        task = asyncio.create_task(consume())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asynchronously(place, read)

    left()


@BOTH
def test_an_async_stream_closed_early(place, chat, left):
    """A run whose async stream is closed in the middle goes on."""

    async def read(client):
        events = await client.beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant, stream=True
        )
        await _until_a_delta(events)
        await events.close()

    asynchronously(place, read)

    left()


@pytest.mark.parametrize("delay", [0.2])
def test_an_async_stream_dropped(place, chat, monkeypatch):
    """A long run whose async stream is dropped, not closed, waits once for a reader and goes on."""
    monkeypatch.setattr("shim.workers.PATIENCE", 0.2)

    async def read(client):
        await client.beta.threads.messages.create(
            chat.thread, role="user", content="Please count to 500"
        )
        events = await client.beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant, stream=True
        )
        await _until_a_delta(events)
        del events
        gc.collect()
        await until_async(lambda: place.rows("SELECT 1 FROM runs WHERE status = 'completed'"))

    asynchronously(place, read)


@BOTH
def test_a_task_cancelled_while_a_polled_run_begins(place, client, chat, left):
    """A caller who is cancelled while the model is asked leaves a run that goes on."""
    place.offline.faults.add("/responses", method="POST", kind="status", status=429, before=True)

    async def create(client):
        task = asyncio.create_task(
            client.beta.threads.runs.create(thread_id=chat.thread, assistant_id=chat.assistant)
        )
        await until_async(place.asked)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(1.5)

    asynchronously(place, create)

    left()


@leaves_loose_ends
@BOTH
@pytest.mark.parametrize("same_client", [True, False], ids=["same client", "new client"])
def test_created_in_one_loop_and_polled_in_another(place, chat, left, dialect, same_client):
    """A run created in one `asyncio.run` is polled to its end in another."""
    clients = [place.async_client()]

    async def create():
        run = await clients[0].beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant
        )
        await asyncio.sleep(0.2)
        return run

    async def poll(run):
        client = clients[0] if same_client else place.async_client()
        run = await client.beta.threads.runs.poll(
            run.id, thread_id=chat.thread, poll_interval_ms=20
        )
        await client.close()
        return run

    run = asyncio.run(poll(asyncio.run(create())))

    assert run.status == "completed"
    left()


@leaves_loose_ends
@BOTH
def test_a_loop_that_ends_in_the_middle_of_a_stream(place, client, chat, left):
    """A stream whose loop ends is finished by the next look, which does not wait for a lease."""

    async def read():
        client = place.async_client()
        events = await client.beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant, stream=True
        )
        await _until_a_delta(events)

    asyncio.run(read())

    left()


@leaves_loose_ends
@pytest.mark.parametrize("dialect", ["generic"])
@pytest.mark.parametrize("stream", [False, True], ids=["polled", "streamed"])
def test_a_loop_that_is_closed_under_its_tasks(place, client, chat, *, sound, finished, stream):
    """A run whose task will never come to its turn again does not wait for its lease to end."""

    async def create():
        client = place.async_client()
        return await client.beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant, stream=stream
        )

    loop = asyncio.new_event_loop()
    kept = [loop.run_until_complete(create())]
    loop.close()
    (run,) = client.beta.threads.runs.list(chat.thread)
    kept.clear()

    assert run.status in ("failed", "completed")
    if run.status == "failed":
        assert "no response id was stored" in run.last_error.message
    sound(chat.thread, chat.assistant)


@BOTH
def test_a_cancel_is_seen_in_the_middle_of_a_stream(place, client, chat, *, sound, finished):
    """A cancel from another thread ends a live stream within half a second and the next event."""
    place.offline.script.say("", chunks=[f"{n} " for n in range(200)], delay=8.0)
    stream = client.beta.threads.runs.create(
        thread_id=chat.thread, assistant_id=chat.assistant, stream=True
    )
    told = []
    for event in stream:
        told.append(event)
        if event.event == "thread.message.delta":
            break
    cancelled_at = []

    def cancel():
        client.beta.threads.runs.cancel(told[0].data.id, thread_id=chat.thread)
        cancelled_at.append(time.monotonic())

    with ThreadPoolExecutor(1) as pool:
        pool.submit(cancel)
        told += list(stream)

    assert time.monotonic() - cancelled_at[0] < 3  # and not after the eight that the rest takes
    assert [each.event for each in told[-4:]] == [
        "thread.run.cancelling",
        "thread.message.incomplete",
        "thread.run.step.cancelled",
        "thread.run.cancelled",
    ]
    sound(chat.thread, chat.assistant)


@leaves_loose_ends
@BOTH
def test_a_conversation_over_several_loops(place, chat):
    """A client that is used in one `asyncio.run` after another asks the model once a turn."""
    client = place.async_client()

    async def turn(last):
        await client.beta.threads.messages.create(chat.thread, role="user", content="And on?")
        run = await client.beta.threads.runs.create_and_poll(
            thread_id=chat.thread, assistant_id=chat.assistant, poll_interval_ms=20
        )
        if last:
            await client.close()
        return run.status

    statuses = [asyncio.run(turn(last)) for last in (False, False, True)]
    gc.collect()

    assert statuses == ["completed"] * 3
    assert len(place.posts()) == 3


@BOTH
def test_a_stream_closed_from_another_thread(client, chat, left):
    """A stream that another thread closes ends for its reader, and its run goes on."""
    events = client.beta.threads.runs.create(
        thread_id=chat.thread, assistant_id=chat.assistant, stream=True
    )
    reading = threading.Event()

    def read():
        for event in events:
            if event.event == "thread.message.delta":
                reading.set()
        return event.event

    with ThreadPoolExecutor(1) as pool:
        last = pool.submit(read)
        assert reading.wait(5)
        events.close()

    assert last.result() == "thread.message.delta"
    left()


def test_an_async_stream_closed_by_another_task(place, chat, left):
    """An async stream that another task closes ends for its reader at once."""

    async def read(client):
        events = await client.beta.threads.runs.create(
            thread_id=chat.thread, assistant_id=chat.assistant, stream=True
        )
        await _until_a_delta(events)
        task = asyncio.create_task(_until_the_end(events))
        await asyncio.sleep(0)
        await events.close()
        await asyncio.wait_for(task, 0.3)

    asynchronously(place, read)

    left()


async def _until_the_end(events):
    with suppress(Exception):  # some SDKs tell the reader that the stream is closed
        async for _ in events:
            pass
