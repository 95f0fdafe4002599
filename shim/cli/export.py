"""`shim export`: writes threads and assistants out. Knows options, files and words."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from shim.core.made_files import Contents
    from shim.core.records import Assistant, File
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
@click.option("--no-files", is_flag=True, help="Leave out the files that code made.")
@click.option("--dry-run", is_flag=True, help="Tell what would be written; write nothing.")
def command(
    *,
    target: Path,
    threads: tuple[str, ...],
    assistants: tuple[str, ...],
    tenant: str | None,
    since: str | None,
    form: str,
    no_files: bool,
    dry_run: bool,
) -> None:
    """Write threads and assistants out: to a new folder TARGET, or as lines to a file (- prints).

    The folder is an assistants-thread-export/v1, which `shim import` reads; importing it into an
    empty database and exporting that gives the same bytes. Files that code made are in it, under
    files/. The other formats are JSON lines.
    """
    from shim import drive
    from shim.cli.database import opened
    from shim.settings import Settings
    from shim.storage.imports import Imports
    from shim.wiring import open_contents

    settings = Settings.load()
    with opened(settings) as database:
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
            chosen = [] if threads and not assistants else found
            contents = None if no_files else open_contents(settings, database)
            _write_folder(target, imports, contents, ids, chosen)
        else:
            _write_lines(target, imports, ids, form)


def _write_folder(
    folder: Path,
    imports: Imports,
    contents: Contents | None,
    ids: Sequence[str],
    assistants: Sequence[Assistant],
) -> None:
    from shim.migrate import layout

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"{folder} is there already; name a new folder")
    layout.write_assistants(folder, assistants)
    files: Counter[str] = Counter()
    for history in _histories(imports, ids):
        made = _made(folder, imports, contents, history.thread.id, files)
        layout.write_thread(folder, history, made)
    layout.write_manifest(folder, threads=len(ids), assistants=len(assistants))
    click.echo(f"{len(ids)} threads and {len(assistants)} assistants are in {folder}", err=True)
    for words, count in files.items():
        click.echo(f"{count} files that code made {words}", err=True)


def _made(
    folder: Path, imports: Imports, contents: Contents | None, thread_id: str, files: Counter[str]
) -> Sequence[File]:
    """The files of a thread that its export tells of, their contents written; counts them all."""
    from shim import drive
    from shim.migrate.contents import of_export, write_content

    there = drive.run(imports.files(thread_id))
    if waiting := sum(each.status == "pending" for each in there):
        files["are not in it: they are not copied from where the code ran yet"] += waiting
    told = of_export(there)
    if contents is None:
        if kept := sum(each.status == "kept" for each in told):
            files["are not in it: they stay where SHIM_FILES says"] += kept
        return ()
    for each in told:
        if each.status == "kept":
            is_there = drive.run(write_content(folder, contents, each))
            files["are in it" if is_there else "are gone from where SHIM_FILES says"] += 1
    return told


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
