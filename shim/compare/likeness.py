"""Whether a call is one that was recorded, and how it differs if it is not.

Bodies are compared as JSON. An id that a program brings along may be another than the recorded one,
as long as it always stands for the same. Knows how ids look, nothing of what they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shim.core.wire import Call, Json, decode_json, encode_compact
from shim.native.exchanges import Exchange
from shim.native.record import keys_of
from shim.native.redaction import Redaction

__all__ = ["Asking", "Names", "asking", "ids_in"]

_ID = re.compile(r"\b(asst|thread|msg|run|step|call|vs|file|conv|vsfb)[_-][0-9A-Za-z_-]+")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Asking:
    """A call as it is compared. `body` is JSON, or what is told of a body that is none."""

    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    body: Json

    @classmethod
    def of(cls, exchange: Exchange) -> Asking:
        """What a recorded exchange asked."""
        body = exchange.body if exchange.content is None else {"content": exchange.content}
        return cls(exchange.method, _parts(exchange.path), _pairs(exchange.query), body or {})

    @property
    def shape(self) -> tuple[str, ...]:
        """What the calls have in common of which one may be the other."""
        return (self.method, *("*" if _ID.fullmatch(part) else part for part in self.path))

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.method} /{'/'.join(self.path)}{'?' if query else ''}{query}"


def ids_in(text: str) -> Iterator[str]:
    """What looks like an id."""
    return (found[0] for found in _ID.finditer(text))


def asking(call: Call) -> Asking:
    """What a call asks, with secrets taken out as they are where it is recorded."""
    value: Any = None
    if call.body:
        try:
            value = decode_json(call.body)
        except ValueError:
            kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
            value = {"content": {"kind": kind or "unknown", "bytes": len(call.body)}}
    redaction = Redaction(keys_of(call))
    if redaction.needed(encode_compact(value).decode("utf-8", "replace")):
        value = redaction.value(value)
    body = value if isinstance(value, dict) else {}
    return Asking(call.method, _parts(call.path), _pairs(call.query), body)


@dataclass(slots=True)
class Names:
    """Which recorded id each id of a program's stands for; those of `own` are recorded ones."""

    own: frozenset[str] = frozenset()
    known: dict[str, str] = field(default_factory=dict)

    def matching(self, asked: Asking, recorded: Asking) -> dict[str, str] | None:
        """What ids stand for if the call is the recorded one; None where it is not."""
        bound: dict[str, str] = {}
        differ = any(True for _ in self._differences(asked, recorded, bound))
        return None if differ else bound

    def differences(self, asked: Asking, recorded: Asking) -> list[str]:
        """How a call differs from a recorded one, in words."""
        return list(self._differences(asked, recorded, {}))

    def _differences(self, asked: Asking, recorded: Asking, bound: dict[str, str]) -> Iterator[str]:
        if asked.method != recorded.method:
            yield f"the method is {asked.method}, recorded is {recorded.method}"
        if len(asked.path) != len(recorded.path):
            yield f"the path is /{'/'.join(asked.path)}, recorded is /{'/'.join(recorded.path)}"
        else:
            for one, other in zip(asked.path, recorded.path, strict=True):
                yield from self._values(one, other, "the path", bound)
        yield from self._values(dict(asked.query), dict(recorded.query), "the query", bound)
        yield from self._values(asked.body, recorded.body, "body", bound)

    def _values(self, asked: Any, recorded: Any, at: str, bound: dict[str, str]) -> Iterator[str]:
        match asked, recorded:
            case dict(), dict():
                for key in dict.fromkeys([*asked, *recorded]):
                    yield from self._values(asked.get(key), recorded.get(key), f"{at}.{key}", bound)
            case list(), list() if len(asked) == len(recorded):
                for number, pair in enumerate(zip(asked, recorded, strict=True)):
                    yield from self._values(*pair, f"{at}[{number}]", bound)
            case str(), str() if self._names(asked, recorded, bound):
                pass
            case _ if not _equal(asked, recorded):
                yield f"{at} is {_short(asked)}, recorded is {_short(recorded)}"
            case _:
                pass

    def _names(self, asked: str, recorded: str, bound: dict[str, str]) -> bool:
        """Whether two texts are equal, or ids of a kind of which one may stand for the other."""
        if asked == recorded:
            return True
        one, other = _ID.fullmatch(asked), _ID.fullmatch(recorded)
        if one is None or other is None or one[1] != other[1]:
            return False
        known = self.known.get(asked, bound.get(asked))
        if known is not None:
            return known == recorded
        if asked in self.own or recorded in bound.values():
            return False
        bound[asked] = recorded
        return True


def _equal(asked: Any, recorded: Any) -> bool:
    """Whether two values are equal; what is null or empty is as if it were not there."""
    return bool(asked == recorded or (_is_empty(asked) and _is_empty(recorded)))


def _is_empty(value: Any) -> bool:
    return value is None or value in ({}, [])


def _short(value: Any) -> str:
    if value is None:
        return "not there"
    text = encode_compact(value).decode("utf-8", "replace")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def _pairs(query: tuple[tuple[str, str], ...] | Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    pairs = query.items() if isinstance(query, Mapping) else query
    return tuple(sorted(pair for pair in pairs if pair[0] != "api-version"))
