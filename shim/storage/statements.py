"""The SQL that writes threads and what hangs on them. Knows tables and order, nothing of when.

Rows that belong to a thread's sequence get their positions from the thread's row, which one
statement moves before the rows are put in: that orders them and serialises writers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from shim.core.ports import Batch, Mirror, Resources
from shim.core.records import (
    Assistant,
    Container,
    File,
    Listing,
    Message,
    Native,
    Run,
    Step,
    Thread,
)
from shim.storage.codec import dump, pack
from shim.storage.database import Statement

__all__ = [
    "ACTIVE",
    "THREADS",
    "assistant_version",
    "attached",
    "changed",
    "left_in",
    "listed",
    "moved_run",
    "new_assistant",
    "new_file",
    "new_thread",
    "placed",
    "shared_thread",
    "stores_made_for",
    "turn",
]

Entry = Message | Native | Step | Run | Mirror

THREADS = (
    "SELECT t.*, m.conversation_id, "
    "EXISTS (SELECT 1 FROM shared_threads s WHERE s.thread_id = t.id) AS shared "
    "FROM threads t LEFT JOIN mirrors m ON m.thread_id = t.id"
)
"""Threads as they are read, of which any condition may follow."""

ACTIVE = "('queued', 'in_progress', 'requires_action', 'cancelling')"
_IDLE = f" AND NOT EXISTS (SELECT 1 FROM runs WHERE thread_id = :thread AND status IN {ACTIVE})"
_POSITION = "(SELECT next_position FROM threads WHERE id = :thread) - :back"

_INSERTS: dict[type, str] = {
    Message: f"INSERT INTO messages VALUES (:id, :thread, :run, {_POSITION}, :metadata, :data)",
    Native: f"INSERT INTO native_items VALUES (:id, :thread, {_POSITION}, :data)",
    Step: f"INSERT INTO steps VALUES (:id, :thread, :run, :type, {_POSITION}, :data)",
    Run: f"INSERT INTO runs VALUES (:id, :thread, {_POSITION}, :status, 0, :metadata, :data)",
    Mirror: f"INSERT INTO outbox SELECT :thread, {_POSITION}, :kind, :payload, 0 "
    "WHERE EXISTS (SELECT 1 FROM mirrors WHERE thread_id = :thread)",
}


def placed(thread_id: str, entries: Sequence[Entry], *, idle: bool = False) -> list[Statement]:
    """Put entries into a thread's sequence, in order; with `idle`, only if no run is active."""
    if not entries:
        return []
    params = {"thread": thread_id, "count": len(entries)}
    advance = "UPDATE threads SET next_position = next_position + :count WHERE id = :thread"
    statements = [Statement(advance + (_IDLE if idle else ""), params, expect=1)]
    for index, entry in enumerate(entries):
        values = {**_values(entry), "thread": thread_id, "back": len(entries) - index}
        statements.append(Statement(_INSERTS[type(entry)], values))
    return statements


def _values(entry: Entry) -> dict[str, object]:
    match entry:
        case Message():
            metadata = dump(entry.metadata)
            return {"id": entry.id, "run": entry.run_id, "metadata": metadata, "data": pack(entry)}
        case Native():
            return {"id": entry.id, "data": dump(entry.data)}
        case Step():
            return {"id": entry.id, "run": entry.run_id, "type": entry.type, "data": pack(entry)}
        case Run():
            metadata = dump(entry.metadata)
            return {
                "id": entry.id,
                "status": entry.status,
                "metadata": metadata,
                "data": pack(entry),
            }
        case Mirror():
            return {"kind": entry.kind, "payload": dump(entry.payload)}


def new_assistant(tenant: str, record: Assistant) -> Statement:
    """A new assistant; assistants are ordered by when they were put in."""
    return Statement(
        "INSERT INTO assistants VALUES (:id, :tenant, :position, :version, :data)",
        {
            "id": record.id,
            "tenant": tenant,
            "position": time.time_ns(),
            "version": record.version,
            "data": pack(record),
        },
    )


def assistant_version(record: Assistant) -> Statement:
    """Keep this version of an assistant."""
    return Statement(
        "INSERT INTO assistant_versions VALUES (:id, :version, :saved_at, :data)",
        {
            "id": record.id,
            "version": record.version,
            "saved_at": int(time.time()),
            "data": pack(record),
        },
    )


def new_thread(tenant: str, record: Thread, batch: Batch) -> list[Statement]:
    """A new thread with what it starts with, and the row of its conversation if it gets one."""
    statements = [_thread(tenant, record), *_made_for(record.id, batch.resources)]
    if batch.mirror:
        server = next((entry.payload.get("server") for entry in batch.mirror), None)
        statements.append(_conversation(tenant, record, server))
    return statements


def shared_thread(tenant: str, record: Thread, server: str) -> list[Statement]:
    """A new thread over a conversation that is there already."""
    sql = "INSERT INTO shared_threads VALUES (:conversation, :thread, :tenant)"
    params = {"conversation": record.conversation_id, "thread": record.id, "tenant": tenant}
    made = [_thread(tenant, record), _conversation(tenant, record, server)]
    return [Statement(sql, params), *made]


def _thread(tenant: str, record: Thread) -> Statement:
    return Statement(
        "INSERT INTO threads (id, tenant, created_at, next_position, metadata, tool_resources) "
        "VALUES (:id, :tenant, :created_at, 1, :metadata, :resources)",
        {
            "id": record.id,
            "tenant": tenant,
            "created_at": record.created_at,
            "metadata": dump(record.metadata),
            "resources": dump(record.tool_resources),
        },
    )


def _conversation(tenant: str, record: Thread, server: str | None) -> Statement:
    """The row of a thread's conversation, which is known already or made later."""
    sql = "INSERT INTO mirrors VALUES (:id, :tenant, :conversation, NULL, 0, 0, NULL, :server)"
    params = {"id": record.id, "tenant": tenant, "conversation": record.conversation_id}
    return Statement(sql, {**params, "server": server})


def attached(thread_id: str, batch: Batch) -> list[Statement]:
    """What messages bring to their thread, if nobody has changed it meanwhile."""
    given = batch.resources
    if given is None:
        return []
    sql = (
        "UPDATE threads SET tool_resources = :now, version = version + 1 "
        "WHERE id = :thread AND version = :was"
    )
    params = {"thread": thread_id, "was": given.was, "now": dump(given.now)}
    return [Statement(sql, params, expect=1), *_made_for(thread_id, given)]


def stores_made_for(thread_id: str) -> Statement:
    """The vector stores that shim made for a thread, those not deleted yet."""
    sql = "SELECT store_id FROM made_stores WHERE thread_id = :thread ORDER BY store_id"
    return Statement(sql, {"thread": thread_id})


def _made_for(thread_id: str, given: Resources | None) -> list[Statement]:
    sql = "INSERT INTO made_stores VALUES (:thread, :store) ON CONFLICT DO NOTHING"
    stores = given.stores if given is not None else ()
    return [Statement(sql, {"thread": thread_id, "store": store}) for store in stores]


def moved_run(run: Run, was: int) -> Statement:
    """The run as it is now, if its stored version is `was`."""
    return Statement(
        "UPDATE runs SET status = :status, version = :version, data = :data "
        "WHERE id = :id AND version = :was",
        {
            "id": run.id,
            "status": run.status,
            "version": run.version,
            "data": pack(run),
            "was": was,
        },
        expect=1,
    )


def changed(record: Message | Step) -> Statement:
    """A message or step as it is now; metadata and position are left alone."""
    table = "messages" if isinstance(record, Message) else "steps"
    return Statement(
        f"UPDATE {table} SET data = :data WHERE id = :id",
        {"id": record.id, "data": pack(record)},
    )


def left_in(thread_id: str, batch: Batch) -> list[Statement]:
    """What a run's code left behind: files, the container, and those to be looked through.

    A container that is known already keeps the list of the files that it was given.
    """
    statements = [new_file(record) for record in batch.files]
    statements += [Statement(_LIST_LATER, _named(listing)) for listing in batch.listings]
    if batch.container is not None:
        sql = (
            "UPDATE threads SET container_files = CASE WHEN container_id = :container "
            "THEN container_files ELSE :files END, container_id = :container WHERE id = :thread"
        )
        statements.append(Statement(sql, _container(thread_id, batch.container)))
    return statements


_LIST_LATER = (
    "INSERT INTO listings VALUES (:thread, :run, :turn, :container, :created_at) "
    "ON CONFLICT DO NOTHING"
)


def _named(listing: Listing) -> dict[str, object]:
    return {
        "thread": listing.thread_id,
        "run": listing.run_id,
        "turn": listing.turn,
        "container": listing.container_id,
        "created_at": listing.created_at,
    }


def listed(listing: Listing) -> Statement:
    """The container has been looked through, by nobody else before."""
    return Statement(
        "DELETE FROM listings WHERE thread_id = :thread AND run_id = :run AND turn = :turn "
        "AND container_id = :container",
        _named(listing),
        expect=1,
    )


def new_file(record: File) -> Statement:
    """A file of the thread's tenant, if it is not there yet."""
    return Statement(
        "INSERT INTO files (id, thread_id, run_id, status, data, tenant, made_at) "
        "VALUES (:id, :thread, :run, :status, :data, "
        "(SELECT tenant FROM threads WHERE id = :thread), :made_at) ON CONFLICT DO NOTHING",
        {
            "id": record.id,
            "thread": record.thread_id,
            "run": record.run_id,
            "status": record.status,
            "data": pack(record),
            "made_at": record.created_at,
        },
    )


def _container(thread_id: str, container: Container) -> dict[str, object]:
    files = dump(list(container.files))
    return {"thread": thread_id, "container": container.id, "files": files}


def turn(run: Run, batch: Batch) -> list[Statement]:
    """The items a response gave or a caller submitted; versions of the run order them."""
    if not batch.items and batch.response_id is None:
        return []
    return [
        Statement(
            "INSERT INTO turns VALUES (:run, :number, :thread, :response, :items)",
            {
                "run": run.id,
                "number": run.version,
                "thread": run.thread_id,
                "response": batch.response_id,
                "items": dump(list(batch.items)),
            },
        )
    ]
