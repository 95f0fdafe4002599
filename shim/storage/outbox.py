"""What waits for the threads' conversations, as SQL. Knows rows, not the upstream.

Anybody may read; a thread's rows are written by the one who holds its claim. A claim ends by being
released, by time, or by the end of the process that held it, and whoever lost it writes no more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shim.core.wire import Json
from shim.errors import Lost
from shim.storage.codec import dump, load
from shim.storage.database import Database, Row, Statement
from shim.storage.statements import stores_made_for

__all__ = ["LEASE_SECONDS", "Claim", "Entry", "Mirrored", "Outbox", "Pair"]

LEASE_SECONDS = 60.0
"""How long a claim lasts without a write; longer than any one request to the upstream."""

Pair = tuple[str, str]
"""The id of a message or tool step, with the id or the signature of an item it became."""

_REFUSED = "refused:"
_IS_REFUSED = f"substr(item_id, 1, {len(_REFUSED)}) = '{_REFUSED}'"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to carry out.

    Its kind is one of `shim.core.ports.Mirror`, or one of our own: `delete_thread` {"responses",
    "cancel", "container"}, and `again` {} (tell a new conversation everything).
    `ambiguous` when a try got no answer; `sent` is what that try sent.
    """

    position: int
    kind: str
    payload: Json
    ambiguous: bool

    @property
    def sent(self) -> list[Pair]:
        """Records with the signatures of the items that the try without an answer sent."""
        pairs = self.payload.get("sent") if self.ambiguous else None
        return [(record_id, signature) for record_id, signature in pairs or ()]


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The state of a thread's conversation. `tenant` may drain it with its own credentials only.

    `refused` counts the items that the upstream would not take. `server` is the base URL for which
    the thread was made. With `shared`, native code uses the conversation too: it is never deleted,
    nor is another one made in its place.
    """

    thread_id: str
    tenant: str
    conversation_id: str | None
    owner: str | None
    pending: int
    failures: int
    problem: str | None
    refused: int = 0
    server: str | None = None
    shared: bool = False


class Outbox:
    """Entries by thread, taken by one drainer at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, thread_id: str, owner: str, *, dead: str | None = None) -> Claim | None:
        """Become the thread's drainer, unless another (that is not `dead`) is at it."""
        now = time.time()
        sql = (
            "UPDATE mirrors SET owner = :owner, lease_until = :until WHERE thread_id = :thread "
            "AND (owner IS NULL OR lease_until < :now OR owner = :dead)"
        )
        params = {"thread": thread_id, "owner": owner, "now": now, "dead": dead}
        params["until"] = now + LEASE_SECONDS
        try:
            await self._database.execute(Statement(sql, params, expect=1))
        except Lost:
            return None
        return Claim(self._database, thread_id, owner)

    async def entries(self, thread_id: str, limit: int) -> list[Entry]:
        """The oldest entries of a thread."""
        rows = await self._rows(
            "SELECT * FROM outbox WHERE thread_id = :thread ORDER BY position LIMIT :limit",
            {"thread": thread_id, "limit": limit},
        )
        return [
            Entry(row["position"], row["kind"], load(row["payload"]), bool(row["ambiguous"]))
            for row in rows
        ]

    async def doubtful(self, thread_id: str) -> bool:
        """Whether there is an entry of which it is not known what has arrived."""
        rows = await self._rows(
            "SELECT position FROM outbox WHERE thread_id = :thread AND ambiguous = 1 LIMIT 1",
            {"thread": thread_id},
        )
        return bool(rows)

    async def mirrored(self, thread_id: str) -> Mirrored | None:
        """The state of a thread's conversation, if it is to have one."""
        found = await self._mirrored("m.thread_id = :thread", {"thread": thread_id})
        return found[0] if found else None

    async def pending(self) -> list[Mirrored]:
        """The threads for whose conversations something waits, oldest thread first."""
        return await self._mirrored(
            "EXISTS (SELECT 1 FROM outbox o WHERE o.thread_id = m.thread_id)", {}
        )

    async def _mirrored(self, condition: str, params: Mapping[str, str]) -> list[Mirrored]:
        rows = await self._rows(
            "SELECT m.*, "
            "(SELECT COUNT(*) FROM outbox o WHERE o.thread_id = m.thread_id) AS pending, "
            "(SELECT COUNT(*) FROM mirrored_items i WHERE i.thread_id = m.thread_id "
            f"AND {_IS_REFUSED}) AS refused, "
            "EXISTS (SELECT 1 FROM shared_threads s WHERE s.thread_id = m.thread_id) AS shared "
            f"FROM mirrors m WHERE {condition} ORDER BY m.thread_id",
            params,
        )
        return [_mirrored(row) for row in rows]

    async def item_ids(self, thread_id: str, record_id: str | None = None) -> list[str]:
        """The conversation items that a message or step became, or all of the thread."""
        which = "" if record_id is None else " AND message_id = :record"
        rows = await self._rows(
            "SELECT item_id FROM mirrored_items "
            f"WHERE thread_id = :thread{which} AND NOT {_IS_REFUSED}",
            {"thread": thread_id, "record": record_id},
        )
        return [row["item_id"] for row in rows]

    async def made_stores(self, thread_id: str) -> list[str]:
        """The vector stores that were made for a thread, those not deleted yet."""
        (rows,) = await self._database.execute(stores_made_for(thread_id))
        return [row["store_id"] for row in rows]

    async def told(self, thread_id: str) -> dict[str, int]:
        """How many of a message's or step's items need not be sent any more, by its id."""
        rows = await self._rows(
            "SELECT message_id, COUNT(*) AS items FROM mirrored_items "
            "WHERE thread_id = :thread GROUP BY message_id",
            {"thread": thread_id},
        )
        return {row["message_id"]: row["items"] for row in rows}

    async def _rows(self, sql: str, params: Mapping[str, Any]) -> Sequence[Row]:
        (rows,) = await self._database.execute(Statement(sql, params))
        return rows


class Claim:
    """The right to drain a thread. Each write checks that it still holds, else raises Lost."""

    def __init__(self, database: Database, thread_id: str, owner: str) -> None:
        self._database = database
        self.thread_id = thread_id
        self._owner = owner

    async def write(self, *statements: Statement) -> None:
        """Carry out statements, all or none of them."""
        hold = self.statement(
            "UPDATE mirrors SET lease_until = :until WHERE thread_id = :thread AND owner = :owner",
            expect=1,
            owner=self._owner,
            until=time.time() + LEASE_SECONDS,
        )
        await self._database.execute(hold, *statements)

    def statement(self, sql: str, expect: int | None = None, **params: Any) -> Statement:
        """A statement whose `:thread` is the claimed one."""
        return Statement(sql, {**params, "thread": self.thread_id}, expect)

    async def renew(self) -> None:
        """Go on holding it."""
        await self.write()

    async def opened(self, conversation_id: str) -> None:
        """Remember the thread's conversation."""
        sql = "UPDATE mirrors SET conversation_id = :conversation WHERE thread_id = :thread"
        await self.write(self.statement(sql, conversation=conversation_id))

    async def doubt(self, entry: Entry, sent: Sequence[Pair]) -> None:
        """Remember, before it is sent, what may arrive without our being told."""
        payload = dump({**entry.payload, "sent": sent})
        await self.write(self._doubtful(entry, ambiguous=1), self._payload(entry, payload))

    async def settle(self, entry: Entry, told: Sequence[Pair]) -> None:
        """The doubt is over: these items are there, what else was sent is not."""
        await self.write(self._doubtful(entry, ambiguous=0), *self._told(told))

    async def refuse(self, record_id: str, items: int) -> None:
        """Remember that the upstream does not take these items."""
        pairs = [(record_id, f"{_REFUSED}{number}") for number in range(items)]
        await self.write(*self._told(pairs))

    async def done(self, entries: Sequence[Entry]) -> None:
        """Strike entries out; what a deleted message became is forgotten.

        Of a shared thread it is not, or an item that could not be deleted would be read in again.
        """
        strike = "DELETE FROM outbox WHERE thread_id = :thread AND position = :position"
        forget = (
            "DELETE FROM mirrored_items WHERE thread_id = :thread AND message_id = :message "
            "AND NOT EXISTS (SELECT 1 FROM shared_threads WHERE thread_id = :thread)"
        )
        await self.write(
            *(self.statement(strike, position=entry.position) for entry in entries),
            *(
                self.statement(forget, message=entry.payload["message_id"])
                for entry in entries
                if entry.kind == "delete_message"
            ),
        )

    async def again(self) -> None:
        """The conversation is gone: another one is to be told everything."""
        everything = (  # positions of a thread start at 1, so this comes before what waits
            "INSERT INTO outbox SELECT :thread, 0, 'again', '{}', 0 "
            "WHERE EXISTS (SELECT 1 FROM threads WHERE id = :thread) ON CONFLICT DO NOTHING"
        )
        await self.write(
            self.statement("UPDATE mirrors SET conversation_id = NULL WHERE thread_id = :thread"),
            self.statement("DELETE FROM mirrored_items WHERE thread_id = :thread"),
            self.statement("UPDATE outbox SET ambiguous = 0 WHERE thread_id = :thread"),
            self.statement(everything),
        )

    async def forget_store(self, store_id: str) -> None:
        """A store that was made for the thread is deleted."""
        sql = "DELETE FROM made_stores WHERE thread_id = :thread AND store_id = :store"
        await self.write(self.statement(sql, store=store_id))

    async def forget(self) -> None:
        """Strike out a thread whose conversation is gone, or shall not be kept any more."""
        tables = ("outbox", "mirrored_items", "mirrors")
        await self.write(
            *(self.statement(f"DELETE FROM {table} WHERE thread_id = :thread") for table in tables)
        )

    async def release(self, problem: str | None) -> None:
        """Stop draining; `problem` says what went wrong, None that nothing did."""
        sql = (
            "UPDATE mirrors SET owner = NULL, lease_until = 0, problem = :problem, "
            "failures = CASE WHEN :failed = 1 THEN failures + 1 ELSE 0 END "
            "WHERE thread_id = :thread AND owner = :owner"
        )
        failed = int(problem is not None)
        release = self.statement(sql, problem=problem, failed=failed, owner=self._owner)
        await self._database.execute(release)

    def _doubtful(self, entry: Entry, ambiguous: int) -> Statement:
        return self.statement(
            "UPDATE outbox SET ambiguous = :ambiguous "
            "WHERE thread_id = :thread AND position = :position",
            ambiguous=ambiguous,
            position=entry.position,
        )

    def _payload(self, entry: Entry, payload: str) -> Statement:
        return self.statement(
            "UPDATE outbox SET payload = :payload "
            "WHERE thread_id = :thread AND position = :position",
            payload=payload,
            position=entry.position,
        )

    def _told(self, pairs: Sequence[Pair]) -> list[Statement]:
        sql = (
            "INSERT INTO mirrored_items (thread_id, message_id, item_id) "
            "VALUES (:thread, :record, :item) ON CONFLICT DO NOTHING"
        )
        return [self.statement(sql, record=record, item=item) for record, item in pairs]


def _mirrored(row: Row) -> Mirrored:
    return Mirrored(
        row["thread_id"],
        row["tenant"],
        row["conversation_id"],
        row["owner"],
        row["pending"],
        row["failures"],
        row["problem"],
        row["refused"],
        row["server"],
        bool(row["shared"]),
    )
