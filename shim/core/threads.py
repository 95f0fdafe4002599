"""Threads: create, read, change, delete (Assistants spec 3.2). There is no list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shim.core import conflicts, objects
from shim.core.content import mirrored, new_message
from shim.core.ids import mint
from shim.core.keeping import Keeper
from shim.core.ports import Batch, Mirror, World
from shim.core.records import RESOURCE_IDS, Message, Thread
from shim.core.requests import Asked
from shim.core.stores import Stores
from shim.core.wire import Json, Reply, Target
from shim.errors import Lost

__all__ = ["Threads", "opening"]


class Threads:
    """The endpoints `/threads` and `/threads/{thread_id}`."""

    def __init__(self, world: World, stores: Stores, keeper: Keeper) -> None:
        self._world = world
        self._stores = stores
        self._keeper = keeper

    async def create(self, asked: Asked) -> Reply:
        """POST /threads, with messages to begin with if any are given."""
        record, batch = await self.begin(asked.body, asked.target)
        await self._world.ledger.add_thread(asked.tenant, record, batch)
        self._world.conversations.drain(record.id, asked.target)
        return Reply(body=objects.thread(record))

    async def begin(self, body: Json, target: Target) -> tuple[Thread, Batch]:
        """The thread of a create-thread body and what it starts with, not stored yet."""
        now, thread_id = self._world.now(), mint("thread")
        messages = [new_message(each, thread_id, now) for each in body.get("messages") or ()]
        given = body.get("tool_resources") or {}
        resources = _lists(await self._stores.resolved(given, target, expiring=True))
        resources = await self._stores.attached(resources, messages, target)
        metadata = body.get("metadata") or {}
        record = Thread(thread_id, int(now), metadata, resources)
        wanted = self._world.conversations.wanted(target)
        mirror = [opening(target), *mirrored(messages)] if wanted else []
        return record, Batch(new=messages, mirror=mirror)

    async def retrieve(self, asked: Asked) -> Reply:
        """GET /threads/{thread_id}."""
        return Reply(body=objects.thread_read(await self.find(asked)))

    async def update(self, asked: Asked) -> Reply:
        """POST /threads/{thread_id}: metadata and tool_resources replace what is there."""
        record = await self.find(asked)
        if "metadata" in asked.body:
            record = replace(record, metadata=asked.body["metadata"] or {})
        if "tool_resources" in asked.body:
            record = replace(record, tool_resources=_lists(asked.body["tool_resources"] or {}))
        await self._world.ledger.save_thread(record)
        return Reply(body=objects.thread(record))

    async def extend(self, record: Thread, messages: Sequence[Message], target: Target) -> Thread:
        """The thread with what the attachments of new messages bring, not stored yet."""
        resources = await self._stores.attached(record.tool_resources, messages, target)
        return replace(record, tool_resources=resources)

    async def delete(self, asked: Asked) -> Reply:
        """DELETE /threads/{thread_id}, with all that hangs on it."""
        record = await self.find(asked)
        for file in await self._world.ledger.files(record.id):
            await self._keeper.drop(file)
        try:
            await self._world.ledger.delete_thread(record.id)
        except Lost:
            raise conflicts.unknown("thread", record.id) from None
        self._world.conversations.clean(record.id, asked.target)
        return Reply(body=objects.deleted("thread", record.id))

    async def find(self, asked: Asked) -> Thread:
        """The thread in the path, or the original's 404."""
        record = await self._world.ledger.thread(asked.tenant, asked.id("thread"))
        if record is None:
            raise conflicts.unknown("thread", asked.id("thread"))
        return record


def opening(target: Target) -> Mirror:
    """Says that a thread shall have a conversation, and at which server."""
    return Mirror("open", {"server": target.base_url})


def _lists(resources: Json) -> Json:
    """The parts that were given; a list left out is an empty one, as programs index into it."""
    return {
        kind: {RESOURCE_IDS[kind]: list(given.get(RESOURCE_IDS[kind]) or ())}
        for kind, given in resources.items()
        if given is not None
    }
