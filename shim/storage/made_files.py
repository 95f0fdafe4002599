"""The files that code made, and the containers in which it ran, as SQL. Knows no contents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shim.core.records import Container, File
from shim.storage.codec import dump, load, pack, unpack
from shim.storage.sqlite import Database, Row, Statement

__all__ = ["MadeFiles"]


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
        sql = (
            "SELECT f.* FROM files f JOIN threads t ON t.id = f.thread_id "
            "WHERE f.id = :id AND t.tenant = :tenant"
        )
        rows = await self._rows(sql, id=file_id, tenant=tenant)
        return unpack(File, rows[0]) if rows else None

    async def files(self, thread_id: str) -> list[File]:
        rows = await self._rows("SELECT * FROM files WHERE thread_id = :thread", thread=thread_id)
        return [unpack(File, row) for row in rows]

    async def pending_files(self, thread_id: str) -> list[File]:
        sql = "SELECT * FROM files WHERE thread_id = :thread AND status = 'pending'"
        rows = await self._rows(sql, thread=thread_id)
        return [unpack(File, row) for row in rows]

    async def save_file(self, record: File) -> None:
        await self._set("files", record.id, status=record.status, data=pack(record))

    async def delete_file(self, file_id: str) -> None:
        sql = "DELETE FROM files WHERE id = :id"
        await self._database.execute(Statement(sql, {"id": file_id}))

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
