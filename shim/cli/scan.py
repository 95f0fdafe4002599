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
@click.option(
    "--definitions",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the assistants that the code makes as files, for `shim assistants push`.",
)
@click.option("--dry-run", is_flag=True, help="With --definitions: write nothing.")
def command(
    *,
    path: Path,
    as_json: bool,
    sarif: bool,
    ci: bool,
    ignore: tuple[str, ...],
    folder: Path | None,
    dry_run: bool,
) -> None:
    """Find what concerns the Assistants API below PATH, and say what shim does with it.

    Reads and changes nothing below PATH. Exits with 0; with --ci, with 1 where something needs
    work. With --definitions it tells instead which assistants the code makes, and exits with 1
    where the code does not tell all of one.
    """
    if folder is not None:
        if as_json or sarif or ci or ignore:
            raise click.UsageError("--definitions goes with --dry-run alone")
        _write_definitions(path, folder, dry_run=dry_run)
        return
    if dry_run:
        raise click.UsageError("a scan changes nothing: --dry-run goes with --definitions")
    _scan(path, ignore, as_json=as_json, sarif=sarif, ci=ci)


def _scan(path: Path, ignore: tuple[str, ...], *, as_json: bool, sarif: bool, ci: bool) -> None:
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


def _write_definitions(path: Path, folder: Path, *, dry_run: bool) -> None:
    from shim.errors import ApiError
    from shim.migrate import definitions
    from shim.migrate.recovered import text_of
    from shim.migrate.recovery import recover

    recovery = recover(path)
    places = recovery.names()
    texts = {folder / name: text_of(each) for name, each in places.items()}
    if other := [each for each, text in texts.items() if each.exists() and _differs(each, text)]:
        raise click.ClickException(
            f"{other[0]} is there, and says something else: name a new folder"
        )
    unready = 0
    for (place, text), found in zip(texts.items(), places.values(), strict=True):
        if not dry_run:
            definitions.write(place, text)
        click.echo(f"{place}  from {found.place}")
        problems = [f"{key}: {each.text} {each.why} ({each.place})" for key, each in found.open]
        if not problems:
            try:
                definitions.check(found.body)
            except ApiError as error:
                problems.append(str(error))
        unready += bool(problems)
        for problem in problems:
            click.echo(f"  to do: {problem}")
    for note in recovery.notes:
        click.echo(f"note: {note}")
    click.echo(f"{len(texts)} assistants, {len(texts) - unready} of them ready to be pushed")
    if unready or recovery.notes:
        raise click.exceptions.Exit(1)


def _differs(path: Path, text: str) -> bool:
    return path.read_text(encoding="utf-8") != text
