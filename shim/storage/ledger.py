"""The ledger: assistants, threads, messages, runs and steps as SQL. Knows no rules of the API.

A write that is only right in one state says so by `expect`, and raises Lost where the state is
another. What each method promises stands at `shim.core.ports.Ledger`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shim.core.ports import Batch, Mirror
from shim.core.records import Assistant, Message, Native, Run, Step, Thread
from shim.core.wire import Json
from shim.storage.codec import dump, load, pack, unpack, unpack_native, unpack_thread
from shim.storage.database import Row, Statement
from shim.storage.made_files import MadeFiles
from shim.storage.shared_threads import SharedThreads
from shim.storage.statements import (
    ACTIVE,
    THREADS,
    assistant_version,
    attached,
    changed,
    left_in,
    moved_run,
    new_assistant,
    new_thread,
    placed,
    stores_made_for,
    turn,
)

if TYPE_CHECKING:
    from shim.core.params import ListParams

__all__ = ["Ledger"]

_TABLES_OF_A_THREAD = (
    *("messages", "runs", "steps", "turns", "mirrored_items", "listings", "native_items"),
)
_NOT_KEPT = "DELETE FROM files WHERE thread_id = :thread AND status <> 'kept'"
# moves the row that every write of the thread's drainer moves, so that one of the two comes first
_BEGIN_ANEW = "UPDATE mirrors SET failures = 0 WHERE thread_id = :thread"
_WAITS_NO_MORE = "DELETE FROM outbox WHERE thread_id = :thread"
_DELETE_LATER = (
    "INSERT INTO outbox SELECT id, next_position, 'delete_thread', :leftovers, 0 FROM threads "
    "WHERE id = :thread AND EXISTS (SELECT 1 FROM mirrors WHERE thread_id = :thread)"
)
_MIRROR_LATER = (
    "INSERT INTO mirrors SELECT id, tenant, NULL, NULL, 0, 0, NULL, NULL FROM threads "
    "WHERE id = :thread AND (:leaves = 1 "
    "OR EXISTS (SELECT 1 FROM made_stores WHERE thread_id = :thread)) ON CONFLICT DO NOTHING"
)

_LEAVE = (_BEGIN_ANEW, _WAITS_NO_MORE, _MIRROR_LATER, _DELETE_LATER)


class Ledger(MadeFiles, SharedThreads):
    """The store of one shim."""

    # assistants

    async def add_assistant(self, tenant: str, record: Assistant) -> None:
        await self._database.execute(new_assistant(tenant, record), assistant_version(record))

    async def assistant(self, tenant: str, assistant_id: str) -> Assistant | None:
        sql = "SELECT * FROM assistants WHERE id = :id AND tenant = :tenant"
        rows = await self._rows(sql, id=assistant_id, tenant=tenant)
        return unpack(Assistant, rows[0]) if rows else None

    async def save_assistant(self, record: Assistant) -> Assistant:
        saved = replace(record, version=record.version + 1)
        update = Statement(
            "UPDATE assistants SET data = :data, version = :version "
            "WHERE id = :id AND version = :was",
            {
                "id": saved.id,
                "data": pack(saved),
                "version": saved.version,
                "was": record.version,
            },
            expect=1,
        )
        await self._database.execute(update, assistant_version(saved))
        return saved

    async def delete_assistant(self, tenant: str, assistant_id: str) -> None:
        sql = "DELETE FROM assistants WHERE id = :id AND tenant = :tenant"
        params = {"id": assistant_id, "tenant": tenant}
        await self._database.execute(Statement(sql, params, expect=1))

    async def assistants(self, tenant: str, params: ListParams) -> list[Assistant]:
        rows = await self._page("assistants", "tenant = :tenant", params, tenant=tenant)
        return [unpack(Assistant, row) for row in rows]

    # threads

    async def add_thread(self, tenant: str, record: Thread, batch: Batch) -> None:
        await self._database.execute(
            *new_thread(tenant, record, batch), *placed(record.id, [*batch.new, *batch.mirror])
        )

    async def add_thread_and_run(self, tenant: str, record: Thread, run: Run, batch: Batch) -> None:
        entries = [*batch.new, *batch.mirror, run]
        await self._database.execute(
            *new_thread(tenant, record, batch), *placed(record.id, entries)
        )

    async def thread(self, tenant: str, thread_id: str) -> Thread | None:
        sql = f"{THREADS} WHERE t.id = :id AND t.tenant = :tenant"
        rows = await self._rows(sql, id=thread_id, tenant=tenant)
        return unpack_thread(rows[0]) if rows else None

    async def save_thread(self, record: Thread) -> Thread:
        sql = (
            "UPDATE threads SET metadata = :metadata, tool_resources = :resources, "
            "version = version + 1 WHERE id = :id AND version = :was"
        )
        params = {
            "id": record.id,
            "metadata": dump(record.metadata),
            "resources": dump(record.tool_resources),
            "was": record.version,
        }
        await self._database.execute(Statement(sql, params, expect=1))
        return replace(record, version=record.version + 1)

    async def delete_thread(self, thread_id: str) -> None:
        left = await self._leftovers(thread_id)
        params = {"thread": thread_id, "leftovers": dump(left), "leaves": int(any(left.values()))}
        delete = (f"DELETE FROM {table} WHERE thread_id = :thread" for table in _TABLES_OF_A_THREAD)
        await self._database.execute(
            *(Statement(sql, params) for sql in _LEAVE),
            Statement("DELETE FROM threads WHERE id = :thread", params, expect=1),
            *(Statement(sql, params) for sql in (*delete, _NOT_KEPT)),
        )

    async def made_stores(self, thread_id: str) -> list[str]:
        (rows,) = await self._database.execute(stores_made_for(thread_id))
        return [row["store_id"] for row in rows]

    async def _leftovers(self, thread_id: str) -> Json:
        """The responses, and the container, that a thread leaves at the upstream.

        Its conversation and stores are looked up when they are deleted: something may be on its
        way there now.
        """
        params = {"thread": thread_id}
        runs, turns = await self._database.execute(
            Statement("SELECT status, data FROM runs WHERE thread_id = :thread", params),
            Statement("SELECT response_id FROM turns WHERE thread_id = :thread", params),
        )
        asked = [(row["status"], load(row["data"])) for row in runs]
        ids = [run.get("response_id") for _, run in asked]
        ids += [row["response_id"] for row in turns]
        left: Json = {"responses": sorted({each for each in ids if each})}
        if running := [run["response_id"] for status, run in asked if _at_work(status, run)]:
            left["cancel"] = running
        if (container := await self.container(thread_id)) is not None:
            left["container"] = container.id
        return left

    # messages

    async def add_messages(self, thread_id: str, batch: Batch) -> None:
        entries = [*batch.new, *batch.mirror]
        await self._database.execute(
            *placed(thread_id, entries, idle=True), *attached(thread_id, batch)
        )

    async def message(self, thread_id: str, message_id: str) -> Message | None:
        sql = "SELECT * FROM messages WHERE id = :id AND thread_id = :thread"
        rows = await self._rows(sql, id=message_id, thread=thread_id)
        return unpack(Message, rows[0]) if rows else None

    async def messages(self, thread_id: str, params: ListParams) -> list[Message]:
        of_run = "" if params.run_id is None else " AND run_id = :run"
        rows = await self._page(
            "messages", f"thread_id = :thread{of_run}", params, thread=thread_id, run=params.run_id
        )
        return [unpack(Message, row) for row in rows]

    async def save_message_metadata(self, message_id: str, metadata: dict[str, str]) -> None:
        await self._set("messages", message_id, metadata=dump(metadata))

    async def delete_message(self, thread_id: str, message_id: str) -> None:
        sql = "DELETE FROM messages WHERE id = :id AND thread_id = :thread"
        params = {"id": message_id, "thread": thread_id}
        gone = Mirror("delete_message", {"message_id": message_id})
        await self._database.execute(Statement(sql, params, expect=1), *placed(thread_id, [gone]))

    async def history(self, thread_id: str) -> list[Message | Native | Step]:
        params = {"thread": thread_id}
        messages, steps, natives = await self._database.execute(
            Statement("SELECT * FROM messages WHERE thread_id = :thread", params),
            Statement(
                "SELECT * FROM steps WHERE thread_id = :thread AND type = 'tool_calls'", params
            ),
            Statement("SELECT * FROM native_items WHERE thread_id = :thread", params),
        )
        entries: list[Message | Native | Step] = [unpack(Message, row) for row in messages]
        entries += [unpack(Step, row) for row in steps]
        entries += [unpack_native(row) for row in natives]
        return sorted(entries, key=lambda entry: entry.position)

    # runs

    async def add_run(self, run: Run, batch: Batch) -> None:
        entries = [*batch.new, *batch.mirror, run]
        await self._database.execute(
            *placed(run.thread_id, entries, idle=True), *attached(run.thread_id, batch)
        )

    async def run(self, thread_id: str, run_id: str) -> Run | None:
        sql = "SELECT * FROM runs WHERE id = :id AND thread_id = :thread"
        rows = await self._rows(sql, id=run_id, thread=thread_id)
        return unpack(Run, rows[0]) if rows else None

    async def active_run(self, thread_id: str) -> Run | None:
        sql = f"SELECT * FROM runs WHERE thread_id = :thread AND status IN {ACTIVE}"
        rows = await self._rows(sql, thread=thread_id)
        return unpack(Run, rows[0]) if rows else None

    async def runs(self, thread_id: str, params: ListParams) -> list[Run]:
        rows = await self._page("runs", "thread_id = :thread", params, thread=thread_id)
        return [unpack(Run, row) for row in rows]

    async def run_status(self, run_id: str) -> str | None:
        rows = await self._rows("SELECT status FROM runs WHERE id = :id", id=run_id)
        return str(rows[0]["status"]) if rows else None

    async def save_run(self, run: Run, batch: Batch) -> Run:
        saved = replace(run, version=run.version + 1)
        await self._database.execute(
            moved_run(saved, was=run.version),
            *placed(run.thread_id, [*batch.new, *batch.mirror]),
            *(changed(record) for record in batch.changed),
            *turn(saved, batch),
            *left_in(run.thread_id, batch),
        )
        return saved

    async def save_run_metadata(self, run_id: str, metadata: dict[str, str]) -> None:
        await self._set("runs", run_id, metadata=dump(metadata))

    async def turn_items(self, run_id: str) -> list[Json]:
        sql = "SELECT items FROM turns WHERE run_id = :run ORDER BY number"
        rows = await self._rows(sql, run=run_id)
        return [item for row in rows for item in load(row["items"])]

    # steps

    async def step(self, run_id: str, step_id: str) -> Step | None:
        sql = "SELECT * FROM steps WHERE id = :id AND run_id = :run"
        rows = await self._rows(sql, id=step_id, run=run_id)
        return unpack(Step, rows[0]) if rows else None

    async def steps(self, run_id: str, params: ListParams) -> list[Step]:
        rows = await self._page("steps", "run_id = :run", params, run=run_id)
        return [unpack(Step, row) for row in rows]

    async def open_steps(self, run_id: str) -> list[Step]:
        rows = await self._rows(
            "SELECT * FROM steps WHERE run_id = :run ORDER BY position", run=run_id
        )
        return [step for row in rows if (step := unpack(Step, row)).status == "in_progress"]

    async def open_messages(self, run_id: str) -> list[Message]:
        # messages are found by their thread; by the run alone, those of all threads are looked at
        rows = await self._rows(
            "SELECT * FROM messages WHERE thread_id = (SELECT thread_id FROM runs WHERE id = :run) "
            "AND run_id = :run ORDER BY position",
            run=run_id,
        )
        return [sent for row in rows if (sent := unpack(Message, row)).status == "in_progress"]

    # parameters a model refuses

    async def refused_parameters(self, server: str, model: str) -> frozenset[str]:
        rows = await self._rows(
            "SELECT name FROM refused_parameters WHERE server = :server AND model = :model",
            server=server,
            model=model,
        )
        return frozenset(row["name"] for row in rows)

    async def remember_refused(self, server: str, model: str, name: str) -> None:
        sql = (
            "INSERT INTO refused_parameters VALUES (:server, :model, :name) ON CONFLICT DO NOTHING"
        )
        params = {"server": server, "model": model, "name": name}
        await self._database.execute(Statement(sql, params))

    async def _page(
        self, table: str, scope: str, params: ListParams, **values: Any
    ) -> Sequence[Row]:
        """Up to `limit + 1` rows in the order asked for; `before` pages end at the cursor."""
        backwards = params.before is not None and params.after is None
        descending = (params.order == "desc") != backwards
        cursor = f"(SELECT position FROM {table} WHERE id = :{{}})"
        follows, precedes = ("<", ">") if params.order == "desc" else (">", "<")
        if params.after is not None:
            scope += f" AND position {follows} {cursor.format('after')}"
        if params.before is not None:
            scope += f" AND position {precedes} {cursor.format('before')}"
        rows = await self._rows(
            f"SELECT * FROM {table} WHERE {scope} "
            f"ORDER BY position {'DESC' if descending else 'ASC'} LIMIT :limit",
            **values,
            after=params.after,
            before=params.before,
            limit=params.limit + 1,
        )
        return _nearest(rows, params.limit) if backwards else rows


def _at_work(status: str, run: Json) -> bool:
    """Whether the upstream may still work on a run's response, with nobody reading it."""
    working = status in ("queued", "in_progress", "cancelling")
    return bool(working and run.get("background") and run.get("response_id"))


def _nearest(rows: Sequence[Row], limit: int) -> Sequence[Row]:
    """Rows read backwards from a cursor, forwards again, the one too many (if any) at the end."""
    return [*reversed(rows[:limit]), *rows[limit:]]
