"""Trials: what a shadow hands on is tried on another lane, aside, and written down.

A thread of its own, which the program does not wait for; a bounded queue that drops what it cannot
hold; a lane that is opened when the first case comes. No tool of the lane's touches the world: its
function calls are answered from what the reference was told. Knows the file's lines; compares
nothing.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shim.core.wire import decode_json, encode_compact
from shim.errors import SettingsError
from shim.lanes import Driven, LaneSpec, open_driven
from shim.native.cases import Case, Outcome, Pair
from shim.native.shadow import Shadowed
from shim.settings import Settings

__all__ = ["Trials", "check", "read_trials", "share_of"]

log = logging.getLogger("shim")

_KEYS = {"lane", "share", "file", "jobs", "most_waiting"}
_BAD = 'SHIM_SHADOW={0!r} is not {{"lane": "shim,model=...", "share": PERCENT, "file": PATH}}: {1}'


def check(given: Any) -> None:
    """Raise SettingsError where a setting of a shadow is not what it may be."""
    if not given:
        return
    problem = _problem(given)
    if problem:
        raise SettingsError(_BAD.format(given, problem))
    LaneSpec.of(given["lane"])


def _problem(given: Any) -> str:
    if not isinstance(given, Mapping):
        return "it is no mapping"
    if unknown := sorted(set(given) - _KEYS):
        return f"{unknown[0]} is not one of {', '.join(sorted(_KEYS))}"
    if not given.get("lane"):
        return "it names no lane"
    share = given.get("share", 100)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 100:
        return "share is a percentage, 0 to 100"
    return ""


def share_of(given: Mapping[str, Any]) -> float:
    """The share of runs, from 0 to 1."""
    return float(given.get("share", 100)) / 100


class Trials:
    """Tries cases on the lane that the settings' `shadow` names; `take` never waits."""

    def __init__(
        self, settings: Settings, opened: Callable[[LaneSpec, Settings], Driven] = open_driven
    ) -> None:
        given = settings.shadow
        self._settings = settings
        self._spec = LaneSpec.of(given["lane"])
        self._path = Path(str(given.get("file", "shadow.jsonl")))
        self._jobs = int(given.get("jobs", 2))
        self._queue: queue.Queue[Shadowed] = queue.Queue(int(given.get("most_waiting", 100)))
        self._opened = opened
        self._lane: Driven | None = None
        self._starting = threading.Lock()
        self._process = 0
        self.dropped = 0

    def take(self, shadowed: Shadowed) -> None:
        """Take a case, or drop it where too many wait."""
        self._start()
        try:
            self._queue.put_nowait(shadowed)
        except queue.Full:
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # the 1st, 2nd, 4th, 8th ...
                log.warning("the shadow is behind: %s runs were not tried", self.dropped)

    def flush(self, seconds: float) -> bool:
        """Wait until all is tried that was taken, within a bound; whether it is."""
        end = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)
        return not self._queue.unfinished_tasks

    def _start(self) -> None:
        """Begin the threads of this process, once; a fork's child has none of its parent's."""
        if self._process == os.getpid():
            return
        with self._starting:
            if self._process != os.getpid():
                self._process, self._lane = os.getpid(), None
                for _ in range(self._jobs):
                    threading.Thread(target=self._work, name="shim-shadow", daemon=True).start()

    def _work(self) -> None:
        while True:
            shadowed = self._queue.get()
            try:
                self._try(shadowed)
            except Exception:
                log.exception("a shadow's trial failed")
            finally:
                self._queue.task_done()

    def _try(self, shadowed: Shadowed) -> None:
        case, turn = shadowed.case, shadowed.turn
        history = list(case.history(turn, {}))
        target = shadowed.call.target
        outcome = self._lane_here().answer(case, turn, history, sender=target)
        line = {
            "at": time.time(),
            "lane": self._spec.name,
            "case": case.model_dump(mode="json"),
            "outcome": outcome.model_dump(mode="json"),
        }
        _append(self._path, encode_compact(line) + b"\n")

    def _lane_here(self) -> Driven:
        with self._starting:
            if self._lane is None:
                self._lane = self._opened(self._spec, self._settings)
            return self._lane


def _append(path: Path, line: bytes) -> None:
    """Add a line in one write, so that processes can share the file; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read_trials(path: Path) -> list[Pair]:
    """What was tried, as pairs to be compared; raises SettingsError for what is no such file."""
    try:
        lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        try:
            told = decode_json(line)
            case, b = Case.model_validate(told["case"]), Outcome.model_validate(told["outcome"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break  # half written
            raise SettingsError(f"{path}:{number} is no line of a shadow: {error}") from error
        turn = case.turns[0]
        a = () if turn.recorded is None else (turn.recorded,)
        pairs.append(Pair(case=case, turn=turn, a=a, b=(b,)))
    return pairs
