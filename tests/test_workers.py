"""Work in the background: it ends by itself, whatever becomes of the caller."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from shim import drive
from shim.core.wire import Event
from shim.process import Process, _started
from shim.workers import AsyncWorkers, BlockingWorkers

PLACE_OF_NOBODY = "elsewhere/boot/1:1:1"


def numbers(count, seen, pause=None):
    """A source of events that says in `seen` how far it came and that it was closed."""

    async def source():
        try:
            for n in range(count):
                if pause is not None:
                    await pause()
                seen.append(n)
                yield Event("n", {"n": n})
        finally:
            seen.append("closed")

    return source()


def broken(seen):
    """A source that fails after its first event."""

    async def source():
        yield Event("n", {"n": 0})
        seen.append("broken")
        raise ValueError("no more")

    return source()


async def collect(events, count=None):
    """The numbers of the events, up to a count."""
    got = []
    async for event in events:
        got.append(event.data["n"])
        if count is not None and len(got) == count:
            break
    return got


def test_a_thread_runs_what_is_spawned():
    """Spawned work runs in a thread that the interpreter waits for."""
    workers, ran = BlockingWorkers(), []

    async def work():
        ran.append(threading.current_thread())

    workers.spawn(work())

    assert workers.flush(5)
    assert [thread.daemon for thread in ran] == [False]
    assert ran[0] is not threading.main_thread()


def test_a_failing_thread_is_logged(caplog):
    """An exception of spawned work goes to the log and nowhere else."""
    workers = BlockingWorkers()

    async def work():
        raise ValueError("boom")

    with caplog.at_level(logging.ERROR, "shim"):
        workers.spawn(work())
        assert workers.flush(5)

    assert "background work failed" in caplog.text
    assert "boom" in caplog.text


def test_flush_of_threads_is_bounded():
    """Flush says False when the work takes longer than the bound."""
    workers, go = BlockingWorkers(), threading.Event()

    async def work():
        go.wait(5)

    workers.spawn(work())

    assert workers.flush(0.05) is False
    go.set()
    assert workers.flush(5) is True


def test_flush_waits_for_work_that_work_spawns():
    """Work spawned by spawned work is waited for as well."""
    workers, ran = BlockingWorkers(), []

    async def inner():
        await workers.sleep(0.05)
        ran.append("inner")

    async def outer():
        workers.spawn(inner())

    workers.spawn(outer())

    assert workers.flush(5)
    assert ran == ["inner"]


def test_a_blocking_caller_pulls_to_the_end():
    """A caller who reads everything gets everything, and no thread is started."""
    workers, seen = BlockingWorkers(), []

    got = drive.run(collect(workers.carry(numbers(3, seen))))

    assert got == [0, 1, 2]
    assert seen == [0, 1, 2, "closed"]
    assert not workers._threads


def test_a_closed_stream_runs_on_in_a_thread():
    """When the caller closes early, a worker drains the source to its end."""
    workers, seen = BlockingWorkers(), []
    carried = workers.carry(numbers(5, seen))

    drive.run(collect(carried, 2))
    drive.run(carried.aclose())
    drive.run(carried.aclose())

    assert workers.flush(5)
    assert seen == [0, 1, 2, 3, 4, "closed"]


def test_a_stream_never_started_runs_too():
    """Closing before the first event does not keep the source from running."""
    workers, seen = BlockingWorkers(), []

    drive.run(workers.carry(numbers(2, seen)).aclose())

    assert workers.flush(5)
    assert seen == [0, 1, "closed"]


def test_a_dropped_stream_runs_too():
    """A stream that is let go without being closed is drained like a closed one."""
    workers, seen = BlockingWorkers(), []

    drive.run(collect(workers.carry(numbers(3, seen)), 1))
    gc.collect()

    assert workers.flush(5)
    assert seen == [0, 1, 2, "closed"]


def test_a_closed_stream_gives_nothing_more():
    """After its close a carried stream is at its end."""
    workers = BlockingWorkers()
    carried = workers.carry(numbers(3, []))

    drive.run(carried.aclose())

    assert drive.run(collect(carried)) == []
    assert workers.flush(5)


def test_the_sources_error_reaches_a_blocking_caller():
    """An exception of the source is the caller's."""
    workers, seen = BlockingWorkers(), []
    carried = workers.carry(broken(seen))

    with pytest.raises(ValueError, match="no more"):
        drive.run(collect(carried))

    assert seen == ["broken"]
    assert not workers._threads


def test_a_task_feeds_an_async_caller():
    """An async caller gets every event in order, more than the queue holds at once."""

    async def main():
        workers, seen = AsyncWorkers(), []
        got = await collect(workers.carry(numbers(300, seen)))
        assert await workers.aflush(5)
        return got, seen[-1]

    assert asyncio.run(main()) == (list(range(300)), "closed")


def test_a_loop_that_ends_at_once_finds_work_aside_unbegun():
    """What nobody waits for begins a moment later, and leaves no coroutine unawaited."""
    begun = []

    async def work():
        begun.append("work")

    async def program(pause):
        AsyncWorkers().spawn(work(), aside=True)
        await asyncio.sleep(pause)

    asyncio.run(program(0))
    unbegun = list(begun)
    asyncio.run(program(0.2))
    gc.collect()

    assert (unbegun, begun) == ([], ["work"])


def test_the_source_waits_for_a_slow_reader():
    """Not more than a queue of events is made before the reader takes one."""

    async def main():
        workers, seen = AsyncWorkers(), []
        carried = workers.carry(numbers(300, seen))
        await asyncio.sleep(0.05)
        ahead = len(seen)
        await carried.aclose()
        assert await workers.aflush(5)
        return ahead, len(seen)

    assert asyncio.run(main()) == (65, 301)


def test_a_source_does_not_wait_for_ever(monkeypatch):
    """A reader who has stopped slows the source down, and does not stop it; no event is lost."""
    monkeypatch.setattr("shim.workers.PATIENCE", 0.001)

    async def main():
        workers, seen = AsyncWorkers(), []
        carried = workers.carry(numbers(80, seen))
        assert await workers.aflush(5)
        assert seen[-1] == "closed"
        return await collect(carried)

    assert asyncio.run(main()) == list(range(80))


def test_the_source_starts_before_the_caller_pulls():
    """A source carried is a source that runs, pulled or not."""

    async def main():
        workers, seen = AsyncWorkers(), []
        workers.carry(numbers(3, seen))
        assert await workers.aflush(5)
        return seen

    assert asyncio.run(main()) == [0, 1, 2, "closed"]


def test_an_async_close_lets_the_source_run_on():
    """After the caller's close the source runs to its end."""

    async def main():
        workers, seen = AsyncWorkers(), []
        carried = workers.carry(numbers(200, seen, lambda: asyncio.sleep(0)))
        await collect(carried, 2)
        await carried.aclose()
        assert await workers.aflush(5)
        return seen[-2:], await collect(carried)

    assert asyncio.run(main()) == ([199, "closed"], [])


def test_a_cancelled_caller_does_not_reach_the_source():
    """Cancelling the task that reads leaves the source alone."""

    async def main():
        workers, seen = AsyncWorkers(), []
        reader = asyncio.create_task(
            collect(workers.carry(numbers(5, seen, lambda: asyncio.sleep(0.01))))
        )
        await asyncio.sleep(0.02)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert await workers.aflush(5)
        return seen

    assert asyncio.run(main()) == [0, 1, 2, 3, 4, "closed"]


def test_the_sources_error_reaches_an_async_caller():
    """An exception of the source crosses the queue."""

    async def main():
        workers, seen = AsyncWorkers(), []
        with pytest.raises(ValueError, match="no more"):
            await collect(workers.carry(broken(seen)))
        assert await workers.aflush(5)
        return seen

    assert asyncio.run(main()) == ["broken"]


def test_an_error_nobody_reads_is_logged(caplog):
    """When the caller is gone, the source's exception goes to the log."""

    async def main():
        workers = AsyncWorkers()
        await workers.carry(broken([])).aclose()
        assert await workers.aflush(5)
        await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR, "shim"):
        asyncio.run(main())

    assert "no more" in caplog.text


def test_the_end_of_the_loop_closes_the_source():
    """What the end of asyncio.run cancels still runs its own cleanup."""
    seen = []

    async def main():
        AsyncWorkers().carry(numbers(5, seen, lambda: asyncio.sleep(10)))
        await asyncio.sleep(0.01)

    asyncio.run(main())

    assert seen == ["closed"]


def test_async_workers_serve_several_loops():
    """One workers object serves one asyncio.run after another."""
    workers = AsyncWorkers()

    async def main():
        got = await collect(workers.carry(numbers(2, [])))
        await workers.sleep(0)
        assert await workers.aflush(5)
        return got

    assert [asyncio.run(main()) for _ in range(3)] == [[0, 1]] * 3


def test_flush_of_tasks_is_bounded():
    """Flush says False when the tasks take longer than the bound."""

    async def main():
        workers = AsyncWorkers()
        workers.spawn(asyncio.sleep(5))
        return await workers.aflush(0.01)

    assert asyncio.run(main()) is False


def test_a_live_process_is_not_gone():
    """Neither this process nor a living child is gone."""
    process = Process()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        owner = named(process, child.pid)

        assert not process.gone(process.owner())
        assert not process.gone(owner)
    finally:
        child.communicate(b"\n")

    assert process.gone(owner)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_unreaped_or_reused_process_id_is_gone():
    """A zombie has ended, and so has a process whose id another one has now."""
    process = Process()
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    zombie = named(process, child.pid)
    child.stdout.read()
    time.sleep(0.2)

    assert process.gone(zombie)
    child.communicate()
    assert process.gone(process.owner() + "0")


def test_what_cannot_be_known_is_not_gone():
    """Another machine's processes and names of another form are never said to be gone."""
    process = Process()

    for owner in (PLACE_OF_NOBODY, "", "nonsense", process.owner().rsplit(":", 2)[0] + ":x:1"):
        assert not process.gone(owner)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_a_name_of_its_own():
    """A name made before a fork is not the child's."""
    code = """
import os
from shim.workers import Process
process = Process()
name = process.owner()
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, process.owner().encode())
    os._exit(0)
os.wait()
print(name != os.read(read, 999).decode(), name == process.owner())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.split() == ["True", "True"]


def named(process, pid):
    """The name that the process of that id has."""
    return f"{process.owner().rsplit(':', 2)[0]}:{pid}:{_started(pid) or '-'}"


def test_what_is_to_begin_later_begins_then():
    """It is work aside: it begins after its time, in a thread or as a task."""
    began = []

    async def work():
        began.append(time.monotonic())

    async def program():
        workers = AsyncWorkers()
        workers.later(0.05, work)
        await asyncio.sleep(0.2)
        workers.later(60, work)
        workers.stop_waiting()
        return workers

    start = time.monotonic()
    workers = BlockingWorkers()
    workers.later(0.05, work)
    assert workers.flush(5)
    asyncio.run(program())

    assert len(began) == 2
    assert began[0] >= start + 0.05


def test_a_closed_door_begins_nothing_later():
    """Closing ends the waiting at once; what was to begin afterwards never does."""
    began = []

    async def work():
        began.append(1)

    async def program():
        workers = AsyncWorkers()
        workers.later(0.05, work)
        workers.stop_waiting()
        workers.later(0.05, work)
        await asyncio.sleep(0.2)

    workers = BlockingWorkers()
    workers.later(60, work)
    start = time.monotonic()
    workers.stop_waiting()
    workers.later(60, work)

    assert workers.flush(5)
    assert time.monotonic() - start < 4
    asyncio.run(program())
    assert began == []


LATER = """
from shim.workers import BlockingWorkers

async def work():
    print("began")

BlockingWorkers().later(60, work)
print("ended")
"""


def test_a_program_ends_although_something_is_to_begin_later():
    """What waits holds up the end of a program for a moment at most."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LATER],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert (done.stdout, done.stderr) == ("ended\n", "")
    assert time.monotonic() - start < 10
