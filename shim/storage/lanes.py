"""Which threads are at a native server, as SQL, and who is at work on them. Knows no rules.

A thread that is in the ledger is carried on Responses, whatever else is said here: so a move is one
transaction. Writers, calls on their way to the native server, and the one who moves a thread keep
each other out; both have a time after which they count as gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shim.storage.database import Database, Statement

__all__ = ["NATIVE", "RESPONSES", "Lane", "Lanes"]

NATIVE, RESPONSES = "native", "responses"

WRITER_SECONDS = 600.0
MOVER_SECONDS = 300.0
"""How long a writer or a mover that tells no end counts: longer than a call may take."""

_INSERT = (
    "INSERT INTO lanes VALUES (:thread, :tenant, 'native', :now, 0, 0, NULL, 0, NULL) "
    "ON CONFLICT DO NOTHING"
)
_ENTER = (
    "UPDATE lanes SET writers = CASE WHEN writers_until < :now THEN 1 ELSE writers + 1 END, "
    "writers_until = :until WHERE thread_id = :thread AND lane = 'native' AND mover_until < :now"
)
_LEAVE = "UPDATE lanes SET writers = writers - 1 WHERE thread_id = :thread AND writers > 0"
_BEGIN = (
    "UPDATE lanes SET mover = :mover, mover_until = :until WHERE thread_id = :thread "
    "AND lane = 'native' AND mover_until < :now AND (writers = 0 OR writers_until < :now)"
)
_GIVE_UP = (
    "UPDATE lanes SET mover = NULL, mover_until = 0, problem = :problem "
    "WHERE thread_id = :thread AND mover = :mover"
)
_MOVED = (
    "UPDATE lanes SET lane = 'responses', mover = NULL, mover_until = 0, problem = NULL "
    "WHERE thread_id = :thread AND mover = :mover AND mover_until >= :now"
)


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a thread is, whose it is, and what kept it from being moved if something did."""

    thread_id: str
    tenant: str
    lane: str
    made_at: int = 0
    problem: str | None = None


class Lanes:
    """The threads of a native server that are known."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, thread_id: str) -> Lane | None:
        """Where a thread is, or None where nothing is known of it."""
        params = {"thread": thread_id}
        there, known = await self._database.execute(
            Statement("SELECT tenant, created_at FROM threads WHERE id = :thread", params),
            Statement("SELECT * FROM lanes WHERE thread_id = :thread", params),
        )
        if there:
            return Lane(thread_id, there[0]["tenant"], RESPONSES, there[0]["created_at"])
        row = known[0] if known else None
        if row is None:
            return None
        return Lane(thread_id, row["tenant"], row["lane"], row["made_at"], row["problem"])

    async def note(self, thread_id: str, tenant: str, now: float) -> None:
        """A thread is at the native server."""
        params = {"thread": thread_id, "tenant": tenant, "now": int(now)}
        await self._database.execute(Statement(_INSERT, params))

    async def enter(self, thread_id: str, tenant: str, now: float) -> None:
        """A call that changes the thread goes there; raises Lost while it is moved, and after."""
        params = {"thread": thread_id, "tenant": tenant, "now": now, "until": now + WRITER_SECONDS}
        await self._database.execute(
            Statement(_INSERT, {**params, "now": int(now)}), Statement(_ENTER, params, expect=1)
        )

    async def leave(self, thread_id: str) -> None:
        """The call has been answered."""
        await self._database.execute(Statement(_LEAVE, {"thread": thread_id}))

    async def forget(self, thread_id: str) -> None:
        """The native server has no such thread."""
        sql = "DELETE FROM lanes WHERE thread_id = :thread AND lane = 'native' AND writers <= 1"
        await self._database.execute(Statement(sql, {"thread": thread_id}))

    async def begin_move(self, thread_id: str, tenant: str, mover: str, now: float) -> None:
        """Keep writers out; raises Lost where there are some, or another moves it."""
        params = {"thread": thread_id, "tenant": tenant, "now": now, "mover": mover}
        await self._database.execute(
            Statement(_INSERT, {**params, "now": int(now)}),
            Statement(_BEGIN, {**params, "until": now + MOVER_SECONDS}, expect=1),
        )

    def moved(self, thread_id: str, mover: str, now: float) -> Statement:
        """What the transaction that brings the thread here must find, and changes."""
        return Statement(_MOVED, {"thread": thread_id, "mover": mover, "now": now}, expect=1)

    async def end_move(self, thread_id: str, mover: str, problem: str | None) -> None:
        """The thread stays where it is, and why if that is not as it should be."""
        params = {"thread": thread_id, "mover": mover, "problem": problem}
        await self._database.execute(Statement(_GIVE_UP, params))

    async def share(self) -> float | None:
        """The share of new threads that goes to Responses in place of the rules, in percent."""
        (rows,) = await self._database.execute(Statement("SELECT percent FROM lane_share"))
        return float(rows[0]["percent"]) if rows else None

    async def set_share(self, percent: float | None) -> None:
        """Put a share in the place of the rules, or the rules in force again."""
        put = "INSERT INTO lane_share VALUES ('all', :percent)"
        await self._database.execute(
            Statement("DELETE FROM lane_share"),
            *([] if percent is None else [Statement(put, {"percent": percent})]),
        )

    async def native(self, limit: int) -> Sequence[Lane]:
        """The newest threads at the native server."""
        sql = "SELECT * FROM lanes WHERE lane = 'native' ORDER BY made_at DESC LIMIT :limit"
        (rows,) = await self._database.execute(Statement(sql, {"limit": limit}))
        return [
            Lane(row["thread_id"], row["tenant"], NATIVE, row["made_at"], row["problem"])
            for row in rows
        ]

    async def counts(self) -> dict[str, int]:
        """How many threads are known in each lane."""
        here = "SELECT COUNT(*) AS n FROM threads"
        there = (
            "SELECT COUNT(*) AS n FROM lanes WHERE lane = 'native' "
            "AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.id = lanes.thread_id)"
        )
        native, responses = await self._database.execute(Statement(there), Statement(here))
        return {NATIVE: int(native[0]["n"]), RESPONSES: int(responses[0]["n"])}
