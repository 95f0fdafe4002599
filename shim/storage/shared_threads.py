"""Shared threads as SQL: which conversation is whose, and what of it has been read.

An item that was read has a `place`: by these, places stand in the conversation's order. One that
shim has put there and not seen there yet has none. Knows rows, not the upstream.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shim.core.conversations import Held
from shim.core.records import File, Message, Native, Thread
from shim.storage.database import Database, Statement
from shim.storage.outbox import Claim
from shim.storage.statements import new_file, placed, shared_thread

__all__ = ["Known", "Reads", "SharedThreads", "Taken"]

_HOLDER = (
    "SELECT thread_id, tenant, 1 AS shared FROM shared_threads WHERE conversation_id = :id "
    "UNION ALL SELECT thread_id, tenant, 0 AS shared FROM mirrors WHERE conversation_id = :id "
    "ORDER BY shared DESC LIMIT 1"
)
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Known:
    """An item of a conversation that is known: the record it is, and its place once it was read."""

    item_id: str
    record_id: str
    place: int | None


@dataclass(frozen=True, slots=True)
class Taken:
    """An item that native code put there, with its place, and the record that it becomes."""

    item_id: str
    place: int
    record: Message | Native
    files: Sequence[File] = ()


class SharedThreads:
    """The part of the ledger about shared threads; what each method promises says the port."""

    _database: Database

    async def holder(self, conversation_id: str) -> Held | None:
        (rows,) = await self._database.execute(Statement(_HOLDER, {"id": conversation_id}))
        if not rows:
            return None
        thread_id = rows[0]["thread_id"]
        sql = "SELECT id FROM threads WHERE id = :thread"
        (there,) = await self._database.execute(Statement(sql, {"thread": thread_id}))
        return Held(thread_id, rows[0]["tenant"], bool(there), bool(rows[0]["shared"]))

    async def share(self, tenant: str, record: Thread, server: str) -> None:
        await self._database.execute(*shared_thread(tenant, record, server))

    async def begin_sharing(self, conversation_id: str, thread_id: str) -> None:
        sql = (
            "INSERT INTO shared_threads SELECT conversation_id, thread_id, tenant FROM mirrors "
            "WHERE thread_id = :thread AND conversation_id = :conversation "
            "AND EXISTS (SELECT 1 FROM threads WHERE id = :thread) ON CONFLICT DO NOTHING"
        )
        params = {"thread": thread_id, "conversation": conversation_id}
        await self._database.execute(Statement(sql, params))

    async def message_id(self, thread_id: str, item_id: str) -> str | None:
        sql = (
            "SELECT i.message_id FROM mirrored_items i JOIN messages m ON m.id = i.message_id "
            "WHERE i.thread_id = :thread AND i.item_id = :item"
        )
        params = {"thread": thread_id, "item": item_id}
        (rows,) = await self._database.execute(Statement(sql, params))
        return str(rows[0]["message_id"]) if rows else None


class Reads:
    """What has been read of the conversations; written by who holds a thread's claim."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def created_at(self, thread_id: str) -> int | None:
        """When a thread's conversation was made; None for no thread."""
        sql = "SELECT created_at FROM threads WHERE id = :thread"
        (rows,) = await self._database.execute(Statement(sql, {"thread": thread_id}))
        return int(rows[0]["created_at"]) if rows else None

    async def known(self, thread_id: str) -> dict[str, Known]:
        """The items that are known, by their ids."""
        sql = (
            "SELECT item_id, message_id, place FROM mirrored_items "
            "WHERE thread_id = :thread AND substr(item_id, 1, 8) <> 'refused:'"
        )
        (rows,) = await self._database.execute(Statement(sql, {"thread": thread_id}))
        return {
            row["item_id"]: Known(row["item_id"], row["message_id"], row["place"]) for row in rows
        }

    async def take_in(self, claim: Claim, taken: Sequence[Taken]) -> None:
        """Put what native code added behind what is in the thread, oldest first."""
        sql = "INSERT INTO mirrored_items VALUES (:thread, :record, :item, :place)"
        for start in range(0, len(taken), _AT_ONCE):
            some = taken[start : start + _AT_ONCE]
            told = [
                claim.statement(sql, record=each.record.id, item=each.item_id, place=each.place)
                for each in some
            ]
            await claim.write(
                *placed(claim.thread_id, [each.record for each in some]),
                *told,
                *(new_file(file) for each in some for file in each.files),
            )

    async def settle(
        self, claim: Claim, seen: Iterable[tuple[str, int]], gone: Iterable[Known]
    ) -> None:
        """These of our own items were seen at those places; the others are there no more."""
        place = (
            "UPDATE mirrored_items SET place = :place WHERE thread_id = :thread AND item_id = :item"
        )
        deletions = (
            "DELETE FROM messages WHERE id = :record AND thread_id = :thread",
            "DELETE FROM native_items WHERE id = :item AND thread_id = :thread",
            "DELETE FROM mirrored_items WHERE item_id = :item AND thread_id = :thread",
        )
        statements = [claim.statement(place, item=item, place=where) for item, where in seen]
        statements += [
            claim.statement(sql, record=known.record_id, item=known.item_id)
            for known in gone
            for sql in deletions
        ]
        if statements:
            await claim.write(*statements)
