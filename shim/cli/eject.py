"""`shim eject`: the way out. Knows how an ejection is shown and which files it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shim.cli.tables import echo_json

if TYPE_CHECKING:
    from shim.migrate.definitions import Definition
    from shim.migrate.ejecting.ejection import Ejection

__all__ = ["command"]

_DEFINITIONS = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("target", metavar="FILE[:FUNCTION]")
@click.option("--write", "writes", is_flag=True, help="Change the file, and write the test.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead.")
@click.option(
    "--assistant",
    "assistants",
    multiple=True,
    type=_DEFINITIONS,
    help="A file, or folder of files, with assistants of which the program has only the ids.",
)
@click.option("--no-test", is_flag=True, help="Write no parity test.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    *,
    target: str,
    writes: bool,
    output: Path | None,
    assistants: tuple[Path, ...],
    no_test: bool,
    as_json: bool,
) -> None:
    """Rewrite a Python program to native Responses and Conversations code, without shim.

    All of FILE, or one FUNCTION, class or Class.method of it, is converted as a whole or left as it
    is, with the reasons. Shows a diff; writes with --write, or with --output to another file. The
    old program is kept beside the new one, with a test that both do the same. Exits with 1 where
    something is left.
    """
    try:
        from shim.migrate.ejecting import ejection
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed: pip install 'assistants-shim[migrate]'"
        ) from error
    path, function = _target(target)
    found = ejection.eject(path, function, _definitions(assistants))
    files = ejection.files_of(found, output, with_test=not no_test)
    if as_json:
        echo_json(_report(found, files))
    else:
        _show(found, files, done=writes or output is not None)
    if writes or output is not None:
        for each, text in files.items():
            each.write_bytes(text.encode("utf-8"))
    if found.left:
        raise click.exceptions.Exit(1)


def _definitions(paths: tuple[Path, ...]) -> list[Definition]:
    from shim.migrate import definitions

    found = [each for path in paths for each in definitions.read(path)]
    if nameless := [each.path for each in found if not each.id]:
        raise click.ClickException(f"{nameless[0]} holds no id: push it first")
    return found


def _target(target: str) -> tuple[Path, str | None]:
    path, function = Path(target), None
    if not path.is_file() and ":" in target:
        name, _, function = target.rpartition(":")
        path = Path(name)
    if not path.is_file():
        raise click.ClickException(f"{path} is no file")
    return path, function


def _show(found: Ejection, files: dict[Path, str], *, done: bool) -> None:
    click.echo(found.diff(), nl=False)
    for each in found.left:
        place = f"{found.path}:{each.line}" if each.line else str(found.path)
        hand = f" By hand: {each.hand}." if each.hand else ""
        click.echo(f"{place}: left as it is: {each.what}: {each.why}.{hand}", err=True)
    for note in found.notes:
        click.echo(f"{found.path}: {note}", err=True)
    verb = "written" if done else "to write; --write writes"
    names = ", ".join(str(each) for each in files)
    click.echo(f"{verb}: {names}" if files else "nothing to write", err=True)


def _report(found: Ejection, files: dict[Path, str]) -> dict[str, object]:
    left = [
        {"file": str(found.path), "line": e.line, "text": e.what, "why": e.why, "by_hand": e.hand}
        for e in found.left
    ]
    return {
        "file": str(found.path),
        "converted": found.after is not None,
        "left": left,
        "notes": found.notes,
        "files": {str(path): text for path, text in files.items()},
    }
