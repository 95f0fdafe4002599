"""`shim compare`: whether two lanes answer alike. Knows the commands and their options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from shim.cli.comparison import Comparison
from shim.cli.verdict import check, tell

__all__ = ["command"]

_OUT = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)


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
        check(given)
        Comparison(given).run()


@command.command("report")
@click.argument("folder", type=_OUT)
@_reporting
def report_command(folder: Path, **given: Any) -> None:
    """Make the report of a comparison anew, with other limits."""
    from shim.compare.running import pairs_in

    tell(folder, _lanes_of(folder), pairs_in(folder), given)


@command.command("shadow")
@click.argument("file", type=_FILE)
@click.option("--out", default="shim-compare", type=_OUT, help="The folder of the report.")
@_reporting
def shadow_command(file: Path, out: Path, **given: Any) -> None:
    """Report on what a shadow (SHIM_SHADOW) has tried."""
    from shim.trials import read_trials

    tell(
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


def _lanes_of(folder: Path) -> tuple[str, str]:
    from shim.compare.running import names_in

    return names_in(folder)
