"""The database that the settings name, for commands that look at it. Never makes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shim import drive
from shim.errors import SettingsError
from shim.settings import Settings
from shim.storage.database import Database
from shim.storage.overview import schema_of
from shim.wiring import driver_of, open_database
from shim.workers import BlockingWorkers

if TYPE_CHECKING:
    from shim.storage.address import Address
    from shim.storage.postgres_schema import Seen

__all__ = ["is_there", "opened", "schema_in", "seen_at"]


def is_there(settings: Settings) -> bool:
    """Whether there are tables already; raises SettingsError where a server does not let us see."""
    if (address := settings.address()) is not None:
        return seen_at(address).schema > 0
    path = settings.database_path()
    return path != ":memory:" and Path(path).is_file()


def schema_in(settings: Settings) -> int:
    """The schema of the database, 0 where there is none; raises SettingsError as `is_there`."""
    if (address := settings.address()) is not None:
        return seen_at(address).schema
    return schema_of(settings.database_path()) if is_there(settings) else 0


def seen_at(address: Address) -> Seen:
    """What is at an address; raises SettingsError where it cannot be seen."""
    with driver_of(address):
        from shim.storage.postgres_schema import look
    return look(address)


def _where(settings: Settings) -> str:
    address = settings.address()
    return settings.database_path() if address is None else address.shown


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, closed afterwards; raises SettingsError where there is none."""
    if not is_there(settings):
        raise SettingsError(
            f"There is no database at {_where(settings)}: no thread was made with these "
            "settings yet. If your program keeps its threads elsewhere, give this command the same "
            "SHIM_DATABASE_URL. `shim doctor` shows what is in force."
        )
    database = open_database(settings, BlockingWorkers())
    try:
        yield database
    finally:
        drive.run(database.aclose())
