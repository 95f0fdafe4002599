"""What passes between a door and a handler. Knows shapes and encodings, no meaning, no transport.

`Handler` is the one callable type of the architecture: the engine is a Handler, and so is anything
put in front of it or beside it. Doors convert their world to `Call` and back from `Reply`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "DONE",
    "Call",
    "Event",
    "Handler",
    "Json",
    "Reply",
    "Target",
    "encode_event",
    "encode_json",
]

Json = dict[str, Any]
"""A JSON object as it stands on the wire."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the upstream calls made for a call go, and with whose credentials.

    `base_url` ends before `/responses`, without a slash. `headers` are those of the request in hand
    that identify its sender (lower-case names). `timeout` is an httpx timeout object or None. It is
    never stored or logged.
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request for the Assistants API.

    `path` starts with a slash and ends before the query, without a base path: `/threads/thread_x`.
    `query` holds decoded pairs in order. `body` is the raw body. `headers` have lower-case names.
    """

    method: str
    path: str
    target: Target
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name and the object it carries (or the text of `done`)."""

    name: str
    data: Json | str


DONE = Event("done", "[DONE]")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a JSON body, or a stream of events. Headers have lower-case names."""

    status: int = 200
    body: Json | None = None
    events: AsyncGenerator[Event, None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Reply]]

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_pretty = json.JSONEncoder(ensure_ascii=False, indent=2).encode


def encode_json(body: Json) -> bytes:
    """A JSON answer as the original printed it: two-space indent (Assistants spec 1.2)."""
    return _pretty(body).encode("utf-8", "surrogatepass")


def encode_event(event: Event) -> bytes:
    """A server-sent event as the original framed it (Assistants spec 6.1)."""
    data = event.data if isinstance(event.data, str) else _compact(event.data)
    return f"event: {event.name}\ndata: {data}\n\n".encode("utf-8", "surrogatepass")
