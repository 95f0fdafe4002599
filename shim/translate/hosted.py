"""A hosted tool's call, as a step of its own. Pure.

What the upstream searches or runs by itself is one item; Assistants showed it as a `tool_calls`
step with one call, in the shapes and deltas of Assistants spec 5 and 6.3 c, d.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from shim.core.ids import mint
from shim.core.records import Run, Step
from shim.core.wire import Json

__all__ = ["HOSTED", "FileSearch", "Hosted"]

_ID_LENGTH = 24
_RANKER = "default_2024_08_21"


class Hosted(Protocol):
    """One call of a hosted tool while it goes on."""

    step: Step

    def __init__(self, step: Step, run: Run, item: Json) -> None: ...

    def opened(self) -> list[Json]:
        """The entries of deltas when the call begins."""
        ...

    def finish(self, item: Json) -> list[Json]:
        """Take in the whole item; gives the entries of deltas not told yet."""
        ...

    def record(self) -> Step:
        """The step with its call."""
        ...


class FileSearch:
    """A search of files: told at once when it is done, its results in the completed step."""

    def __init__(self, step: Step, run: Run, item: Json) -> None:
        self.step = step
        self._call_id = _call_id(item)
        self._ranking = _ranking(run)
        self._results: list[Json] = []

    def opened(self) -> list[Json]:
        """Nothing is told before the search is done (spec 6.3 d)."""
        return []

    def finish(self, item: Json) -> list[Json]:
        """One delta, without results; they come with the completed step."""
        results = item.get("results")
        self._results = (
            [_result(one) for one in results if isinstance(one, dict)] if results else []
        )
        return [{"index": 0, **self._call([])}]

    def record(self) -> Step:
        """The step with its call."""
        details = {"type": "tool_calls", "tool_calls": [self._call(self._results)]}
        return replace(self.step, step_details=details)

    def _call(self, results: list[Json]) -> Json:
        searched = {"ranking_options": self._ranking, "results": results}
        return {"id": self._call_id, "type": "file_search", "file_search": searched}


def _call_id(item: Json) -> str:
    """An id for the call, made of the item's: a second worker on the response makes the same."""
    name = re.sub("[^0-9A-Za-z]", "", str(item.get("id") or ""))[-_ID_LENGTH:]
    return f"call_{name}" if len(name) == _ID_LENGTH else mint("call")


def _ranking(run: Run) -> Json:
    """The ranking options as steps show them, without the tool's `hybrid_search` (spec 5)."""
    tool = next((tool for tool in run.tools if tool["type"] == "file_search"), {})
    given = (tool.get("file_search") or {}).get("ranking_options") or {}
    ranker = given.get("ranker")
    return {
        "ranker": _RANKER if ranker in (None, "auto") else ranker,
        "score_threshold": float(given.get("score_threshold") or 0.0),
    }


def _result(given: Json) -> Json:
    return {
        "file_id": given.get("file_id"),
        "file_name": given.get("filename"),
        "score": given.get("score"),
        "attributes": given.get("attributes") or {},
        "content": [{"type": "text", "text": given.get("text") or ""}],
    }


HOSTED: dict[str, type[Hosted]] = {"file_search_call": FileSearch}
"""The item types that become steps, and what makes them."""
