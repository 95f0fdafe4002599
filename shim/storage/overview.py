"""What the command line shows of a database, beyond what a door may see. Reads, never writes.

Knows SQL and SQLite files. Where the ledger looks at one thread of one tenant, this looks at all
of them; and at a file without changing or making it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shim.core.records import File, Run, Thread
from shim.errors import SettingsError
from shim.storage.codec import unpack, unpack_thread
from shim.storage.database import Database, Statement
from shim.storage.schema import version_of
from shim.storage.statements import ACTIVE, THREADS

__all__ = ["Kept", "Listed", "Overview", "schema_of"]

_BUSY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A thread with the number of its messages, and the status of its active run if it has one."""

    thread: Thread
    messages: int
    active: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Files that are kept: how many, their bytes, and how many of them have no thread any more.

    `waiting` counts what is still to be fetched: files, and containers to be looked through.
    """

    count: int
    size: int
    alone: int
    waiting: int


class Overview:
    """Every tenant's threads and runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def threads(self, limit: int) -> list[Listed]:
        """The newest threads, one more than the limit where more follow."""
        sql = (
            "SELECT t.*, (SELECT COUNT(*) FROM messages c WHERE c.thread_id = t.id) AS messages, "
            f"(SELECT r.status FROM runs r WHERE r.thread_id = t.id AND r.status IN {ACTIVE}) "
            f"AS active FROM ({THREADS} ORDER BY t.created_at DESC, t.id DESC LIMIT :limit) t"
        )
        (rows,) = await self._database.execute(Statement(sql, {"limit": limit + 1}))
        return [Listed(unpack_thread(row), row["messages"], row["active"]) for row in rows]

    async def thread(self, thread_id: str) -> Thread | None:
        """A thread, whoever owns it."""
        statement = Statement(f"{THREADS} WHERE t.id = :id", {"id": thread_id})
        (rows,) = await self._database.execute(statement)
        return unpack_thread(rows[0]) if rows else None

    async def active_runs(self) -> list[Run]:
        """Every run that has not ended, oldest first."""
        sql = f"SELECT * FROM runs WHERE status IN {ACTIVE} ORDER BY id"
        (rows,) = await self._database.execute(Statement(sql))
        return [unpack(Run, row) for row in rows]

    async def kept(self) -> Kept:
        """What is kept of the files that code made."""
        sql = (
            "SELECT f.*, NOT EXISTS (SELECT 1 FROM threads t WHERE t.id = f.thread_id) AS alone "
            "FROM files f WHERE f.status = 'kept'"
        )
        waiting = (
            "SELECT (SELECT COUNT(*) FROM files WHERE status = 'pending') "
            "+ (SELECT COUNT(*) FROM listings) AS waiting"
        )
        rows, counted = await self._database.execute(Statement(sql), Statement(waiting))
        sizes = [unpack(File, row).size or 0 for row in rows]
        alone = sum(bool(row["alone"]) for row in rows)
        return Kept(len(rows), sum(sizes), alone, counted[0]["waiting"])


def schema_of(path: str) -> int:
    """The schema of a database file that exists; raises SettingsError if it cannot be written."""
    try:
        with closing(_opened(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # tells a file that can only be read
            version = version_of(connection)
            connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        raise SettingsError(str(error)) from error
    return version


def _opened(path: str) -> sqlite3.Connection:
    uri = f"{Path(path).absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
