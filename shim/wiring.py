"""The wiring: the only place where parts are put together, by what the settings say.

Knows which part stands before which, and imports each where it is wanted: a program pays for the
engine with its first Assistants call, and for an extra only where it uses it. Reads no environment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shim.errors import SettingsError
from shim.providers import Models, with_beta

if TYPE_CHECKING:
    from shim.core.made_files import Contents
    from shim.core.ports import Upstream, Workers
    from shim.core.records import Run
    from shim.core.wire import Call, Handler, Reply
    from shim.native.appending import Lines
    from shim.settings import Settings
    from shim.storage.address import Address
    from shim.storage.database import Database

__all__ = ["Wired", "driver_of", "open_contents", "open_database", "wire"]

log = logging.getLogger("shim")


def open_database(settings: Settings, workers: Workers) -> Database:
    """The database that the settings name; says once where a new file is made."""
    from shim.storage.sqlite import SQLite  # noqa: PLC0415 - see `wire`

    if (address := settings.address()) is not None:
        return _open_postgres(address, workers)
    path = settings.database_path()
    if settings.mode != "native" and path != ":memory:" and not Path(path).exists():
        log.warning("shim keeps threads and assistants in the new file %s", path)
    return SQLite(path, workers.sleep)


def _open_postgres(address: Address, workers: Workers) -> Database:
    with driver_of(address):
        from shim.storage.postgres import AsyncPostgres, Postgres  # noqa: PLC0415 - an extra
    return (Postgres if workers.blocking else AsyncPostgres)(address, workers.sleep)


@contextmanager
def driver_of(address: Address) -> Iterator[None]:
    """Where what needs PostgreSQL's driver is imported; raises SettingsError without one."""
    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f"SHIM_DATABASE_URL ({address.shown}) needs PostgreSQL's driver ({error}): "
            "pip install 'assistants-shim[postgres]'"
        ) from error


class Wired:
    """A handler put together, whether its database answers, and how to close what it holds."""

    def __init__(self, handler: Handler, database: Database, lines: Lines | None = None) -> None:
        self._handler = handler
        self._lines = lines
        self.database = database

    async def aclose(self) -> None:
        """Close what it holds, once what was recorded is written."""
        if self._lines is not None:
            self._lines.flush()
        await self.database.aclose()

    async def check(self) -> None:
        """Ask the database for something; raises where it does not answer."""
        from shim.storage.database import Statement  # noqa: PLC0415 - see `wire`

        await self.database.execute(Statement("SELECT 1"))

    async def __call__(self, call: Call) -> Reply:
        """Answer a call."""
        return await self._handler(call)


def open_contents(settings: Settings, database: Database) -> Contents:
    """Where the contents of files are kept."""
    from shim.storage.content_table import Table  # noqa: PLC0415 - see `wire`
    from shim.storage.contents import Folder, Memory  # noqa: PLC0415

    if (folder := settings.files_path()) is not None:
        return Folder(folder)
    return Memory() if settings.address() is None else Table(database)


def wire(
    settings: Settings,
    upstream: Upstream,
    workers: Workers,
    ended: Callable[[Run], None] = lambda _: None,
    now: Callable[[], float] = time.time,
) -> Wired:
    """The handler that the mode asks for, over a database, an upstream and workers of one colour.

    `ended` is told of each run that ends here. Imports the engine here, so that a program pays for
    it with its first Assistants call.
    """
    database = open_database(settings, workers)
    if settings.mode == "native":
        handler = _forward(settings, upstream, now)
    else:
        handler = _engine(settings, upstream, workers, database, ended=ended, now=now)
        if settings.mode == "route":
            native = _forward(settings, upstream, now)
            handler = _route(settings, native, handler, database, workers)
        else:
            handler = _adopting(settings, handler, database, workers)
    return _recorded(settings, _shadowed(settings, handler, workers), database)


def _recorded(settings: Settings, handler: Handler, database: Database) -> Wired:
    if not settings.record:
        return Wired(handler, database)
    from shim.native.appending import Lines  # noqa: PLC0415 - see `wire`
    from shim.native.named import function  # noqa: PLC0415
    from shim.native.record import Recorder  # noqa: PLC0415

    lines = Lines(Path(settings.record), settings.record_max_mb * 1_000_000)
    hook = function("SHIM_RECORD_HOOK", settings.record_hook) if settings.record_hook else None
    lane = "" if settings.mode == "route" else settings.mode
    keys = (settings.upstream_key, settings.native_key)
    recorder = Recorder(handler, lines, lane=lane, hook=hook, secrets=keys)
    return Wired(recorder, database, lines)


def _shadowed(settings: Settings, handler: Handler, workers: Workers) -> Handler:
    if not settings.shadow:
        return handler
    from shim.native.shadow import Shadow  # noqa: PLC0415 - see `wire`
    from shim.trials import Trials, share_of  # noqa: PLC0415

    return Shadow(handler, workers, Trials(settings).take, share_of(settings.shadow))


def _adopting(settings: Settings, engine: Handler, database: Database, workers: Workers) -> Handler:
    if not settings.unknown_threads:
        return engine
    from shim.native.adopted import Adopting, loader  # noqa: PLC0415 - see `wire`
    from shim.storage.imports import Imports  # noqa: PLC0415
    from shim.storage.ledger import Ledger  # noqa: PLC0415

    stores = Ledger(database), Imports(database)
    mirrored = settings.store and settings.conversations != "local"
    load = loader(settings.unknown_threads)
    return Adopting(engine, stores, workers, load, mirrored=mirrored)


def _forward(settings: Settings, upstream: Upstream, now: Callable[[], float]) -> Handler:
    from shim.native.forward import Forward  # noqa: PLC0415 - see `wire`

    url, key, apart = settings.native_url, settings.native_key, settings.mode == "route"
    forward = Forward(upstream, url, key, apart=apart, now=now)
    return with_beta(forward) if settings.provider else forward


def _route(
    settings: Settings, native: Handler, engine: Handler, database: Database, workers: Workers
) -> Handler:
    from shim.native.moving import Mover  # noqa: PLC0415 - see `wire`
    from shim.native.route import Route, Ways  # noqa: PLC0415
    from shim.native.rules import Rules  # noqa: PLC0415
    from shim.storage.imports import Imports  # noqa: PLC0415
    from shim.storage.lanes import Lanes  # noqa: PLC0415
    from shim.storage.ledger import Ledger  # noqa: PLC0415

    lanes = Lanes(database)
    mirrored = settings.store and settings.conversations != "local"
    mover = Mover(native, (lanes, Imports(database), Ledger(database)), mirrored=mirrored)
    ways = Ways(native, engine, mover, lanes, shared=bool(settings.native_key))
    return Route(ways, Rules.of(settings.routes), workers.sleep)


def _engine(
    settings: Settings,
    upstream: Upstream,
    workers: Workers,
    database: Database,
    *,
    ended: Callable[[Run], None],
    now: Callable[[], float],
) -> Handler:
    from shim.conversation.mirror import Mirrors  # noqa: PLC0415
    from shim.core.engine import Engine  # noqa: PLC0415
    from shim.core.ports import World  # noqa: PLC0415
    from shim.storage.ledger import Ledger  # noqa: PLC0415
    from shim.storage.outbox import Outbox  # noqa: PLC0415
    from shim.storage.shared_threads import Reads  # noqa: PLC0415

    ledger = Ledger(database)
    mode = settings.conversations if settings.store else "local"
    contents = open_contents(settings, database)
    mirrors = Mirrors(
        *(Outbox(database), ledger, upstream, workers, mode),
        contents=contents,
        reads=Reads(database),
        now=now,
    )
    world = World(
        ledger=ledger,
        upstream=upstream,
        workers=workers,
        conversations=mirrors,
        contents=contents,
        store=settings.store,
        pairs=settings.history == "items",
        models=Models(settings.models, settings.provider),
        most_bytes=settings.files_max_mb * 1_000_000,
        files_days=settings.files_days,
        ended=ended,
        now=now,
    )
    engine = Engine(world)
    return with_beta(engine) if settings.provider else engine
