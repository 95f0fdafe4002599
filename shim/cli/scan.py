"""`shim scan`: what of a code base concerns the Assistants API. Knows how a report is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from shim.migrate.finding import Report

__all__ = ["command", "progress"]

_RULES = [
    "python-call",
    "module-call",
    "served-call",
    "address",
    "litellm",
    "library",
    "hard-coded-id",
    "ended-model",
    "version-1",
    "unread",
]
_MANY = 200


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--sarif", is_flag=True, help="Print the report as SARIF 2.1.0.")
@click.option("--ci", is_flag=True, help="Exit with 1 where something needs work.")
@click.option(
    "--ignore",
    multiple=True,
    type=click.Choice(_RULES),
    help="Leave a kind of finding out, such as `served-call` once a server is in front.",
)
def command(*, path: Path, as_json: bool, sarif: bool, ci: bool, ignore: tuple[str, ...]) -> None:
    """Find what concerns the Assistants API below PATH, and say what shim does with it.

    Reads and changes nothing. Exits with 0; with --ci, with 1 where something needs work.
    """
    from datetime import datetime, timezone

    from shim import __version__
    from shim.migrate.sarif import as_sarif
    from shim.migrate.scan import scan

    if as_json and sarif:
        raise click.UsageError("--json or --sarif, not both")
    with progress() as tell:
        report = scan(path, datetime.now(timezone.utc).date(), tell).without(ignore)
    if sarif:
        echo_json(as_sarif(report, __version__))
    elif as_json:
        echo_json(report.as_json())
    else:
        _show(report)
    if ci and report.needs_work:
        raise click.exceptions.Exit(1)


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """Tells on a terminal how far long work is."""
    shows = sys.stderr.isatty()

    def tell(number: int, total: int) -> None:
        if shows and total > _MANY and number % 50 == 0:
            click.echo(f"\rread {number} of {total} files", err=True, nl=False)

    yield tell
    if shows:
        click.echo("\r\x1b[K", err=True, nl=False)


def _show(report: Report) -> None:
    from shim.migrate.finding import RULES

    open_ones = [each for each in report.findings if RULES[each.rule].does != "done"]
    rows = [
        (
            f"{each.file}:{each.line}:{each.column}",
            each.rule,
            each.text + (f" ({each.endpoint})" if each.endpoint not in {None, each.text} else ""),
            RULES[each.rule].does,
        )
        for each in open_ones
    ]
    if rows:
        echo_table(("place", "kind", "what", "shim"), rows)
    if report.features:
        click.echo(f"\nfeatures   {', '.join(sorted(report.features))}")
    click.echo(f"\nfiles      {report.files} read")
    for rule, count in report.counts().most_common():
        cures = sorted({each.cure for each in report.findings if each.rule == rule})
        cure = f": {cures[0] if len(cures) == 1 else RULES[rule].cure}" if cures[0] else ""
        where = "" if RULES[rule].does == "done" else f" (MIGRATION.md#{RULES[rule].anchor})"
        click.echo(f"{rule:<14} {count:>4}  {RULES[rule].does}{cure}{where}")
    click.echo(f"difficulty     {report.difficulty()}")
    for note in report.notes:
        click.echo(f"note: {note}")
