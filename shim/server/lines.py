"""The server's lines to the upstream: HTTP clients, which belong to the loop they are used on.

Knows httpx and how many connections one of its clients bears. Knows nothing of who asks or what.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import anyio.to_thread
import httpx

from shim.core.ports import Answer, Dialect, Download, Passing, Request, Stream
from shim.core.wire import Target
from shim.doorway import fitted, with_key
from shim.server.metrics import Metrics
from shim.settings import Settings
from shim.upstream.dialect import choose
from shim.upstream.entra import current, is_entra
from shim.upstream.http import AsyncUpstream
from shim.workers import AsyncWorkers

__all__ = ["Lines"]

_BUSY = 32
"""Answers on their way by one client until another is opened.

With each request and each end of an answer, httpx's pool looks at all its connections: what each
costs grows with their number, and hundreds of streams would cost more there than anywhere else.
"""

_IDLE_SECONDS = 1.5
"""How long a connection may be idle and is used again.

Less than what servers allow (gunicorn 2 seconds, uvicorn and Node 5): one that is closed there just
when a request is written on it breaks that request, and nobody can tell whether it was carried out.
"""

_LIMITS = httpx.Limits(
    max_connections=None, max_keepalive_connections=_BUSY, keepalive_expiry=_IDLE_SECONDS
)
"""As many connections as there are calls: streams hold theirs for minutes."""


@dataclass(frozen=True, slots=True)
class _Line:
    client: _Counting
    upstream: AsyncUpstream


class Lines:
    """The upstream by clients of the loop that asks."""

    def __init__(self, settings: Settings, workers: AsyncWorkers, metrics: Metrics) -> None:
        self._metrics = metrics
        self._dialect = settings.dialect or None
        self._key = settings.upstream_key
        self._workers = workers
        self._open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Line]] = (
            weakref.WeakKeyDictionary()
        )

    def client(self) -> httpx.AsyncClient:
        """A client of the running loop, for one request."""
        return self._line().client

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
        request = await self._fitted(request)
        return await self._line().upstream.send(request)

    async def upload(self, request: Request, filename: str, content: bytes) -> Answer:
        request = await self._fitted(request)
        return await self._line().upstream.upload(request, filename, content)

    async def download(self, request: Request) -> Download:
        request = await self._fitted(request)
        return await self._line().upstream.download(request)

    async def open(self, request: Request) -> Stream:
        request = await self._fitted(request)
        return await self._line().upstream.open(request)

    async def pass_on(self, passing: Passing) -> Download:
        return await self._line().upstream.pass_on(passing)

    async def current(self, key: str, url: str) -> str:
        return await self._line().upstream.current(key, url)

    async def _fitted(self, request: Request) -> Request:
        return replace(request, target=await self.fitted(request.target))

    async def close(self) -> None:
        """Close the running loop's clients, if there are any."""
        for line in self._open.pop(asyncio.get_running_loop(), []):
            await line.client.aclose()

    def _line(self) -> _Line:
        """The first that is not busy: so connections are used again where there are few calls."""
        lines = self._open.setdefault(asyncio.get_running_loop(), [])
        for line in lines:
            if line.client.busy < _BUSY:
                return line
        client = _client(self._metrics, lines[0].client.security if lines else None)
        lines.append(_Line(client, AsyncUpstream(client, self._workers.sleep, self._dialect)))
        return lines[-1]


class _Counting(httpx.AsyncClient):
    """Counts what is sent, the engine's calls and those passed on, and what is on its way."""

    metrics: Metrics
    security: Any
    busy = 0

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        began, status = time.monotonic(), "unreachable"
        self.busy += 1
        try:
            response = await super().send(request, **options)
            status = str(response.status_code)
        except BaseException:
            self.busy -= 1
            raise
        finally:
            self.metrics.upstream_asked(request.url.path, status, time.monotonic() - began)
        if response.is_closed:
            self._freed()
        else:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _Noted(response.stream, self._freed)
        return response

    def _freed(self) -> None:
        self.busy -= 1


class _Noted(httpx.AsyncByteStream):
    """An answer's bytes, whose end is told once."""

    def __init__(self, stream: httpx.AsyncByteStream, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended: Callable[[], None] | None = ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
        await self._stream.aclose()


def _client(metrics: Metrics, security: Any = None) -> _Counting:
    """A client for all callers: it keeps no cookies, so that none is another's."""
    security = security or httpx.create_ssl_context()  # certificates are read once, not by each
    client = _Counting(
        verify=security,
        timeout=httpx.Timeout(600.0, connect=10.0),
        limits=_LIMITS,
        follow_redirects=True,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
    client.metrics, client.security = metrics, security
    return client
