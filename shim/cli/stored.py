"""What is stored of threads, put together for showing. Knows the ledger and the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shim import drive
from shim.cli.database import opened
from shim.core import objects
from shim.core.params import ListParams
from shim.core.records import File, Native, Run, Thread
from shim.core.wire import Json
from shim.settings import Settings
from shim.storage.database import Database
from shim.storage.imports import Imports
from shim.storage.lanes import NATIVE, RESPONSES, Lane, Lanes
from shim.storage.ledger import Ledger
from shim.storage.outbox import Mirrored, Outbox
from shim.storage.overview import Listed, Overview

__all__ = ["Record", "lane", "listed", "record"]

_ALL = ListParams(limit=1_000_000, order="asc")


@dataclass(frozen=True, slots=True)
class Record:
    """A thread and all that hangs on it, as wire objects with what only shim knows beside.

    `natives` counts what native code has in its conversation that is no message.
    """

    thread: Thread
    mirrored: Mirrored | None
    messages: Sequence[Json]
    runs: Sequence[Json]
    note: str | None = None
    natives: int = 0

    def as_json(self) -> Json:
        """The record as `--json` prints it."""
        mirrored = self.mirrored
        return {
            **objects.thread_read(self.thread),
            "conversation_id": self.thread.conversation_id,
            "shared": self.thread.shared,
            "native_items": self.natives,
            "lane": RESPONSES,
            "note": self.note,
            "pending": mirrored.pending if mirrored else 0,
            "problem": mirrored.problem if mirrored else None,
            "refused": mirrored.refused if mirrored else 0,
            "messages": self.messages,
            "runs": self.runs,
        }

    def waits(self) -> str:
        """What waits for the thread's conversation."""
        if self.mirrored is None:
            return "nothing: the thread is kept here alone"
        if not self.mirrored.pending:
            refused = self.mirrored.refused
            but = f" but {refused} items that the upstream refused" if refused else ""
            return f"nothing: the conversation has all of it{but}"
        problem = f" ({self.mirrored.problem})" if self.mirrored.problem else ""
        return f"{self.mirrored.pending} entries{problem}"


def listed(limit: int) -> tuple[list[Json], bool]:
    """The newest threads, and whether there are more."""
    with opened(Settings.load()) as database:
        here = drive.run(Overview(database).threads(limit))
        there = drive.run(Lanes(database).native(limit + 1))
    lines = [*(_line(one) for one in here), *(_native(one) for one in there)]
    lines.sort(key=lambda line: line["created_at"], reverse=True)
    return lines[:limit], len(lines) > limit


def lane(thread_id: str) -> Lane | None:
    """Where a thread is, if anything is known of it."""
    with opened(Settings.load()) as database:
        return drive.run(Lanes(database).find(thread_id))


def _native(one: Lane) -> Json:
    """A thread of which only the native server knows more."""
    return {
        "id": one.thread_id,
        "created_at": one.made_at,
        "messages": None,
        "active_run": None,
        "conversation_id": None,
        "shared": False,
        "lane": NATIVE,
    }


def _line(one: Listed) -> Json:
    return {
        "id": one.thread.id,
        "created_at": one.thread.created_at,
        "messages": one.messages,
        "active_run": one.active,
        "conversation_id": one.thread.conversation_id,
        "shared": one.thread.shared,
        "lane": RESPONSES,
    }


def record(thread_id: str) -> Record | None:
    """The thread of that id, or of that conversation, with all that hangs on it, or None."""
    with opened(Settings.load()) as database:
        ledger = Ledger(database)
        if (held := drive.run(ledger.holder(thread_id))) is not None:
            thread_id = held.thread_id
        thread = drive.run(Overview(database).thread(thread_id))
        if thread is None:
            return None
        history = drive.run(ledger.history(thread_id))
        return Record(
            thread,
            drive.run(Outbox(database).mirrored(thread_id)),
            [objects.message(each) for each in drive.run(ledger.messages(thread_id, _ALL))],
            [_run(database, run) for run in drive.run(ledger.runs(thread_id, _ALL))],
            drive.run(Imports(database).note(thread_id)),
            sum(isinstance(entry, Native) for entry in history),
        )


def _run(database: Database, run: Run) -> Json:
    ledger = Ledger(database)
    steps, files = drive.run(ledger.steps(run.id, _ALL)), drive.run(ledger.files(run.thread_id))
    return {
        **objects.run(run),
        "notes": list(run.notes),
        "response_id": run.response_id,
        "assistant_version": run.assistant_version,
        "steps": [objects.step(step) for step in steps],
        "files": [_file(file) for file in files if file.run_id == run.id],
    }


def _file(file: File) -> Json:
    return {
        "id": file.id,
        "filename": file.filename,
        "bytes": file.size,
        "created_at": file.created_at,
        "status": file.status,
        "named": file.named,
        "problem": file.problem,
    }
