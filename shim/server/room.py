"""What the server works with: the engine, and the lines to the upstream.

Knows how these are opened with the first request and how they end: what goes on may finish within a
bound, the rest is left for others to take over at once. Knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Callable

from shim.core.wire import Call, Reply
from shim.server.belongings import Belongings
from shim.server.lines import Lines
from shim.server.metrics import Metrics
from shim.server.recording import Recording
from shim.settings import Settings
from shim.storage.owners import Owners
from shim.wiring import Wired, wire
from shim.workers import AsyncWorkers

__all__ = ["Room"]

log = logging.getLogger("shim")


class Room:
    """Opened with the first request on a loop, or when the server starts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.workers = AsyncWorkers()
        self.lines = Lines(settings, self.workers, self.metrics)
        self.belongings = Belongings(lambda: Owners(self.wired.database))
        self.closing = False
        self._wired: Wired | None = None
        self._ends: float | None = None
        self._keepers: set[asyncio.Task[None]] = set()
        self._kept: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    @property
    def wired(self) -> Wired:
        """The engine, put together when it is first asked for."""
        if self._wired is None:
            ended = self.metrics.run_ended
            upstream = Recording(self.lines, self.belongings)
            self._wired = wire(self.settings, upstream, self.workers, ended)
        return self._wired

    async def answer(self, call: Call) -> Reply:
        """Let the engine answer a call."""
        await self.workers.give_way()
        return await self.workers.see_through(self.wired(call))

    def keep(self) -> None:
        """See to it that what this loop opens is closed with it, though nobody says when.

        Applications that mount others do not tell them of their start and end. A loop that ends
        cancels its tasks, and waits for them: one that only waits is how to hear of it.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            self._kept.add(loop)
            task = loop.create_task(self._kept_open())
            self._keepers.add(task)  # the loop itself holds tasks weakly
            task.add_done_callback(self._keepers.discard)

    async def start(self) -> None:
        """Open what is needed on this loop, whose end somebody will say; raises where it fails."""
        self.closing, self._ends = False, None
        self._kept.add(asyncio.get_running_loop())
        await self.wired.check()

    def begin_closing(self) -> None:
        """The end has come: what goes on has `grace` seconds from now, then it is handed over."""
        if self.closing:
            return
        self.closing = True
        self.workers.stop_waiting()
        self._ends = time.monotonic() + self.settings.grace
        asyncio.get_running_loop().call_later(self.settings.grace, self.workers.stop)

    def begin_closing_later(self) -> Callable[[], object]:
        """The same for a signal's handler, which may run in the midst of anything."""
        loop = asyncio.get_running_loop()
        return lambda: loop.call_soon_threadsafe(self.begin_closing)

    async def close(self) -> None:
        """Wait for what goes on, hand over the rest, and close all that is open."""
        self.begin_closing()
        assert self._ends is not None
        if not await self.workers.aflush(max(0.0, self._ends - time.monotonic())):
            log.warning("the time to finish is over: runs in hand are left to be taken over")
        await self._end_here()
        if self._wired is not None:
            await self._wired.aclose()

    async def _kept_open(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self._end_here()
            if self._wired is not None and self.settings.database_path() != ":memory:":
                await self._wired.aclose()  # opened again where another loop needs it

    async def _end_here(self) -> None:
        self.workers.stop()
        await self.workers.aflush(None)
        await self.lines.close()
