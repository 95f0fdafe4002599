"""`shim export`: writes threads and assistants out. Knows options, files and words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from shim.core.records import Assistant
    from shim.storage.database import Database
    from shim.storage.imports import History, Imports

__all__ = ["command"]

_LAYOUT = "layout"


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--thread", "threads", multiple=True, help="Only this thread; may be repeated.")
@click.option("--assistant", "assistants", multiple=True, help="Only threads in which it ran.")
@click.option("--tenant", help="Only what is this tenant's.")
@click.option("--since", help="Only threads made since this day, as 2026-01-31.")
@click.option(
    "--format",
    "form",
    type=click.Choice([_LAYOUT, "finetune", "evals", "responses"]),
    default=_LAYOUT,
    show_default=True,
)
@click.option("--dry-run", is_flag=True, help="Tell what would be written; write nothing.")
def command(
    *,
    target: Path,
    threads: tuple[str, ...],
    assistants: tuple[str, ...],
    tenant: str | None,
    since: str | None,
    form: str,
    dry_run: bool,
) -> None:
    """Write threads and assistants out: to a new folder TARGET, or as lines to a file (- prints).

    The folder is an assistants-thread-export/v1, which `shim import` reads; importing it into an
    empty database and exporting that gives the same bytes. The other formats are JSON lines.
    """
    from shim import drive
    from shim.cli.database import opened
    from shim.settings import Settings
    from shim.storage.imports import Imports

    with opened(Settings.load()) as database:
        imports = Imports(database)
        ids = list(threads) or drive.run(
            imports.thread_ids(tenant=tenant, since=_seconds(since), assistants=assistants)
        )
        if dry_run:
            click.echo(f"{len(ids)} threads would be written to {target}")
        elif form == _LAYOUT:
            found = [
                each
                for each in drive.run(imports.assistants(tenant))
                if not assistants or each.id in assistants
            ]
            _write_folder(target, database, ids, [] if threads and not assistants else found)
        else:
            _write_lines(target, imports, ids, form)


def _write_folder(
    folder: Path, database: Database, ids: Sequence[str], assistants: Sequence[Assistant]
) -> None:
    from shim import drive
    from shim.migrate import layout
    from shim.storage.imports import Imports

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"{folder} is there already; name a new folder")
    layout.write_assistants(folder, assistants)
    for history in _histories(Imports(database), ids):
        layout.write_thread(folder, history)
    layout.write_manifest(folder, threads=len(ids), assistants=len(assistants))
    click.echo(f"{len(ids)} threads and {len(assistants)} assistants are in {folder}", err=True)
    if kept := drive.run(Imports(database).kept_files(ids)):
        words = f"{kept} files that code made are not in it: they stay where SHIM_FILES says"
        click.echo(f"note: {words}", err=True)


def _write_lines(target: Path, imports: Imports, ids: Sequence[str], form: str) -> None:
    from shim.migrate.examples import FORMATS

    made = 0
    with _opened(target) as file:
        for history in _histories(imports, ids):
            line = FORMATS[form](history)
            if line is not None:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                made += 1
    click.echo(f"{made} of {len(ids)} threads gave a line; the others hold no answer", err=True)


@contextmanager
def _opened(target: Path) -> Iterator[TextIO]:
    if str(target) == "-":
        yield sys.stdout
        return
    with target.open("w", encoding="utf-8") as file:
        yield file


def _histories(imports: Imports, ids: Sequence[str]) -> Iterator[History]:
    from shim import drive
    from shim.cli.import_ import progress

    with progress(len(ids), "exporting") as step:
        for thread_id in ids:
            history = drive.run(imports.history(thread_id))
            if history is None:
                raise click.ClickException(f"No thread found with id '{thread_id}'.")
            yield history
            step()


def _seconds(since: str | None) -> int:
    if since is None:
        return 0
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise click.BadParameter(f"{since!r} is no day, as 2026-01-31 is") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())
