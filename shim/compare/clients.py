"""SDK clients over a Handler, whatever it is: a recording, a lane, one of the user's own.

    client = over(Playback.of(Path("old.jsonl")))

Calls for the Assistants API are the Handler's, as they would be shim's. So is all else, unless an
HTTP client is given that carries it: a recording may know files and vector stores, too. Knows how a
client is made; no call's meaning.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shim import drive
from shim.client import AsyncOpenAI, OpenAI, http_module, mount
from shim.compare.playback import Playback
from shim.core.ports import Upstream, Workers
from shim.core.wire import Call, Handler, Reply, Target, encode_event, encode_json
from shim.doorway import headers_of, refused
from shim.errors import ShimError, Unreachable
from shim.settings import Settings

if TYPE_CHECKING:
    from shim.transport import Wiring

__all__ = ["over", "over_async"]

_BASE = "/v1"
_URL = f"http://handler.invalid{_BASE}"
_KEY = "no-key"


def over(handler: Handler, **options: Any) -> OpenAI:
    """A client whose calls a Handler answers; `options` are `OpenAI`'s own."""
    http = http_module()
    if options.get("http_client") is None:
        transport = http.MockTransport(_Elsewhere(handler, http).answer)
        options["http_client"] = http.Client(transport=transport)
    client = OpenAI(**{"api_key": _KEY, "base_url": _URL, **options})
    return mount(client, _settings(), wiring=_wiring(handler))


def over_async(handler: Handler, **options: Any) -> AsyncOpenAI:
    """The same for `AsyncOpenAI`."""
    http = http_module()
    if options.get("http_client") is None:
        transport = http.MockTransport(_Elsewhere(handler, http).answer_async)
        options["http_client"] = http.AsyncClient(transport=transport)
    client = AsyncOpenAI(**{"api_key": _KEY, "base_url": _URL, **options})
    return mount(client, _settings(), wiring=_wiring(handler))


def _settings() -> Settings:
    return Settings(database_url="sqlite:///:memory:")


def _wiring(handler: Handler) -> Wiring:
    def wired(settings: Any, upstream: Upstream, workers: Workers) -> Handler:  # noqa: ARG001
        return handler.paced(workers.sleep) if isinstance(handler, Playback) else handler

    return wired


class _Elsewhere:
    """Lets the Handler answer what is no call of the Assistants API."""

    def __init__(self, handler: Handler, http: Any) -> None:
        self._handler = handler
        self._http = http

    def answer(self, request: Any) -> Any:
        """The answer for a blocking client."""
        return drive.run(self.answer_async(request))

    async def answer_async(self, request: Any) -> Any:
        """The answer for an async client."""
        call = Call(
            method=request.method,
            path=request.url.path.removeprefix(_BASE),
            target=Target(_URL),
            query=tuple(request.url.params.multi_items()),
            body=request.content,
            headers=dict(request.headers.items()),
        )
        try:
            reply = await self._handler(call)
        except Unreachable as error:
            raise self._http.ConnectError(str(error), request=request) from error
        except ShimError as error:
            reply = refused(error, f"{call.method} {call.path}")
        headers = headers_of(reply, time.monotonic())
        return self._http.Response(reply.status, headers=headers, content=await _content(reply))


async def _content(reply: Reply) -> bytes:
    if reply.events is not None:
        return b"".join([encode_event(event) async for event in reply.events])
    if reply.chunks is not None:
        return b"".join([chunk async for chunk in reply.chunks])
    return encode_json(reply.body or {})
