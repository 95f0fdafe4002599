"""The contents of files that code made: in a folder, or in memory. Knows bytes, no records.

Files are read and written inline in both colours, as the database is, and piece by piece: none is
in memory as a whole unless it is asked for so.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from pathlib import Path
from typing import BinaryIO

from shim.core.made_files import Content

__all__ = ["Folder", "Memory"]

_PIECE = 256 * 1024


class Folder:
    """A folder with a file for each content, made when the first one comes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def put(self, file_id: str, chunks: AsyncIterable[bytes]) -> int:
        """Keep a content; whoever reads at the same time gets all of the old or of the new one."""
        size = 0
        with _replacing(self._path, file_id) as file:
            async for chunk in chunks:
                size += file.write(chunk)
        return size

    async def get(self, file_id: str) -> bytes | None:
        """The content, or None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return (self._path / file_id).read_bytes()
        return None

    async def open(self, file_id: str) -> Content | None:
        """The content to be read piece by piece, or None where there is none."""
        path = self._path / file_id
        with contextlib.suppress(FileNotFoundError):
            return Content(path.stat().st_size, _pieces(path))
        return None

    async def delete(self, file_id: str) -> None:
        """Delete a content, if it is there."""
        (self._path / file_id).unlink(missing_ok=True)


async def _pieces(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


@contextlib.contextmanager
def _replacing(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A new file that takes its name once it is whole; of one that fails nothing stays."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(new).replace(folder / name)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise


class Memory:
    """What lives as long as this object, beside a database in memory."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    async def put(self, file_id: str, chunks: AsyncIterable[bytes]) -> int:
        """Keep a content."""
        content = b"".join([chunk async for chunk in chunks])
        self._contents[file_id] = content
        return len(content)

    async def get(self, file_id: str) -> bytes | None:
        """The content, or None where there is none."""
        return self._contents.get(file_id)

    async def open(self, file_id: str) -> Content | None:
        """The content as one piece, or None where there is none."""
        content = self._contents.get(file_id)
        return None if content is None else Content(len(content), _one(content))

    async def delete(self, file_id: str) -> None:
        """Delete a content, if it is there."""
        self._contents.pop(file_id, None)


async def _one(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
