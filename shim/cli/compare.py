"""`shim compare`: whether two lanes answer alike. Knows options, progress and exit codes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shim.cli.tables import echo_json, echo_table
from shim.errors import SettingsError

if TYPE_CHECKING:
    from shim.compare.cost import Estimate
    from shim.compare.lanes import Lane
    from shim.compare.limits import Limits
    from shim.compare.summary import Summary
    from shim.lanes import LaneSpec
    from shim.native.cases import Case, Pair
    from shim.settings import Settings

__all__ = ["command"]

_MOST_SHOWN = 20
_OUT = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)
_STOPPED = "\nStopped. What was answered is kept: the same command goes on from there."


def _reporting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all commands that make a report."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        click.option("--fail-on", multiple=True, help="Exit with 1 if, such as tool_diff>2%."),
        click.option("--judge", help="A model that judges texts which differ. Costs."),
        click.option(
            "--similarity",
            default="words",
            help="How texts are compared: words, or embeddings:MODEL.",
        ),
        click.option("--limit", "limits", multiple=True, help="A threshold, NAME=NUMBER."),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.option("--a", "lane_a", help="The reference: a lane, or its name in the file of cases.")
@click.option("--b", "lane_b", help="The lane that is compared with it.")
@click.option("--cases", "case_file", type=_FILE, help="Questions: YAML or JSONL.")
@click.option("--from", "recording", type=_FILE, help="Cases from a recording or an export.")
@click.option("--threads", is_flag=True, help="Cases from the threads that shim keeps.")
@click.option("--sample", type=click.IntRange(1), help="That many threads of them.")
@click.option("--stratify", default="", help="Spread the sample over: assistant,tools,model.")
@click.option("--seed", default=0, help="Of the sample.")
@click.option("--assistant", "assistants", multiple=True, help="Threads of that assistant alone.")
@click.option("--repeat", default=1, type=click.IntRange(1), help="Ask A so often: the noise.")
@click.option("--repeat-b", default=1, type=click.IntRange(1), help="Ask B so often.")
@click.option("--jobs", default=4, type=click.IntRange(1), help="Cases in hand at once.")
@click.option("--out", default="shim-compare", type=_OUT, help="The folder of the report.")
@click.option("--fresh", is_flag=True, help="Begin anew where the folder holds answers.")
@click.option("--price", "prices", multiple=True, help="MODEL=IN/OUT, dollars a million tokens.")
@click.option("--dry-run", is_flag=True, help="Tell what it would ask and cost; ask nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before it costs something.")
@_reporting
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Compare how two lanes answer the same turns.

    A lane is `shim,model=gpt-4.1`, `native:https://host/v1`, `recording:FILE`,
    `python:code.py:function`, or a name from the file of cases (MIGRATION.md#side-by-side).
    Exits with 0; with 1 where a --fail-on holds; with 2 where it could not be run.
    """
    if context.invoked_subcommand is None:
        if not given["lane_a"] or not given["lane_b"]:
            raise click.UsageError("give two lanes: --a LANE --b LANE")
        _check(given)
        _Comparison(given).run()


@command.command("report")
@click.argument("folder", type=_OUT)
@_reporting
def report_command(folder: Path, **given: Any) -> None:
    """Make the report of a comparison anew, with other limits."""
    from shim.compare.running import pairs_in

    _tell(folder, _lanes_of(folder), pairs_in(folder), given)


@command.command("shadow")
@click.argument("file", type=_FILE)
@click.option("--out", default="shim-compare", type=_OUT, help="The folder of the report.")
@_reporting
def shadow_command(file: Path, out: Path, **given: Any) -> None:
    """Report on what a shadow (SHIM_SHADOW) has tried."""
    from shim.trials import read_trials

    _tell(
        out, ("what callers were answered", f"the shadow's lane ({file})"), read_trials(file), given
    )


@command.command("accept")
@click.argument("folder", type=_OUT)
@click.option("--to", type=_NEW, default="baseline.jsonl", help="The file of the new baseline.")
def accept_command(folder: Path, to: Path) -> None:
    """Take B's answers for the new baseline, the lane recording:FILE."""
    from shim.compare.running import pairs_in
    from shim.compare.written import write_baseline

    count = write_baseline(to, pairs_in(folder))
    click.echo(f"{to} holds {count} answers: compare with --a recording:{to}")


@command.command("export")
@click.argument("folder", type=_OUT)
@click.option("--promptfoo", type=_NEW, help="A configuration of promptfoo's.")
@click.option("--model", default="gpt-4.1", help="The model that promptfoo shall ask.")
@click.option("--jsonl", type=_NEW, help="A dataset, a line for each turn.")
def export_command(folder: Path, promptfoo: Path | None, model: str, jsonl: Path | None) -> None:
    """Write a comparison for other tools."""
    from shim.compare.running import pairs_in
    from shim.compare.summary import Summary
    from shim.compare.written import write_dataset, write_promptfoo

    if not promptfoo and not jsonl:
        raise click.UsageError("give --promptfoo FILE, --jsonl FILE, or both")
    summary = Summary.of(_lanes_of(folder), pairs_in(folder))
    if promptfoo:
        click.echo(f"{promptfoo} holds {write_promptfoo(promptfoo, summary, model)} tests")
    if jsonl:
        click.echo(f"{jsonl} holds {write_dataset(jsonl, summary)} lines")


class _Comparison:
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
        _tell(
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
        _agree(list(self._estimates()), self._given)

    def _estimates(self) -> Iterator[Estimate]:
        from shim.compare.cost import Priced, estimate
        from shim.lanes import DRIVEN

        prices = _prices(self._given)
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


def _lanes_of(folder: Path) -> tuple[str, str]:
    from shim.compare.running import names_in

    return names_in(folder)


def _tell(
    out: Path,
    lanes: tuple[str, str],
    pairs: Sequence[Pair],
    given: dict[str, Any],
    *,
    notes: Iterable[str] = (),
    settings: Settings | None = None,
) -> None:
    """Write the report, show it, and end as the conditions say."""
    from shim.compare.gates import parsed_gate
    from shim.compare.report.plain import as_json
    from shim.compare.summary import Summary
    from shim.compare.written import write_report
    from shim.settings import Settings

    settings = settings or Settings.load()
    gates = [parsed_gate(each) for each in given["fail_on"]]
    limits, alike = _weighing(given, settings, out)
    judged, told = _judged(given, pairs, settings, out)
    notes = [*notes, *told]
    summary = Summary.of(lanes, pairs, limits, notes=notes, judged=judged, alike=alike)
    paths = write_report(out, summary)
    if given["as_json"]:
        echo_json(as_json(summary))
    else:
        _show(summary, paths["report.html"])
    if not summary.compared:
        click.echo("Nothing could be compared: see why above.", err=True)
        raise click.exceptions.Exit(2)
    if failing := [gate.text for gate in gates if gate.holds(summary)]:
        click.echo(f"fails on {', '.join(failing)}", err=True)
        raise click.exceptions.Exit(1)


def _judged(
    given: dict[str, Any], pairs: Sequence[Pair], settings: Settings, out: Path
) -> tuple[dict[str, str], list[str]]:
    """What a judge prefers, once it was told what that costs; and a sentence about it."""
    model = given["judge"]
    if not model:
        return {}, []
    from shim.compare.judge import counted, foretold, judged

    _agree([foretold(model, pairs, _prices(given))], given)
    preferred = judged(model, pairs, settings, out / "judge.jsonl")
    return preferred, [f"{counted(preferred)}."]


def _prices(given: dict[str, Any]) -> dict[str, tuple[float, float]]:
    from shim.compare.cost import PRICES, parsed_price

    return {**PRICES, **dict(parsed_price(each) for each in given.get("prices", ()))}


def _agree(estimates: Sequence[Estimate], given: dict[str, Any]) -> None:
    """Say what it will ask and cost, and ask a person whether to, where that is much."""
    for each in estimates:
        click.echo(each.told(), err=True)
    asks = sys.stdin.isatty() and not given.get("yes") and not given.get("dry_run")
    if asks and any(each.runs and (each.dollars is None or each.dollars > 1) for each in estimates):
        click.confirm("Go on?", abort=True, err=True)


def _check(given: dict[str, Any]) -> None:
    """Refuse what would be refused in the end, before anything is asked."""
    from shim.compare.gates import parsed_gate

    for each in given["fail_on"]:
        parsed_gate(each)
    _limits(given["limits"])
    _model_of(given["similarity"])


def _weighing(
    given: dict[str, Any], settings: Settings, out: Path
) -> tuple[Limits, Callable[[str, str], float]]:
    """The limits, and how alike texts are: by their words, or by a model's embeddings."""
    from shim.compare.embeddings import ALIKE, Embeddings
    from shim.compare.texts import similarity

    limits, model = _limits(given["limits"]), _model_of(given["similarity"])
    if not model:
        return limits, similarity
    if not any(each.startswith("similarity=") for each in given["limits"]):
        limits = limits.set(f"similarity={ALIKE}")
    return limits, Embeddings(model, settings, out / "embeddings.jsonl")


def _model_of(how: str) -> str:
    """The model of whose embeddings similarity is; empty for words."""
    kind, _, model = how.partition(":")
    if (kind, bool(model)) not in {("words", False), ("embeddings", True)}:
        raise SettingsError(f"--similarity {how}: write words, or embeddings:MODEL")
    return model


def _limits(given: Iterable[str]) -> Limits:
    from shim.compare.limits import Limits

    limits = Limits()
    for each in given:
        limits = limits.set(each)
    return limits


def _show(summary: Summary, page: Path) -> None:
    click.echo(f"\n{summary.verdict.upper()}: {summary.reason}.")
    click.echo(f"{summary.wins}.\n")
    echo_table(list(summary.counts), [list(summary.counts.values())])
    if summary.kinds:
        click.echo()
        rows = [
            (
                kind.name,
                kind.rate.told(),
                kind.floor.told() if kind.floor.of else "not measured",
                "counts" if kind.beyond_noise else "noise",
            )
            for kind in summary.kinds
        ]
        echo_table(("difference", "A and B", "a lane with itself", ""), rows)
    worst = [turn for turn in summary.worst_first() if turn.counted or turn.why][:_MOST_SHOWN]
    if worst:
        click.echo()
        rows_of_turns = [
            (turn.id, turn.verdict, ("; ".join(d.told for d in turn.counted) or turn.why)[:160])
            for turn in worst
        ]
        echo_table(("turn", "verdict", "what"), rows_of_turns)
    click.echo(f"\nThe report: {page}")
