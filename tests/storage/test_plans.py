"""How SQLite goes about the ledger's reads."""

from __future__ import annotations

import pytest

from shim import drive
from shim.core.params import ListParams
from shim.storage.database import Statement
from shim.storage.ledger import Ledger
from shim.storage.sqlite import SQLite

PAGE = ListParams(after="x", before="y", run_id="r")
READS = {
    "assistant": ("", "asst_1"),
    "assistants": ("", PAGE),
    "thread": ("", "thread_1"),
    "message": ("thread_1", "msg_1"),
    "messages": ("thread_1", PAGE),
    "history": ("thread_1",),
    "run": ("thread_1", "run_1"),
    "active_run": ("thread_1",),
    "runs": ("thread_1", PAGE),
    "run_status": ("run_1",),
    "turn_items": ("run_1",),
    "step": ("run_1", "step_1"),
    "steps": ("run_1", PAGE),
    "open_steps": ("run_1",),
    "open_messages": ("run_1",),
    "file": ("", "file-shim1"),
    "files": ("thread_1",),
    "owed": ("thread_1",),
    "kept_before": (5.0, 10),
    "container": ("thread_1",),
    "refused_parameters": ("https://api.openai.com/v1", "gpt-4o"),
}


class Noting(SQLite):
    """A database that remembers what it was asked."""

    def __init__(self):
        super().__init__(":memory:", sleep=None)
        self.asked = []

    async def execute(self, *statements):
        """Run the statements, and note them."""
        self.asked += statements
        return await super().execute(*statements)

    def plan(self, statement):
        """What SQLite does for a statement, step by step."""
        explain = Statement(f"EXPLAIN QUERY PLAN {statement.sql}", statement.params)
        return [row["detail"] for row in drive.run(super().execute(explain))[0]]


@pytest.fixture
def database():
    """A noting database."""
    database = Noting()
    yield database
    database.close()


@pytest.mark.parametrize("name", READS)
def test_a_read_does_not_go_through_a_whole_table(name, database):
    """However much is stored, a call that reads looks at what it is about only."""
    drive.run(getattr(Ledger(database), name)(*READS[name]))

    steps = [step for statement in database.asked for step in database.plan(statement)]

    assert steps
    assert not [step for step in steps if step.startswith("SCAN")]
