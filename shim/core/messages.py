"""Messages: create, read, change, list, delete (Assistants spec 3.3 and 8)."""

from __future__ import annotations

from collections.abc import Sequence

from shim.core import conflicts, notes, objects, pages
from shim.core.content import mirrored, new_message
from shim.core.looks import Looks
from shim.core.params import list_params
from shim.core.ports import Batch, World
from shim.core.records import Message, Thread
from shim.core.requests import Asked
from shim.core.shared import Shared
from shim.core.threads import Threads
from shim.core.wire import Reply
from shim.errors import ApiError, Lost
from shim.translate.natives import unshown

__all__ = ["Messages"]


class Messages:
    """The endpoints under `/threads/{thread_id}/messages`."""

    def __init__(self, world: World, threads: Threads, looks: Looks) -> None:
        self._world = world
        self._threads = threads
        self._looks = looks
        self._shared = Shared(world)

    async def create(self, asked: Asked) -> Reply:
        """POST: refused while a run of the thread is active (spec 4.6)."""
        record = new_message(asked.body, asked.id("thread"), self._world.now())
        said: Sequence[str] | None = None
        async with self._threads.attaching(asked, record.thread_id) as attaching:
            while True:
                thread = await self._idle(asked)
                if said is None:
                    said = await self._shared.read(thread, asked.target)
                brought = await attaching.brought(thread, [record])
                batch = Batch(new=[record], mirror=mirrored([record]), resources=brought)
                try:
                    await self._world.ledger.add_messages(thread.id, batch)
                except Lost:
                    continue  # a run, other resources or no thread is there now: see which
                attaching.stored(brought.now if brought else {})
                break
        said = [*said, *await self._shared.told(thread, asked.target)]
        self._world.conversations.drain(record.thread_id, asked.target)
        return Reply(body=objects.message(record), headers=notes.header(said))

    async def _idle(self, asked: Asked) -> Thread:
        """The thread, with no run active."""
        thread = await self._threads.find(asked)
        if (active := await self._looks.active(thread.id, asked.target)) is not None:
            raise conflicts.busy_for_messages(active)
        return thread

    async def retrieve(self, asked: Asked) -> Reply:
        """GET one message."""
        thread, said = await self._refreshed(asked), list[str]()
        try:
            record = await self._find(asked)
        except ApiError:
            if not thread.shared:
                raise
            said += await self._shared.read(thread, asked.target)
            record = await self._find(asked)
        said += unshown(record)
        return Reply(body=objects.message(record), headers=notes.header(said))

    async def update(self, asked: Asked) -> Reply:
        """POST: metadata only; the answer has the older shape (spec 2.3)."""
        await self._threads.find(asked)
        record = await self._find(asked)
        if "metadata" in asked.body:
            metadata = asked.body["metadata"] or {}
            await self._world.ledger.save_message_metadata(record.id, metadata)
            record = await self._find(asked)
        return Reply(body=objects.message_modified(record))

    async def delete(self, asked: Asked) -> Reply:
        """DELETE one message."""
        thread = await self._threads.find(asked)
        record = await self._find(asked)
        await self._world.ledger.delete_message(thread.id, record.id)
        said = await self._shared.told(thread, asked.target)
        self._world.conversations.drain(thread.id, asked.target)
        body = objects.deleted("thread.message", record.id)
        return Reply(body=body, headers=notes.header(said))

    async def list(self, asked: Asked) -> Reply:
        """GET the thread's messages, or those of one run."""
        params = list_params(asked.query, run_id=True)
        thread = await self._refreshed(asked)
        said = list(await self._shared.read(thread, asked.target))
        for cursor in params.cursors:
            await self._record(thread.id, cursor)
        found = await self._world.ledger.messages(thread.id, params)
        said += [note for message in found[: params.limit] for note in unshown(message)]
        body = pages.page(found, params.limit, objects.message)
        return Reply(body=body, headers=notes.header(said))

    async def _refreshed(self, asked: Asked) -> Thread:
        thread = await self._threads.find(asked)
        await self._looks.active(thread.id, asked.target)
        return thread

    async def _find(self, asked: Asked) -> Message:
        """The message; it may be called as native code does, by the id of its item."""
        thread_id, message_id = asked.id("thread"), asked.id("message")
        known = await self._world.ledger.message(thread_id, message_id)
        if known is not None:
            return known
        item = await self._world.ledger.message_id(thread_id, message_id)
        return await self._record(thread_id, item or message_id)

    async def _record(self, thread_id: str, message_id: str) -> Message:
        record = await self._world.ledger.message(thread_id, message_id)
        if record is None:
            raise conflicts.unknown("message", message_id)
        return record
