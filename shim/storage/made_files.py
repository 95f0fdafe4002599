"""The ledger's part for what code left: files, containers, and what is still to be fetched.

Knows SQL and tables, and that a file outlasts its thread. Reads and writes no content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shim.core.made_files import Owed
from shim.core.records import Container, File, Listing
from shim.storage.codec import dump, load, pack, unpack
from shim.storage.database import Database, Row, Statement
from shim.storage.statements import listed, new_file

__all__ = ["MadeFiles"]

_OWED_FILES = "SELECT * FROM files WHERE thread_id = :thread AND status = 'pending'"
_OWED_LISTINGS = (
    "SELECT l.* FROM listings l JOIN runs r ON r.id = l.run_id WHERE l.thread_id = :thread "
    "AND r.status NOT IN ('queued', 'in_progress', 'cancelling')"
)
# while its thread lives, a deleted file is remembered: its container would give it back as new
_FORGET = (
    "DELETE FROM files WHERE id = :id "
    "AND NOT EXISTS (SELECT 1 FROM threads WHERE threads.id = files.thread_id)"
)


_GONE = "('deleted', 'expired')"


class MadeFiles:
    """The part of the ledger that is about files; what each method promises says the port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _rows(self, sql: str, **params: Any) -> Sequence[Row]:
        return (await self._database.execute(Statement(sql, params)))[0]

    async def _set(self, table: str, row_id: str, **values: str | None) -> None:
        columns = ", ".join(f"{name} = :{name}" for name in values)
        sql = f"UPDATE {table} SET {columns} WHERE id = :id"
        await self._database.execute(Statement(sql, {"id": row_id, **values}, expect=1))

    async def file(self, tenant: str, file_id: str) -> File | None:
        sql = "SELECT * FROM files WHERE id = :id AND tenant = :tenant AND status <> 'deleted'"
        rows = await self._rows(sql, id=file_id, tenant=tenant)
        return unpack(File, rows[0]) if rows else None

    async def files(self, thread_id: str) -> list[File]:
        rows = await self._rows("SELECT * FROM files WHERE thread_id = :thread", thread=thread_id)
        return [unpack(File, row) for row in rows]

    async def owed(self, thread_id: str) -> Owed:
        params = {"thread": thread_id}
        files, listings = await self._database.execute(
            Statement(_OWED_FILES, params), Statement(_OWED_LISTINGS, params)
        )
        return Owed([unpack(File, row) for row in files], list(map(_listing, listings)))

    async def save_file(self, record: File, *, was: str) -> None:
        sql = "UPDATE files SET status = :status, data = :data WHERE id = :id AND status = :was"
        params = {"id": record.id, "status": record.status, "data": pack(record), "was": was}
        await self._database.execute(Statement(sql, params, expect=1))

    async def delete_file(self, file_id: str) -> None:
        params = {"id": file_id}
        await self._database.execute(
            Statement("UPDATE files SET status = 'deleted' WHERE id = :id", params),
            Statement(_FORGET, params),
        )

    async def save_found(self, listings: Sequence[Listing], found: Sequence[File]) -> None:
        await self._database.execute(*map(listed, listings), *map(new_file, found))

    async def kept_before(self, moment: float, limit: int) -> list[File]:
        sql = "SELECT * FROM files WHERE status = 'kept' AND made_at < :moment LIMIT :limit"
        rows = await self._rows(sql, moment=moment, limit=limit)
        return [file for row in rows if (file := unpack(File, row)).created_at < moment]

    async def tenant(self, thread_id: str) -> str | None:
        rows = await self._rows("SELECT tenant FROM threads WHERE id = :thread", thread=thread_id)
        return str(rows[0]["tenant"]) if rows else None

    async def upload(self, file_id: str, server: str) -> str | None:
        sql = "SELECT upload_id FROM uploads WHERE file_id = :file AND server = :server"
        rows = await self._rows(sql, file=file_id, server=server)
        return str(rows[0]["upload_id"]) if rows else None

    async def add_upload(self, file_id: str, server: str, upload_id: str) -> None:
        sql = (
            "INSERT INTO uploads SELECT id, :server, :upload, tenant FROM files "
            f"WHERE id = :file AND status NOT IN {_GONE}"
        )
        params = {"file": file_id, "server": server, "upload": upload_id}
        await self._database.execute(Statement(sql, params, expect=1))

    async def delete_upload(self, file_id: str, server: str) -> None:
        sql = "DELETE FROM uploads WHERE file_id = :file AND server = :server"
        await self._database.execute(Statement(sql, {"file": file_id, "server": server}))

    async def gone_uploads(self, tenant: str, server: str, limit: int) -> list[tuple[str, str]]:
        sql = (
            "SELECT u.file_id, u.upload_id FROM uploads u LEFT JOIN files f ON f.id = u.file_id "
            "WHERE u.tenant = :tenant AND u.server = :server "
            f"AND (f.id IS NULL OR f.status IN {_GONE}) LIMIT :limit"
        )
        rows = await self._rows(sql, tenant=tenant, server=server, limit=limit)
        return [(row["file_id"], row["upload_id"]) for row in rows]

    async def uploaded(self, thread_id: str, upload_ids: Sequence[str]) -> dict[str, str]:
        names = {f"id{number}": upload_id for number, upload_id in enumerate(upload_ids)}
        listed = ", ".join(f":{name}" for name in names)
        sql = (
            f"SELECT upload_id, file_id FROM uploads WHERE upload_id IN ({listed}) "
            "AND tenant = (SELECT tenant FROM threads WHERE id = :thread)"
        )
        rows = await self._rows(sql, thread=thread_id, **names)
        return {row["upload_id"]: row["file_id"] for row in rows}

    async def container(self, thread_id: str) -> Container | None:
        sql = "SELECT container_id, container_files FROM threads WHERE id = :thread"
        rows = await self._rows(sql, thread=thread_id)
        if not rows or rows[0]["container_id"] is None:
            return None
        return Container(rows[0]["container_id"], tuple(load(rows[0]["container_files"] or "[]")))

    async def save_container(self, thread_id: str, container: Container | None) -> None:
        files = None if container is None else dump(list(container.files))
        key = None if container is None else container.id
        await self._set("threads", thread_id, container_id=key, container_files=files)


def _listing(row: Row) -> Listing:
    return Listing(
        row["thread_id"], row["run_id"], row["turn"], row["container_id"], row["created_at"]
    )
