"""The HTTP client that shim puts under an SDK client, of the given client's own HTTP module.

Knows how a request becomes a `Call` and a `Reply` its response. Answers `/assistants`, `/threads`
and the files of shim's own by a handler and leaves all else to the client it was given; knows no
Assistants semantics, and nothing of the SDK.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from shim import doorway, drive
from shim.core.ports import Upstream, Workers
from shim.core.wire import Call, Handler, Reply, Target, encode_event, encode_json
from shim.errors import SettingsError, Unreachable
from shim.providers import BETA
from shim.upstream.azure import base_url, undated
from shim.upstream.dialect import choose
from shim.upstream.entra import current, is_entra
from shim.upstream.http import AsyncUpstream, BlockingUpstream, module_of
from shim.workers import AsyncWorkers, BlockingWorkers

if TYPE_CHECKING:
    from shim.settings import Settings

__all__ = ["Wiring", "mounted"]

Wiring = Callable[[Any, Upstream, Workers], Handler]

GRACE = 5.0
"""Seconds that closing a client waits for runs still going on."""

_OURS = re.compile(f"(?P<base>.*?)/(?P<path>{doorway.OURS})", re.DOTALL)
_NOT_OURS = re.compile(r".*(?:/chatkit|/(?:vector_stores|containers)/[^/]+)", re.DOTALL)


def mounted(given: Any, settings: Settings | None, wiring: Wiring | None) -> Any:
    """The given HTTP client behind one of ours."""
    if isinstance(given, _Mounted):
        given.door.adopt(settings, wiring)
        return given
    http = module_of(given)
    if isinstance(given, http.Client):
        door = _kin(_BlockingDoor, http.BaseTransport)(given, settings, wiring)
        return _kin(_BlockingClient, http.Client)(given, door)
    door = _kin(_AsyncDoor, http.AsyncBaseTransport)(given, settings, wiring)
    return _kin(_AsyncClient, http.AsyncClient)(given, door)


@cache
def _kin(ours: type, theirs: type) -> Any:
    """A class of ours that is also one of the HTTP module in hand, `httpx` or `httpx2`."""
    return type(ours.__name__.lstrip("_"), (ours, theirs), {})


def _located(url: Any) -> re.Match[str] | None:
    """Base and path of a URL of ours; ChatKit has threads, and stores have files of their own."""
    match = _OURS.fullmatch(url.path)
    return None if match is None or _NOT_OURS.fullmatch(match["base"]) else match


def _shared(name: str) -> Any:
    """A property that both clients have in common; the given one holds it."""

    def get(self: _Mounted) -> Any:
        return getattr(self.given, name)

    def put(self: _Mounted, value: Any) -> None:
        if "given" in vars(self):  # else the constructor of the HTTP client is at work
            setattr(self.given, name, value)

    return property(get, put)


class _Mounted:
    """What marks an HTTP client as ours. What it is asked to merge, the given client holds."""

    headers = _shared("headers")
    params = _shared("params")
    cookies = _shared("cookies")
    timeout = _shared("timeout")
    base_url = _shared("base_url")
    event_hooks = _shared("event_hooks")
    auth = _shared("auth")

    def __init__(self, given: Any, door: _Door) -> None:
        super().__init__(transport=door, trust_env=given.trust_env)  # type: ignore[call-arg]
        self.given = given
        self.door = door


class _BlockingClient(_Mounted):
    def send(self, request: Any, **options: Any) -> Any:
        if _located(request.url) is None:
            return self.given.send(undated(request), **options)
        return super().send(request, **options)  # type: ignore[misc]


class _AsyncClient(_Mounted):
    async def send(self, request: Any, **options: Any) -> Any:
        if _located(request.url) is None:
            return await self.given.send(undated(request), **options)
        return await super().send(request, **options)  # type: ignore[misc]


class _Door:
    """What the transports of both colours share."""

    def __init__(self, given: Any, settings: Settings | None, wiring: Wiring | None) -> None:
        self.given = given
        self.settings = settings
        self._http = module_of(given)
        self._wiring = wiring
        self._handler: Handler | None = None
        self._locks: dict[int, threading.Lock] = {}

    def adopt(self, settings: Settings | None, wiring: Wiring | None) -> None:
        """Take what a second mount says, as long as nothing was carried by the first."""
        if (settings or self.settings, wiring or self._wiring) == (self.settings, self._wiring):
            return
        if self._handler is not None or self.settings is not None:
            raise SettingsError("the client is mounted already, with other settings")
        self.settings, self._wiring = settings, wiring or self._wiring

    def handler(self) -> Handler:
        """The handler, wired at the first call; a lock held across a fork is not waited for."""
        if self._handler is None:
            with self._locks.setdefault(os.getpid(), threading.Lock()):
                if self._handler is None:
                    self._handler = self._wired()
        return self._handler

    def _wired(self) -> Handler:
        if self._wiring is not None:
            return self._wiring(self.settings, *self.ports())
        from shim.settings import Settings  # noqa: PLC0415 - paid for with the first call
        from shim.wiring import wire  # noqa: PLC0415 - the same

        self.settings = self.settings or Settings.load()
        return wire(self.settings, *self.ports())

    async def release(self) -> None:
        """Close what the handler holds, if it is one that holds something."""
        aclose = getattr(self._handler, "aclose", None)
        if aclose is not None:
            await aclose()

    def ports(self) -> tuple[Upstream, Workers]:
        """The upstream and the workers in this door's colour."""
        raise NotImplementedError

    def dialect(self) -> str | None:
        """The dialect that the settings name, if they do."""
        return (self.settings and self.settings.dialect) or None

    def key(self) -> str:
        """The key that is set for all upstream calls; may wait for a token of Entra ID."""
        settings = self.settings
        return current(settings.upstream_key, settings.upstream_url) if settings else ""

    def call(self, request: Any, key: str) -> Call:
        """The request as a call, whose upstream calls go by the key, if there is one."""
        match = _located(request.url)
        assert match is not None
        query = request.url.params.multi_items()
        headers = dict(request.headers.items())  # a look-up by name goes through all of them
        azure = "api-version" in request.url.params
        return Call(
            method=request.method,
            path=f"/{match['path']}",
            target=self._target(request, match["base"], doorway.sender_of(headers), key),
            query=tuple(pair for pair in query if pair[0] != "api-version"),
            body=request.content,
            headers={**BETA, **headers} if azure else headers,
            api_version=request.url.params.get("api-version", ""),
        )

    def _target(self, request: Any, base: str, sender: dict[str, str], key: str) -> Target:
        """Where the upstream calls for a request go, with what its sender sent of itself."""
        headers = doorway.with_key(sender, key) if key else sender
        url = self.settings.upstream_url.rstrip("/") if self.settings is not None else ""
        if url:
            headers = doorway.fitted(headers, choose(url, self.dialect()))
        timeout = request.extensions.get("timeout")
        return Target(url or base_url(request.url, base), headers, timeout)

    def refused(self, request: Any, error: Exception) -> Reply:
        """What the caller gets for an error: an answer, or the HTTP library's own error."""
        if isinstance(error, Unreachable):
            kind = self._http.ReadError if error.sent else self._http.ConnectError
            raise kind(str(error), request=request) from error
        return doorway.refused(error, f"{request.method} {request.url.path}")

    def response(self, reply: Reply, began: float) -> Any:
        """The reply as a response of the HTTP module in hand."""
        headers = doorway.headers_of(reply, began)
        if reply.events is not None:
            stream = self.stream(reply.events, encode_event)
            return self._http.Response(reply.status, headers=headers, stream=stream)
        if reply.chunks is not None:
            stream = self.stream(reply.chunks, bytes)
            return self._http.Response(reply.status, headers=headers, stream=stream)
        content = encode_json(reply.body or {})
        return self._http.Response(reply.status, headers=headers, content=content)

    def stream(self, source: Any, encode: Callable[[Any], bytes]) -> Any:
        """A body that arrives in pieces, as the HTTP module in hand takes it."""
        raise NotImplementedError


async def _answer(handler: Handler, call: Call) -> Reply:
    return await handler(call)


class _BlockingDoor(_Door):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._workers = BlockingWorkers()

    def ports(self) -> tuple[Upstream, Workers]:
        return BlockingUpstream(self.given, self._workers.sleep, self.dialect()), self._workers

    def handle_request(self, request: Any) -> Any:
        began = time.monotonic()
        request.read()
        try:
            handler = self.handler()
            reply = drive.run(_answer(handler, self.call(request, self.key())))
        except Exception as error:  # noqa: BLE001 - the caller gets it in one form or another
            reply = self.refused(request, error)
        return self.response(reply, began)

    def stream(self, source: Any, encode: Callable[[Any], bytes]) -> Any:
        return _kin(_BlockingPieces, self._http.SyncByteStream)(source, encode, self._http)

    def close(self) -> None:
        self._workers.stop_waiting()
        if self._workers.flush(GRACE):
            self.given.close()
            drive.run(self.release())
        else:
            self._workers.spawn(self._close_later())

    async def _close_later(self) -> None:
        self._workers.flush(None)
        self.given.close()
        await self.release()


class _AsyncDoor(_Door):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._workers = AsyncWorkers()

    def ports(self) -> tuple[Upstream, Workers]:
        return AsyncUpstream(self.given, self._workers.sleep, self.dialect()), self._workers

    async def handle_async_request(self, request: Any) -> Any:
        began = time.monotonic()
        await request.aread()
        try:
            await self._workers.give_way()
            call = self.call(request, await self._key())
            reply = await self._workers.see_through(_answer(self.handler(), call))
        except Exception as error:  # noqa: BLE001 - the caller gets it in one form or another
            reply = self.refused(request, error)
        return self.response(reply, began)

    async def _key(self) -> str:
        settings = self.settings
        waits = settings is not None and is_entra(settings.upstream_key)
        return await asyncio.to_thread(self.key) if waits else self.key()

    def stream(self, source: Any, encode: Callable[[Any], bytes]) -> Any:
        return _kin(_AsyncPieces, self._http.AsyncByteStream)(source, encode, self._http)

    async def aclose(self) -> None:
        self._workers.stop_waiting()
        if await self._workers.aflush(GRACE):
            await self.given.aclose()
            await self.release()
        else:
            self._workers.spawn(self._close_later())

    async def _close_later(self) -> None:
        await self._workers.aflush(None)
        await self.given.aclose()
        await self.release()


class _BlockingPieces:
    def __init__(self, source: Any, encode: Callable[[Any], bytes], http: Any) -> None:
        self._source = source
        self._encode = encode
        self._http = http

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from map(self._encode, drive.iterate(self._source))
        except Unreachable as error:
            raise self._http.ReadError(str(error)) from error

    def close(self) -> None:
        drive.run(self._source.aclose())


class _AsyncPieces:
    def __init__(self, source: Any, encode: Callable[[Any], bytes], http: Any) -> None:
        self._source = source
        self._encode = encode
        self._http = http

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._source:
                yield self._encode(piece)
        except Unreachable as error:
            raise self._http.ReadError(str(error)) from error

    async def aclose(self) -> None:
        await self._source.aclose()
