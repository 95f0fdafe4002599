"""What every endpoint works with: the state, who answers, and how plain answers are made."""

from __future__ import annotations

import json
import mimetypes
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from shim.offline import ids, refusals
from shim.offline.clock import Clock
from shim.offline.outputs import Output
from shim.offline.script import Script
from shim.offline.state import State
from shim.offline.view import View
from shim.offline.wire import Feed, Json, Refused, Response

__all__ = ["Endpoint", "Model", "Request", "Service", "answer", "download", "stream"]


class Model(Protocol):
    """Who answers when no scripted reply is queued."""

    def reply(self, view: View) -> list[Output]:
        """The items of the response to a request."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read: `body` is the parsed JSON or form (None where there was none)."""

    method: str
    path: str
    query: dict[str, str]
    body: Any

    def object(self) -> Json:
        """The body, which must be a JSON object; none counts as an empty one."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise refusals.wrong_type("body", "an object", self.body)
        return self.body


@dataclass
class Service:
    """The upstream behind its endpoints. `lock` guards all of it."""

    model: Model
    delay: float = 0.0
    script: Script = field(default_factory=Script)
    state: State = field(default_factory=lambda: State(Clock()))
    lock: threading.RLock = field(default_factory=threading.RLock)


Endpoint = Callable[..., Response]
"""Takes the service, the request and the ids of the path."""


def answer(body: Json, status: int = 200, *, after: float = 0.0, limits: bool = False) -> Response:
    """A plain answer; `limits` adds the rate limit headers that only some answers have (spec 8)."""
    headers = {"content-type": "application/json", **_common()}
    if limits:
        headers |= {
            "x-ratelimit-limit-requests": "30000",
            "x-ratelimit-limit-tokens": "150000000",
            "x-ratelimit-remaining-requests": "29999",
            "x-ratelimit-remaining-tokens": "149999967",
            "x-ratelimit-reset-requests": "2ms",
            "x-ratelimit-reset-tokens": "0s",
        }
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return Response(status, headers, text.encode("utf-8", "surrogatepass"), after)


def download(filename: str, content: bytes) -> Response:
    """A file's bytes, with the name it is to be saved under."""
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    kind += "; charset=utf-8" if kind.startswith("text/") else ""
    generic = "file." + filename.rsplit(".", 1)[-1] if "." in filename else "file"
    disposition = f"attachment; filename=\"{generic}\"; filename*=UTF-8''{quote(filename)}"
    headers = {"content-type": kind, "content-disposition": disposition, **_common()}
    return Response(200, headers, content)


def stream(feed: Feed) -> Response:
    """A streamed answer."""
    headers = {"content-type": "text/event-stream; charset=utf-8", **_common()}
    return Response(200, headers, feed)


def refusal(refused: Refused) -> Response:
    """An error answer."""
    return answer(refused.body(), refused.status)


def _common() -> dict[str, str]:
    """`x-served-by` says in every answer that no real model was asked."""
    return {
        "openai-version": "2020-10-01",
        "openai-processing-ms": "1",
        "x-request-id": ids.request_id(),
        "x-served-by": "shim.offline",
    }
