"""A hosted tool's call, as a step of its own. Pure.

What the upstream searches or runs by itself is one item; Assistants showed it as a `tool_calls`
step with one call, in the shapes and deltas of Assistants spec 5 and 6.3 c, d.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from shim.core.ids import mint
from shim.core.records import Run, Step
from shim.core.wire import Json

__all__ = ["HOSTED", "CodeInterpreter", "FileSearch", "Hosted"]

_ID_LENGTH = 24
_RANKER = "default_2024_08_21"


Images = Callable[[Json], str]
"""Gives the id under which shim serves the image of an output."""


class Hosted(Protocol):
    """One call of a hosted tool while it goes on. `shown` are the images that it showed."""

    step: Step
    shown: Sequence[str]

    def __init__(self, step: Step, run: Run, item: Json, images: Images) -> None: ...

    def opened(self) -> list[Json]:
        """The entries of deltas when the call begins."""
        ...

    def add(self, piece: str) -> list[Json]:
        """Take in a piece of code; gives the entries of its deltas."""
        ...

    def finish(self, item: Json) -> list[Json]:
        """Take in the whole item; gives the entries of deltas not told yet."""
        ...

    def record(self) -> Step:
        """The step with its call."""
        ...


class FileSearch:
    """A search of files: told at once when it is done, its results in the completed step."""

    def __init__(self, step: Step, run: Run, item: Json, images: Images) -> None:  # noqa: ARG002
        self.step = step
        self.shown: Sequence[str] = ()
        self._call_id = _call_id(item)
        self._ranking = _ranking(run)
        self._results: list[Json] = []

    def opened(self) -> list[Json]:
        """Nothing is told before the search is done (spec 6.3 d)."""
        return []

    def add(self, piece: str) -> list[Json]:  # noqa: ARG002 - the protocol's
        """A search has no code."""
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


class CodeInterpreter:
    """Code that is run: told as it is written, then what it printed and showed (spec 6.3 c)."""

    def __init__(self, step: Step, run: Run, item: Json, images: Images) -> None:  # noqa: ARG002
        self.step = step
        self.shown: Sequence[str] = ()
        self._call_id = _call_id(item)
        self._images = images
        self._pieces: list[str] = []
        self._code: str | None = None
        self._outputs: list[Json] = []

    def opened(self) -> list[Json]:
        """The call, with nothing in it yet."""
        return [{"index": 0, **self._call("", [])}]

    def add(self, piece: str) -> list[Json]:
        """A piece of the code."""
        self._pieces.append(piece)
        return [_code_delta({"input": piece})]

    def finish(self, item: Json) -> list[Json]:
        """What is missing of the code, then all outputs at once."""
        arrived = "".join(self._pieces)
        given = item.get("code")
        self._code = given if isinstance(given, str) and given else arrived
        rest = self._code[len(arrived) :] if self._code.startswith(arrived) else ""
        entries = [_code_delta({"input": rest})] if rest else []
        outputs = item.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            self._take(output)
        if self._outputs:
            indexed = [{"index": place, **made} for place, made in enumerate(self._outputs)]
            entries.append(_code_delta({"outputs": indexed}))
        return entries

    def _take(self, output: Json) -> None:
        match output.get("type"):
            case "logs":
                self._outputs.append({"type": "logs", "logs": output.get("logs") or ""})
            case "image":
                file_id = self._images(output)
                self.shown = (*self.shown, file_id)
                self._outputs.append({"type": "image", "image": {"file_id": file_id}})

    def record(self) -> Step:
        """The step with its call."""
        code = "".join(self._pieces) if self._code is None else self._code
        details = {"type": "tool_calls", "tool_calls": [self._call(code, self._outputs)]}
        return replace(self.step, step_details=details)

    def _call(self, code: str, outputs: list[Json]) -> Json:
        ran = {"input": code, "outputs": outputs}
        return {"id": self._call_id, "type": "code_interpreter", "code_interpreter": ran}


def _code_delta(part: Json) -> Json:
    return {"index": 0, "type": "code_interpreter", "code_interpreter": part}


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


HOSTED: dict[str, type[Hosted]] = {
    "file_search_call": FileSearch,
    "code_interpreter_call": CodeInterpreter,
}
"""The item types that become steps, and what makes them."""
