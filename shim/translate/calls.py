"""The function calls of a response while they arrive, step by step. Pure.

Calls that follow each other share a step, which stays open until the caller has answered them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shim.core.records import Step, Usage
from shim.core.wire import Json
from shim.translate.beginning import step_delta
from shim.translate.changes import Change
from shim.translate.closing import completed_step
from shim.translate.ordering import Names, fit, names_of
from shim.translate.steps import Steps, Then

__all__ = ["FunctionCalls", "whole"]

_NO_ARGUMENTS = "{}"


def whole(item: Json) -> Json:
    """An item with what a call must have, which some servers leave out or give another form."""
    arguments = item.get("arguments")
    if item.get("type") != "function_call" or (isinstance(arguments, str) and item.get("call_id")):
        return item
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False)
    return {**item, "call_id": item.get("call_id") or item["id"], "arguments": arguments}


@dataclass(slots=True)
class _Call:
    """One call; `names` are the ids and places by which events speak of it."""

    call_id: str
    name: str
    names: Names
    pieces: list[str] = field(default_factory=list)
    settled: bool = False

    @property
    def arguments(self) -> str:
        return "".join(self.pieces) or _NO_ARGUMENTS


class _Calls:
    """A tool step and its calls, in the order in which they were opened."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._calls: list[_Call] = []

    def has(self, call_id: str) -> bool:
        """Whether the call is one of the step's."""
        return any(call.call_id == call_id for call in self._calls)

    def fit(self, names: Names) -> int:
        """How well the names fit the call, still being written, that they fit best."""
        fits = (fit(call.names, names) for call in self._calls if not call.settled)
        return max(fits, default=-1)

    def open(self, item: Json, names: Names) -> Json:
        """Begin a call; gives the entry of its first delta (Assistants spec 6.4)."""
        self._calls.append(_Call(item["call_id"], item["name"], names))
        return {
            "index": len(self._calls) - 1,
            "id": item["call_id"],
            "type": "function",
            "function": {"name": item["name"], "arguments": "", "output": None},
        }

    def add(self, names: Names, piece: str) -> Json:
        """Take in a piece of the arguments of a call that fits; gives the entry of its delta."""
        writing = [place for place, call in enumerate(self._calls) if not call.settled]
        return self._added(self._best(writing, names), piece)

    def _best(self, places: Sequence[int], names: Names) -> int:
        """The call that the names fit best, the newest of several."""
        return max(places, key=lambda place: (fit(self._calls[place].names, names), place))

    def _added(self, place: int, piece: str) -> Json:
        self._calls[place].pieces.append(piece)
        return {"index": place, "type": "function", "function": {"arguments": piece}}

    def settle(self, item: Json, names: Names) -> Json | None:
        """Take in a whole call of the step; gives a delta of what had not arrived, if any."""
        same = [n for n, call in enumerate(self._calls) if call.call_id == item["call_id"]]
        place = self._best(same, names)
        call = self._calls[place]
        call.settled, arrived = True, "".join(call.pieces)
        arguments = item.get("arguments") or arrived or _NO_ARGUMENTS
        if arguments == arrived:
            return None
        if arguments.startswith(arrived):
            return self._added(place, arguments[len(arrived) :])
        call.pieces = [arguments]
        return None

    def record(self) -> Step:
        """The step with its calls; outputs are null until they are submitted."""
        details = {"type": "tool_calls", "tool_calls": [_shown(call) for call in self._calls]}
        return replace(self.step, step_details=details)

    def items(self) -> list[Json]:
        """The calls as items of a response."""
        return [
            {
                "type": "function_call",
                "call_id": call.call_id,
                "name": call.name,
                "arguments": call.arguments,
            }
            for call in self._calls
        ]

    def required(self) -> list[Json]:
        """The calls as `required_action` lists them (Assistants spec 4.4)."""
        return [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in self._calls
        ]


def _shown(call: _Call) -> Json:
    function = {"name": call.name, "arguments": call.arguments, "output": None}
    return {"id": call.call_id, "type": "function", "function": function}


class FunctionCalls:
    """All function calls of a response, in the steps that hold them.

    `before` makes what is to come before a step of calls.
    """

    def __init__(self, steps: Steps, before: Then) -> None:
        self._steps = steps
        self._before = before
        self._groups: list[_Calls] = []
        self._joined: _Calls | None = None

    def open(self, item: Json, names: Names, now: float) -> list[Change]:
        """Begin a call, in the step of the call before if nothing came between them."""
        changes: list[Change] = []
        if self._joined is None:
            changes = self._before(now)
            step, told = self._steps.calls(now, self._left)
            changes += told
            self._joined = _Calls(step)
            self._groups.append(self._joined)
        return [*changes, step_delta(self._joined.step, self._joined.open(item, names))]

    def arguments(self, event: Json, _now: float) -> list[Change]:
        """A piece of the arguments of the call that the event's names fit best."""
        names = names_of(event, {})
        best = max(self._groups, key=lambda group: group.fit(names), default=None)
        if best is None or best.fit(names) <= 0 or not event.get("delta"):
            return []
        return [step_delta(best.step, best.add(names, event["delta"]))]

    def done(self, item: Json, names: Names, now: float) -> list[Change]:
        """A whole call: begun if it was not, with what had not arrived of it."""
        known = any(group.has(item["call_id"]) for group in self._groups)
        changes = [] if known else self.open(item, names, now)
        group = next(group for group in self._groups if group.has(item["call_id"]))
        entry = group.settle(item, names)
        return [*changes, step_delta(group.step, entry)] if entry else changes

    def required(self) -> list[Json]:
        """The calls as `required_action` lists them (Assistants spec 4.4)."""
        return [call for group in self._groups for call in group.required()]

    def items(self) -> list[Json]:
        """The calls as items of a response."""
        return [item for group in self._groups for item in group.items()]

    def records(self) -> list[Step]:
        """The steps with their calls."""
        return [group.record() for group in self._groups]

    def parked(self, used: Usage) -> list[Change]:
        """The steps as they wait for the caller; the tokens go to the last of them."""
        return [Change(None, step) for step in self._counted(used)]

    def closed(self, now: float, used: Usage) -> list[Change]:
        """The steps, done although nobody answers their calls, since the response was cut short."""
        return [
            Change("thread.run.step.completed", completed_step(step, now, step.usage or Usage()))
            for step in self._counted(used)
        ]

    def _counted(self, used: Usage) -> list[Step]:
        last = len(self._groups) - 1
        return [
            replace(step, usage=used if place == last else Usage())
            for place, step in enumerate(self.records())
        ]

    def _left(self, _now: float) -> list[Change]:
        self._joined = None
        return []
