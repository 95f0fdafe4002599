"""`shim status`: how far a code base has come. Counts calls by what they go through."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from shim.migrate.finding import Report

__all__ = ["command"]

_COLUMNS = {
    "openai": ("python-call", "litellm"),
    "unknown": ("module-call",),
    "other languages": ("served-call", "address"),
    "shim": ("on-shim",),
    "native": ("native-call",),
}


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(*, path: Path, as_json: bool) -> None:
    """Count the calls below PATH: those on openai's clients, on shim's, and native ones.

    `unknown` are calls whose client is made outside of PATH. Calls of other languages are counted
    apart, since code does not tell whether their base URL is the server's.
    """
    from datetime import datetime, timezone

    from shim.cli.scan import progress
    from shim.migrate.scan import scan

    with progress() as tell:
        report = scan(path, datetime.now(timezone.utc).date(), tell)
    files = _counted(report)
    totals = {name: sum(each[name] for each in files.values()) for name in _COLUMNS}
    if as_json:
        echo_json({"root": report.root, "totals": totals, "files": files})
        return
    rows = [(name, *(each[column] for column in _COLUMNS)) for name, each in files.items()]
    echo_table(("file", *_COLUMNS), [*rows, ("in all", *totals.values())])
    _tell(totals)


def _counted(report: Report) -> dict[str, dict[str, int]]:
    columns = {rule: name for name, rules in _COLUMNS.items() for rule in rules}
    found: dict[str, Counter[str]] = {}
    for each in report.findings:
        if each.rule in columns:
            found.setdefault(each.file, Counter())[columns[each.rule]] += 1
    return {file: {name: counts[name] for name in _COLUMNS} for file, counts in found.items()}


def _tell(totals: dict[str, int]) -> None:
    moved, left = totals["shim"] + totals["native"], totals["openai"] + totals["unknown"]
    if moved + left:
        share = 100 * moved // (moved + left)
        click.echo(f"\n{moved} of {moved + left} calls in Python have moved ({share} %).")
