"""What a comparison came to, told and weighed: limits, conditions, costs, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shim.cli.tables import echo_json, echo_table
from shim.errors import SettingsError

if TYPE_CHECKING:
    from shim.compare.cost import Estimate
    from shim.compare.limits import Limits
    from shim.compare.summary import Summary
    from shim.native.cases import Pair
    from shim.settings import Settings

__all__ = ["agree", "check", "prices_of", "tell"]

_MOST_SHOWN = 20


def tell(
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

    agree([foretold(model, pairs, prices_of(given))], given)
    preferred = judged(model, pairs, settings, out / "judge.jsonl")
    return preferred, [f"{counted(preferred)}."]


def prices_of(given: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """The list prices, with those that were given."""
    from shim.compare.cost import PRICES, parsed_price

    return {**PRICES, **dict(parsed_price(each) for each in given.get("prices", ()))}


def agree(estimates: Sequence[Estimate], given: dict[str, Any]) -> None:
    """Say what it will ask and cost, and ask a person whether to, where that is much."""
    for each in estimates:
        click.echo(each.told(), err=True)
    asks = sys.stdin.isatty() and not given.get("yes") and not given.get("dry_run")
    if asks and any(each.runs and (each.dollars is None or each.dollars > 1) for each in estimates):
        click.confirm("Go on?", abort=True, err=True)


def check(given: dict[str, Any]) -> None:
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
