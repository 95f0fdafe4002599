"""Whether the database can be used, what waits in it, and which runs are stuck. Changes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from shim import drive
from shim.cli.checks import places
from shim.cli.checks.finding import Finding
from shim.cli.database import is_there, opened, seen_at
from shim.core.records import Run
from shim.errors import SettingsError
from shim.settings import Settings
from shim.storage.address import Address
from shim.storage.outbox import Mirrored, Outbox
from shim.storage.overview import Overview, schema_of
from shim.storage.schema import MIGRATIONS
from shim.workers import BlockingWorkers

__all__ = ["findings"]

_ELSEWHERE = "set SHIM_DATABASE_URL=sqlite:////path/to/shim.db to a place that"
_IN_A_VOLUME = f"{_ELSEWHERE} lasts, such as a mounted volume"


def findings(settings: Settings) -> Iterator[Finding]:
    """The database, then what is in it."""
    if (address := settings.address()) is not None:
        yield (found := _server(address))
        if found.state == "ok":
            yield from _contents(settings)
        return
    path = settings.database_path()
    if path == ":memory:":
        text = "kept in memory: threads and assistants end with the process"
        yield Finding("database", "warning", text, _IN_A_VOLUME)
        return
    yield from _place(Path(path))
    if not is_there(settings):
        yield _absent(Path(path))
        return
    found = _schema(path)
    yield found
    if found.state == "ok":
        yield from _contents(settings)


def _server(address: Address) -> Finding:
    try:
        seen = seen_at(address)
    except SettingsError as error:
        return Finding("database", "problem", str(error), "correct SHIM_DATABASE_URL, as it says")
    where = f"{address.shown}, PostgreSQL {seen.version}"
    if not seen.schema and not seen.may_create:
        cure = "as the owner of the database: GRANT CREATE, USAGE ON SCHEMA public TO that user"
        text = f"{where}: there are no tables, and the user may not make them"
        return Finding("database", "problem", text, cure)
    if not seen.schema:
        text = f"{where}: no tables are there yet; the first Assistants call makes them"
        return Finding("database", "note", text)
    return _aged(where, seen.schema, f"{where}, schema {seen.schema}, {seen.megabytes:.1f} MB")


def _place(path: Path) -> Iterator[Finding]:
    kind = places.file_system(path)
    if kind in places.PASSING:
        text = f"{path.parent} is on {kind}, which does not outlast a container or a restart"
        yield Finding("database", "warning", text, _IN_A_VOLUME)
    elif kind in places.NETWORK:
        text = f"{path.parent} is on {kind}: SQLite cannot lock files reliably on a network"
        yield Finding("database", "warning", text, f"{_ELSEWHERE} is on a local disk")


def _absent(path: Path) -> Finding:
    folder = places.nearest(path)
    if folder.is_dir() and os.access(folder, os.W_OK):
        text = f"{path} is not there yet; the first Assistants call makes it"
        return Finding("database", "note", text)
    text = f"{path} cannot be made: {folder} is not a folder that can be written"
    return Finding("database", "problem", text, f"{_ELSEWHERE} can be written")


def _schema(path: str) -> Finding:
    try:
        version = schema_of(path)
    except SettingsError as error:
        text = f"{path} cannot be opened: {error}"
        cure = f"check the file and who may write it, or {_ELSEWHERE} can be written"
        return Finding("database", "problem", text, cure)
    return _aged(path, version, f"{path}, schema {version}, {_size(Path(path))}")


def _aged(where: str, version: int, current: str) -> Finding:
    """What the age of a schema means; `current` is said of one that is this code's."""
    if version > len(MIGRATIONS):
        text = f"{where} has schema {version}, this shim knows {len(MIGRATIONS)}"
        return Finding("database", "problem", text, "pip install -U assistants-shim")
    if version < len(MIGRATIONS):
        text = f"{where} has schema {version}; the next call brings it to {len(MIGRATIONS)}"
        return Finding("database", "note", text)
    return Finding("database", "ok", current)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _contents(settings: Settings) -> Iterator[Finding]:
    with opened(settings) as database:
        waiting = drive.run(Outbox(database).pending())
        active = drive.run(Overview(database).active_runs())
    yield from map(_waiting, waiting)
    if not waiting:
        yield Finding("outbox", "ok", "nothing waits for a conversation")
    yield from _runs(active)


def _waiting(state: Mirrored) -> Finding:
    entries = "1 entry waits" if state.pending == 1 else f"{state.pending} entries wait"
    text = (
        f"{state.thread_id}: {entries} for {state.conversation_id or 'a conversation to be made'}"
    )
    if state.owner:
        return Finding("outbox", "note", f"{text}; being carried out")
    if not state.failures:
        return Finding("outbox", "note", f"{text}; carried out with the thread's next call")
    tries = "1 try" if state.failures == 1 else f"{state.failures} tries"
    cure = "put the cause right, then `shim doctor --drain` or any call on the thread"
    return Finding("outbox", "problem", f"{text}; failed after {tries}: {state.problem}", cure)


def _runs(active: list[Run]) -> Iterator[Finding]:
    stuck = [run for run in active if run.expires_at < time.time()]
    left = [run for run in active if run not in stuck and _is_left(run)]
    for run in stuck:
        text = f"{run.id} of {run.thread_id} is {run.status} past its expires_at"
        yield Finding("run", "problem", text, _read(run, "ends it as expired"))
    for run in left:
        text = f"{run.id} of {run.thread_id} is {run.status}, and its process has ended"
        yield Finding("run", "problem", text, _read(run, "takes it over"))
    if not stuck and not left:
        yield Finding("run", "ok", f"{len(active) or 'none'} active, none stuck")


def _is_left(run: Run) -> bool:
    """Whether nobody works on a run that somebody has to work on."""
    return run.owner is not None and BlockingWorkers().gone(run.owner)


def _read(run: Run, does: str) -> str:
    call = f'client.beta.threads.runs.retrieve("{run.id}", thread_id="{run.thread_id}")'
    return f"read it: {call} {does}"
