"""Messages: create, read, change, list, delete (Assistants spec 3.3 and 8)."""

from __future__ import annotations

from shim.core import conflicts, objects, pages
from shim.core.content import mirrored, new_message
from shim.core.looks import Looks
from shim.core.params import list_params
from shim.core.ports import Batch, World
from shim.core.records import Message, Thread
from shim.core.requests import Asked
from shim.core.threads import Threads
from shim.core.wire import Reply
from shim.errors import Lost

__all__ = ["Messages"]


class Messages:
    """The endpoints under `/threads/{thread_id}/messages`."""

    def __init__(self, world: World, threads: Threads, looks: Looks) -> None:
        self._world = world
        self._threads = threads
        self._looks = looks

    async def create(self, asked: Asked) -> Reply:
        """POST: refused while a run of the thread is active (spec 4.6)."""
        record = new_message(asked.body, asked.id("thread"), self._world.now())
        async with self._threads.attaching(asked, record.thread_id) as attaching:
            while True:
                thread = await self._idle(asked)
                brought = await attaching.brought(thread, [record])
                batch = Batch(new=[record], mirror=mirrored([record]), resources=brought)
                try:
                    await self._world.ledger.add_messages(thread.id, batch)
                except Lost:
                    continue  # a run, other resources or no thread is there now: see which
                attaching.stored(brought.now if brought else {})
                break
        self._world.conversations.drain(record.thread_id, asked.target)
        return Reply(body=objects.message(record))

    async def _idle(self, asked: Asked) -> Thread:
        """The thread, with no run active."""
        thread = await self._threads.find(asked)
        if (active := await self._looks.active(thread.id, asked.target)) is not None:
            raise conflicts.busy_for_messages(active)
        return thread

    async def retrieve(self, asked: Asked) -> Reply:
        """GET one message."""
        await self._refreshed(asked)
        return Reply(body=objects.message(await self._find(asked)))

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
        self._world.conversations.drain(thread.id, asked.target)
        return Reply(body=objects.deleted("thread.message", record.id))

    async def list(self, asked: Asked) -> Reply:
        """GET the thread's messages, or those of one run."""
        params = list_params(asked.query, run_id=True)
        await self._refreshed(asked)
        for cursor in params.cursors:
            await self._record(asked.id("thread"), cursor)
        found = await self._world.ledger.messages(asked.id("thread"), params)
        return Reply(body=pages.page(found, params.limit, objects.message))

    async def _refreshed(self, asked: Asked) -> None:
        thread = await self._threads.find(asked)
        await self._looks.active(thread.id, asked.target)

    async def _find(self, asked: Asked) -> Message:
        return await self._record(asked.id("thread"), asked.id("message"))

    async def _record(self, thread_id: str, message_id: str) -> Message:
        record = await self._world.ledger.message(thread_id, message_id)
        if record is None:
            raise conflicts.unknown("message", message_id)
        return record
