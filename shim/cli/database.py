"""The database that the settings name, for commands that look at it. Never makes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from shim.errors import SettingsError
from shim.settings import Settings, open_database
from shim.storage.sqlite import Database
from shim.workers import BlockingWorkers

__all__ = ["is_there", "opened"]


def is_there(settings: Settings) -> bool:
    """Whether there is a database file already."""
    path = settings.database_path()
    return path != ":memory:" and Path(path).is_file()


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, closed afterwards; raises SettingsError where there is none."""
    if not is_there(settings):
        raise SettingsError(
            f"There is no database at {settings.database_path()}: no thread was made with these "
            "settings yet. If your program keeps its threads elsewhere, give this command the same "
            "SHIM_DATABASE_URL. `shim doctor` shows what is in force."
        )
    with closing(open_database(settings, BlockingWorkers())) as database:
        yield database
