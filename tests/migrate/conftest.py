"""`shim` on a database of its own, SQLite and PostgreSQL, and a look into it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from shim import drive
from shim.cli import main
from shim.settings import Settings
from shim.storage.database import Statement
from shim.wiring import open_database
from shim.workers import BlockingWorkers

TABLES = (
    *("assistants", "assistant_versions", "threads", "messages", "runs", "steps", "turns"),
    *("mirrors", "outbox", "imports"),
)


class Shell:
    """Runs `shim` on a database, and looks into it."""

    def __init__(self, url):
        self.settings = Settings(database_url=url)
        self.variables = {"SHIM_DATABASE_URL": url}

    def __call__(self, *arguments, **variables):
        words = [str(each) for each in arguments]
        return CliRunner().invoke(main, words, env={**self.variables, **variables})

    def told(self, *arguments):
        """The report of a command that prints JSON, and its exit code."""
        result = self(*arguments, "--json")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return json.loads(result.stdout), result.exit_code

    def sql(self, sql):
        """The rows of a query."""
        database = open_database(self.settings, BlockingWorkers())
        try:
            (rows,) = drive.run(database.execute(Statement(sql)))
        finally:
            drive.run(database.aclose())
        return [tuple(dict(row).values()) for row in rows]

    def everything(self):
        """All rows of all tables that an import writes."""
        return {table: sorted(map(repr, self.sql(f"SELECT * FROM {table}"))) for table in TABLES}


@pytest.fixture(params=["sqlite", "postgres"])
def shell(request, tmp_path):
    if request.param == "sqlite":
        return Shell(f"sqlite:///{tmp_path / 'shim.db'}")
    server = request.getfixturevalue("postgres")
    return Shell(f"{server.schema()}")


@pytest.fixture
def sqlite_shell(tmp_path):
    return Shell(f"sqlite:///{tmp_path / 'shim.db'}")
