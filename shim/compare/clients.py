"""SDK clients over a Handler, whatever it is: a recording, a lane, one of the user's own.

    client = over(Playback.of(Path("old.jsonl")))

Calls for the Assistants API are the Handler's, as they would be shim's; all else is refused, unless
an HTTP client is given that carries it. Knows how a client is made; no call's meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shim.client import AsyncOpenAI, OpenAI, http_module, mount
from shim.compare.playback import Playback
from shim.core.ports import Upstream, Workers
from shim.core.wire import Handler
from shim.errors import ApiError
from shim.settings import Settings

if TYPE_CHECKING:
    from shim.transport import Wiring

__all__ = ["over", "over_async"]

_URL = "http://handler.invalid/v1"
_KEY = "no-key"
_ELSEWHERE = (
    "{0} {1} is no call of the Assistants API, and this client has nothing but a handler for those."
)


def over(handler: Handler, **options: Any) -> OpenAI:
    """A client whose Assistants calls a Handler answers; `options` are `OpenAI`'s own."""
    http = http_module()
    if options.get("http_client") is None:
        options["http_client"] = http.Client(transport=http.MockTransport(_refused(http)))
    client = OpenAI(**{"api_key": _KEY, "base_url": _URL, **options})
    return mount(client, _settings(), wiring=_wiring(handler))


def over_async(handler: Handler, **options: Any) -> AsyncOpenAI:
    """The same for `AsyncOpenAI`."""
    http = http_module()
    if options.get("http_client") is None:
        options["http_client"] = http.AsyncClient(transport=http.MockTransport(_refused(http)))
    client = AsyncOpenAI(**{"api_key": _KEY, "base_url": _URL, **options})
    return mount(client, _settings(), wiring=_wiring(handler))


def _settings() -> Settings:
    return Settings(database_url="sqlite:///:memory:")


def _wiring(handler: Handler) -> Wiring:
    def wired(settings: Any, upstream: Upstream, workers: Workers) -> Handler:  # noqa: ARG001
        return handler.paced(workers.sleep) if isinstance(handler, Playback) else handler

    return wired


def _refused(http: Any) -> Any:
    """What answers a request for anything else."""

    def answer(request: Any) -> Any:
        words = _ELSEWHERE.format(request.method, request.url.path)
        error = ApiError(400, words)
        return http.Response(error.status, json=error.body())

    return answer
