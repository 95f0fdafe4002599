"""Keeps what code made: images at once, files of containers by copying them.

A container dies with all it holds after some idle minutes. So a copy begins as soon as the step or
message that names the file is stored; one that was not finished is taken up by whoever looks at the
thread or asks for the file, with the credentials of that call. Knows no endpoint.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from shim.core.ports import Answer, Batch, Request, World
from shim.core.records import ACTIVE, File, Run
from shim.core.wire import Target
from shim.errors import Lost, Unreachable
from shim.translate.failures import error_of, is_container_gone

__all__ = ["Keeper"]

log = logging.getLogger("shim")

_TIMEOUT = 120.0
_CONTAINER_SECONDS = 20 * 60
_PAUSE = 5.0
"""Seconds until a copy that failed is tried again by a look."""


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
        path = f"/containers/{file.container_id}/files/{file.source_id}/content"
        request = Request("GET", path, target, attempts=3, timeout=_TIMEOUT)
        try:
            answer = await self._world.upstream.read(request)
        except Unreachable as error:
            return replace(file, problem=str(error))
        if answer.status < 400:
            return await self._put(file, answer.content)
        if self._is_gone(file, answer):
            problem = "its container had expired, or no longer had it, before it could be copied"
            return replace(file, status="lost", problem=problem)
        return replace(file, problem=_words(answer))

    def _is_gone(self, file: File, answer: Answer) -> bool:
        """Whether the file cannot be had any more; a 404 that says no more may be of the moment."""
        old = self._world.now() - file.created_at > _CONTAINER_SECONDS
        gone = answer.status in (404, 410) and old
        return gone or is_container_gone(answer.status, answer.body)

    async def _ready(self, file: File) -> File:
        """The file as it is stored: what came with its content is kept already."""
        return file if file.content is None else await self._put(file, file.content)

    async def _put(self, file: File, content: bytes) -> File:
        most = self._world.most_bytes
        file = replace(file, content=None, size=len(content))
        if len(content) > most:
            problem = f"it has {len(content)} bytes, and files of more than {most} are not kept"
            return replace(file, status="lost", problem=problem)
        try:
            await self._world.contents.put(file.id, content)
        except OSError as error:
            log.exception("%s could not be kept", file.id)
            status = "lost" if file.source_id is None else "pending"
            return replace(file, status=status, problem=f"it could not be written: {error}")
        return replace(file, status="kept", problem=None)

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


def _words(answer: Answer) -> str:
    said = error_of(answer.body).get("message") or ""
    return f"the upstream answered {answer.status}: {said}"[:500]
