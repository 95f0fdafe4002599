"""The calls of hosted tools, each as a step of its own. Pure.

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
from shim.translate.beginning import step_delta
from shim.translate.changes import Change
from shim.translate.steps import Steps

__all__ = ["HOSTED", "HostedCalls"]

_ID_LENGTH = 24
_RANKER = "default_2024_08_21"


Images = Callable[[Json], str]
"""Gives the id under which shim serves the image of an output."""


class _Hosted(Protocol):
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


class _FileSearch:
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


class _CodeInterpreter:
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


HOSTED: dict[str, type[_Hosted]] = {
    "file_search_call": _FileSearch,
    "code_interpreter_call": _CodeInterpreter,
}
"""The item types that become steps, and what makes them."""


class HostedCalls:
    """The hosted calls of a response, one at a time: their events are in order already.

    `images` gives the id of an image that code showed.
    """

    def __init__(self, run: Run, steps: Steps, images: Images) -> None:
        self._run = run
        self._steps = steps
        self._images = images
        self._call: _Hosted | None = None
        self._kind = ""

    @property
    def kind(self) -> str | None:
        """The type of the call that is open, if one is."""
        return None if self._call is None else self._kind

    def open(self, item: Json, now: float) -> list[Change]:
        """Begin a call."""
        self._kind = item["type"]
        step, changes = self._steps.calls(now, self._left)
        self._call = HOSTED[self._kind](step, self._run, item, self._images)
        return [*changes, *self._told(self._call.opened())]

    def code(self, event: Json, _now: float) -> list[Change]:
        """A piece of code; those of a call that was not announced come with its end."""
        if self._call is None or not event.get("delta"):
            return []
        return self._told(self._call.add(event["delta"]))

    def done(self, item: Json, now: float) -> tuple[list[Change], Sequence[str]]:
        """A whole call, and the images that it showed."""
        changes = [] if self._call is not None else self.open(item, now)
        assert self._call is not None
        changes += self._told(self._call.finish(item))
        shown, done = self._call.shown, self._call.record()
        self._leave(done)
        return [*changes, Change(None, done)], shown

    def left(self) -> None:
        """Nothing more comes of the call that is open, if one is: it is done as it is."""
        if self._call is not None:
            self._leave(self._call.record())

    def records(self) -> list[Step]:
        """The step of the call that is open, if one is."""
        return [self._call.record()] if self._call is not None else []

    def _leave(self, done: Step) -> None:
        self._call = None
        self._steps.hold(done)

    def _left(self, _now: float) -> list[Change]:
        self.left()
        return []

    def _told(self, entries: Sequence[Json]) -> list[Change]:
        assert self._call is not None
        return [step_delta(self._call.step, entry) for entry in entries]
