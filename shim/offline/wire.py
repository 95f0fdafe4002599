"""What passes between a door and the embedded upstream. Knows shapes; no rules, no sockets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

__all__ = ["Broken", "Entry", "Feed", "Json", "Query", "Refused", "Response", "pairs"]

Json = dict[str, Any]
"""A JSON object as it stands on the wire."""

Query = str | Mapping[str, str] | Iterable[tuple[str, str]]
"""A query as its text, a mapping, or decoded pairs."""


class Refused(Exception):
    """The upstream's answer is an error: its status and the four keys of the envelope."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",  # noqa: A002 - the wire's own word
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code

    def body(self) -> Json:
        """The JSON body of the answer."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class Broken(Exception):
    """The connection of a streamed answer breaks here, by an injected fault."""


class Feed(Protocol):
    """A streamed body. Iterating blocks until each chunk is due; `step` never blocks."""

    def step(self) -> bytes | float | None:
        """The next chunk, the seconds until it is due, or None at the end; may raise Broken."""
        ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was handled. `accepted`: it was carried out, and not refused.

    `status` is what the upstream decided, also where a fault kept the answer from arriving;
    0 where a fault came before it. Credentials in `headers` are masked.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any
    status: int
    accepted: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: `after` seconds it is to be given; `broken` says how it is kept from arriving.

    `broken` is one of refuse, drop, timeout, hang, reset; a door acts it out.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | Feed
    after: float = 0.0
    broken: str | None = None

    def json(self) -> Any:
        """The parsed body of a plain answer."""
        assert isinstance(self.body, bytes)
        return json.loads(self.body)


def pairs(query: Query) -> tuple[tuple[str, str], ...]:
    """A query in any of its forms, as decoded pairs."""
    if isinstance(query, str):
        return tuple(parse_qsl(query, keep_blank_values=True))
    if isinstance(query, Mapping):
        return tuple(query.items())
    return tuple(query)
