"""`shim codemod`: the import change. Knows how changes are shown and when they are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shim.migrate.codemod import Changes

__all__ = ["command"]


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--write", "writes", is_flag=True, help="Change the files.")
@click.option("--reverse", is_flag=True, help="Take the change back; with --write, in the files.")
def command(*, path: Path, writes: bool, reverse: bool) -> None:
    """Let the clients below PATH that reach Assistants calls be imported from shim.

    Shows a diff, and the reasons on standard error; changes files with --write alone. Exits with 1
    where something that matters is left.
    """
    try:
        from shim.migrate import codemod
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed: pip install 'assistants-shim[migrate]'"
        ) from error
    from shim.cli.scan import progress

    with progress() as tell:
        found = codemod.reversed_changes(path) if reverse else codemod.changes(path, tell)
    _show(found, done=writes)
    if writes:
        codemod.write(found, record=not reverse)
        if reverse:
            codemod.forget(found)
    if found.left:
        raise click.exceptions.Exit(1)


def _show(found: Changes, *, done: bool) -> None:
    for each in found.changes:
        click.echo(each.diff(), nl=False)
    for each in found.changes:
        click.echo(f"{each.path}: {each.why}", err=True)
    for name, why in found.left:
        click.echo(f"{name}: left: {why}", err=True)
    count = len(found.changes)
    files = f"{count} file{'' if count == 1 else 's'}"
    verb = "changed" if done else "to change; --write changes them"
    click.echo(f"{files} {verb}" if count else "nothing to change", err=True)
