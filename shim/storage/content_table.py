"""The contents of files that code made, in the database. Knows bytes, no records.

For servers that have a database in common and no folder. A content is put in piece by piece under
the name of its writing, and takes the place of the one before when it is whole.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Any

from shim.core.ids import mint
from shim.core.made_files import Content
from shim.storage.database import Database, Statement

__all__ = ["Table"]

_PIECE = 256 * 1024
_ABANDONED_SECONDS = 24 * 3600
"""What was not whole after that long was left by a process that ended."""

_PUT = "INSERT INTO content_pieces VALUES (:writing, :number, :piece)"
_NEXT = "SELECT piece FROM content_pieces WHERE writing = :writing AND number = :number"
_SIZE = "SELECT writing, size FROM contents WHERE file_id = :file AND size IS NOT NULL"
_WHOLE = (
    "SELECT p.piece FROM contents c JOIN content_pieces p ON p.writing = c.writing "
    "WHERE c.file_id = :file AND c.size IS NOT NULL ORDER BY p.number"
)


class Table:
    """Contents in two tables: which there are, and their pieces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, file_id: str, chunks: AsyncIterable[bytes]) -> int:
        """Keep a content; whoever reads at the same time gets all of the old or of the new one."""
        writing = mint("writing")
        await self._begin(writing, file_id)
        try:
            size = await self._write(writing, chunks)
            await self._finish(writing, file_id, size)
        except BaseException:
            await self._database.execute(*_struck("writing = :writing", writing=writing))
            raise
        return size

    async def _begin(self, writing: str, file_id: str) -> None:
        now = int(time.time())
        begin = "INSERT INTO contents VALUES (:writing, :file, NULL, :now)"
        params = {"writing": writing, "file": file_id, "now": now}
        abandoned = "size IS NULL AND began_at < :before"
        await self._database.execute(
            *_struck(abandoned, before=now - _ABANDONED_SECONDS), Statement(begin, params)
        )

    async def _write(self, writing: str, chunks: AsyncIterable[bytes]) -> int:
        size = number = 0
        async with aclosing(_pieces(chunks)) as pieces:
            async for piece in pieces:
                params = {"writing": writing, "number": number, "piece": piece}
                await self._database.execute(Statement(_PUT, params))
                number += 1
                size += len(piece)
        return size

    async def _finish(self, writing: str, file_id: str, size: int) -> None:
        finish = "UPDATE contents SET size = :size WHERE writing = :writing"
        params = {"writing": writing, "size": size}
        await self._database.execute(
            *_struck("file_id = :file AND size IS NOT NULL", file=file_id),
            Statement(finish, params, expect=1),
        )

    async def get(self, file_id: str) -> bytes | None:
        """The content, or None where there is none."""
        there, rows = await self._database.execute(
            Statement(_SIZE, {"file": file_id}), Statement(_WHOLE, {"file": file_id})
        )
        return b"".join(row["piece"] for row in rows) if there else None

    async def open(self, file_id: str) -> Content | None:
        """The content to be read piece by piece, or None where there is none."""
        (rows,) = await self._database.execute(Statement(_SIZE, {"file": file_id}))
        if not rows:
            return None
        size, writing = rows[0]["size"], rows[0]["writing"]
        return Content(size, self._read(file_id, writing, size))

    async def _read(self, file_id: str, writing: str, size: int) -> AsyncGenerator[bytes, None]:
        number = read = 0
        while read < size:
            params = {"writing": writing, "number": number}
            (rows,) = await self._database.execute(Statement(_NEXT, params))
            if not rows:
                raise OSError(f"the content of {file_id} was replaced or deleted while it was read")
            yield rows[0]["piece"]
            number += 1
            read += len(rows[0]["piece"])

    async def delete(self, file_id: str) -> None:
        """Delete a content, if it is there."""
        await self._database.execute(*_struck("file_id = :file", file=file_id))


def _struck(which: str, **params: Any) -> list[Statement]:
    """What deletes contents with their pieces."""
    named = f"SELECT writing FROM contents WHERE {which}"
    pieces = f"DELETE FROM content_pieces WHERE writing IN ({named})"
    return [Statement(pieces, params), Statement(f"DELETE FROM contents WHERE {which}", params)]


async def _pieces(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces of one size, but for the last one."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        while len(held) >= _PIECE:
            yield bytes(held[:_PIECE])
            del held[:_PIECE]
    if held:
        yield bytes(held)
