"""Where `shim import` and `shim verify` read from, as options. Knows which go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from shim.migrate.gathered import Found
    from shim.migrate.shapes import Odd

__all__ = ["Where", "found_in", "source_options"]


@dataclass(frozen=True, slots=True)
class Where:
    """A source: a file or folder, a query, or a server and a file with the ids of threads."""

    path: Path | None = None
    sql: str | None = None
    db: str | None = None
    server: str | None = None
    key: str | None = None
    threads: Path | None = None
    column: str | None = None
    without_tools: tuple[str, ...] = ()


_FILE = click.Path(exists=True, path_type=Path)
_OPTIONS = (
    click.argument("source", required=False, type=_FILE),
    click.option("--sql", help="A query of thread_id, role, text, created_at; needs --db."),
    click.option("--db", help="Where to ask it: sqlite:///file.db or postgresql://..."),
    click.option("--from", "server", help="A server that still speaks Assistants: its base URL."),
    click.option(
        "--key", envvar="SHIM_NATIVE_KEY", help="Its key, or the variable SHIM_NATIVE_KEY."
    ),
    click.option("--threads", type=_FILE, help="A file with the ids of its threads, one a line."),
    click.option("--column", help="The column of the ids, where --threads is a CSV file."),
    click.option("--without-tool", "without_tools", multiple=True, help="Leave out such tools."),
)


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of a source, as one argument `where`."""

    @wraps(command)
    def with_source(*, source: Path | None, **options: Any) -> None:
        names = [name for name in Where.__slots__ if name != "path"]
        where = Where(source, **{name: options.pop(name) for name in names})
        _check(where)
        command(where=where, **options)

    wrapped: Callable[..., None] = with_source
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _check(where: Where) -> None:
    given = [one for one in (where.path, where.sql, where.server) if one]
    if len(given) != 1:
        raise click.UsageError("give one source: a file or folder, --sql with --db, or --from URL")
    if bool(where.sql) != bool(where.db):
        raise click.UsageError("--sql and --db go together")
    if where.threads and not where.server:
        raise click.UsageError("--threads names the threads of a server; give --from URL")


def found_in(where: Where, refuse: Callable[[Odd], None]) -> Iterator[Found]:
    """What a source has; `refuse` is told what cannot be read, and may raise."""
    from shim.migrate.readers import files, native, tables

    if where.sql and where.db:
        return tables.read_query(where.db, where.sql, refuse)
    if where.server:
        ids = tables.thread_ids(where.threads, where.column) if where.threads else None
        return native.read(where.server, where.key or "", ids)
    path = where.path or Path()
    if path.suffix == ".csv":
        return tables.read_csv(path, refuse)
    return files.read(path, refuse)
