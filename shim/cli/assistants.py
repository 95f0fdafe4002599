"""`shim assistants`: assistants as files, and their versions. Knows options and words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from shim.core.records import Assistant
    from shim.migrate.definitions import Definition
    from shim.storage.database import Database
    from shim.storage.imports import Imports

__all__ = ["command"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_TENANT = click.option("--tenant", default="", help="Whose assistants. Default: made without keys.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Tell what would change; change nothing.")


@click.group()
def command() -> None:
    """Keep assistants as YAML files in git; look at their versions and go back to one."""


@command.command()
@click.argument("folder", type=_FOLDER)
@click.argument("ids", nargs=-1)
@_TENANT
@_DRY_RUN
def pull(*, folder: Path, ids: tuple[str, ...], tenant: str, dry_run: bool) -> None:
    """Write assistants, all or those with these IDS, to files in FOLDER.

    A file that holds an assistant's id is written anew, wherever in FOLDER it is.
    """
    from shim.migrate import definitions

    with _imports() as (_, imports):
        found = _chosen(imports, tenant, ids)
    places = {each.id: each.path for each in definitions.read(folder)} if folder.is_dir() else {}
    for record in found:
        path = places.pop(record.id, folder / f"{record.id}.yaml")
        text = definitions.shown(record.id, definitions.defined(record), record.version)
        same = path.exists() and path.read_text(encoding="utf-8") == text
        click.echo(f"{'unchanged' if same else 'written':9}  {path}")
        if not same and not dry_run:
            definitions.write(path, text)
    for object_id, path in () if ids else sorted(places.items()):
        click.echo(f"{'not here':9}  {path}: {object_id or 'not pushed yet'}")


@command.command()
@click.argument("folder", type=_FOLDER)
@_TENANT
@_DRY_RUN
@click.option("--force", is_flag=True, help="Overwrite versions that came after the pull, too.")
def push(*, folder: Path, tenant: str, dry_run: bool, force: bool) -> None:
    """Make the assistants what the files in FOLDER say; each change is a new version.

    A file without an id makes an assistant, whose id is written into it. Nothing is deleted. Where
    an assistant was changed since its file was pulled, nothing at all is pushed.
    """
    from shim.cli.import_ import database_for
    from shim.migrate import definitions
    from shim.settings import Settings
    from shim.storage.imports import Imports

    files = definitions.read(folder)
    if not files:
        raise click.ClickException(f"{folder} holds no .yaml file")
    with database_for(Settings.load(), dry_run=dry_run) as database:
        here = {each.id: each for each in _chosen(Imports(database), tenant, ())}
        _check_owners(database, tenant, [each.id for each in files if each.id])
        if not force:
            _check_versions([(each, here[each.id]) for each in files if each.id in here])
        for each in files:
            word = _pushed(database, tenant, each, here.get(each.id), dry_run=dry_run)
            click.echo(f"{word:9}  {each.path}")


def _pushed(
    database: Database, tenant: str, file: Definition, there: Assistant | None, *, dry_run: bool
) -> str:
    """Store what a file says; gives the word for what that was."""
    import time

    from shim import drive
    from shim.core.ids import mint
    from shim.core.records import Assistant
    from shim.migrate import definitions
    from shim.storage.ledger import Ledger

    fields = definitions.fields_of(file.body)
    if there is not None:
        if not _differs(file, there):
            if not dry_run and file.version not in (None, there.version):
                definitions.stamp(file, file.id, there.version)
            return "unchanged"
        if not dry_run:
            saved = drive.run(Ledger(database).save_assistant(replace(there, **fields)))
            definitions.stamp(file, file.id, saved.version)
        return f"version {there.version + 1}"
    if not dry_run:
        record = Assistant(file.id or mint("asst"), int(time.time()), **fields)
        drive.run(Ledger(database).add_assistant(tenant, record))
        definitions.stamp(file, record.id, record.version)
    return "made"


def _differs(file: Definition, there: Assistant) -> bool:
    """Whether a file says something else than what is stored."""
    from shim.migrate import definitions

    changed = replace(there, **definitions.fields_of(file.body))
    return definitions.defined(changed) != definitions.defined(there)


def _check_versions(pairs: Sequence[tuple[Definition, Assistant]]) -> None:
    """Refuse where a push would undo what was changed since a file was pulled."""
    late = [
        f"{file.path} was made of version {file.version} of {there.id}, which is at version "
        f"{there.version} now"
        for file, there in pairs
        if file.version not in (None, there.version) and _differs(file, there)
    ]
    if late:
        raise click.ClickException(
            "; ".join(late) + ". Nothing was pushed: `shim assistants history ID` tells what was "
            "changed, `shim assistants diff` how it differs, and pull writes it into the file; "
            "--force pushes the file all the same"
        )


@command.command()
@click.argument("folder", type=_FOLDER)
@_TENANT
def diff(*, folder: Path, tenant: str) -> None:
    """Show how the files in FOLDER differ from the assistants; exits with 1 where they do."""
    from shim.migrate import definitions

    with _imports() as (_, imports):
        here = {each.id: each for each in _chosen(imports, tenant, ())}
    differ = False
    for each in definitions.read(folder):
        there = here.pop(each.id, None)
        was = "" if there is None else definitions.shown(there.id, definitions.defined(there))
        now = definitions.shown(each.id, _ordered(definitions.fields_of(each.body)))
        text = definitions.differences(was, now, (f"{each.id or 'none'} (stored)", str(each.path)))
        differ = differ or bool(text)
        click.echo(text, nl=False)
    for object_id in here:
        click.echo(f"{object_id} has no file")
    sys.exit(1 if differ or here else 0)


def _ordered(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as a file that was pulled has them."""
    from shim.core.records import Assistant
    from shim.migrate import definitions

    return definitions.defined(Assistant("asst_", 0, **fields))


@command.command()
@click.argument("assistant_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the versions in full.")
def history(*, assistant_id: str, as_json: bool) -> None:
    """List the versions of an assistant and what changed in each."""
    from shim.migrate import definitions

    versions = _versions(assistant_id)
    if as_json:
        told = [
            {"version": each.version, "saved_at": at, "definition": definitions.defined(each)}
            for each, at in versions
        ]
        echo_json({"id": assistant_id, "versions": told})
        return
    rows = []
    before: dict[str, Any] = {}
    for record, saved_at in versions:
        now = definitions.defined(record)
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        moment = datetime.fromtimestamp(saved_at, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        rows.append((record.version, moment, ", ".join(keys) if before else "made"))
        before = now
    echo_table(("version", "saved", "changed"), rows)


@command.command()
@click.argument("assistant_id")
@click.argument("version", type=int)
@_DRY_RUN
def rollback(*, assistant_id: str, version: int, dry_run: bool) -> None:
    """Make an assistant what it was in VERSION again; that is a new version."""
    from shim import drive
    from shim.migrate import definitions
    from shim.storage.ledger import Ledger

    versions = {each.version: each for each, _ in _versions(assistant_id)}
    if version not in versions:
        known = ", ".join(map(str, versions))
        raise click.ClickException(f"{assistant_id} has no version {version}; it has {known}")
    with _imports() as (database, imports):
        found = [each for each in drive.run(imports.assistants(None)) if each.id == assistant_id]
        if not found:
            raise click.ClickException(f"No assistant found with id '{assistant_id}'.")
        text = definitions.differences(
            definitions.shown(assistant_id, definitions.defined(found[0])),
            definitions.shown(assistant_id, definitions.defined(versions[version])),
            (f"version {found[0].version}", f"version {version}"),
        )
        click.echo(text or f"{assistant_id} is what it was in version {version}\n", nl=False)
        if text and not dry_run:
            again = replace(versions[version], version=found[0].version)
            saved = drive.run(Ledger(database).save_assistant(again))
            click.echo(f"{assistant_id} has version {saved.version} now")


def _versions(assistant_id: str) -> list[tuple[Assistant, int]]:
    from shim import drive

    with _imports() as (_, imports):
        versions = drive.run(imports.versions(assistant_id))
    if not versions:
        raise click.ClickException(f"No assistant found with id '{assistant_id}'.")
    return versions


def _chosen(imports: Imports, tenant: str, ids: Sequence[str]) -> list[Assistant]:
    """A tenant's assistants, all or those with these ids."""
    from shim import drive

    found = drive.run(imports.assistants(tenant))
    for missing in set(ids) - {each.id for each in found}:
        raise click.ClickException(f"No assistant found with id '{missing}'.")
    return [each for each in found if not ids or each.id in ids]


def _check_owners(database: Database, tenant: str, ids: Sequence[str]) -> None:
    from shim import drive
    from shim.storage.imports import Imports

    known = drive.run(Imports(database).owned("assistants", ids))
    for object_id, owned in known.items():
        if owned.tenant not in (None, tenant):
            raise click.ClickException(f"{object_id} is another tenant's; see --tenant")


@contextmanager
def _imports() -> Iterator[tuple[Database, Imports]]:
    from shim.cli.database import opened
    from shim.settings import Settings
    from shim.storage.imports import Imports

    with opened(Settings.load()) as database:
        yield database, Imports(database)
