"""What is told of each request: its id, a line in the log, and its place in the counts.

Knows ASGI. Sees neither bodies nor queries nor keys.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shim.server.metrics import Metrics

__all__ = ["Observed", "Trail", "trail_of"]

log = logging.getLogger("shim.access")

_SANE_ID = re.compile(r"[0-9A-Za-z._:-]{1,128}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KEY = "shim.trail"


@dataclass(slots=True)
class Trail:
    """What is known of a request: `route` as whoever answers it calls it, `status` once told."""

    request_id: str
    route: str = "unknown"
    status: int = 0
    done: bool = False
    streams: bool = False
    upstream_id: str = ""


def trail_of(scope: Scope) -> Trail:
    """The trail of a request that came through `Observed`."""
    trail = scope[_KEY]
    assert isinstance(trail, Trail)
    return trail


class Observed:
    """An application, each of whose requests leaves a trail."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trail, began = Trail(_request_id(scope)), time.monotonic()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._begin(message, trail)
            elif message["type"] == "http.response.body":
                trail.done = not message.get("more_body", False)
            await send(message)

        try:
            await self._app({**scope, _KEY: trail}, receive, noting)
        finally:
            self._tell(scope, trail, time.monotonic() - began)

    def _begin(self, message: Message, trail: Trail) -> None:
        headers = MutableHeaders(scope=message)
        trail.status = message["status"]
        passed_on = trail.route == "proxy" or headers.get("x-shim-lane") == "native"
        if passed_on and (given := headers.get("x-request-id")):
            trail.upstream_id = given  # what the upstream's support asks for
        else:
            headers["x-request-id"] = trail.request_id
        if headers.get("content-type", "").startswith("text/event-stream"):
            trail.streams = True
            self._metrics.stream_began()

    def _tell(self, scope: Scope, trail: Trail, seconds: float) -> None:
        if trail.streams:
            self._metrics.stream_ended()
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered(method, trail.route, trail.status, seconds)
        more = [f"upstream={trail.upstream_id}"] if trail.upstream_id else []
        more += [] if trail.done else ["left"]
        log.info(
            "%s %s %s %.0f ms %s",
            scope["method"],
            _path(scope),
            trail.status or "-",
            seconds * 1000,
            " ".join([trail.request_id, *more]),
        )


def _request_id(scope: Scope) -> str:
    """The id that the caller gave, if it can stand in a log; else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def _path(scope: Scope) -> str:
    """The path as it was sent, which has no line ends."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("latin-1")
