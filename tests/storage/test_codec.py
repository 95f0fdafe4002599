"""Records as rows and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from shim.core.records import Message, Run, Step, Usage
from shim.storage.codec import dump, pack, unpack

USED = Usage(prompt=1, completion=2, cached=3, reasoning=4)


def row_of(record, *columns):
    """The row that the record becomes."""
    values = {name: getattr(record, name) for name in columns}
    return {**values, "metadata": dump(getattr(record, "metadata", {})), "data": pack(record)}


def test_a_run_comes_back_as_it_was():
    """Tuples, tokens and what is unset survive."""
    run = Run("run_1", 1, "thread_1", "asst_1", 601, "m", tools=({"type": "x"},), used=USED)

    row = row_of(run, "id", "thread_id", "status", "version")

    assert unpack(Run, row) == run


def test_a_step_comes_back_with_or_without_tokens():
    """Tokens not known yet are not zero tokens."""
    for usage in (None, USED):
        step = Step("step_1", 1, "run_1", "asst_1", "thread_1", "tool_calls", 601, usage=usage)

        row = row_of(step, "id", "run_id", "thread_id", "type", "position")

        assert unpack(Step, row) == step


def test_half_a_surrogate_pair_can_be_stored():
    """A message cut off inside of a character is text that SQLite takes."""
    content = ({"type": "text", "text": {"value": "\ud83d", "annotations": []}},)
    message = Message("msg_1", 1, "thread_1", "assistant", content)
    row = row_of(message, "id", "thread_id", "run_id", "position")

    with closing(sqlite3.connect(":memory:")) as connection:
        (stored,) = connection.execute("SELECT ?", (row["data"],)).fetchone()

    assert unpack(Message, {**row, "data": stored}) == message
