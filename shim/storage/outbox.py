"""What waits for the threads' conversations, as SQL. Knows rows, not the upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shim.core.wire import Json
from shim.errors import Lost
from shim.storage.codec import load
from shim.storage.sqlite import Database, Statement

__all__ = ["Entry", "Mirrored", "Outbox"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to carry out; `ambiguous` when an earlier try may have succeeded."""

    position: int
    kind: str
    payload: Json
    ambiguous: bool


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The state of a thread's conversation; only `tenant`'s own credentials may drain it."""

    thread_id: str
    tenant: str
    conversation_id: str | None
    owner: str | None
    pending: int
    failures: int
    problem: str | None


class Outbox:
    """Entries by thread, taken by one drainer at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, thread_id: str, owner: str, now: float, until: float, *, dead: str | None = None
    ) -> bool:
        """Become the thread's drainer, unless another (that is not `dead`) is at it."""
        sql = (
            "UPDATE mirrors SET owner = :owner, lease_until = :until WHERE thread_id = :thread "
            "AND (owner IS NULL OR lease_until < :now OR owner = :dead)"
        )
        params = {"thread": thread_id, "owner": owner, "now": now, "until": until, "dead": dead}
        try:
            await self._database.execute(Statement(sql, params, expect=1))
        except Lost:
            return False
        return True

    async def release(self, thread_id: str, owner: str, problem: str | None) -> None:
        """Stop draining; `problem` says what went wrong, None that nothing did."""
        sql = (
            "UPDATE mirrors SET owner = NULL, lease_until = 0, problem = :problem, "
            "failures = CASE WHEN :failed = 1 THEN failures + 1 ELSE 0 END "
            "WHERE thread_id = :thread AND owner = :owner"
        )
        params = {
            "thread": thread_id,
            "owner": owner,
            "problem": problem,
            "failed": int(problem is not None),
        }
        await self._database.execute(Statement(sql, params))

    async def entries(self, thread_id: str, limit: int) -> list[Entry]:
        """The oldest entries of a thread."""
        sql = "SELECT * FROM outbox WHERE thread_id = :thread ORDER BY position LIMIT :limit"
        (rows,) = await self._database.execute(
            Statement(sql, {"thread": thread_id, "limit": limit})
        )
        return [
            Entry(row["position"], row["kind"], load(row["payload"]), bool(row["ambiguous"]))
            for row in rows
        ]

    async def mirrored(self, thread_id: str) -> Mirrored | None:
        """The state of a thread's conversation, if it is to have one."""
        found = await self._mirrored("m.thread_id = :thread", thread=thread_id)
        return found[0] if found else None

    async def pending(self) -> list[Mirrored]:
        """The threads for whose conversations something waits, longest-waiting first."""
        return [one for one in await self._mirrored("1 = 1") if one.pending]

    async def _mirrored(self, condition: str, **params: str) -> list[Mirrored]:
        sql = (
            "SELECT m.*, (SELECT COUNT(*) FROM outbox o WHERE o.thread_id = m.thread_id) AS pending "
            f"FROM mirrors m WHERE {condition} ORDER BY m.thread_id"
        )
        (rows,) = await self._database.execute(Statement(sql, params))
        return [
            Mirrored(
                row["thread_id"],
                row["tenant"],
                row["conversation_id"],
                row["owner"],
                row["pending"],
                row["failures"],
                row["problem"],
            )
            for row in rows
        ]

    async def opened(self, thread_id: str, conversation_id: str) -> None:
        """Remember a thread's conversation."""
        sql = "UPDATE mirrors SET conversation_id = :conversation WHERE thread_id = :thread"
        params = {"thread": thread_id, "conversation": conversation_id}
        await self._database.execute(Statement(sql, params, expect=1))

    async def doubt(self, thread_id: str, entries: Sequence[Entry], *, doubtful: bool) -> None:
        """Remember whether entries may have been carried out by a try that got no answer."""
        sql = (
            "UPDATE outbox SET ambiguous = :doubtful "
            "WHERE thread_id = :thread AND position = :position"
        )
        await self._database.execute(
            *_each(thread_id, entries, sql, {"doubtful": int(doubtful)}),
        )

    async def done(
        self, thread_id: str, entries: Sequence[Entry], items: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Strike entries out; `items` pairs message ids (or "") with the ids of their items."""
        sql = "DELETE FROM outbox WHERE thread_id = :thread AND position = :position"
        strikes = _each(thread_id, entries, sql)
        kept = [
            Statement(
                "INSERT INTO mirrored_items VALUES (:thread, :message, :item) "
                "ON CONFLICT DO NOTHING",
                {"thread": thread_id, "message": message_id, "item": item_id},
            )
            for message_id, item_id in items
        ]
        if strikes or kept:
            await self._database.execute(*strikes, *kept)

    async def item_ids(self, thread_id: str, message_id: str | None = None) -> list[str]:
        """The conversation items that a message became, or all of the thread."""
        which = "" if message_id is None else " AND message_id = :message"
        sql = f"SELECT item_id FROM mirrored_items WHERE thread_id = :thread{which}"
        params = {"thread": thread_id, "message": message_id}
        (rows,) = await self._database.execute(Statement(sql, params))
        return [row["item_id"] for row in rows]

    async def forget(self, thread_id: str) -> None:
        """Strike out a thread whose conversation is gone, or shall not be kept any more."""
        params = {"thread": thread_id}
        tables = ("outbox", "mirrored_items", "mirrors")
        await self._database.execute(
            *(
                Statement(f"DELETE FROM {table} WHERE thread_id = :thread", params)
                for table in tables
            )
        )


def _each(
    thread_id: str, entries: Sequence[Entry], sql: str, params: Mapping[str, int] | None = None
) -> list[Statement]:
    same = {**(params or {}), "thread": thread_id}
    return [Statement(sql, {**same, "position": entry.position}) for entry in entries]
