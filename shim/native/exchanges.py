"""An exchange: a call and its answer, as a line of a recording. Knows the line's form, no meaning.

A line is one JSON object. What it has not is left out of it:

    shim_recording  1, the version of this form
    at, seconds     when it began (since 1970), and how long it took
    lane            `native` or `responses`, where it is known
    method, path    the path without its base and query
    query           pairs
    headers, body   the request's; `content` with kind and bytes where the body is no JSON
    status          absent where there was no answer: `problem` then says why
    answer_headers, answer, answer_content
    events          a streamed answer: [seconds since `at`, name, data] of each
    aborted         true where the caller left, or the stream broke off, before its end
    removed         how many secrets were taken out
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shim.core.wire import Event, Json, decode_json, encode_compact

__all__ = [
    "KEPT_OF_ANSWERS",
    "MARK",
    "VERSION",
    "Exchange",
    "Timed",
    "exchange_of",
    "line_of",
    "telling",
    "untold",
]

VERSION = 1

MARK = b'{"shim_recording":'
"""How a line begins."""

KEPT_OF_ANSWERS = (
    *("content-type", "openai-model", "openai-processing-ms", "openai-version", "retry-after"),
    *("x-request-id", "x-should-retry", "x-shim-lane", "x-shim-notes"),
)
"""The headers of an answer that are worth keeping, and giving out again."""

_KEY = "shim_recording"
_PLAIN = (
    *("at", "seconds", "lane", "method", "path", "headers", "body", "content", "status"),
    *("answer_headers", "answer", "answer_content", "aborted", "problem", "removed"),
)
_EVEN_IF_EMPTY = {"at", "seconds", "body", "answer"}


@dataclass(frozen=True, slots=True)
class Timed:
    """An event, and the seconds since the request was made, where they are known."""

    event: Event
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call and its answer. `status` is 0 where there was none, `place` tells where it stands."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Json | None = None
    content: Json | None = None
    status: int = 0
    answer_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer: Json | None = None
    answer_content: Json | None = None
    events: tuple[Timed, ...] | None = None
    at: float | None = None
    seconds: float | None = None
    lane: str = ""
    aborted: bool = False
    problem: str = ""
    removed: int = 0
    place: str = ""

    @property
    def asked(self) -> Json:
        """The request's body; {} where there was none."""
        return self.body or {}

    @property
    def ok(self) -> bool:
        """Whether it was answered, and not with an error."""
        return 200 <= self.status < 400

    def shown(self) -> Iterator[Json]:
        """The objects that the answer shows: it alone, those of a list, or those of a stream."""
        if self.events is not None:
            told = (each.event.data for each in self.events)
            yield from (data for data in told if isinstance(data, dict))
        elif self.answer is not None and isinstance(self.answer.get("data"), list):
            yield from (each for each in self.answer["data"] if isinstance(each, dict))
        elif self.answer is not None:
            yield self.answer


def line_of(told: Json) -> bytes:
    """The line of an exchange that is told as a JSON object."""
    return encode_compact({_KEY: VERSION, **told}) + b"\n"


def untold(line: bytes) -> Json:
    """What `line_of` was told."""
    told: Json = decode_json(line)
    return {key: value for key, value in told.items() if key != _KEY}


def exchange_of(told: Any, place: str = "") -> Exchange:
    """The exchange that a line tells; raises ValueError where it is none."""
    if not isinstance(told, dict) or _KEY not in told:
        raise ValueError("is no line of a recording")
    if told[_KEY] != VERSION:
        raise ValueError(f"has the form {told[_KEY]!r}, and this version reads {VERSION}")
    if not all(isinstance(told.get(name), str) for name in ("method", "path")):
        raise ValueError("says no method and path")
    known = {key: value for key, value in told.items() if key in _PLAIN and value is not None}
    try:
        query = tuple((str(name), str(value)) for name, value in told.get("query") or ())
        events = told.get("events")
        timed = None if events is None else tuple(_timed(each) for each in events)
    except (TypeError, ValueError) as error:
        raise ValueError(f"has a query or events that cannot be read: {error}") from error
    return Exchange(**known, query=query, events=timed, place=place)


def _timed(given: Sequence[Any]) -> Timed:
    seconds, name, data = given
    return Timed(Event(str(name), data), seconds)


def telling(exchange: Exchange) -> Json:
    """The exchange as a line tells it."""
    told: Json = {name: getattr(exchange, name) for name in _PLAIN}
    told["query"] = [list(pair) for pair in exchange.query]
    kept = {key: value for key, value in told.items() if value or key in _EVEN_IF_EMPTY}
    if exchange.events is not None:
        kept["events"] = [[t.seconds, t.event.name, t.event.data] for t in exchange.events]
    return {key: value for key, value in kept.items() if value is not None}
