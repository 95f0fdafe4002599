"""The schema: made, kept, brought forward, and refused where it is not ours to read."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from shim import drive
from shim.errors import StoreTooNew
from shim.storage.database import Statement
from shim.storage.schema import MIGRATIONS, migrate, version_of
from shim.storage.sqlite import SQLite

TABLES = {
    "access_keys",
    "assistant_versions",
    "assistants",
    "callers",
    "content_pieces",
    "contents",
    "files",
    "imports",
    "lane_share",
    "lanes",
    "listings",
    "made_stores",
    "messages",
    "mirrored_items",
    "mirrors",
    "native_items",
    "outbox",
    "owned",
    "refused_parameters",
    "runs",
    "secrets",
    "shared_threads",
    "shim_schema",
    "steps",
    "threads",
    "turns",
    "uploads",
}


@pytest.fixture
def connection(tmp_path):
    """A connection to a new file, in no transaction of its own."""
    with closing(sqlite3.connect(tmp_path / "shim.db", isolation_level=None)) as connection:
        yield connection


def tables(connection):
    """The names of the tables."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {row[0] for row in rows}


def test_a_fresh_database_gets_every_table(connection):
    """A new file is brought to the newest schema, and says so."""
    migrate(connection)

    assert tables(connection) == TABLES
    assert version_of(connection) == len(MIGRATIONS)


def test_an_existing_database_is_left_as_it_is(connection):
    """Migrating twice is migrating once: what is stored stays."""
    migrate(connection)
    connection.execute("INSERT INTO refused_parameters VALUES ('s', 'm', 'temperature')")

    migrate(connection)

    assert connection.execute("SELECT COUNT(*) FROM refused_parameters").fetchone() == (1,)
    assert not connection.in_transaction


def test_a_newer_database_is_refused_with_a_way_out(connection):
    """A schema beyond this code is not touched; the error says what to do."""
    migrate(connection)
    newer = len(MIGRATIONS) + 1
    connection.execute("UPDATE shim_schema SET version = ?", (newer,))

    with pytest.raises(StoreTooNew, match=rf"schema {newer}.*pip install -U.*SHIM_DATABASE_URL"):
        migrate(connection)

    assert version_of(connection) == newer
    assert not connection.in_transaction


def test_a_migration_that_fails_leaves_nothing_behind(connection):
    """Half a schema is none: a file that holds something else keeps only that."""
    connection.execute("CREATE TABLE steps (something TEXT)")

    with pytest.raises(sqlite3.OperationalError, match="steps already exists"):
        migrate(connection)

    assert tables(connection) == {"steps"}
    assert not connection.in_transaction


def test_a_newer_database_is_refused_at_every_statement(tmp_path):
    """The refusal is not forgotten after the first call."""
    path = str(tmp_path / "shim.db")
    with closing(SQLite(path, sleep=None)) as database:
        drive.run(database.execute(Statement("UPDATE shim_schema SET version = 99")))

    with closing(SQLite(path, sleep=None)) as database:
        for _ in range(2):
            with pytest.raises(StoreTooNew):
                drive.run(database.execute(Statement("SELECT 1")))


def test_one_run_of_a_thread_is_active_at_most(connection):
    """The index that keeps threads to one active run is part of the schema."""
    migrate(connection)
    put = "INSERT INTO runs VALUES (?, 'thread_1', ?, ?, 0, '{}', '{}')"
    connection.execute(put, ("run_1", 1, "completed"))
    connection.execute(put, ("run_2", 2, "queued"))

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(put, ("run_3", 3, "requires_action"))
