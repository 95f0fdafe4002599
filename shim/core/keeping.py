"""Keeps what code made: images at once, files of containers by copying them.

A container dies with all it holds after some idle minutes. So a copy begins as soon as the step or
message that names the file is stored, and when a response that ran code has ended, its container is
looked through for what else it left. What was not finished is taken up by whoever looks at the
thread or asks for the file, with the credentials of that call.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace

from shim.core.expiry import sweep
from shim.core.lifecycle import FINAL
from shim.core.listings import MOST_UNNAMED, Gone, Unlisted, is_gone, listed, placed, unnamed, words
from shim.core.ports import Batch, Request, World
from shim.core.records import ACTIVE, File, Listing, Run
from shim.core.wire import Target
from shim.errors import Lost, ShimError, Unreachable

__all__ = ["Keeper"]

log = logging.getLogger("shim")

_TIMEOUT = 120.0
_ATTEMPTS = 3
_PAUSE = 5.0
"""Seconds until a copy that failed is tried again by a look."""
_WAIT = 0.05
"""Seconds between two looks at a file that is being copied."""
_SWEEP_SECONDS = 600.0

_GONE = "its container had expired, or no longer had it, before it could be copied"
_UNSEEN = (
    "what else the code made could not be looked for: its container had expired, or was deleted, "
    "before"
)
_MORE = "{0} more files that the code made and the answer does not name were not kept"


class _TooLarge(ShimError):
    """A content has more bytes than are kept."""


class Keeper:
    """Puts contents where they are kept, and says of each file what has become of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._in_hand = world.in_hand

    async def save(self, run: Run, batch: Batch, target: Target) -> Run:
        """Write a move of a run; contents are put before, copies begin after it."""
        files = [await self._ready(file) for file in batch.files]
        rests = run.status not in ACTIVE or run.status == "requires_action"
        looks = rests and any(tool["type"] == "code_interpreter" for tool in run.tools)
        known = await self._world.ledger.files(run.thread_id) if looks else []
        noted = run.with_notes(_notes(run.id, [*known, *files]))
        saved = await self._world.ledger.save_run(noted, replace(batch, files=files))
        if looks or any(file.status == "pending" and file.source_id for file in files):
            self._world.workers.spawn(self._copy_all(run.thread_id, target), aside=True)
        if saved.status in FINAL:
            self._world.ended(saved)
        return saved

    async def resume(self, thread_id: str, target: Target) -> None:
        """Begin again what copies of the thread's files were not finished."""
        owed = await self._world.ledger.owed(thread_id)
        keys = [file.id if file.source_id else str(file.container_id) for file in owed.files]
        keys += [listing.container_id for listing in owed.listings]
        if any(map(self._is_due, keys)):
            self._world.workers.spawn(self._copy_all(thread_id, target), aside=True)

    async def copied(self, file: File, target: Target) -> File:
        """A pending file, copied from its container if that can be done now."""
        while self._is_busy(file.id) and file.status == "pending":
            await self._world.workers.sleep(_WAIT)
            file = await self._stored(file)
        if file.source_id is None and file.status == "pending":
            await self._look_through(str(file.container_id), file.thread_id, target)
        with self._at(file.id):
            after = await self._stored(file)  # it may have been copied since the caller read it
            if after.status == "pending" and after.source_id is not None:
                after = await self._write(await self._fetched(after, target))
        if after.status != "pending":
            self._in_hand.again.pop(file.id, None)
        return after

    async def leave(self, thread_id: str, target: Target) -> None:
        """Before a thread and its container are deleted: have copies of all its files."""
        failed = False
        for file in (await self._world.ledger.owed(thread_id)).files:
            # where one cannot be had, the caller does not wait for the others to fail too
            after = file if failed else await self.copied(file, target)
            if after.status == "pending":
                failed = True
                log.warning("%s is deleted, and %s", thread_id, _note(after))

    async def drop(self, file: File) -> None:
        """Delete a file and its content."""
        await self._world.ledger.delete_file(file.id)
        await self._world.contents.delete(file.id)

    async def _copy_all(self, thread_id: str, target: Target) -> None:
        owed = await self._world.ledger.owed(thread_id)
        containers = [listing.container_id for listing in owed.listings]
        containers += [str(file.container_id) for file in owed.files if file.source_id is None]
        for container_id in filter(self._is_due, dict.fromkeys(containers)):
            await self._look_through(container_id, thread_id, target)
        for file in (await self._world.ledger.owed(thread_id)).files:
            if file.source_id is not None and self._is_due(file.id):
                await self.copied(file, target)
        await self.resume(thread_id, target)  # another run may have ended meanwhile

    def _is_due(self, key: str) -> bool:
        """Whether nobody is at a file or container now, and no try failed just before."""
        return not self._is_busy(key) and self._in_hand.again.get(key, 0.0) <= self._world.now()

    def _is_busy(self, key: str) -> bool:
        """Whether this process is at a file or container now."""
        return self._in_hand.copying.get(key, 0.0) > self._world.now()

    @contextmanager
    def _at(self, key: str) -> Iterator[None]:
        """Say that this process is at a file or container, which is not tried again at once."""
        in_hand = self._in_hand
        in_hand.copying[key] = self._world.now() + _TIMEOUT
        try:
            yield
        finally:
            in_hand.copying.pop(key, None)
            in_hand.again = {k: at for k, at in in_hand.again.items() if at > self._world.now()}
            in_hand.again[key] = self._world.now() + _PAUSE

    async def _stored(self, file: File) -> File:
        """The file as it is now; a deleted one is as it was."""
        known = await self._world.ledger.files(file.thread_id)
        found = next((each for each in known if each.id == file.id), None)
        return found or replace(file, status="deleted")

    # containers

    async def _look_through(self, container_id: str, thread_id: str, target: Target) -> None:
        """Find the files that answers name by their paths, and those that they do not name."""
        try:
            with self._at(container_id):
                await self._looked_through(container_id, thread_id, target)
        except Unlisted as error:
            log.warning("%s could not be looked through: %s", container_id, error)
            return
        except Lost:
            log.debug("%s was looked through by somebody else", container_id)
        self._in_hand.again.pop(container_id, None)

    async def _looked_through(self, container_id: str, thread_id: str, target: Target) -> None:
        owed = await self._world.ledger.owed(thread_id)
        listings = [each for each in owed.listings if each.container_id == container_id]
        files = [
            file
            for file in owed.files
            if file.container_id == container_id and file.source_id is None
        ]
        moments = [each.created_at for each in listings] + [each.created_at for each in files]
        age = self._world.now() - max(moments, default=0)
        try:
            found = await listed(self._world, container_id, age, target)
        except Gone:
            for file in files:
                await self._write(replace(file, status="lost", problem=_GONE))
            await self._world.ledger.save_found(listings, [])
            for listing in listings:
                await self._tell(thread_id, listing.run_id, [_UNSEEN])
            return
        for file in files:
            await self._write(placed(file, found))
        if listings:
            known = await self._world.ledger.files(thread_id)
            await self._find(listings, unnamed(listings[-1], known, found, self._world.now()))

    async def _find(self, listings: Sequence[Listing], found: Sequence[File]) -> None:
        """Keep what the code made besides what its answer names, and tell of it on the run."""
        kept, last = found[:MOST_UNNAMED], listings[-1]
        await self._world.ledger.save_found(listings, kept)
        notes = list(_notes(last.run_id, kept))
        if len(found) > len(kept):
            notes.append(_MORE.format(len(found) - len(kept)))
        await self._tell(last.thread_id, last.run_id, notes)

    # contents

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
            if is_gone(download.status, download.body, self._world.now() - file.created_at):
                return replace(file, status="lost", problem=_GONE)
            return replace(file, problem=words(download.status, download.body))

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
        await self._sweep()
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

    async def _sweep(self) -> None:
        """Make room now and then, as a file comes in: of those whose time is over."""
        world = self._world
        if world.files_days and world.in_hand.sweep_at <= world.now():
            world.in_hand.sweep_at = world.now() + _SWEEP_SECONDS
            try:
                await sweep(world.ledger, world.contents, world.files_days, world.now())
            except (OSError, ShimError) as error:
                log.warning("files older than %s days stay: %s", world.files_days, error)

    # what is told

    async def _write(self, file: File) -> File:
        """Write what came of a pending file; gives what is stored."""
        try:
            await self._world.ledger.save_file(file, was="pending")
        except Lost:  # it was deleted while it was copied, or somebody else has copied it
            stored = await self._stored(file)
            if stored.status != "kept":
                await self._world.contents.delete(file.id)
            return stored
        if file.status == "lost":
            log.warning("run %s: %s", file.run_id, _note(file))
            await self._tell(file.thread_id, file.run_id, [_note(file)])
        return file

    async def _tell(self, thread_id: str, run_id: str, notes: Sequence[str]) -> None:
        """Note something on an ended run; one that goes on takes its notes when it rests."""
        for _ in range(_ATTEMPTS):
            run = await self._world.ledger.run(thread_id, run_id)
            if run is None or run.status in ACTIVE or run.with_notes(notes) == run:
                return
            with suppress(Lost):
                await self._world.ledger.save_run(run.with_notes(notes), Batch())
                return


def _notes(run_id: str, files: Iterable[File]) -> Iterable[str]:
    """What is to be said of the files of a run: which are lost, and which no answer names."""
    for file in files:
        if file.run_id == run_id and file.status not in ("deleted", "expired"):
            if not file.named:
                yield f"the code made {file.filename} ({file.id}), which the answer does not name"
            if file.status == "lost":
                yield _note(file)


def _note(file: File) -> str:
    return f"{file.filename} ({file.id}) is not kept: {file.problem}"


async def _one(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
