"""Assistants: create, read, change, list, delete (Assistants spec 3.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shim.core import conflicts, objects, pages
from shim.core.attaching import Attaching
from shim.core.ids import mint
from shim.core.params import list_params
from shim.core.ports import World
from shim.core.records import Assistant
from shim.core.requests import Asked
from shim.core.stores import Stores
from shim.core.uploads import Uploads
from shim.core.wire import Json, Reply
from shim.errors import Lost

__all__ = ["Assistants"]

_EMPTY: Json = {"tools": (), "tool_resources": {}, "metadata": {}}
"""What an explicit null clears a field to, where that is not null."""


class Assistants:
    """The endpoints under `/assistants`."""

    def __init__(self, world: World, stores: Stores) -> None:
        self._world = world
        self._stores = stores
        self._uploads = Uploads(world)

    async def create(self, asked: Asked) -> Reply:
        """POST /assistants; makes the vector store that the body may describe."""
        given = asked.body.get("tool_resources") or {}
        async with Attaching(self._world, self._stores, asked) as attaching:
            resources = await attaching.resolved(given, expiring=False)
            fields = _fields({**asked.body, "tool_resources": resources})
            record = Assistant(id=mint("asst"), created_at=int(self._world.now()), **fields)
            await self._world.ledger.add_assistant(asked.tenant, record)
            attaching.stored(resources)
        return Reply(body=objects.assistant(record))

    async def retrieve(self, asked: Asked) -> Reply:
        """GET /assistants/{assistant_id}."""
        return Reply(body=objects.assistant(await self.find(asked.tenant, asked.id("assistant"))))

    async def update(self, asked: Asked) -> Reply:
        """POST /assistants/{assistant_id}: what is given replaces, what is absent stays."""
        given = asked.body.get("tool_resources") or {}
        await self._uploads.check(given, asked.tenant, asked.target)
        while True:
            record = await self.find(asked.tenant, asked.id("assistant"))
            changed = replace(record, **_fields(asked.body))
            try:
                saved = await self._world.ledger.save_assistant(changed)
            except Lost:
                continue  # somebody changed it meanwhile: apply to what is there now
            return Reply(body=objects.assistant(saved))

    async def delete(self, asked: Asked) -> Reply:
        """DELETE /assistants/{assistant_id}."""
        assistant_id = asked.id("assistant")
        try:
            await self._world.ledger.delete_assistant(asked.tenant, assistant_id)
        except Lost:
            raise conflicts.unknown("assistant", assistant_id) from None
        return Reply(body=objects.deleted("assistant", assistant_id))

    async def list(self, asked: Asked) -> Reply:
        """GET /assistants."""
        params = list_params(asked.query)
        for cursor in params.cursors:
            await self.find(asked.tenant, cursor)
        found = await self._world.ledger.assistants(asked.tenant, params)
        return Reply(body=pages.page(found, params.limit, objects.assistant))

    async def find(self, tenant: str, assistant_id: str) -> Assistant:
        """The assistant, or the original's 404."""
        record = await self._world.ledger.assistant(tenant, assistant_id)
        if record is None:
            raise conflicts.unknown("assistant", assistant_id)
        return record


def _fields(body: Json) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: _EMPTY.get(name) if value is None else value for name, value in body.items()
    }
    if "tools" in fields:
        fields["tools"] = tuple(fields["tools"])
    return fields
