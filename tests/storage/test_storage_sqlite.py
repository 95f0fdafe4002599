"""Statements behind the `Database` port: all or nothing, by whomever and from wherever."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from shim import drive
from shim.core.ids import mint
from shim.errors import Lost, SettingsError
from shim.storage.database import Statement
from shim.storage.sqlite import SQLite

PUT = "INSERT INTO refused_parameters VALUES ('server', 'model', :name)"
DROP = "DELETE FROM refused_parameters WHERE name = :name"
SLOW = Statement(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
    "SELECT COUNT(*) FROM n"
)
NAMES = Statement("SELECT name FROM refused_parameters ORDER BY name")


async def no_sleep(seconds):
    """Nothing here has to wait."""
    raise AssertionError(f"asked to sleep {seconds}")


@pytest.fixture(params=["file", "memory"])
def database(request, tmp_path):
    """A database in a file, and one in memory."""
    path = ":memory:" if request.param == "memory" else str(tmp_path / "deep" / "er" / "shim.db")
    with closing(SQLite(path, no_sleep)) as database:
        yield database


def put(name, **more):
    """A statement that puts a row in."""
    return Statement(PUT, {"name": name}, **more)


def drop(name, **more):
    """A statement that takes a row out."""
    return Statement(DROP, {"name": name}, **more)


def names(database):
    """The names that are stored."""
    return [row["name"] for row in drive.run(database.execute(NAMES))[0]]


def test_statements_answer_each_for_itself(database):
    """The rows of each statement come back in order, with columns by name."""
    answers = drive.run(database.execute(put("a"), NAMES, put("b"), NAMES))

    assert [[row["name"] for row in rows] for rows in answers] == [[], ["a"], [], ["a", "b"]]


def test_an_expectation_that_is_met_is_silent(database):
    """`expect` counts the rows touched."""
    drive.run(database.execute(put("a", expect=1), drop("a", expect=1), drop("a", expect=0)))

    assert names(database) == []


@pytest.mark.parametrize("wrong", [drop("b", expect=1), drop("a", expect=2), put("a")])
def test_an_expectation_that_is_not_met_keeps_nothing(database, wrong):
    """A row too few, one too many, or one that is there already: all of the batch is undone."""
    drive.run(database.execute(put("a")))

    with pytest.raises(Lost):
        drive.run(database.execute(put("c"), wrong, put("d")))

    assert names(database) == ["a"]
    drive.run(database.execute(put("c")))
    assert names(database) == ["a", "c"]


def test_a_mistake_keeps_nothing_either(database):
    """SQL that cannot be run undoes its batch, and the next one works."""
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        drive.run(database.execute(put("a"), Statement("DELETE FROM nowhere")))

    assert names(database) == []


def test_what_is_stored_outlives_closing_in_a_file_alone(tmp_path):
    """A file is read again; a memory database begins anew."""
    kept = []
    for path in (str(tmp_path / "shim.db"), ":memory:"):
        with closing(SQLite(path, no_sleep)) as database:
            drive.run(database.execute(put("a")))
            database.close()
            database.close()
            kept.append(names(database))

    assert kept == [["a"], []]


def test_memory_databases_are_strangers():
    """Each memory database is one of its own."""
    with closing(SQLite(":memory:", no_sleep)) as one, closing(SQLite(":memory:", no_sleep)) as two:
        drive.run(one.execute(put("a")))

        assert names(two) == []


def test_threads_share_a_database(database):
    """Many threads write at once, and each of their writes is there."""
    database._sleep = asleep

    def write(number):
        for turn in range(20):
            drive.run(database.execute(put(f"{number}/{turn}", expect=1)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names(database)) == 160


async def asleep(seconds):
    """Block for so long."""
    threading.Event().wait(seconds)


def test_a_busy_database_is_waited_for_by_the_ports_own_sleep(tmp_path):
    """While another holds the file, a write sleeps as it was told to, and then gets through."""
    path = tmp_path / "shim.db"
    pauses = []
    with (
        closing(SQLite(str(path), no_sleep)) as database,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        assert names(database) == []
        other.execute("BEGIN IMMEDIATE")

        async def sleep(seconds):
            pauses.append(seconds)
            if len(pauses) == 2:
                other.execute("COMMIT")

        database._sleep = sleep
        drive.run(database.execute(put("a", expect=1)))

        assert names(database) == ["a"]
    assert pauses == sorted(pauses)
    assert len(pauses) == 2


def test_reading_never_waits_for_a_writer(tmp_path):
    """In a file, what was committed is read while another writes."""
    path = tmp_path / "shim.db"
    with (
        closing(SQLite(str(path), no_sleep)) as database,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        drive.run(database.execute(put("a")))
        other.execute("BEGIN IMMEDIATE")
        other.execute(PUT, {"name": "b"})

        assert names(database) == ["a"]


def test_several_reads_see_one_state(database):
    """Selects of one batch are of one moment, and hold nobody up."""
    answers = drive.run(database.execute(NAMES, NAMES))

    assert [list(rows) for rows in answers] == [[], []]


def test_an_async_caller_needs_no_thread(database):
    """The same object serves tasks of a loop, inline."""

    async def write():
        await asyncio.gather(*(database.execute(put(str(number))) for number in range(20)))

    database._sleep = asyncio.sleep
    asyncio.run(write())

    assert len(names(database)) == 20


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_opens_its_own_connections(tmp_path):
    """A database that was used before a fork works on both sides of it."""
    with closing(SQLite(str(tmp_path / "shim.db"), asleep)) as database:
        drive.run(database.execute(put("before")))

        child = os.fork()
        if not child:
            code = 1
            try:
                drive.run(database.execute(put("child", expect=1)))
                database.close()
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        drive.run(database.execute(put("parent")))

        assert status == 0
        assert names(database) == ["before", "child", "parent"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_waits_for_another_threads_transaction(tmp_path):
    """A child that was made while another thread writes finds no lock that nobody frees."""
    with closing(SQLite(str(tmp_path / "shim.db"), asleep)) as database:
        busy, done = threading.Event(), threading.Event()

        def write():
            while not done.is_set():
                busy.set()
                drive.run(database.execute(put(mint("name")), SLOW))
                time.sleep(0.005)

        writer = threading.Thread(target=write)
        writer.start()
        busy.wait(10)
        ended = []
        for number in range(10):
            time.sleep(0.01)
            child = os.fork()
            if not child:
                code = 1
                try:
                    signal.signal(signal.SIGALRM, signal.SIG_DFL)
                    signal.alarm(10)
                    drive.run(database.execute(put(f"child {number}", expect=1)))
                    code = 0
                finally:
                    os._exit(code)
            ended.append(os.waitpid(child, 0)[1])
        done.set()
        writer.join()

        assert ended == [0] * 10
        assert {f"child {number}" for number in range(10)} <= set(names(database))


@pytest.mark.parametrize("path", ["/dev/null/shim.db", "/proc/shim.db"])
def test_a_place_that_cannot_be_written_is_named(path):
    """The error names the file and the setting that puts it elsewhere."""
    with (
        closing(SQLite(path, no_sleep)) as database,
        pytest.raises(SettingsError, match=f"{path}.*SHIM_DATABASE_URL"),
    ):
        drive.run(database.execute(NAMES))


def test_a_database_that_is_let_go_leaves_nothing_open(tmp_path, recwarn):
    """A database nobody closed is closed when it is collected."""
    database = SQLite(str(tmp_path / "shim.db"), no_sleep)
    drive.run(database.execute(put("a")))

    del database
    gc.collect()

    assert [str(warning.message) for warning in recwarn] == []
    assert not (tmp_path / "shim.db-wal").exists()
