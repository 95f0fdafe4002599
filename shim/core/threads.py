"""Threads: create, read, change, delete (Assistants spec 3.2). There is no list of them."""

from __future__ import annotations

from dataclasses import replace

from shim.core import conflicts, notes, objects
from shim.core.attaching import Attaching
from shim.core.content import mirrored, new_message
from shim.core.ids import mint
from shim.core.keeping import Keeper
from shim.core.ports import Batch, Mirror, World
from shim.core.records import RESOURCE_IDS, Thread
from shim.core.requests import Asked
from shim.core.shared import Shared, stays
from shim.core.stores import Stores
from shim.core.uploads import Uploads
from shim.core.wire import Json, Reply, Target
from shim.errors import Lost

__all__ = ["Threads", "opening"]


class Threads:
    """The endpoints `/threads` and `/threads/{thread_id}`."""

    def __init__(self, world: World, stores: Stores, keeper: Keeper) -> None:
        self._world = world
        self._stores = stores
        self._keeper = keeper
        self._uploads = Uploads(world)
        self._shared = Shared(world)

    async def create(self, asked: Asked) -> Reply:
        """POST /threads, with messages to begin with if any are given."""
        async with self.attaching(asked) as attaching:
            record, batch = await self.begin(asked.body, asked.target, attaching)
            await self._world.ledger.add_thread(asked.tenant, record, batch)
            attaching.stored(record.tool_resources)
        self._world.conversations.drain(record.id, asked.target)
        return Reply(body=objects.thread(record))

    def attaching(self, asked: Asked, thread_id: str = "") -> Attaching:
        """What the call attaches to a thread."""
        return Attaching(self._world, self._stores, asked, thread_id)

    async def begin(self, body: Json, target: Target, attaching: Attaching) -> tuple[Thread, Batch]:
        """The thread of a create-thread body and what it starts with, not stored yet."""
        now, thread_id = self._world.now(), mint("thread")
        messages = [new_message(each, thread_id, now) for each in body.get("messages") or ()]
        given = body.get("tool_resources") or {}
        resources = _lists(await attaching.resolved(given, expiring=True))
        resources = await attaching.extended(resources, messages)
        metadata = body.get("metadata") or {}
        record = Thread(thread_id, int(now), metadata, resources)
        wanted = self._world.conversations.wanted(target)
        mirror = [opening(target), *mirrored(messages)] if wanted else []
        made = attaching.change(0, resources)
        return record, Batch(new=messages, mirror=mirror, resources=made)

    async def retrieve(self, asked: Asked) -> Reply:
        """GET /threads/{thread_id}."""
        record = await self.find(asked)
        said = await self._shared.read(record, asked.target, whole=True)
        return Reply(body=objects.thread_read(record), headers=notes.header(said))

    async def update(self, asked: Asked) -> Reply:
        """POST /threads/{thread_id}: metadata and tool_resources replace what is there."""
        given = asked.body.get("tool_resources") or {}
        await self._uploads.check(given, asked.tenant, asked.target)
        while True:
            record = await self.find(asked)
            if "metadata" in asked.body:
                record = replace(record, metadata=asked.body["metadata"] or {})
            if "tool_resources" in asked.body:
                record = replace(record, tool_resources=_lists(given))
            try:
                await self._world.ledger.save_thread(record)
            except Lost:
                continue  # somebody changed it meanwhile: apply to what is there now
            return Reply(body=objects.thread(record))

    async def delete(self, asked: Asked) -> Reply:
        """DELETE /threads/{thread_id}, with all that hangs on it."""
        record = await self.find(asked)
        await self._keeper.leave(record.id, asked.target)
        try:
            await self._world.ledger.delete_thread(record.id)
        except Lost:
            raise conflicts.unknown("thread", record.id) from None
        self._world.conversations.clean(record.id, asked.target)
        body = objects.deleted("thread", record.id)
        return Reply(body=body, headers=notes.header(stays(record)))

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
