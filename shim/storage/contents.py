"""The contents of files that code made: in a folder, or in memory. Knows bytes, no records.

Files are read and written inline in both colours, as the database is.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["Folder", "Memory"]


class Folder:
    """A folder with a file for each content, made when the first one comes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def put(self, file_id: str, content: bytes) -> None:
        """Keep a content; whoever reads at the same time gets all of the old or of the new one."""
        _write(self._path, file_id, content)

    async def get(self, file_id: str) -> bytes | None:
        """The content, or None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return (self._path / file_id).read_bytes()
        return None

    async def delete(self, file_id: str) -> None:
        """Delete a content, if it is there."""
        (self._path / file_id).unlink(missing_ok=True)


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
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

    async def put(self, file_id: str, content: bytes) -> None:
        """Keep a content."""
        self._contents[file_id] = content

    async def get(self, file_id: str) -> bytes | None:
        """The content, or None where there is none."""
        return self._contents.get(file_id)

    async def delete(self, file_id: str) -> None:
        """Delete a content, if it is there."""
        self._contents.pop(file_id, None)
