"""A ledger and an outbox on one database, and records to put into them."""

from __future__ import annotations

import pytest

from shim import drive
from shim.core.ports import Batch, Mirror
from shim.core.records import Assistant, Message, Run, Step, Thread
from shim.storage.address import Address
from shim.storage.database import Statement
from shim.storage.ledger import Ledger
from shim.storage.outbox import Outbox
from shim.storage.sqlite import SQLite


async def no_sleep(seconds):
    """Nothing here has to wait."""
    raise AssertionError(f"asked to sleep {seconds}")


class Store:
    """A ledger and an outbox, asked without an event loop."""

    def __init__(self, database):
        self.database = database
        self.ledger, self.outbox = Ledger(self.database), Outbox(self.database)
        self.made = 0

    def do(self, name, *args, **options):
        """The result of one of the ledger's methods."""
        return drive.run(getattr(self.ledger, name)(*args, **options))

    def ask(self, name, *args, **options):
        """The result of one of the outbox's methods, or of its claim's."""
        return drive.run(getattr(self.outbox, name)(*args, **options))

    def sql(self, sql, **params):
        """The rows of a statement."""
        (rows,) = drive.run(self.database.execute(Statement(sql, params)))
        return [tuple(dict(row).values()) for row in rows]

    def id(self, prefix):
        """A new id; later ones sort first, so that no order comes of them."""
        self.made += 1
        return f"{prefix}_{1000 - self.made}"

    def assistant(self, tenant="", **more):
        """A stored assistant."""
        record = Assistant(self.id("asst"), 1, "gpt-4o", **more)
        self.do("add_assistant", tenant, record)
        return record

    def thread(self, *texts, tenant="", mirrored=False):
        """The id of a stored thread with messages."""
        thread_id = self.id("thread")
        messages = [self.message(thread_id, text) for text in texts]
        told = [Mirror("message", {"message_id": each.id}) for each in messages]
        batch = Batch(new=messages, mirror=[Mirror("open", {}), *told] if mirrored else ())
        self.do("add_thread", tenant, Thread(thread_id, 1), batch)
        return thread_id

    def message(self, thread_id, text="Hi", **more):
        """A message, not stored."""
        content = ({"type": "text", "text": {"value": text, "annotations": []}},)
        return Message(self.id("msg"), 1, thread_id, "user", content, **more)

    def add(self, thread_id, *texts, mirrored=False):
        """Messages, stored."""
        messages = [self.message(thread_id, text) for text in texts]
        told = [Mirror("message", {"message_id": each.id}) for each in messages if mirrored]
        self.do("add_messages", thread_id, Batch(new=messages, mirror=told))
        return messages

    def new_run(self, thread_id, **more):
        """A run, not stored."""
        return Run(self.id("run"), 1, thread_id, "asst_1", 601, "gpt-4o", **more)

    def run(self, thread_id, **more):
        """A run, stored."""
        run = self.new_run(thread_id, **more)
        self.do("add_run", run, Batch())
        return run

    def step(self, run, kind="tool_calls", **more):
        """A step, not stored."""
        ids = (run.id, run.assistant_id, run.thread_id)
        return Step(self.id("step"), 1, *ids, type=kind, expires_at=601, **more)


@pytest.fixture
def database_on(request):
    """Makes an empty database by its kind: in SQLite's memory, or on a PostgreSQL server."""
    made = []

    def make(kind):
        if kind == "sqlite":
            made.append(SQLite(":memory:", no_sleep))
        else:
            made.append(on_postgres(request.getfixturevalue("postgres").schema()))
        return made[-1]

    yield make
    for database in made:
        drive.run(database.aclose())


def on_postgres(url):
    """The database at a URL, for a blocking door."""
    from shim.storage.postgres import Postgres  # noqa: PLC0415 - an extra

    return Postgres(Address.of(url), no_sleep)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, database_on):
    """A ledger and an outbox on each kind of database."""
    return Store(database_on(request.param))
