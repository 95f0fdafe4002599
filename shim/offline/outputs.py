"""What a model says, before it becomes items and events. Knows values only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shim.offline.wire import Json

__all__ = [
    "Call",
    "Code",
    "Failure",
    "Incomplete",
    "Output",
    "Raw",
    "Refuse",
    "Reply",
    "Say",
    "Search",
    "Think",
]


@dataclass(frozen=True, slots=True)
class Say:
    """A message. `chunks` are its deltas, where they matter; `annotations` stand on its text.

    `[[1]]` in the text cites the first passage that was searched out, `[[name.md]]` a file. With
    `leak` the model's own marker stays in the text there: whole, or split over deltas.
    """

    text: str
    chunks: Sequence[str] | None = None
    annotations: Sequence[Json] = ()
    phase: str | None = None
    leak: Literal["", "whole", "split"] = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A function call. `arguments` may be a text, also one that is no JSON."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    call_id: str | None = None

    def text(self) -> str:
        """The arguments as they stand on the wire."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Refuse:
    """A message that is a refusal."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """A reasoning item with its summary: none, one part, or several."""

    summary: str | Sequence[str] = ()

    def parts(self) -> list[str]:
        """The parts of the summary."""
        parts = [self.summary] if isinstance(self.summary, str) else self.summary
        return [part for part in parts if part]


@dataclass(frozen=True, slots=True)
class Raw:
    """Any other output item, passed on as it is; an id is minted where it has none.

    `chunks` fixes the deltas of an item's code.
    """

    item: Json
    chunks: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A file search that is carried out: for a query, several, or what the user said."""

    query: str | Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """Python that is really run, in the response's container."""

    source: str


Output = Say | Call | Refuse | Think | Raw | Search | Code


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The response ends incomplete, its last item with it."""

    reason: str = "max_output_tokens"


@dataclass(frozen=True, slots=True)
class Failure:
    """The response ends failed; with `event` an `error` event precedes that in a stream."""

    code: str
    message: str
    event: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """All of one response: its items, how it ends, what it costs, how long it takes."""

    outputs: tuple[Output, ...] = ()
    end: Incomplete | Failure | None = None
    usage: tuple[int, int] | None = None
    delay: float | None = None
