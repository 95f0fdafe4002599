"""Runs cases through two lanes, turn by turn, and keeps each answer as it comes.

The reference is lane A: what it answered, or what was recorded, stands before later turns on both
lanes, and its function outputs are B's too. Several cases are in hand at once, the turns of one
never. Knows order, repetition and resuming; judges nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from shim.compare.lanes import Lane
from shim.core.wire import Json, decode_json, encode_compact
from shim.errors import SettingsError
from shim.native.cases import Answer, Case, Outcome, Pair, Turn, as_line

__all__ = ["Kept", "Plan", "identity", "names_in", "pairs_in", "read_answers", "run"]

_CASES = "cases.jsonl"
_NO_ANSWER = "lane {0} ({1}) has no answer to this turn"
_OTHER = (
    "{0} holds answers of another comparison ({1} differ): name another --out, or give --fresh "
    "to begin anew"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Two lanes, how often each answers a turn, and how many cases are in hand at once."""

    a: Lane
    b: Lane
    times_a: int = 1
    times_b: int = 1
    jobs: int = 4


class Kept:
    """The answers of a run, in a file that a later run of the same goes on from.

    `identity` tells what is compared; a file of another one raises SettingsError. Safe in threads.
    """

    def __init__(self, folder: Path, identity: Json, *, fresh: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "answers.jsonl"
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int, str, int], Outcome] = {}
        self._settle(folder / "run.json", identity, fresh=fresh)
        if self._path.exists():
            _cut(self._path)
            for each in read_answers(self._path):
                self._known[each.case, each.turn, each.lane, each.repeat] = each.outcome
        self.found = len(self._known)

    def _settle(self, path: Path, identity: Json, *, fresh: bool) -> None:
        """See to it that the folder is this run's."""
        told = {key: _digest(value) for key, value in identity.items()}
        if fresh:
            self._path.unlink(missing_ok=True)
        elif path.exists() and self._path.exists():
            before = decode_json(path.read_bytes()).get("digests", {})
            if differ := sorted(key for key in told if before.get(key) != told[key]):
                raise SettingsError(_OTHER.format(path.parent, ", ".join(differ)))
        path.write_bytes(encode_compact({"digests": told, "names": identity.get("names")}))

    def remember(self, cases: Sequence[Case]) -> None:
        """Keep the cases beside the answers, so that the folder can be read by itself."""
        lines = b"".join(map(as_line, cases))
        self._path.with_name(_CASES).write_bytes(lines)

    def get(self, case: Case, turn: Turn, lane: str, repeat: int) -> Outcome | None:
        """The answer that is there already."""
        return self._known.get((case.id, turn.number, lane, repeat))

    def put(self, answer: Answer) -> None:
        """Keep an answer."""
        line = as_line(answer)
        with self._lock:
            self._known[answer.case, answer.turn, answer.lane, answer.repeat] = answer.outcome
            with self._path.open("ab") as file:
                file.write(line)


def read_answers(path: Path, *, torn: bool = False) -> Iterator[Answer]:
    """The answers of a file; `torn` lets the last line be half written, as a kill leaves it."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Answer.model_validate_json(line)
        except ValidationError as error:
            if torn and number == len(lines):
                return
            problem = error.errors()[0]["msg"]
            raise SettingsError(
                f"{path}:{number} is no answer of a comparison: {problem}"
            ) from None


def pairs_in(folder: Path) -> list[Pair]:
    """What a folder holds of a comparison, ended or not; raises SettingsError for none."""
    answers: dict[tuple[str, int, str], list[Outcome]] = {}
    for each in read_answers(folder / "answers.jsonl", torn=True):
        known = answers.setdefault((each.case, each.turn, each.lane), [])
        known[each.repeat : each.repeat + 1] = [each.outcome]
    pairs = []
    for case in read_cases_in(folder):
        for turn in case.turns:
            a, b = (tuple(answers.get((case.id, turn.number, x), ())) for x in "ab")
            if turn.why and not b and turn.recorded is not None:
                a = (turn.recorded,)
            why = "" if a and b else turn.why or "the comparison did not come to this turn"
            pairs.append(Pair(case=case, turn=turn, a=a, b=b, why=why))
    return pairs


def names_in(folder: Path) -> tuple[str, str]:
    """What the lanes of a folder's comparison were called."""
    try:
        a, b = decode_json((folder / "run.json").read_bytes())["names"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{folder} holds no comparison") from error
    return str(a), str(b)


def read_cases_in(folder: Path) -> list[Case]:
    """The cases of a comparison's folder."""
    try:
        lines = (folder / _CASES).read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"{folder} holds no comparison: {error.strerror}") from error
    return [Case.model_validate_json(line) for line in lines]


def _cut(path: Path) -> None:
    """Take a torn line off, so that the next one begins on its own."""
    os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def run(plan: Plan, cases: Sequence[Case], kept: Kept, step: Callable[[Pair], None]) -> list[Pair]:
    """All pairs, in the order of the cases; `step` is told of each as it comes.

    A KeyboardInterrupt lets the turns in hand end and is raised again; what was answered is kept.
    """
    stop = threading.Event()
    results: dict[int, list[Pair]] = {}
    with ThreadPoolExecutor(plan.jobs, thread_name_prefix="shim-compare") as pool:
        waiting = iter(enumerate(cases))
        in_hand: dict[Future[list[Pair]], int] = {}
        try:
            while True:
                _fill(pool, waiting, in_hand, plan, lambda c: _case(plan, c, kept, step, stop))
                if not in_hand:
                    break
                done, _ = wait(in_hand, return_when=FIRST_COMPLETED)
                for each in done:
                    results[in_hand.pop(each)] = each.result()
        except BaseException:
            stop.set()
            raise
    return [pair for _, pairs in sorted(results.items()) for pair in pairs]


def _fill(
    pool: ThreadPoolExecutor,
    waiting: Iterator[tuple[int, Case]],
    in_hand: dict[Future[list[Pair]], int],
    plan: Plan,
    work: Callable[[Case], list[Pair]],
) -> None:
    """Take cases in hand as long as there is room."""
    while len(in_hand) < plan.jobs:
        try:
            number, case = next(waiting)
        except StopIteration:
            return
        in_hand[pool.submit(work, case)] = number


def _case(
    plan: Plan, case: Case, kept: Kept, step: Callable[[Pair], None], stop: threading.Event
) -> list[Pair]:
    """The pairs of one case, its turns one after the other."""
    reference: dict[int, Outcome] = {}
    pairs: list[Pair] = []
    for turn in case.turns:
        if stop.is_set():
            break
        if turn.why and not (plan.a.asks and plan.b.asks):
            told = () if turn.recorded is None else (turn.recorded,)
            pairs.append(Pair(case=case, turn=turn, a=told, why=turn.why))
            step(pairs[-1])
            continue
        history = list(case.history(turn, reference))
        a = _answers(plan.a, "a", plan.times_a, (case, turn, history), kept)
        if a:
            reference[turn.number] = a[0]
        known = [call for call in (a[0].calls if a else ()) if call.output is not None]
        asked = turn.model_copy(update={"outputs": (*turn.outputs, *known)})
        b = _answers(plan.b, "b", plan.times_b, (case, asked, history), kept)
        lanes = ((a, "A", plan.a.name), (b, "B", plan.b.name))
        why = "; ".join(_NO_ANSWER.format(which, name) for got, which, name in lanes if not got)
        pairs.append(Pair(case=case, turn=turn, a=a, b=b, why=why))
        step(pairs[-1])
    return pairs


def _answers(
    lane: Lane, letter: str, times: int, what: tuple[Case, Turn, list[Json]], kept: Kept
) -> tuple[Outcome, ...]:
    """What a lane answers; an error that was kept is tried again, for it may have been a moment."""
    case, turn, history = what
    outcomes: list[Outcome] = []
    for repeat in range(times):
        outcome = kept.get(case, turn, letter, repeat)
        if outcome is None or (outcome.broken and lane.asks):
            outcome = lane.answer(case, turn, history, repeat)
            if outcome is None:
                break
            kept.put(
                Answer(case=case.id, turn=turn.number, lane=letter, repeat=repeat, outcome=outcome)
            )
        outcomes.append(outcome)
    return tuple(outcomes)


def _digest(value: object) -> str:
    return hashlib.sha256(encode_compact(value)).hexdigest()[:16]


def identity(lanes: Iterable[Json], cases: Iterable[Case]) -> Json:
    """What makes a comparison this one."""
    told = hashlib.sha256()
    for case in cases:
        told.update(as_line(case))
    return {"lanes": list(lanes), "cases": told.hexdigest()}
