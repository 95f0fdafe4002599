"""`shim import`: brings old threads, messages, runs and assistants in. Knows options and words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shim.cli.sources import Where, found_in, source_options
from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from shim.migrate.gathered import Gathered
    from shim.migrate.report import Report
    from shim.migrate.writer import Plan, Writer
    from shim.settings import Settings
    from shim.storage.database import Database

__all__ = ["command", "database_for", "progress"]

_MOST_PROBLEMS = 20


@click.command("import")
@source_options
@click.option("--tenant", default="", help="Whose the imported objects are.")
@click.option("--dry-run", is_flag=True, help="Tell what would be imported; change nothing.")
@click.option("--replace", is_flag=True, help="Take the source's word where it has changed.")
@click.option("--keep-going", is_flag=True, help="Collect what cannot be imported; do the rest.")
@click.option("--map", "map_file", type=click.Path(path_type=Path), help="Write what ids became.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    *,
    where: Where,
    tenant: str,
    dry_run: bool,
    replace: bool,
    keep_going: bool,
    map_file: Path | None,
    as_json: bool,
) -> None:
    """Import assistants, threads, messages, runs and steps, with their old ids.

    SOURCE is a file or folder: JSON as the API answered it, NDJSON, an assistants-thread-export/v1,
    or CSV with the columns thread_id, role, text and created_at. What is there already is skipped,
    so an import that was stopped is begun again in the same way.

    Exits with 1 where something of the source is not here afterwards.
    """
    from shim.migrate.shapes import Odd
    from shim.migrate.writer import Plan
    from shim.settings import Settings

    settings = Settings.load()
    mirrored = settings.store and settings.conversations != "local"
    plan = Plan(tenant, replace, dry_run, keep_going, mirrored)
    try:
        report = _imported(settings, where, plan)
    except Odd as odd:
        raise click.ClickException(
            f"{odd}. What came before it is imported; --keep-going imports the rest as well."
        ) from odd
    if map_file is not None and not dry_run:
        map_file.write_text(json.dumps(report.became, indent=2) + "\n", encoding="utf-8")
    _show(report, as_json=as_json, dry_run=dry_run)
    sys.exit(1 if report.is_bad else 0)


def _imported(settings: Settings, where: Where, plan: Plan) -> Report:
    from shim.migrate.gathered import gather
    from shim.migrate.shapes import Shapes
    from shim.migrate.writer import Writer
    from shim.storage.imports import Imports
    from shim.storage.ledger import Ledger
    from shim.wiring import open_contents

    with database_for(settings, dry_run=plan.dry_run) as database:
        shapes = Shapes(where.without_tools)
        contents = open_contents(settings, database)
        writer = Writer((Imports(database), Ledger(database), contents), plan, shapes)
        with closing(gather(found_in(where, writer.refuse))) as gathered:
            _write(writer, gathered)
        return writer.report


def _write(writer: Writer, gathered: Gathered) -> None:
    from shim import drive

    with progress(gathered.size(), "importing") as step:
        drive.run(writer.write(gathered, step))


@contextmanager
def database_for(settings: Settings, *, dry_run: bool) -> Iterator[Database]:
    """The database, made if need be; a dry run without one looks at an empty one in memory."""
    from dataclasses import replace

    from shim import drive
    from shim.cli.database import is_there
    from shim.wiring import open_database
    from shim.workers import BlockingWorkers

    if dry_run and not is_there(settings):
        settings = replace(settings, database_url="sqlite:///:memory:")
    database = open_database(settings, BlockingWorkers())
    try:
        yield database
    finally:
        drive.run(database.aclose())


@contextmanager
def progress(length: int, label: str) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; nothing where there is none."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _show(report: Report, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        echo_json({**report.as_json(), "dry_run": dry_run})
        return
    echo_table(("kind", "outcome", "count"), report.lines())
    for note in report.notes:
        click.echo(f"note: {note}")
    for problem in report.problems[:_MOST_PROBLEMS]:
        click.echo(f"{problem['id']}: {problem['problem']}", err=True)
    if (more := len(report.problems) - _MOST_PROBLEMS) > 0:
        click.echo(f"... and {more} more; --json tells all", err=True)
    if dry_run:
        click.echo("Nothing was changed: this was a dry run.")
