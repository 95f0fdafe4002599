"""The function calls of one tool step while they arrive. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shim.core.records import Step
from shim.core.wire import Json

__all__ = ["Calls"]

_NO_ARGUMENTS = "{}"


@dataclass(slots=True)
class _Call:
    """One call; `names` are the ids and places by which events speak of it."""

    call_id: str
    name: str
    names: frozenset[object]
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        return "".join(self.pieces) or _NO_ARGUMENTS


class Calls:
    """A tool step and its calls, in the order in which they were opened."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._calls: list[_Call] = []

    def has(self, names: frozenset[object]) -> bool:
        """Whether one of the step's calls goes by any of the names."""
        return any(call.names & names for call in self._calls)

    def open(self, item: Json, names: frozenset[object]) -> Json:
        """Begin a call; gives the entry of its first delta (Assistants spec 6.4)."""
        self._calls.append(_Call(item["call_id"], item["name"], names))
        return {
            "index": len(self._calls) - 1,
            "id": item["call_id"],
            "type": "function",
            "function": {"name": item["name"], "arguments": "", "output": None},
        }

    def add(self, names: frozenset[object], piece: str) -> Json:
        """Take in a piece of a call's arguments; gives the entry of its delta."""
        index = next(i for i, call in enumerate(self._calls) if call.names & names)
        self._calls[index].pieces.append(piece)
        return {"index": index, "type": "function", "function": {"arguments": piece}}

    def settle(self, names: frozenset[object], arguments: str | None) -> Json | None:
        """Take in a call's whole arguments; gives a delta of what had not arrived, if any."""
        call = next(call for call in self._calls if call.names & names)
        arrived = "".join(call.pieces)
        whole = arguments or arrived or _NO_ARGUMENTS
        if whole == arrived:
            return None
        if whole.startswith(arrived):
            return self.add(names, whole[len(arrived) :])
        call.pieces = [whole]
        return None

    def record(self) -> Step:
        """The step with its calls; outputs are null until they are submitted."""
        details = {"type": "tool_calls", "tool_calls": [_shown(call) for call in self._calls]}
        return replace(self.step, step_details=details)

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
