"""The tokens of steps, where they may be shared out in another way than when it was recorded.

The recorded server asked the model once for each step. The Responses API does what belongs to
several steps in one response and counts it as one, which stands on the last of them (design
section 6). So a step's usage must be of the recorded shape, and stay what it was; the numbers may
differ, but not their sums over the steps of a run. Knows usages; nothing of answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Usages", "aligned"]

_TOTAL = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class _Told:
    recorded: dict[str, Any]
    made: dict[str, Any]


class Usages:
    """The usages of the steps that were shown; `shared` is whether any is not the recorded one."""

    def __init__(self) -> None:
        self.shared = False
        self._runs: dict[str, dict[str, _Told]] = {}

    def add(self, step: dict[str, Any], made: dict[str, Any]) -> Iterator[str]:
        """Take in a recorded step's usage and ours; gives what is wrong with ours by itself."""
        told = _Told(step["usage"], made)
        before = self._runs.setdefault(step["run_id"], {}).get(step["id"])
        self._runs[step["run_id"]][step["id"]] = told
        numbers = dict(_numbers(made))
        self.shared |= any(numbers.get(name) != n for name, n in _numbers(told.recorded))
        if before and before.recorded == told.recorded and before.made != made:
            yield "moves, the recorded one does not"
        if "total_tokens" in numbers and _consists(step["usage"]) and not _consists(made):
            yield "the total is not that of prompt and completion"

    def wrong(self) -> Iterator[str]:
        """Which sums over the steps of a run are not the recorded ones."""
        for steps in self._runs.values():
            recorded, made = Counter[str](), Counter[str]()
            for told in steps.values():
                recorded.update(dict(_numbers(told.recorded)))
                made.update(dict(_numbers(told.made)))
            for name, number in recorded.items():
                if made[name] != number:
                    yield f"{name}, the sum of a run's steps: {number}, {made[name]}"


def aligned(recorded: Any, made: Any) -> Any:
    """Our usage with the recorded numbers wherever both have one: what is left is its shape."""
    match recorded, made:
        case dict(), dict():
            return {key: aligned(recorded.get(key), value) for key, value in made.items()}
        case _ if type(recorded) is type(made) is int and made >= 0:
            return recorded
        case _:
            return made


def _consists(usage: dict[str, Any]) -> bool:
    return usage.get("total_tokens") == sum(usage.get(name, 0) for name in _TOTAL)


def _numbers(usage: dict[str, Any], place: str = "") -> Iterator[tuple[str, int]]:
    """Every number in a usage, by its path."""
    for key, value in usage.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{place}{key}.")
        elif isinstance(value, int):
            yield f"{place}{key}", value
