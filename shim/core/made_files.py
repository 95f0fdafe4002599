"""The ports for files that code made: their records, in the ledger, and their contents.

A file has an id of shim's own. Where it was uploaded for tools to read, each server knows it by
another one. Knows only signatures and the values they carry.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shim.core.records import Container, File, Listing

__all__ = ["Content", "Contents", "MadeFiles", "Owed"]


@dataclass(frozen=True, slots=True)
class Owed:
    """What is still to be fetched for a thread: files, and containers to be looked through.

    A container is looked through once the response whose code ran in it has ended.
    """

    files: Sequence[File] = ()
    listings: Sequence[Listing] = ()


class MadeFiles(Protocol):
    """The part of the ledger about files and their uploads, and the containers of threads."""

    async def file(self, tenant: str, file_id: str) -> File | None:
        """A file that is not deleted; it may outlast its thread."""
        ...

    async def files(self, thread_id: str) -> list[File]:
        """The files that the thread's code made, deleted ones too."""
        ...

    async def owed(self, thread_id: str) -> Owed: ...
    async def save_file(self, record: File, *, was: str) -> None:
        """Only while its status is what it was."""
        ...

    async def delete_file(self, file_id: str) -> None: ...
    async def save_found(self, listings: Sequence[Listing], found: Sequence[File]) -> None:
        """Only while none of the containers has been looked through by somebody else."""
        ...

    async def kept_before(self, moment: float, limit: int) -> list[File]:
        """Files of all tenants that were made before a moment and are still kept."""
        ...

    async def tenant(self, thread_id: str) -> str | None:
        """Who owns a thread."""
        ...

    async def upload(self, file_id: str, server: str) -> str | None:
        """The id under which a server knows a file that was uploaded to it."""
        ...

    async def add_upload(self, file_id: str, server: str, upload_id: str) -> None:
        """Only while the file is there and has no other upload at the server."""
        ...

    async def delete_upload(self, file_id: str, server: str) -> None: ...
    async def gone_uploads(self, tenant: str, server: str, limit: int) -> list[tuple[str, str]]:
        """Files that are deleted or expired, and their uploads, which are not deleted yet."""
        ...

    async def uploaded(self, thread_id: str, upload_ids: Sequence[str]) -> dict[str, str]:
        """The files, of the thread's owner, that were uploaded under these ids."""
        ...

    async def container(self, thread_id: str) -> Container | None: ...
    async def save_container(self, thread_id: str, container: Container | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Content:
    """A content that is read as it is wanted; nothing is held before the first piece is asked."""

    size: int
    chunks: AsyncGenerator[bytes, None]


class Contents(Protocol):
    """Where the contents of files are kept, by the files' ids."""

    async def put(self, file_id: str, chunks: AsyncIterable[bytes]) -> int:
        """Keep a content as it comes, in place of one that is there; gives its size.

        Raises OSError; whatever is raised, by the chunks too, nothing of the new content stays.
        """
        ...

    async def get(self, file_id: str) -> bytes | None:
        """The content, or None where there is none."""
        ...

    async def open(self, file_id: str) -> Content | None:
        """The content to be read piece by piece, or None where there is none."""
        ...

    async def delete(self, file_id: str) -> None:
        """Delete a content, if it is there."""
        ...
