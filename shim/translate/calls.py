"""The function calls of one tool step while they arrive. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shim.core.records import Step
from shim.core.wire import Json
from shim.translate.ordering import Names, fit

__all__ = ["Calls", "whole"]

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


class Calls:
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
