"""A comparison as `shim compare` runs it: its cases, its lanes, its progress. Judges nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shim.cli.verdict import agree, prices_of, tell
from shim.errors import SettingsError

if TYPE_CHECKING:
    from shim.compare.cost import Estimate
    from shim.compare.lanes import Lane
    from shim.lanes import LaneSpec
    from shim.native.cases import Case, Pair
    from shim.settings import Settings

__all__ = ["Comparison"]

_MOST_SHOWN = 20
_STOPPED = "\nStopped. What was answered is kept: the same command goes on from there."


class Comparison:
    """One comparison, from its options to its report."""

    def __init__(self, given: dict[str, Any]) -> None:
        from shim.settings import Settings

        self._given = given
        self._settings = Settings.load()
        self._named: dict[str, Any] = {}
        self._notes: list[str] = []
        self._cases = self._read()
        self._specs = [self._spec(given["lane_a"]), self._spec(given["lane_b"])]

    def run(self) -> None:
        """Say what it will cost, run it, and report."""
        self._foretell()
        if self._given["dry_run"]:
            return
        pairs = self._run()
        tell(
            self._given["out"],
            (self._specs[0].name, self._specs[1].name),
            pairs,
            self._given,
            notes=self._notes,
            settings=self._settings,
        )

    def _read(self) -> tuple[Case, ...]:
        """The cases, from the one place that the options name."""
        from shim.compare.casefile import read_cases

        given = self._given
        places = [given["case_file"], given["recording"], given["threads"] or None]
        if not any(places) and (recording := _recording_in(given["lane_a"])):
            given["recording"] = recording
            places[1] = recording
        if sum(place is not None for place in places) != 1:
            raise click.UsageError(
                "say where the turns come from: --cases FILE, --from RECORDING, or --threads"
            )
        if given["case_file"]:
            file = read_cases(given["case_file"], self._assistant)
            self._named = dict(file.lanes)
            return file.cases
        reading = self._stored() if given["threads"] else self._recorded(given["recording"])
        self._tell_left_out(reading.left_out)
        if all(turn.why for case in reading.cases for turn in case.turns):
            raise SettingsError("there is nothing to compare: no case could be read whole")
        return tuple(reading.cases)

    def _recorded(self, path: Path) -> Any:
        from shim.compare.reading.sources import read

        return read(Path(path))

    def _stored(self) -> Any:
        from shim.cli.database import opened
        from shim.compare.reading.stored import Choice, stored

        given = self._given
        strata = tuple(name for name in given["stratify"].split(",") if name)
        choice = Choice(given["sample"] or 0, strata, given["seed"], given["assistants"])
        with opened(self._settings) as database:
            return stored(database, choice)

    def _tell_left_out(self, left_out: Sequence[tuple[str, str]]) -> None:
        for one, why in left_out[:_MOST_SHOWN]:
            click.echo(f"left out {one}: {why}", err=True)
        if len(left_out) > _MOST_SHOWN:
            click.echo(f"... and {len(left_out) - _MOST_SHOWN} more", err=True)
        counted = Counter(why for _, why in left_out)
        self._notes += [f"Left out, {count} times: {why}." for why, count in counted.items()]

    def _assistant(self, assistant_id: str) -> dict[str, Any]:
        """The definition of an assistant of the ledger's."""
        from shim import drive
        from shim.cli.database import opened
        from shim.core import objects
        from shim.native.driving import OF_ASSISTANTS
        from shim.storage.ledger import Ledger

        with opened(self._settings) as database:
            record = drive.run(Ledger(database).assistant("", assistant_id))
        if record is None:
            raise SettingsError(f"there is no assistant {assistant_id} here")
        shown = objects.assistant(record)
        return {k: v for k, v in shown.items() if k in OF_ASSISTANTS and v not in (None, {}, [])}

    def _spec(self, given: str) -> LaneSpec:
        from shim.lanes import LaneSpec

        return LaneSpec.of(self._named.get(given, given), given if given in self._named else "")

    def _foretell(self) -> None:
        """Say what it will ask and cost; what a judge costs shows when the answers are there."""
        agree(list(self._estimates()), self._given)

    def _estimates(self) -> Iterator[Estimate]:
        from shim.compare.cost import Priced, estimate
        from shim.lanes import DRIVEN

        prices = prices_of(self._given)
        for spec, times in zip(self._specs, self._times(), strict=True):
            if spec.kind in DRIVEN:
                model = str(spec.changes.get("model") or "")
                yield estimate(Priced(spec.name, times, model), self._whole(), prices)

    def _whole(self) -> list[Case]:
        """The cases with the turns that can be compared."""
        return [
            case.model_copy(update={"turns": tuple(turn for turn in case.turns if not turn.why)})
            for case in self._cases
        ]

    def _times(self) -> tuple[int, int]:
        return self._given["repeat"], self._given["repeat_b"]

    def _run(self) -> list[Pair]:
        from shim.compare.running import Kept, Plan, identity, run

        told = identity((spec.fingerprint() for spec in self._specs), self._cases)
        told["names"] = [spec.name for spec in self._specs]
        kept = Kept(self._given["out"], told, fresh=self._given["fresh"])
        kept.remember(self._cases)
        if kept.found:
            click.echo(f"{kept.found} answers are there already", err=True)
        with _open(self._specs, self._settings) as (a, b):
            plan = Plan(a, b, *self._times(), jobs=self._given["jobs"])
            total = sum(len(case.turns) for case in self._cases)
            with click.progressbar(length=total, label="turns", file=sys.stderr) as bar:
                try:
                    return run(plan, self._cases, kept, lambda _: bar.update(1))
                except KeyboardInterrupt:
                    click.echo(_STOPPED, err=True)
                    raise click.exceptions.Exit(130) from None


@contextmanager
def _open(specs: Sequence[LaneSpec], settings: Settings) -> Iterator[tuple[Lane, Lane]]:
    from shim.compare.comparing import answers_in
    from shim.compare.lanes import open_lane

    lanes: list[Lane] = []
    try:
        for spec in specs:
            lane = open_lane(spec, settings, answers_in)
            lanes.append(lane)
        yield lanes[0], lanes[1]
    finally:
        for lane in lanes:
            lane.close()


def _recording_in(lane: str) -> Path | None:
    """The file of a recorded lane, if that is one with cases."""
    from shim.compare.comparing import is_of_answers

    kind, _, where = lane.partition(":")
    path = Path(where.partition(",")[0])
    if kind != "recording" or not where or not path.exists():
        return None
    return None if is_of_answers(path) else path
