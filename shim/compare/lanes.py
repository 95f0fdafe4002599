"""The lanes of a comparison: driven ones, recorded ones, and native code of the user's.

Knows what answers a turn, the how-many-eth time. Does not know what is compared with what.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from shim.core.wire import Json, encode_compact
from shim.errors import SettingsError
from shim.lanes import DRIVEN, Driven, LaneSpec, open_driven
from shim.native.cases import ERROR, MESSAGE, UNANSWERED, Answer, Case, FunctionCall, Outcome, Turn
from shim.native.driving import answered
from shim.native.seeding import as_requests
from shim.settings import Settings

__all__ = ["Asked", "Lane", "NativeCode", "Recorded", "open_lane"]


class Lane(Protocol):
    """Something that answers turns. `asks` says whether it asks anybody, and so may cost."""

    name: str
    asks: bool

    def answer(self, case: Case, turn: Turn, history: list[Json], repeat: int) -> Outcome | None:
        """What comes of a turn, the `repeat`-th time from 0; None where there is no such answer."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class Asking:
    """A lane whose Handler is asked anew each time."""

    asks = True

    def __init__(self, driven: Driven) -> None:
        self.name = driven.name
        self.close = driven.close
        self._driven = driven

    def answer(
        self,
        case: Case,
        turn: Turn,
        history: list[Json],
        repeat: int,  # noqa: ARG002 - the protocol's: each time is alike
    ) -> Outcome | None:
        return self._driven.answer(case, turn, history)


class Recorded:
    """A lane that answers what was recorded: with the cases, or in answers of an earlier run."""

    asks = False

    def __init__(self, name: str, answers: Iterable[Answer] | None = None) -> None:
        self.name = name
        self._known: dict[tuple[str, int], list[Outcome]] | None = None
        if answers is not None:
            self._known = {}
            for each in answers:
                self._known.setdefault((each.case, each.turn), []).append(each.outcome)

    def answer(
        self,
        case: Case,
        turn: Turn,
        history: list[Json],  # noqa: ARG002 - the protocol's: it is recorded, too
        repeat: int,
    ) -> Outcome | None:
        if self._known is None:
            return turn.recorded if repeat == 0 else None
        known = self._known.get((case.id, turn.number), [])
        return known[repeat] if repeat < len(known) else None

    def close(self) -> None:
        """Nothing is held."""


class Unanswered(Exception):
    """Native code called a function whose output nobody knows."""


class Asked:
    """What a function of the user's is given: one turn to be answered.

    `messages` are the conversation up to the question, each with `role` and `content`; `assistant`
    is its definition and `params` are the run's own. `tool(name, arguments)` gives the output that
    is known for a function call, and notes the call.
    """

    def __init__(self, case: Case, turn: Turn, history: Sequence[Json]) -> None:
        self.messages = as_requests((*history, *turn.asked))
        self.assistant = case.assistant
        self.params = turn.params
        self.calls: list[FunctionCall] = []
        self._case, self._turn = case, turn

    def tool(self, name: str, arguments: str | Mapping[str, Any] = "{}") -> str:
        """The known output of a call; ends the turn where there is none."""
        text = arguments if isinstance(arguments, str) else encode_compact(arguments).decode()
        call = FunctionCall(name=name, arguments=text)
        output = answered([call], self._turn, self._case, self.calls)[0]
        self.calls.append(call.model_copy(update={"output": output}))
        if output is None:
            raise Unanswered(name)
        return output


class NativeCode:
    """A lane that is a function: from what was `Asked` to a text, or to fields of an `Outcome`."""

    asks = True

    def __init__(self, name: str, function: Callable[[Asked], Any]) -> None:
        self.name = name
        self._function = function

    def answer(
        self,
        case: Case,
        turn: Turn,
        history: list[Json],
        repeat: int,  # noqa: ARG002 - the protocol's: each time is alike
    ) -> Outcome | None:
        asked, began = Asked(case, turn, history), time.monotonic()
        try:
            said = self._function(asked)
            if inspect.iscoroutine(said):
                said = asyncio.run(said)
            outcome = said if isinstance(said, Outcome) else _outcome(said, asked)
        except Unanswered:
            unmatched = (asked.calls[-1],)
            outcome = Outcome(status=UNANSWERED, rounds=_rounds(asked), unmatched=unmatched)
        except Exception as error:  # noqa: BLE001 - whatever a lane does is an outcome
            outcome = Outcome(status=ERROR, error=f"{type(error).__name__}: {error}")
        return outcome.model_copy(update={"seconds": time.monotonic() - began})

    def close(self) -> None:
        """Nothing is held."""


_NOT_TOLD = frozenset({"events", "first_token", "usage", "steps", "citations", "files"})


def _outcome(said: Any, asked: Asked) -> Outcome:
    """The outcome that a function's result tells; what it does not tell is unknown."""
    given = {"texts": [said]} if isinstance(said, str) else dict(said)
    given.setdefault("status", "completed")
    given.setdefault("rounds", _rounds(asked))
    unknown = _NOT_TOLD - set(given)
    if "steps" in unknown and given.get("texts"):
        given["steps"] = (MESSAGE,)
    return Outcome(**given, unknown=unknown)


def _rounds(asked: Asked) -> tuple[tuple[FunctionCall, ...], ...]:
    return tuple((call,) for call in asked.calls)


def open_lane(
    spec: LaneSpec, settings: Settings, recorded: Callable[[Path], Iterable[Answer]]
) -> Lane:
    """The lane that a spec names; `recorded` reads the answers of a file."""
    if spec.kind in DRIVEN:
        return Asking(open_driven(spec, settings))
    if spec.kind == "python":
        return NativeCode(spec.name, _function(spec))
    return Recorded(spec.name, recorded(Path(spec.where)) if spec.where else None)


def _function(spec: LaneSpec) -> Callable[[Asked], Any]:
    """The function `FILE.py:NAME` or `module:NAME`; raises SettingsError where there is none."""
    where, _, name = spec.where.rpartition(":")
    if not where or not name:
        raise SettingsError(f"the lane {spec.name!r}: write python:FILE.py:FUNCTION")
    try:
        module = _loaded(where) if where.endswith(".py") else importlib.import_module(where)
        function = getattr(module, name)
    except (ImportError, AttributeError, OSError) as error:
        raise SettingsError(f"the lane {spec.name!r} cannot be loaded: {error}") from error
    if not callable(function):
        raise SettingsError(f"the lane {spec.name!r}: {name} is no function")
    found: Callable[[Asked], Any] = function
    return found


def _loaded(path: str) -> Any:
    """A file as a module, which may import what lies beside it."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise ImportError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    if (folder := str(Path(path).resolve().parent)) not in sys.path:
        sys.path.insert(0, folder)
    spec.loader.exec_module(module)
    return module
