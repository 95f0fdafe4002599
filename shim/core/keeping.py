"""Keeps what code made: images at once, files of containers by copying them.

A container dies with all it holds after some idle minutes. So a copy begins as soon as the step or
message that names the file is stored; one that was not finished is taken up by whoever looks at the
thread or asks for the file, with the credentials of that call. Knows no endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace

from shim.core.ports import Batch, Request, World
from shim.core.records import ACTIVE, File, Run
from shim.core.wire import Json, Target
from shim.errors import Lost, ShimError, Unreachable
from shim.translate.failures import error_of, is_container_gone

__all__ = ["Keeper"]

log = logging.getLogger("shim")

_TIMEOUT = 120.0
_ATTEMPTS = 3
_CONTAINER_SECONDS = 20 * 60
_GONE = "its container had expired, or no longer had it, before it could be copied"
_PAUSE = 5.0
"""Seconds until a copy that failed is tried again by a look."""


class _TooLarge(ShimError):
    """A content has more bytes than are kept."""


class Keeper:
    """Puts contents where they are kept, and says of each file what has become of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def save(self, run: Run, batch: Batch, target: Target) -> Run:
        """Write a move of a run; contents are put before, copies begin after it."""
        files = [await self._ready(file) for file in batch.files]
        notes = [_note(file) for file in files if file.status == "lost"]
        noted = run.with_notes(notes)
        saved = await self._world.ledger.save_run(noted, replace(batch, files=files))
        if any(file.status == "pending" for file in files):
            self._world.workers.spawn(self._copy_all(run.thread_id, target), aside=True)
        return saved

    async def resume(self, thread_id: str, target: Target) -> None:
        """Begin again what copies of the thread's files were not finished."""
        if any(map(self._is_due, await self._world.ledger.pending_files(thread_id))):
            self._world.workers.spawn(self._copy_all(thread_id, target), aside=True)

    async def copied(self, file: File, target: Target) -> File:
        """A pending file, copied from its container if that can be done now."""
        copying = self._world.copying
        copying[file.id] = self._world.now() + _TIMEOUT
        try:
            after = await self._fetched(file, target)
            if after != file:
                await self._write(after)
        finally:
            copying[file.id] = self._world.now() + _PAUSE
        if after.status != "pending":
            del copying[file.id]
        return after

    async def drop(self, file: File) -> None:
        """Delete a file and its content."""
        await self._world.contents.delete(file.id)
        await self._world.ledger.delete_file(file.id)

    async def _copy_all(self, thread_id: str, target: Target) -> None:
        for file in await self._world.ledger.pending_files(thread_id):
            if self._is_due(file):
                await self.copied(file, target)

    def _is_due(self, file: File) -> bool:
        """Whether no copy of the file is on its way, and none failed just now."""
        return self._world.copying.get(file.id, 0.0) <= self._world.now()

    async def _fetched(self, file: File, target: Target) -> File:
        """The file once its content was asked for; a connection that breaks is tried again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._asked(file, target)
            except Unreachable as error:
                file = replace(file, problem=str(error))
            if attempt < _ATTEMPTS:
                await self._world.workers.sleep(attempt / 2)
        return file

    async def _asked(self, file: File, target: Target) -> File:
        path = f"/containers/{file.container_id}/files/{file.source_id}/content"
        request = Request("GET", path, target, attempts=2, timeout=_TIMEOUT)
        async with aclosing(await self._world.upstream.download(request)) as download:
            if download.status < 400:
                return await self._put(file, download.chunks(), download.size)
            if self._is_gone(file, download.status, download.body):
                problem = (
                    "its container had expired, or no longer had it, before it could be copied"
                )
                return replace(file, status="lost", problem=problem)
            return replace(file, problem=_words(download.status, download.body))

    def _is_gone(self, file: File, status: int, body: Json) -> bool:
        """Whether the file cannot be had any more; a 404 that says no more may be of the moment."""
        old = self._world.now() - file.created_at > _CONTAINER_SECONDS
        return (status in (404, 410) and old) or is_container_gone(status, body)

    async def _ready(self, file: File) -> File:
        """The file as it is stored: what came with its content is kept already."""
        if file.content is None:
            return file
        content = file.content
        return await self._put(replace(file, content=None), _one(content), len(content))

    async def _put(self, file: File, chunks: AsyncGenerator[bytes, None], size: int | None) -> File:
        """Keep a content as it comes; `size` is what it is said to have."""
        async with aclosing(chunks):
            try:
                size = await self._world.contents.put(file.id, self._capped(chunks, size or 0))
            except _TooLarge as large:
                return replace(file, size=size, status="lost", problem=str(large))
            except OSError as error:
                log.exception("%s could not be kept", file.id)
                status = "lost" if file.source_id is None else "pending"
                return replace(file, status=status, problem=f"it could not be written: {error}")
        return replace(file, size=size, status="kept", problem=None)

    async def _capped(
        self, chunks: AsyncGenerator[bytes, None], said: int
    ) -> AsyncGenerator[bytes, None]:
        """The chunks, as long as they are not too many; raises _TooLarge."""
        most = self._world.most_bytes
        if said > most:
            raise _TooLarge(f"it has {said} bytes, and files of more than {most} are not kept")
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > most:
                raise _TooLarge(f"files of more than {most} bytes are not kept")
            yield chunk

    async def _write(self, file: File) -> None:
        try:
            await self._world.ledger.save_file(file)
        except Lost:  # the file or its thread was deleted while it was copied
            await self._world.contents.delete(file.id)
            return
        if file.status == "lost":
            log.warning("run %s: %s", file.run_id, _note(file))
            await self._tell(file)

    async def _tell(self, file: File) -> None:
        """Note on an ended run that a file of it is lost."""
        run = await self._world.ledger.run(file.thread_id, file.run_id)
        if run is not None and run.status not in ACTIVE:
            with suppress(Lost):
                noted = replace(run, notes=(*run.notes, _note(file)))
                await self._world.ledger.save_run(noted, Batch())


def _note(file: File) -> str:
    return f"{file.filename} ({file.id}) is not kept: {file.problem}"


def _words(status: int, body: Json) -> str:
    said = error_of(body).get("message") or ""
    return f"the upstream answered {status}: {said}"[:500]


async def _one(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
