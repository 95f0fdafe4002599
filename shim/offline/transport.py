"""The embedded upstream under an httpx client, in memory. Knows httpx's seams and its timeouts.

The module is handed in, since the SDK's 3.x uses `httpx2` and older ones `httpx`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn

from shim.offline.feed import PATIENCE
from shim.offline.wire import Broken, Feed, Response

__all__ = ["Handle", "async_transport", "strip_base", "transport"]

Handle = Callable[..., Response]

_BASES = ("/openai/v1", "/v1")
_FOREVER = 86_400.0


def strip_base(path: str) -> str:
    """A path without the base path in front of it."""
    for base in _BASES:
        if path == base or path.startswith(base + "/"):
            return path[len(base) :] or "/"
    return path


class _Patience:
    """How long the client still waits for the next bytes; its read timeout, renewed by each."""

    def __init__(self, module: Any, request: Any) -> None:
        self._module = module
        self._request = request
        limit = request.extensions.get("timeout", {}).get("read")
        self._limit = _FOREVER if limit is None else limit
        self._waited = 0.0

    def renew(self) -> None:
        self._waited = 0.0

    def spend(self, seconds: float) -> float:
        """How long to sleep now, for an answer due in `seconds`."""
        left = self._limit - self._waited
        if left <= 0:
            raise self._module.ReadTimeout("The read operation timed out", request=self._request)
        pause = min(seconds, left, PATIENCE)
        self._waited += pause
        return pause


def _call(handle: Handle, request: Any, body: bytes) -> Response:
    headers = dict(request.headers.items())
    path = strip_base(request.url.path)
    query = request.url.query.decode("ascii")
    return handle(request.method, path, query, headers, body)


def _break(module: Any, request: Any, how: str) -> NoReturn:
    """Fail as a connection fails."""
    match how:
        case "refuse":
            raise module.ConnectError("[Errno 111] Connection refused", request=request)
        case "drop":
            text = "Server disconnected without sending a response."
            raise module.RemoteProtocolError(text, request=request)
        case "timeout":
            raise module.ReadTimeout("The read operation timed out", request=request)
        case _:
            raise module.ReadError("[Errno 104] Connection reset by peer", request=request)


def transport(handle: Handle, module: Any) -> Any:
    """A blocking transport of that module."""

    class Stream(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, feed: Feed, request: Any) -> None:
            self._feed = feed
            self._request = request

        def __iter__(self) -> Iterator[bytes]:
            patience = _Patience(module, self._request)
            while (step := _step(self._feed, module, self._request)) is not None:
                if isinstance(step, bytes):
                    patience.renew()
                    yield step
                else:
                    time.sleep(patience.spend(step))

    class Transport(module.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            response = _call(handle, request, request.read())
            patience = _Patience(module, request)
            due = time.monotonic() + (_FOREVER if response.broken == "hang" else response.after)
            while (left := due - time.monotonic()) > 0:
                time.sleep(patience.spend(left))
            if response.broken:
                _break(module, request, response.broken)
            return _made(module, response, request, Stream)

    return Transport()


def async_transport(handle: Handle, module: Any) -> Any:
    """A transport of that module for async clients."""
    import anyio  # noqa: PLC0415 - httpx depends on it, shim does not

    class Stream(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, feed: Feed, request: Any) -> None:
            self._feed = feed
            self._request = request

        async def __aiter__(self) -> AsyncIterator[bytes]:
            patience = _Patience(module, self._request)
            while (step := _step(self._feed, module, self._request)) is not None:
                if isinstance(step, bytes):
                    patience.renew()
                    yield step
                    await anyio.lowlevel.checkpoint()
                else:
                    await anyio.sleep(patience.spend(step))

    class Transport(module.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            response = _call(handle, request, await request.aread())
            patience = _Patience(module, request)
            due = time.monotonic() + (_FOREVER if response.broken == "hang" else response.after)
            while (left := due - time.monotonic()) > 0:  # noqa: ASYNC110 - a clock has no event
                await anyio.sleep(patience.spend(left))
            if response.broken:
                _break(module, request, response.broken)
            return _made(module, response, request, Stream)

    return Transport()


def _step(feed: Feed, module: Any, request: Any) -> bytes | float | None:
    try:
        return feed.step()
    except Broken:
        _break(module, request, "reset")


def _made(module: Any, response: Response, request: Any, stream: Any) -> Any:
    headers = list(response.headers.items())
    if isinstance(response.body, bytes):
        return module.Response(response.status, headers=headers, content=response.body)
    return module.Response(response.status, headers=headers, stream=stream(response.body, request))
