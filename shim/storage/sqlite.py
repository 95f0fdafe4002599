"""SQLite behind the `Database` port. Knows connections and locks; not what is stored.

Statements run inline in both colours: a write takes microseconds, less than any hop to a thread.
Connections are taken from a pool that belongs to this process id, so that a client made before a
fork works after it, and returned before anything is awaited.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from shim.core.ids import mint
from shim.errors import Lost, SettingsError
from shim.storage.database import Row, Statement
from shim.storage.forks import GATE
from shim.storage.schema import migrate

__all__ = ["SQLite"]

_BUSY_MILLISECONDS = 50
_GIVE_UP_SECONDS = 30.0
_UNUSABLE = (
    "unable to open database file",
    "readonly database",
    "is not a database",
    "database disk image is malformed",
    "database or disk is full",
    "disk I/O error",
)


class _Pool:
    """The connections of one process: idle ones, and the one that keeps a memory database."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.idle: deque[sqlite3.Connection] = deque()
        self.anchor: sqlite3.Connection | None = None
        self.ready = False
        self.starting = threading.Lock()

    def close(self) -> None:
        """Close the connections, if this is still the process that opened them."""
        if self.process != os.getpid():
            return
        self.ready = False
        while self.idle:
            with contextlib.suppress(sqlite3.Error, IndexError):
                self.idle.pop().close()
        if self.anchor is not None:
            self.anchor.close()
            self.anchor = None


class SQLite:
    """A database file, or `:memory:` for one that lives as long as this object."""

    def __init__(self, path: str, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._path = path
        self._sleep = sleep
        self._memory = (
            f"file:{mint('shim')}?mode=memory&cache=shared" if path == ":memory:" else None
        )
        self._pools = [self._new_pool()]

    async def execute(self, *statements: Statement) -> list[Sequence[Row]]:
        """Run the statements in one transaction; waits for other writers, outside of any lock."""
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        pause = 0.002
        while True:
            try:
                with GATE, self._connection() as connection:
                    return _run(connection, statements)
            except sqlite3.DatabaseError as error:
                if _is_unusable(error):
                    raise SettingsError(_unusable(self._path, error)) from error
                if not _is_busy(error) or time.monotonic() > give_up:
                    raise
            await self._sleep(pause)
            pause = min(pause * 1.5, 0.1)

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections; the next statement opens new ones."""
        self._pools[-1].close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        pool = self._pool()
        try:
            connection = pool.idle.pop()
        except IndexError:
            connection = self._open()
        try:
            yield connection
        except (Lost, sqlite3.OperationalError):
            pool.idle.append(connection)
            raise
        except BaseException:
            connection.close()
            raise
        pool.idle.append(connection)

    def _pool(self) -> _Pool:
        """This process's pool. A parent's is kept as it is: it must not be used, nor closed."""
        pool = self._pools[-1]
        if pool.process != os.getpid():
            pool = self._new_pool()
            self._pools.append(pool)
        if not pool.ready:
            with pool.starting:
                if not pool.ready:
                    self._start(pool)
        return pool

    def _new_pool(self) -> _Pool:
        pool = _Pool()
        weakref.finalize(self, pool.close)
        return pool

    def _start(self, pool: _Pool) -> None:
        if self._memory is None:
            _make_folder(Path(self._path))
        elif pool.anchor is None:
            pool.anchor = self._open()
        with contextlib.closing(self._open()) as connection:
            migrate(connection)
        pool.ready = True

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._memory or self._path,
            timeout=_BUSY_MILLISECONDS / 1000,
            isolation_level=None,
            check_same_thread=False,
            uri=self._memory is not None,
        )
        try:
            connection.row_factory = sqlite3.Row
            _configure(connection, wal=self._memory is None)
        except BaseException:
            connection.close()
            raise
        return connection


def _configure(connection: sqlite3.Connection, *, wal: bool) -> None:
    give_up = time.monotonic() + _GIVE_UP_SECONDS
    while wal:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # switching to WAL needs the file for itself for a moment and knows no busy timeout
            if not _is_busy(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.005)
        else:
            break
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=OFF")


def _run(connection: sqlite3.Connection, statements: tuple[Statement, ...]) -> list[Sequence[Row]]:
    reading = all(statement.sql.startswith("SELECT") for statement in statements)
    if reading and len(statements) == 1:
        return [connection.execute(statements[0].sql, statements[0].params).fetchall()]
    connection.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
    try:
        rows = [_one(connection, statement) for statement in statements]
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.IntegrityError):
            raise Lost(str(error)) from error
        raise
    return rows


def _one(connection: sqlite3.Connection, statement: Statement) -> Sequence[Row]:
    cursor = connection.execute(statement.sql, statement.params)
    rows = cursor.fetchall()
    if statement.expect is not None and cursor.rowcount != statement.expect:
        raise Lost(f"expected {statement.expect} rows, touched {cursor.rowcount}")
    return rows


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    text = str(error)
    return "locked" in text or "busy" in text


def _is_unusable(error: sqlite3.DatabaseError) -> bool:
    """Whether it is the file's fault, or its folder's."""
    return any(words in str(error) for words in _UNUSABLE)


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(_unusable(str(path), error)) from error


def _unusable(path: str, error: Exception) -> str:
    return (
        f"the database file {path} cannot be used ({error}); "
        "set SHIM_DATABASE_URL=sqlite:////path/to/shim.db to a place that can be written"
    )
