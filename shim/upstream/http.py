"""Carries requests to a Responses server over a given HTTP client, `httpx` or `httpx2`.

Knows the client's two methods `build_request` and `send`, and which of its errors leave open
whether the server acted. Imports neither library: the client's own class says which one it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any

from shim.core.ports import Answer, Dialect, Passing, Request
from shim.core.wire import Json, Target, decode_json, encode_compact
from shim.errors import Unreachable
from shim.upstream.dialect import choose
from shim.upstream.entra import current, is_entra
from shim.upstream.retry import repeat
from shim.upstream.streams import HttpDownload, HttpStream

__all__ = ["AsyncUpstream", "BlockingUpstream", "module_of"]

_MARKUP = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL)

_MOST_IDLE = 100
_SHORTEST_KEY = 8
"""What is shorter is no key, and may stand in any text."""

_BAD_HEADER = (
    "the request breaks the rules of HTTP; a key with white space or a line's end in it does that"
)

Sleep = Callable[[float], Awaitable[None]]
Form = Mapping[str, tuple[str, bytes, str]]


def module_of(client: object) -> Any:
    """The module, `httpx` or `httpx2`, whose client this is."""
    for kind in type(client).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in {"httpx", "httpx2"}:
            return sys.modules[root]
    raise TypeError(f"{type(client).__name__} is no client of httpx or httpx2")


class _Upstream:
    """What both colours share; a subclass says how bytes are sent, read and given up."""

    def __init__(self, client: Any, sleep: Sleep, dialect: str | None = None) -> None:
        self._client = client
        self._http = module_of(client)
        self._sleep = sleep
        self._dialect = dialect

    def dialect(self, target: Target) -> Dialect:
        """What the server at the target can do, as far as its name tells."""
        return choose(target.base_url, self._dialect)

    async def send(self, request: Request) -> Answer:
        """Send and read the whole answer."""
        return await repeat(lambda: self._once(request), request, self._sleep)

    async def upload(self, request: Request, filename: str, content: bytes) -> Answer:
        """Send a file in a form and read the whole answer."""
        form = {"file": (filename, content, "application/octet-stream")}
        return await repeat(lambda: self._once(request, form), request, self._sleep)

    async def download(self, request: Request) -> HttpDownload:
        """Send and return once the headers are there, to read the answer as bytes."""
        return await repeat(lambda: self._fetched(request), request, self._sleep)

    async def open(self, request: Request) -> HttpStream:
        """Send and return once the headers are there."""
        return await repeat(lambda: self._begin(request), request, self._sleep)

    async def pass_on(self, passing: Passing) -> HttpDownload:
        """Send once, as it is; whatever its status, the answer is to be read as bytes."""
        self._check_open()
        timeout = timeouts(passing.timeout)
        with self.failures():
            request = self._client.build_request(
                passing.method,
                passing.url,
                headers=dict(passing.headers),
                content=passing.body or None,
                extensions={} if timeout is None else {"timeout": timeout},
            )
            response = await self._send(request, follow_redirects=False)
        headers = dict(response.headers.items())
        return HttpDownload(response.status_code, headers, response=response, source=self)

    async def _once(self, request: Request, files: Form | None = None) -> Answer:
        response = await self._transmit(request, "application/json", files)
        status, headers = response.status_code, dict(response.headers.items())
        content = _without_keys(await self._whole(response), request.target)
        return Answer(status, _body(status, content), headers)

    async def _fetched(self, request: Request) -> HttpDownload:
        response = await self._transmit(request, "application/binary")
        status, headers = response.status_code, dict(response.headers.items())
        if status < 400:
            return HttpDownload(status, headers, response=response, source=self)
        content = _without_keys(await self._whole(response), request.target)
        return HttpDownload(status, headers, body=_body(status, content))

    async def _begin(self, request: Request) -> HttpStream:
        response = await self._transmit(request, "text/event-stream")
        status, headers = response.status_code, dict(response.headers.items())
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if status < 400 and kind != "application/json":
            return HttpStream(status, headers, response=response, source=self)
        content = _without_keys(await self._whole(response), request.target)
        return HttpStream(status, headers, body=_body(status, content))

    async def _transmit(self, request: Request, accept: str, files: Form | None = None) -> Any:
        self._check_open()
        with self.failures():
            return await self._send(self._build(request, accept, files))

    def _check_open(self) -> None:
        if self._client.is_closed:
            raise Unreachable("the HTTP client is closed", sent=False)

    def _build(self, request: Request, accept: str, files: Form | None) -> Any:
        headers = {**request.target.headers, "accept": accept}
        carried: dict[str, Any] = {}
        if files is not None:
            carried = {"data": request.body, "files": files}
        elif request.body is not None:
            headers["content-type"] = "application/json"
            carried = {"content": encode_compact(request.body)}
        timeout = timeouts(request.target.timeout if request.timeout is None else request.timeout)
        return self._client.build_request(
            request.method,
            request.target.root + request.path,
            params=[*request.target.query, *request.query] or None,
            headers=headers,
            **carried,
            extensions={} if timeout is None else {"timeout": timeout},
        )

    async def _whole(self, response: Any) -> bytes:
        try:
            with self.failures(answering=True):
                return await self._read(response)
        finally:
            await self.close(response)

    @contextmanager
    def failures(self, *, answering: bool = False) -> Iterator[None]:
        """Turn the HTTP library's errors into Unreachable; `answering` once the request is out."""
        http = self._http
        before = (
            http.ConnectError,
            http.ConnectTimeout,
            http.PoolTimeout,
            http.ProxyError,
            http.UnsupportedProtocol,
        )
        try:
            yield
        except before as error:
            raise Unreachable(_words(error), sent=answering) from error
        except http.LocalProtocolError:
            raise Unreachable(_BAD_HEADER, sent=True) from None  # it quotes the header: the key
        except (http.RequestError, http.StreamError, *_unmapped()) as error:
            raise Unreachable(_words(error), sent=True) from error

    async def _send(self, request: Any, **options: Any) -> Any:
        raise NotImplementedError

    async def _read(self, response: Any) -> bytes:
        raise NotImplementedError

    def chunks(self, response: Any) -> AsyncGenerator[bytes, None]:
        """The decoded bytes of an answer as they arrive."""
        raise NotImplementedError

    async def close(self, response: Any) -> None:
        """Give the connection back; safe to call twice."""
        raise NotImplementedError


class BlockingUpstream(_Upstream):
    """Sends over a blocking client; never suspends."""

    def __init__(self, client: Any, sleep: Sleep, dialect: str | None = None) -> None:
        super().__init__(client, sleep, dialect)
        self._process = os.getpid()

    async def _send(self, request: Any, **options: Any) -> Any:
        if self._process != os.getpid():
            self._part()
            self._process = os.getpid()
        return self._client.send(request, stream=True, **options)

    def _part(self) -> None:
        """Close, in a child, the connections shared with its parent: each would read the other's.

        Only this process's ends are closed, and the client goes on with new ones.
        """
        transports = [getattr(self._client, "_transport", None)]
        transports += getattr(self._client, "_mounts", {}).values()
        for transport in transports:
            if isinstance(transport, self._http.HTTPTransport):
                with suppress(RuntimeError):  # older ones complain of requests in flight
                    transport.close()

    async def current(self, key: str, url: str) -> str:
        """The key, or the token of Entra ID that it stands for."""
        return current(key, url)

    async def _read(self, response: Any) -> bytes:
        content: bytes = response.read()
        return content

    async def chunks(self, response: Any) -> AsyncGenerator[bytes, None]:
        """The decoded bytes of an answer as they arrive."""
        with self.failures(answering=True):
            for chunk in response.iter_bytes():
                yield chunk

    async def close(self, response: Any) -> None:
        """Give the connection back; safe to call twice."""
        response.close()


class AsyncUpstream(_Upstream):
    """Sends over an async client."""

    def __init__(self, client: Any, sleep: Sleep, dialect: str | None = None) -> None:
        super().__init__(client, sleep, dialect)
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    async def _send(self, request: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop is None or self._loop() is not loop:
            if self._loop is not None and self._pools():
                await self._use_up(request.url)
            self._loop = weakref.ref(loop)
        return await self._client.send(request, stream=True, **options)

    def _pools(self) -> bool:
        """Whether the client keeps connections, as all do but those of tests."""
        transport = getattr(self._client, "_transport", None)
        return isinstance(transport, self._http.AsyncHTTPTransport)

    async def _use_up(self, url: Any) -> None:
        """Use up the connections that the client keeps from a loop that has ended.

        What is sent on one arrives, and its answer never: so what is sent changes nothing.
        """
        for _ in range(_MOST_IDLE):
            try:
                await self._client.send(self._client.build_request("HEAD", url))
            except RuntimeError:
                continue
            except Exception:  # noqa: BLE001 - that it fails is as good an answer
                return
            return

    async def current(self, key: str, url: str) -> str:
        """The key, or the token of Entra ID that it stands for."""
        return await asyncio.to_thread(current, key, url) if is_entra(key) else key

    async def _read(self, response: Any) -> bytes:
        content: bytes = await response.aread()
        return content

    async def chunks(self, response: Any) -> AsyncGenerator[bytes, None]:
        """The decoded bytes of an answer as they arrive."""
        with self.failures(answering=True):
            async with aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def close(self, response: Any) -> None:
        """Give the connection back; safe to call twice."""
        await response.aclose()


def _unmapped() -> tuple[type[Exception], ...]:
    """Errors of the network that httpx lets through as they are; RuntimeError: a loop has ended."""
    anyio = sys.modules.get("anyio")
    known = (OSError, RuntimeError)
    return known if anyio is None else (*known, anyio.EndOfStream)


def _words(error: Exception) -> str:
    return f"the upstream did not answer: {type(error).__name__}: {error}".rstrip(": ")


def _without_keys(content: bytes, target: Target) -> bytes:
    """An answer that does not repeat the key it was asked with: what errors say is stored."""
    for name in ("authorization", "api-key"):
        key = target.headers.get(name, "").rpartition(" ")[2].encode()
        if len(key) >= _SHORTEST_KEY:
            content = content.replace(key, b"***")
    return content


def timeouts(value: Any) -> dict[str, float | None] | None:
    """A timeout as a request's extensions carry it: httpx and httpx2 agree on that form alone."""
    if value is None or isinstance(value, dict):
        return value
    if isinstance(value, int | float):
        return dict.fromkeys(("connect", "read", "write", "pool"), float(value))
    timeout: dict[str, float | None] = value.as_dict()
    return timeout


def _body(status: int, content: bytes) -> Json:
    """The JSON of an answer; an error in the envelope that OpenAI gives it."""
    try:
        parsed = decode_json(content) if content else {}
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and (status < 400 or isinstance(parsed.get("error"), dict)):
        return parsed
    if status < 400:
        raise Unreachable("the upstream answered with something that is not JSON", sent=True)
    return {"error": {**_flat(parsed), "message": _message(parsed, content) or f"HTTP {status}"}}


def _flat(parsed: Any) -> Json:
    """What a flat error says besides its message."""
    if not isinstance(parsed, dict):
        return {}
    return {key: parsed[key] for key in ("type", "param", "code") if parsed.get(key) is not None}


def _message(parsed: Any, content: bytes) -> str:
    """What the many forms of an error say: a page, a text, FastAPI's `detail`, a bare `error`."""
    if isinstance(parsed, dict):
        for key in ("error", "message", "detail"):
            if value := parsed.get(key):
                return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(_MARKUP.sub(" ", content.decode("utf-8", "replace")).split())[:500]
