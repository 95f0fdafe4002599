"""A comparison as a call: for programs and tests, as `shim compare` is for people."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from shim.compare.casefile import read_cases
from shim.compare.lanes import Lane, open_lane
from shim.compare.limits import Limits
from shim.compare.reading.sources import read
from shim.compare.running import Kept, Plan, identity, read_answers, run
from shim.compare.summary import Summary
from shim.core.wire import Json
from shim.errors import SettingsError
from shim.lanes import LaneSpec
from shim.native.cases import Answer, Case, Pair
from shim.native.exchanges import MARK
from shim.settings import Settings

__all__ = ["AnyLane", "answers_in", "compare", "is_of_answers", "opened"]

AnyLane = Lane | str | Mapping[str, Any]
"""A lane, or how one is named (`shim.lanes.LaneSpec`)."""


def compare(
    a: AnyLane,
    b: AnyLane,
    cases: Path | str | Sequence[Case],
    *,
    repeat: int = 1,
    repeat_b: int = 1,
    jobs: int = 4,
    limits: Limits | None = None,
    folder: Path | None = None,
    settings: Settings | None = None,
) -> Summary:
    """Compare two lanes over cases, given as such or as a file of them (YAML, JSONL).

    `repeat` asks A so often, which measures the noise. `folder` keeps the answers: a second call
    goes on from them. Raises SettingsError for what cannot be run; what a lane does is an outcome.
    """
    settings = settings or Settings.load()
    lanes: Mapping[str, Any] = {}
    if not isinstance(cases, Sequence) or isinstance(cases, str):
        file = read_cases(Path(cases), _no_assistant)
        cases, lanes = file.cases, file.lanes
    with ExitStack() as stack:
        first, second = (stack.enter_context(opened(x, settings, lanes)) for x in (a, b))
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shim-")))
        kept = Kept(where, identity([{"name": first.name}, {"name": second.name}], cases))
        pairs = run(Plan(first, second, repeat, repeat_b, jobs), cases, kept, _ignore)
    return Summary.of((first.name, second.name), pairs, limits)


@contextmanager
def opened(
    given: AnyLane, settings: Settings, named: Mapping[str, Any] | None = None
) -> Iterator[Lane]:
    """A lane, closed afterwards if it was opened here; `named` are those of a file of cases."""
    if not isinstance(given, (str, Mapping)):
        yield given
        return
    known = (named or {}).get(given) if isinstance(given, str) else None
    spec = LaneSpec.of(given if known is None else known, "" if known is None else str(given))
    lane = open_lane(spec, settings, answers_in)
    try:
        yield lane
    finally:
        lane.close()


def answers_in(path: Path) -> Iterable[Answer]:
    """The answers that a lane's file has: those of a comparison, or those of a recording."""
    if is_of_answers(path):
        return list(read_answers(path))
    return [
        Answer(case=case.id, turn=turn.number, lane="a", outcome=turn.recorded)
        for case in read(path).cases
        for turn in case.turns
        if turn.recorded is not None
    ]


def is_of_answers(path: Path) -> bool:
    """Whether a file holds answers of a comparison, by its first line."""
    if not path.is_file() or path.suffix != ".jsonl":
        return False
    with path.open("rb") as file:
        line = file.readline()
    return b'"outcome"' in line and not line.startswith(MARK)


def _no_assistant(assistant_id: str) -> Json:
    raise SettingsError(f"{assistant_id}: give the assistant's definition, not its id")


def _ignore(_: Pair) -> None:
    """Nobody watches."""
