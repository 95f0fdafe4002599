"""What passes between a door and a handler. Knows shapes and encodings, no meaning, no transport.

`Handler` is the one callable type of the architecture: the engine is a Handler, and so is anything
put in front of it or beside it. Doors convert their world to `Call` and back from `Reply`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = [
    "DONE",
    "Call",
    "Event",
    "Handler",
    "Json",
    "Reply",
    "Target",
    "decode_json",
    "encode_compact",
    "encode_event",
    "encode_json",
]

Json = dict[str, Any]
"""A JSON object as it stands on the wire."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the upstream calls made for a call go, and with whose credentials.

    `base_url` ends before `/responses`, without a slash; a query behind it, `?api-version=preview`,
    belongs to every call. `headers` are those of the request in hand that identify its sender
    (lower-case names). `timeout` is an httpx timeout object or None.
    `tenant` is whose the objects are that these calls make, where that has to be remembered. It is
    never stored or logged.
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: Any = None
    tenant: str | None = None

    @property
    def root(self) -> str:
        """The base URL alone."""
        return self.base_url.partition("?")[0].rstrip("/")

    @property
    def query(self) -> list[tuple[str, str]]:
        """What belongs into the query of every call."""
        return parse_qsl(self.base_url.partition("?")[2], keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request for the Assistants API.

    `path` starts with a slash and ends before the query, without a base path: `/threads/thread_x`.
    `query` holds decoded pairs in order, without Azure's `api-version`, which stands apart. `body`
    is the raw body. `headers` have lower-case names.
    """

    method: str
    path: str
    target: Target
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tenant: str = ""
    api_version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name and the object it carries (or the text of `done`)."""

    name: str
    data: Json | str


DONE = Event("done", "[DONE]")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a JSON body, a stream of events, or bytes as they come.

    Headers have lower-case names.
    """

    status: int = 200
    body: Json | None = None
    events: AsyncGenerator[Event, None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: AsyncGenerator[bytes, None] | None = None


Handler = Callable[[Call], Awaitable[Reply]]

# Pydantic's reader and writer take a fraction of the time. What they refuse, half a surrogate pair
# or very deep nesting, the standard library's take: half a pair has no UTF-8, but an escape.


def decode_json(text: str | bytes) -> Any:
    """The value of a JSON text; raises ValueError where it is none."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def encode_compact(value: Any) -> bytes:
    """JSON without spaces."""
    try:
        return to_json(value)
    except PydanticSerializationError:
        return json.dumps(value, separators=(",", ":")).encode()


def encode_json(body: Json) -> bytes:
    """A JSON answer as the original printed it: two-space indent (Assistants spec 1.2)."""
    try:
        return to_json(body, indent=2)
    except PydanticSerializationError:
        return json.dumps(body, indent=2).encode()


def encode_event(event: Event) -> bytes:
    """A server-sent event as the original framed it (Assistants spec 6.1)."""
    data = event.data.encode() if isinstance(event.data, str) else encode_compact(event.data)
    return b"event: %b\ndata: %b\n\n" % (event.name.encode(), data)
