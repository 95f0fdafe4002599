"""PostgreSQL behind the `Database` port, in both colours. Knows psycopg; not what is stored.

Each batch is one transaction of isolation level REPEATABLE READ: of two that move one row, the
second is refused and tried again from its beginning, so that what it read is never stale. A batch
is tried again only where it certainly left nothing behind. Its statements go out together.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn, Protocol

import psycopg
from psycopg import errors
from psycopg.adapt import AdaptersMap
from psycopg.rows import dict_row
from psycopg.types.string import StrDumper
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout

from shim.errors import Lost, SettingsError, Unsure
from shim.storage.address import Address
from shim.storage.database import Row, Statement
from shim.storage.postgres_schema import connection_string, prepare

__all__ = ["AsyncPostgres", "Postgres"]

_GIVE_UP_SECONDS = 30.0
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
_PARAMETER = re.compile(r"(?<!:):([a-z_][a-z_0-9]*)")


_GOING_DOWN = {"57P01", "57P02", "57P03"}
"""Shut down by its administrator, crashed, starting."""


class _Cursor(Protocol):
    rowcount: int


class _Connection(Protocol):
    closed: bool


class _Text(StrDumper):
    """Texts typed as such; what no TEXT can hold, a NUL or half a surrogate pair, is replaced.

    Such characters can stand in ids that callers ask for and in upstreams' messages of errors. All
    that must come back as it was is in JSON, where they are escaped.
    """

    def dump(self, obj: str) -> Any:
        """The text as bytes."""
        try:
            return super().dump(obj)
        except (psycopg.DataError, UnicodeEncodeError):
            plain = obj.replace("\0", "\ufffd").encode("utf-8", "replace")
            return super().dump(plain.decode("utf-8"))


class _Postgres:
    """What both colours share: which batches are tried again, and what their failures mean."""

    def __init__(self, address: Address, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._address = address
        self._sleep = sleep

    async def execute(self, *statements: Statement) -> list[Sequence[Row]]:
        """Run the statements in one transaction, and again where another was in their way."""
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        pause = 0.002
        while True:
            try:
                return await self._run(statements)
            except psycopg.Error as error:
                if not _is_passing(error) or time.monotonic() > give_up:
                    self._fail(error)
            await self._sleep(random.uniform(0, pause))  # noqa: S311 - no secret
            pause = min(pause * 1.5, 0.1)

    @abstractmethod
    async def _run(self, statements: Sequence[Statement]) -> list[Sequence[Row]]:
        raise NotImplementedError

    def _fail(self, error: psycopg.Error) -> NoReturn:
        if isinstance(error, psycopg.IntegrityError):
            raise Lost(error.diag.message_primary or type(error).__name__) from error
        if isinstance(error, psycopg.OperationalError | errors.InsufficientPrivilege):
            raise SettingsError(
                f"the database {self._address.shown} cannot be used ({error}); `shim doctor` "
                "looks into it"
            ) from error
        raise error

    def _options(self) -> dict[str, Any]:
        adapters = AdaptersMap(psycopg.adapters)
        adapters.register_dumper(str, _Text)
        return {
            "conninfo": connection_string(self._address),
            "kwargs": {
                "autocommit": True,
                "row_factory": dict_row,
                "context": adapters,
                "prepare_threshold": 5 if self._address.prepared else None,
            },
            "min_size": 0,
            "max_size": self._address.pool,
            "open": False,
            "name": "shim",
        }


_Home = tuple[int, asyncio.AbstractEventLoop]


def _home() -> _Home:
    return os.getpid(), asyncio.get_running_loop()


class Postgres(_Postgres):
    """A database for a blocking door. Its pools are kept by process: a fork gets one of its own."""

    def __init__(self, address: Address, sleep: Callable[[float], Awaitable[None]]) -> None:
        super().__init__(address, sleep)
        self._pools: dict[int, ConnectionPool[Any]] = {}
        self._opening: dict[int, threading.Lock] = {}

    async def aclose(self) -> None:
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.close()

    async def _run(self, statements: Sequence[Statement]) -> list[Sequence[Row]]:
        reading = _is_read(statements)
        with self._pool().connection() as connection:
            if reading and len(statements) == 1:
                return [connection.execute(*_sent(statements[0])).fetchall()]
            with connection.pipeline():
                connection.execute(_BEGIN)
                cursors = [connection.execute(*_sent(each)) for each in statements]
                if reading:
                    connection.execute("COMMIT")
            _check(statements, cursors)
            rows = [cursor.fetchall() if cursor.description else [] for cursor in cursors]
            if not reading:
                with _committing(connection):
                    connection.execute("COMMIT")
            return rows

    def _pool(self) -> ConnectionPool[Any]:
        process = os.getpid()
        if process not in self._pools:
            with self._opening.setdefault(process, threading.Lock()):
                if process not in self._pools:
                    self._pools[process] = self._opened()
        return self._pools[process]

    def _opened(self) -> ConnectionPool[Any]:
        prepare(self._address)
        pool: ConnectionPool[Any] = ConnectionPool(**self._options())
        pool.open()
        weakref.finalize(self, _close_here, pool, os.getpid())
        return pool


def _close_here(pool: ConnectionPool[Any], process: int) -> None:
    """Close a pool, unless it was inherited; waits for no thread, since it may run in any."""
    if process == os.getpid():
        pool.close(timeout=0)


class AsyncPostgres(_Postgres):
    """A database for an async door. A pool belongs to one loop of one process."""

    def __init__(self, address: Address, sleep: Callable[[float], Awaitable[None]]) -> None:
        super().__init__(address, sleep)
        self._pools: dict[_Home, AsyncConnectionPool[Any]] = {}
        self._opening: dict[_Home, asyncio.Lock] = {}
        self._keepers: dict[_Home, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        home = _home()
        self._opening.pop(home, None)
        if self._pools.pop(home, None) is not None:
            keeper = self._keepers.pop(home)
            keeper.cancel()
            await asyncio.wait([keeper])

    async def _run(self, statements: Sequence[Statement]) -> list[Sequence[Row]]:
        reading = _is_read(statements)
        async with (await self._pool()).connection() as connection:
            if reading and len(statements) == 1:
                cursor = await connection.execute(*_sent(statements[0]))
                return [await cursor.fetchall()]
            async with connection.pipeline():
                await connection.execute(_BEGIN)
                cursors = [await connection.execute(*_sent(each)) for each in statements]
                if reading:
                    await connection.execute("COMMIT")
            _check(statements, cursors)
            rows = [await each.fetchall() if each.description else [] for each in cursors]
            if not reading:
                with _committing(connection):
                    await connection.execute("COMMIT")
            return rows

    async def _pool(self) -> AsyncConnectionPool[Any]:
        home = _home()
        if home not in self._pools:
            async with self._opening.setdefault(home, asyncio.Lock()):
                if home not in self._pools:
                    self._pools[home] = await self._opened()
        return self._pools[home]

    async def _opened(self) -> AsyncConnectionPool[Any]:
        await asyncio.to_thread(prepare, self._address)
        for home in [home for home in self._pools if home[1].is_closed()]:
            del self._pools[home], self._keepers[home]
        connections: weakref.WeakSet[psycopg.AsyncConnection[Any]] = weakref.WeakSet()

        async def remember(connection: psycopg.AsyncConnection[Any]) -> None:
            connections.add(connection)

        pool = AsyncConnectionPool(**self._options(), configure=remember)
        await pool.open()
        self._keepers[_home()] = asyncio.create_task(_keep(pool, connections))
        return pool


async def _keep(
    pool: AsyncConnectionPool[Any], connections: Iterable[psycopg.AsyncConnection[Any]]
) -> None:
    """Close the pool when this task is cancelled, at the latest when the loop ends.

    A worker of the pool that is cancelled while it connects goes on working; unless it is told to
    stop, the loop's end waits for it for ever.
    """
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        try:
            await pool.close()
        except asyncio.CancelledError:  # so are the pool's workers: the loop ends
            for connection in list(connections):
                await connection.close()
            raise


def _is_read(statements: Sequence[Statement]) -> bool:
    return all(statement.sql.startswith("SELECT") for statement in statements)


def _sent(statement: Statement) -> tuple[Any, Mapping[str, Any]]:
    return _translated(statement.sql), statement.params


@lru_cache(maxsize=1000)
def _translated(sql: str) -> bytes:
    """The statement with psycopg's way of writing parameters."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%")).encode()


def _check(statements: Sequence[Statement], cursors: Sequence[_Cursor]) -> None:
    for statement, cursor in zip(statements, cursors, strict=True):
        if statement.expect is not None and cursor.rowcount != statement.expect:
            raise Lost(f"expected {statement.expect} rows, touched {cursor.rowcount}")


@contextmanager
def _committing(connection: _Connection) -> Iterator[None]:
    """A COMMIT to which there was no answer may have been carried out, and is not repeated."""
    try:
        yield
    except psycopg.OperationalError as error:
        if not connection.closed:
            raise
        raise Unsure(
            f"the connection to the database broke in a COMMIT ({str(error).strip()}): what was "
            "written may be there or not; look before you write it again"
        ) from error


def _is_passing(error: psycopg.Error) -> bool:
    """Whether the batch left nothing behind, and may succeed when it is tried again."""
    match error:
        case PoolTimeout() | PoolClosed():
            return False  # it has waited long enough, or its loop ends
        case errors.SerializationFailure() | errors.DeadlockDetected():
            return True
        case psycopg.OperationalError() | psycopg.InterfaceError():
            state = error.sqlstate or "08"  # what the client itself finds is a broken connection
            return state.startswith("08") or state in _GOING_DOWN
        case _:
            return False
