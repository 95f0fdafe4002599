"""The command line with a database of its own, and stores as programs leave them."""

from __future__ import annotations

import time

import pytest
from click.testing import CliRunner

from shim import drive
from shim.cli import main
from shim.core.ports import Batch, Mirror
from shim.core.records import Run, Thread
from shim.offline import Offline
from shim.settings import Settings
from shim.storage.ledger import Ledger
from shim.storage.outbox import Outbox
from shim.testing import connect
from shim.wiring import open_database
from shim.workers import BlockingWorkers

KEY = "sk-of-the-test-1234567890"


class Shell:
    """Runs `shim` as a user would, with variables of its own."""

    def __init__(self, path, url=None):
        self.path = path
        self.settings = Settings(database_url=url or f"sqlite:///{path}", dialect="openai")
        self.variables = {"SHIM_DATABASE_URL": self.settings.database_url}

    def __call__(self, *arguments, **variables):
        return CliRunner().invoke(main, arguments, env={**self.variables, **variables})

    def stored(self, work):
        """What a piece of work with the database gives."""
        database = open_database(self.settings, BlockingWorkers())
        try:
            return drive.run(work(database))
        finally:
            drive.run(database.aclose())

    def thread(self, thread_id="thread_1", mirror=("open",), server=None):
        """A thread; what is to be told to its conversation, at the server, waits."""
        batch = Batch(mirror=[Mirror(kind, {"server": server}) for kind in mirror])
        record = Thread(id=thread_id, created_at=1_790_000_000)
        self.stored(lambda database: Ledger(database).add_thread("", record, batch))
        return thread_id

    def run(self, thread_id, **fields):
        """A run of the thread."""
        now = int(time.time())
        record = Run("run_1", now, thread_id, "asst_1", now + 600, "m", **fields)
        self.stored(lambda database: Ledger(database).add_run(record, Batch()))

    def fail(self, thread_id, problem):
        """Let a try to tell the thread's conversation have failed."""

        async def work(database):
            claim = await Outbox(database).claim(thread_id, "someone")
            await claim.release(problem)

        self.stored(work)

    def connect(self, offline):
        """A client on an embedded upstream and this database."""
        return connect(offline, settings=self.settings)


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path / "shim.db")


@pytest.fixture
def server_shell(tmp_path, postgres):
    """A shell whose database is on a server."""
    return Shell(tmp_path / "shim.db", f"{postgres.schema()}&password=secret")


@pytest.fixture
def offline():
    return Offline()


@pytest.fixture
def reached(offline):
    """Variables of a shell whose upstream is a served one, key included."""
    with offline.serve() as served:
        yield {
            "OPENAI_BASE_URL": served.url,
            "OPENAI_API_KEY": KEY,
            "SHIM_DIALECT": "openai",
        }
