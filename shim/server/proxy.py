"""What is not shim's goes to the upstream as it is, and its answer comes back as it is.

Bodies pass in both directions as they arrive, never whole in memory and never decoded. Knows HTTP
and which headers belong to one connection; knows no endpoint.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping

import anyio
import httpx
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from shim.core.wire import Target
from shim.errors import ApiError
from shim.server.onward import Onward
from shim.server.streams import until_gone
from shim.upstream.http import timeouts

__all__ = ["Passed", "forwarded"]

log = logging.getLogger("shim")

# Of one connection (RFC 9110, 7.6.1), or of one host: cookies and what browsers keep for a host are
# no matter between the caller and the upstream. The server in front writes its own date and name.
_OF_CONNECTIONS = (
    r"connection|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|te|trailers?"
    r"|transfer-encoding|upgrade"
)
_NOT_SENT = re.compile(rf"{_OF_CONNECTIONS}|host|expect|cookie")
_NOT_RETURNED = re.compile(
    rf"{_OF_CONNECTIONS}|date|server|set-cookie|alt-svc|strict-transport-security"
)
_CREDENTIALS = ("authorization", "api-key", "openai-organization", "openai-project")


Telling = Callable[[str, AsyncIterator[bytes]], AsyncIterator[bytes]]
"""From the content type and the pieces of an answer to its pieces."""


async def forwarded(
    client: httpx.AsyncClient, request: Request, onward: Onward, to: Target
) -> Passed:
    """Send a request on to the upstream; raises ApiError where that gives no answer."""
    outgoing = httpx.Request(
        request.method,
        onward.url,
        headers=_sent(request.headers, to, rewritten=isinstance(onward.content, bytes)),
        content=onward.content,
        extensions={} if to.timeout is None else {"timeout": timeouts(to.timeout)},
    )
    try:
        return Passed(await client.send(outgoing, stream=True, follow_redirects=False), request)
    except httpx.TimeoutException as error:
        raise _unanswered(504, error) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unanswered(502, error) from error


class Passed:
    """An answer of the upstream that is passed on as it arrives."""

    def __init__(self, answer: httpx.Response, request: Request) -> None:
        self.status_code = answer.status_code
        self._answer = answer
        self._request = request
        self._telling: Telling | None = None
        self.headers = MutableHeaders(raw=_returned(answer.headers))

    def told_by(self, telling: Telling) -> None:
        """Let somebody read, decoded, what passes, before it is passed on."""
        self._telling = telling
        if "content-encoding" in self.headers:
            del self.headers["content-encoding"]
            del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it; a caller who leaves ends the upstream's work on it, as it would there."""
        start = {"type": "http.response.start", "status": self.status_code}
        try:
            await until_gone(receive, self._pass(send, {**start, "headers": self.headers.raw}))
        finally:
            with anyio.CancelScope(shield=True):
                await self._answer.aclose()

    async def _pass(self, send: Send, start: Mapping[str, object]) -> None:
        await send(dict(start))
        try:
            async for chunk in self._pieces():  # the answer is closed by whoever called
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except httpx.HTTPError as error:
            # left without its end, so that the caller does not take a part for the whole
            log.warning("the upstream's answer broke off: %s: %s", type(error).__name__, error)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _pieces(self) -> AsyncIterator[bytes]:
        if self._telling is None:
            return self._answer.aiter_raw()
        kind = self._answer.headers.get("content-type", "")
        return self._telling(kind, self._answer.aiter_bytes())


_Headers = list[tuple[bytes, bytes]]


def _sent(headers: Mapping[str, str], to: Target, *, rewritten: bool) -> _Headers:
    ours = {name: to.headers[name] for name in _CREDENTIALS if name in to.headers}
    dropped = _named_by(headers.get("connection", ""))
    dropped |= {"content-length"} if rewritten else set()
    kept = [
        (name, value)
        for name, value in headers.items()
        if not (_NOT_SENT.fullmatch(name) or name in dropped or name in _CREDENTIALS)
    ]
    # Bytes, as they came: HTTP lets a value be more than ASCII, the client's own texts may not be.
    told = [*kept, *ours.items()]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told]


def _returned(headers: httpx.Headers) -> list[tuple[bytes, bytes]]:
    dropped = _named_by(headers.get("connection", ""))
    return [
        (name.lower(), value)
        for name, value in headers.raw
        if not _NOT_RETURNED.fullmatch(key := name.lower().decode("latin-1")) and key not in dropped
    ]


def _named_by(connection: str) -> set[str]:
    """The headers that `connection` says are of this connection too."""
    return {name.strip().lower() for name in connection.split(",")}


def _unanswered(status: int, error: Exception) -> ApiError:
    words = f"The upstream did not answer: {type(error).__name__}: {error}".rstrip(": ")
    return ApiError(status, words, type="server_error")
