"""What the server works with: the engine, and an HTTP client for each event loop it is used on.

Knows how these are opened with the first request and how they end: what goes on may finish within a
bound, the rest is left for others to take over at once. Knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio.to_thread
import httpx

from shim.core.ports import Answer, Dialect, Download, Request, Stream
from shim.core.wire import Call, Reply, Target
from shim.doorway import fitted, with_key
from shim.server.metrics import Metrics
from shim.settings import Settings, Wired, wire
from shim.upstream.dialect import choose
from shim.upstream.entra import current, is_entra
from shim.upstream.http import AsyncUpstream
from shim.workers import AsyncWorkers

__all__ = ["Room"]

log = logging.getLogger("shim")

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)
"""As many connections as there are calls: streams hold theirs for minutes."""


class _Lines:
    """The upstream by the client of the loop that asks; httpx's clients belong to one loop."""

    def __init__(self, settings: Settings, workers: AsyncWorkers, metrics: Metrics) -> None:
        self._metrics = metrics
        self._dialect = settings.dialect or None
        self._key = settings.upstream_key
        self._workers = workers
        self._open: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, AsyncUpstream]
        ] = weakref.WeakKeyDictionary()

    def client(self) -> httpx.AsyncClient:
        """The running loop's client."""
        return self._line()[0]

    def dialect(self, target: Target) -> Dialect:
        return choose(target.base_url, self._dialect)

    async def fitted(self, target: Target) -> Target:
        """The target with a key that holds now, in the header where the upstream looks for it."""
        headers: Mapping[str, str] = target.headers
        if is_entra(self._key) and headers.get("authorization") == f"Bearer {self._key}":
            token = await anyio.to_thread.run_sync(current, self._key, target.base_url)
            headers = with_key(headers, token)
        return replace(target, headers=fitted(headers, self.dialect(target)))

    async def send(self, request: Request) -> Answer:
        return await self._line()[1].send(await self._fitted(request))

    async def upload(self, request: Request, filename: str, content: bytes) -> Answer:
        return await self._line()[1].upload(await self._fitted(request), filename, content)

    async def download(self, request: Request) -> Download:
        return await self._line()[1].download(await self._fitted(request))

    async def open(self, request: Request) -> Stream:
        return await self._line()[1].open(await self._fitted(request))

    async def _fitted(self, request: Request) -> Request:
        return replace(request, target=await self.fitted(request.target))

    async def close(self) -> None:
        """Close the running loop's client, if there is one."""
        line = self._open.pop(asyncio.get_running_loop(), None)
        if line is not None:
            await line[0].aclose()

    def _line(self) -> tuple[httpx.AsyncClient, AsyncUpstream]:
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            client = _client(self._metrics)
            self._open[loop] = client, AsyncUpstream(client, self._workers.sleep, self._dialect)
        return self._open[loop]


class Room:
    """Opened with the first request on a loop, or when the server starts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.workers = AsyncWorkers()
        self.lines = _Lines(settings, self.workers, self.metrics)
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
            self._wired = wire(self.settings, self.lines, self.workers, ended)
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


class _Counting(httpx.AsyncClient):
    """Counts what is sent, the engine's calls and those passed on."""

    metrics: Metrics

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        began, status = time.monotonic(), "unreachable"
        try:
            response = await super().send(request, **options)
            status = str(response.status_code)
        finally:
            self.metrics.upstream_asked(request.url.path, status, time.monotonic() - began)
        return response


def _client(metrics: Metrics) -> httpx.AsyncClient:
    """A client for all callers: it keeps no cookies, so that none is another's."""
    client = _Counting(
        timeout=httpx.Timeout(600.0, connect=10.0),
        limits=_LIMITS,
        follow_redirects=True,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
    client.metrics = metrics
    return client
