"""What is brought over from elsewhere, as SQL. Knows tables and positions; judges no content.

A thread comes with all that hangs on it, in one transaction, and with a digest of what its source
said, so that a second import sees whether the source has changed since. One that was imported and
is deleted stays deleted: its digest is remembered.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shim.core.records import Assistant, File, Message, Run, Step, Thread
from shim.storage.codec import dump, load, pack, unpack, unpack_thread
from shim.storage.database import Database, Row, Statement
from shim.storage.statements import THREADS, assistant_version, new_file

__all__ = ["History", "Imports", "Owned"]

Entry = Message | Run | Step

_INSERTS = {
    Message: "INSERT INTO messages VALUES (:id, :thread, :run, :position, :metadata, :data)",
    Step: "INSERT INTO steps VALUES (:id, :thread, :run, :type, :position, :data)",
    Run: "INSERT INTO runs VALUES (:id, :thread, :position, :status, 0, :metadata, :data)",
}
_HANGING = (
    *("messages", "runs", "steps", "turns", "mirrored_items", "listings", "outbox"),
    *("native_items", "shared_threads"),
)
_SOME = 200


@dataclass(frozen=True, slots=True)
class Owned:
    """What is known of an id: whose it is, and what its source said when it was imported.

    `tenant` is None where it is not there, `digest` where it was not imported.
    """

    tenant: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A thread with its records, each kind oldest first; `responses` are upstream ids by run."""

    thread: Thread
    messages: Sequence[Message]
    runs: Sequence[Run]
    steps: Sequence[Step]
    responses: Mapping[str, Sequence[str]]


class Imports:
    """Reads and writes whole threads and assistants, of every tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owned(self, table: str, ids: Sequence[str]) -> dict[str, Owned]:
        """What is known of threads or assistants; `table` is `threads` or `assistants`."""
        known: dict[str, Owned] = {}
        for start in range(0, len(ids), _SOME):
            some = {f"id{number}": each for number, each in enumerate(ids[start : start + _SOME])}
            named = ", ".join(f":{name}" for name in some)
            there, imported = await self._database.execute(
                Statement(f"SELECT id, tenant FROM {table} WHERE id IN ({named})", some),
                Statement(f"SELECT id, digest FROM imports WHERE id IN ({named})", some),
            )
            tenants = {row["id"]: row["tenant"] for row in there}
            digests = {row["id"]: row["digest"] for row in imported}
            known |= {one: Owned(tenants.get(one), digests.get(one)) for one in some.values()}
        return known

    async def add_thread(
        self,
        tenant: str,
        history: History,
        entries: Sequence[Entry],
        digest: str,
        *,
        mirrored: bool,
        also: Sequence[Statement] = (),
        note: str | None = None,
    ) -> None:
        """Put in a thread that is not there, and `also` what must hold for it; raises Lost.

        The `note` is shown with the thread.
        """
        thread = history.thread
        params = {
            "id": thread.id,
            "tenant": tenant,
            "created_at": thread.created_at,
            "next": len(entries) + 1,
            "metadata": dump(thread.metadata),
            "resources": dump(thread.tool_resources),
        }
        sql = (
            "INSERT INTO threads "
            "(id, tenant, created_at, next_position, metadata, tool_resources) "
            "VALUES (:id, :tenant, :created_at, :next, :metadata, :resources)"
        )
        mirror = _mirrored(thread.id, tenant) if mirrored else ()
        await self._database.execute(
            *also,
            Statement(sql, params),
            *_hanging(history, entries),
            *mirror,
            _said(thread.id, digest, note),
        )

    async def replace_thread(
        self, history: History, entries: Sequence[Entry], digest: str, *, was: int
    ) -> None:
        """Put a thread in the place of its older self, whose next position was `was`.

        What its conversation was told does not hold any more, so it gets a new one.
        """
        thread = history.thread
        params = {
            "thread": thread.id,
            "created_at": thread.created_at,
            "next": max(was, len(entries) + 1),
            "was": was,
            "metadata": dump(thread.metadata),
            "resources": dump(thread.tool_resources),
        }
        sql = (
            "UPDATE threads SET created_at = :created_at, next_position = :next, "
            "metadata = :metadata, tool_resources = :resources, version = version + 1 "
            "WHERE id = :thread AND next_position = :was"
        )
        deletions = (f"DELETE FROM {table} WHERE thread_id = :thread" for table in _HANGING)
        anew = (
            "UPDATE mirrors SET conversation_id = NULL, owner = NULL, lease_until = 0, "
            "failures = 0, problem = NULL WHERE thread_id = :thread"
        )
        await self._database.execute(
            Statement(sql, params, expect=1),
            *(Statement(each, params) for each in deletions),
            *_hanging(history, entries),
            Statement(anew, params),
            Statement(_TELL_ALL, params),
            *_said_anew(thread.id, digest),
        )

    async def note(self, thread_id: str) -> str | None:
        """How a thread came in, where there is something to tell of that."""
        sql = "SELECT note FROM imports WHERE id = :id"
        (rows,) = await self._database.execute(Statement(sql, {"id": thread_id}))
        return rows[0]["note"] if rows else None

    async def remember(self, object_id: str, digest: str) -> None:
        """What is there already is what a source says."""
        await self._database.execute(*_said_anew(object_id, digest))

    async def add_assistant(self, tenant: str, record: Assistant, order: int, digest: str) -> None:
        """Put in an assistant that is not there; lists show it by its age."""
        sql = "INSERT INTO assistants VALUES (:id, :tenant, :position, :version, :data)"
        params = {
            "id": record.id,
            "tenant": tenant,
            "position": record.created_at * 1_000_000_000 + order,
            "version": record.version,
            "data": pack(record),
        }
        await self._database.execute(
            Statement(sql, params), *_version(record), _said(record.id, digest)
        )

    async def history(self, thread_id: str) -> History | None:
        """A thread with all that hangs on it, whoever owns it."""
        params = {"id": thread_id}
        found, *rows, turns = await self._database.execute(
            Statement(f"{THREADS} WHERE t.id = :id", params),
            *(
                Statement(f"SELECT * FROM {each} WHERE thread_id = :id ORDER BY position", params)
                for each in ("messages", "runs", "steps")
            ),
            Statement("SELECT * FROM turns WHERE thread_id = :id ORDER BY run_id, number", params),
        )
        if not found:
            return None
        return History(
            unpack_thread(found[0]),
            [unpack(Message, row) for row in rows[0]],
            [unpack(Run, row) for row in rows[1]],
            [unpack(Step, row) for row in rows[2]],
            _responses(turns),
        )

    async def taken(self, history: History) -> list[str]:
        """The ids of its records that are those of other threads."""
        taken: list[str] = []
        for table in ("messages", "runs", "steps"):
            ids = [record.id for record in getattr(history, table)]
            for start in range(0, len(ids), _SOME):
                some = {f"id{n}": each for n, each in enumerate(ids[start : start + _SOME])}
                named = ", ".join(f":{name}" for name in some)
                sql = f"SELECT id FROM {table} WHERE id IN ({named}) AND thread_id <> :thread"
                params = {**some, "thread": history.thread.id}
                (rows,) = await self._database.execute(Statement(sql, params))
                taken += [row["id"] for row in rows]
        return taken

    async def next_position(self, thread_id: str) -> int:
        """Where the thread's next record would be placed."""
        sql = "SELECT next_position FROM threads WHERE id = :id"
        (rows,) = await self._database.execute(Statement(sql, {"id": thread_id}))
        return int(rows[0]["next_position"]) if rows else 0

    async def thread_ids(
        self, *, tenant: str | None, since: int, assistants: Sequence[str]
    ) -> list[str]:
        """The ids of threads, oldest first; with `assistants`, those in which one of them ran."""
        sql = "SELECT id FROM threads WHERE created_at >= :since"
        sql += "" if tenant is None else " AND tenant = :tenant"
        params = {"since": since, "tenant": tenant}
        (rows,) = await self._database.execute(Statement(sql + " ORDER BY created_at, id", params))
        ids = [str(row["id"]) for row in rows]
        if not assistants:
            return ids
        (runs,) = await self._database.execute(Statement("SELECT thread_id, data FROM runs"))
        wanted = frozenset(assistants)
        used = {row["thread_id"] for row in runs if load(row["data"])["assistant_id"] in wanted}
        return [one for one in ids if one in used]

    async def assistants(self, tenant: str | None) -> list[Assistant]:
        """The assistants in the order in which lists show them."""
        sql = "SELECT * FROM assistants"
        sql += "" if tenant is None else " WHERE tenant = :tenant"
        statement = Statement(sql + " ORDER BY position, id", {"tenant": tenant})
        (rows,) = await self._database.execute(statement)
        return [unpack(Assistant, row) for row in rows]

    async def files(self, thread_id: str) -> list[File]:
        """The files that the thread's code made, deleted ones too."""
        sql = "SELECT * FROM files WHERE thread_id = :thread"
        (rows,) = await self._database.execute(Statement(sql, {"thread": thread_id}))
        return [unpack(File, row) for row in rows]

    async def file_threads(self, ids: Sequence[str]) -> dict[str, str]:
        """The thread of each of these files that is known, deleted ones too."""
        threads: dict[str, str] = {}
        for start in range(0, len(ids), _SOME):
            some = {f"id{number}": each for number, each in enumerate(ids[start : start + _SOME])}
            named = ", ".join(f":{name}" for name in some)
            sql = f"SELECT id, thread_id FROM files WHERE id IN ({named})"
            (rows,) = await self._database.execute(Statement(sql, some))
            threads |= {row["id"]: row["thread_id"] for row in rows}
        return threads

    async def add_file(self, file: File) -> None:
        """Record a file, whose content is kept by now if it has one."""
        await self._database.execute(new_file(file))

    async def versions(self, assistant_id: str) -> list[tuple[Assistant, int]]:
        """The versions of an assistant, oldest first, with the seconds when they were saved."""
        sql = "SELECT * FROM assistant_versions WHERE id = :id ORDER BY version"
        (rows,) = await self._database.execute(Statement(sql, {"id": assistant_id}))
        return [(unpack(Assistant, row), row["saved_at"]) for row in rows]


_TELL_ALL = (
    "INSERT INTO outbox SELECT :thread, 0, 'again', '{}', 0 "
    "WHERE EXISTS (SELECT 1 FROM mirrors WHERE thread_id = :thread)"
)


def _mirrored(thread_id: str, tenant: str) -> list[Statement]:
    """The thread shall have a conversation, at whichever server is used, told all that is here."""
    params = {"thread": thread_id, "tenant": tenant}
    mirror = "INSERT INTO mirrors VALUES (:thread, :tenant, NULL, NULL, 0, 0, NULL, NULL)"
    return [Statement(mirror, params), Statement(_TELL_ALL, params)]


def _said(object_id: str, digest: str, note: str | None = None) -> Statement:
    sql = "INSERT INTO imports (id, digest, imported_at, note) VALUES (:id, :digest, :now, :note)"
    params = {"id": object_id, "digest": digest, "now": int(time.time()), "note": note}
    return Statement(sql, params)


def _said_anew(object_id: str, digest: str) -> list[Statement]:
    forget = Statement("DELETE FROM imports WHERE id = :id", {"id": object_id})
    return [forget, _said(object_id, digest)]


def _version(record: Assistant) -> list[Statement]:
    """The first version is that of the import; older ones of a deleted assistant go."""
    older = Statement("DELETE FROM assistant_versions WHERE id = :id", {"id": record.id})
    return [older, assistant_version(record)]


def _hanging(history: History, entries: Iterable[Entry]) -> list[Statement]:
    thread_id = history.thread.id
    statements = [
        Statement(_INSERTS[type(entry)], {**_values(entry), "thread": thread_id, "position": place})
        for place, entry in enumerate(entries, 1)
    ]
    turn = "INSERT INTO turns VALUES (:run, :number, :thread, :response, '[]')"
    for run_id, ids in history.responses.items():
        for number, response_id in enumerate(ids, 1):
            params = {"run": run_id, "number": number, "thread": thread_id, "response": response_id}
            statements.append(Statement(turn, params))
    return statements


def _values(entry: Entry) -> dict[str, object]:
    values: dict[str, object] = {"id": entry.id, "data": pack(entry)}
    match entry:
        case Message():
            return {**values, "run": entry.run_id, "metadata": dump(entry.metadata)}
        case Step():
            return {**values, "run": entry.run_id, "type": entry.type}
        case Run():
            return {**values, "status": entry.status, "metadata": dump(entry.metadata)}


def _responses(turns: Sequence[Row]) -> dict[str, list[str]]:
    responses: dict[str, list[str]] = {}
    for row in turns:
        if row["response_id"]:
            responses.setdefault(row["run_id"], []).append(row["response_id"])
    return responses
