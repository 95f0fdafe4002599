"""Work that outlasts the call which started it, in both colours.

Knows threads and tasks. Knows nothing of runs: what it is given is a coroutine or a stream of
events, and its one promise is that these end by themselves.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from shim import drive
from shim.core.wire import Event
from shim.process import Process
from shim.turns import Turns, after_a_moment

__all__ = ["AsyncWorkers", "BlockingWorkers", "Process"]

log = logging.getLogger("shim")

QUEUE = 64
"""Events that may wait for their reader before the source is slowed down."""

_SPAN = 0.2
"""Seconds for which work that is to begin later may hold up the end of a program."""

PATIENCE = 5.0
"""Seconds a source waits for a reader who has stopped; then it runs on, and the events are kept."""

Work = Coroutine[Any, Any, None]
T = TypeVar("T")


class _Handed(AsyncGenerator[Event, None]):
    """What `carry` returns: an async generator whose end is not the end of its source."""

    def leave(self) -> None:
        """The caller is gone; see to it that the source runs on."""
        raise NotImplementedError

    async def aclose(self) -> None:
        self.leave()

    async def asend(self, value: None) -> Event:  # noqa: ARG002 - the protocol's signature
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> Event:  # noqa: ARG002
        self.leave()
        raise typ


class _Pulled(_Handed):
    """Events pulled by a blocking caller, left to a worker when the caller goes."""

    def __init__(self, source: AsyncGenerator[Event, None], spawn: Callable[[Work], None]) -> None:
        self._source = source
        # `for event in stream: break` drops a stream without closing it, and the run must go on.
        # A finalizer holds the source from outside, so that it is not swept up with the stream.
        self._leave = weakref.finalize(self, lambda: spawn(_drain(source)))
        self._leave.atexit = False
        self._lock = threading.Lock()
        self._pulling = self._left = False

    async def __anext__(self) -> Event:
        with self._lock:
            if not self._leave.alive:
                raise StopAsyncIteration
            self._pulling = True
        try:
            event = await self._source.__anext__()
        except BaseException:
            self._leave.detach()
            raise
        with self._lock:
            self._pulling = False
        if self._left:
            self._leave()
            raise StopAsyncIteration
        return event

    def leave(self) -> None:
        with self._lock:
            self._left = True
            pulling = self._pulling
        if not pulling:  # else another thread is at it, and leaves when it has its event
            self._leave()


async def _drain(source: AsyncGenerator[Event, None]) -> None:
    async with aclosing(source):
        async for _ in source:
            pass


class BlockingWorkers(Process):
    """Workers of a blocking door: one thread for each piece of work."""

    blocking = True

    def __init__(self) -> None:
        super().__init__()
        self._threads: set[threading.Thread] = set()
        self._closing = threading.Event()

    def spawn(self, work: Work, *, aside: bool = False) -> None:  # noqa: ARG002 - the port's
        """Run the coroutine in a thread of its own, which the interpreter waits for at its exit."""
        if not self._begin(self._work, work):
            work.close()
            log.warning("the interpreter is ending: background work is left to the next process")

    def later(self, seconds: float, begin: Callable[[], Work]) -> None:
        """Run what `begin` gives after a while, unless the door or the program ends before."""
        self._begin(self._wait, seconds, begin)

    def _begin(self, target: Callable[..., None], *args: Any) -> bool:
        """Whether a thread could be begun; not when the interpreter is going down."""
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(target, *args), name="shim")
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            return False
        return True

    def _wait(self, seconds: float, begin: Callable[[], Work]) -> None:
        """Wait in short spans: the interpreter waits for this thread before it ends."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and threading.main_thread().is_alive():
            if self._closing.wait(min(left, _SPAN)):
                break
        if left > 0:
            self._threads.discard(threading.current_thread())
            return
        self._work(begin())

    def stop_waiting(self) -> None:
        """Let nothing begin any more that was to begin later."""
        self._closing.set()

    def _work(self, work: Work) -> None:
        try:
            drive.run(work)
        except Exception:
            log.exception("background work failed")
        finally:
            self._threads.discard(threading.current_thread())

    def carry(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Let the caller pull, and a thread go on when the caller does not."""
        return _Pulled(events, self.spawn)

    async def finish(self, work: Work) -> None:
        """Carry out work; whoever calls waits."""
        await work

    async def sleep(self, seconds: float) -> None:
        """Block for so long."""
        time.sleep(seconds)  # noqa: ASYNC251 - blocking is this port's contract

    def flush(self, timeout: float | None) -> bool:
        """Wait for the work in hand at most so long; whether it has ended."""
        end = None if timeout is None else time.monotonic() + timeout
        while waiting := self._running():
            if end is not None and time.monotonic() >= end:
                return False
            waiting[0].join(None if end is None else max(0.0, end - time.monotonic()))
        return True

    def _running(self) -> list[threading.Thread]:
        me = threading.current_thread()
        return [thread for thread in tuple(self._threads) if thread is not me and thread.is_alive()]


class _Feed:
    """What the task of a source and its reader have in common."""

    def __init__(self, source: AsyncGenerator[Event, None]) -> None:
        self.queue: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self.left = False
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(QUEUE)
        self._patient = True

    async def pump(self) -> None:
        """Run the source to its end, whoever listens."""
        try:
            async with aclosing(self._source) as source:
                async for event in source:
                    await self._feed(event)
        except Exception as error:
            if self.left:
                raise
            self.queue.put_nowait(error)
        except BaseException:
            self.queue.put_nowait(StopAsyncIteration())
            raise
        else:
            self.queue.put_nowait(StopAsyncIteration())

    async def _feed(self, event: Event) -> None:
        if self._patient and not self.left:
            await self._wait()
        if not self.left:
            self.queue.put_nowait(event)

    async def _wait(self) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            await asyncio.wait_for(self._room.acquire(), PATIENCE)
        except asyncio.TimeoutError:
            self._patient = False

    def taken(self) -> None:
        """The reader has taken something."""
        self._room.release()

    def leave(self) -> None:
        """The reader is gone; the garbage collector says so too, in whatever thread it runs."""
        self.left = True
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._room.release()
        self.queue.put_nowait(StopAsyncIteration())


class _Fed(_Handed):
    """Events fed by a task of their own; the reader's going does not reach it."""

    def __init__(self, feed: _Feed) -> None:
        self._feed = feed
        self._leave = weakref.finalize(self, feed.leave)
        self._leave.atexit = False

    async def __anext__(self) -> Event:
        if self._feed.left:
            raise StopAsyncIteration
        try:
            item = await self._feed.queue.get()
        except asyncio.CancelledError:
            self.leave()
            raise
        self._feed.taken()
        if isinstance(item, Event):
            return item
        self.leave()
        raise item

    def leave(self) -> None:
        self._leave()


class AsyncWorkers(Process):
    """Workers of an async door: tasks that belong to the loop, and to no request."""

    blocking = False

    def __init__(self) -> None:
        super().__init__()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._aside: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._turns = Turns()
        self._timers: dict[asyncio.TimerHandle, asyncio.AbstractEventLoop] = {}
        self._closing = False

    def owner(self) -> str:
        """The process's name, and that of the loop: its tasks end with it."""
        return self.owner_in(asyncio.get_running_loop())

    def spawn(self, work: Work, *, aside: bool = False) -> None:
        """Run the coroutine as a task that outlives the caller's."""
        if not aside:
            self._begun(work)
            return
        task = self._begun(after_a_moment(work))
        task.add_done_callback(lambda _: work.close())  # it may not have begun
        self._aside.add(task)

    def later(self, seconds: float, begin: Callable[[], Work]) -> None:
        """Run what `begin` gives after a while: no task that waits, so none is left pending."""
        if self._closing:
            return
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None

        def due() -> None:
            self._timers.pop(timer, None)  # type: ignore[arg-type]
            if not self._closing:
                self.spawn(begin(), aside=True)

        timer = loop.call_later(seconds, due)
        self._timers[timer] = loop

    def stop_waiting(self) -> None:
        """Let nothing begin any more that was to begin later."""
        self._closing = True
        timers, self._timers = self._timers, {}
        for timer, loop in timers.items():
            with suppress(RuntimeError):  # a loop that is closed begins nothing
                loop.call_soon_threadsafe(timer.cancel)

    def _begun(self, work: Work) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("background work failed", exc_info=error)

    def carry(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Feed the caller from a task which goes on when the caller does not."""
        feed = _Feed(events)
        self.spawn(feed.pump())
        return _Fed(feed)

    async def finish(self, work: Work) -> None:
        """Carry out work and wait for it; it goes on if the caller is cancelled."""
        await asyncio.shield(self._begun(work))

    async def see_through(self, call: Coroutine[Any, Any, T]) -> T:
        """The answer to a call, which goes on to its end if the caller is cancelled.

        Else a run that was stored while its caller gave up would be begun by nobody.
        """
        task = asyncio.get_running_loop().create_task(call)
        self._tasks.add(task)
        self._aside.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def sleep(self, seconds: float) -> None:
        """Let others work for so long."""
        await asyncio.sleep(seconds)

    async def give_way(self) -> None:
        """Let others work, as a call that waits for a socket does."""
        await self._turns.give(lambda: [t for t in self._running() if t not in self._aside])

    async def aflush(self, timeout: float | None) -> bool:
        """Wait for the work in hand at most so long; whether it has ended."""
        end = None if timeout is None else time.monotonic() + timeout
        while waiting := self._running():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            await asyncio.wait(waiting, timeout=left)
        return True

    def stop(self) -> None:
        """Give up the work in hand on this loop; the leases it holds are released on the way."""
        for task in self._running():
            task.cancel()

    def _running(self) -> list[asyncio.Task[Any]]:
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        return [task for task in self._tasks if task is not me and task.get_loop() is loop]
