"""What one call attaches to a thread: stores made, files put in, and what came to nothing undone.

A thread's resources may be changed by others between being read and being written. They are then
read again and extended again: a store that this call had made is used if there is still none, else
deleted; a file that is in the store already is not put in twice. Knows no message's content.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from shim.core.ports import Resources, World
from shim.core.records import Message, Native, Step, Thread
from shim.core.requests import Asked
from shim.core.stores import Stores
from shim.core.uploads import Uploads
from shim.core.wire import Json
from shim.errors import ShimError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Attaching"]

log = logging.getLogger("shim")


class Attaching:
    """A context: `stored` says what was written; all else that was made is undone at its end."""

    def __init__(self, world: World, stores: Stores, asked: Asked, thread_id: str = "") -> None:
        self._world = world
        self._stores = stores
        self._uploads = Uploads(world)
        self._tenant = asked.tenant
        self._target = asked.target
        self._thread_id = thread_id
        self._names: dict[str, str] = {}
        self._made: list[str] = []
        self._added: dict[str, list[str]] = {}
        self._used: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        """Begin with nothing made."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Undo, after the call in hand, what is of no use; the answer does not wait for it."""
        unused = [store_id for store_id in self._made if store_id not in self._used]
        added = {key: files for key, files in self._added.items() if key not in self._used}
        if unused or added:
            self._world.workers.spawn(self._undo(unused, added), aside=True)

    def stored(self, resources: Json) -> None:
        """These resources are written: what they name is in use."""
        self._used = frozenset(_stores_of(resources))

    async def resolved(self, resources: Json, *, expiring: bool) -> Json:
        """The resources, the helper `vector_stores` made into a store and replaced by its id."""
        await self._uploads.check(resources, self._tenant, self._target)
        search = resources.get("file_search") or {}
        if "vector_stores" not in search:
            return resources
        wanted = search.get("vector_stores") or ()
        ids = [await self._make(body, expiring=expiring) for body in wanted]
        return {**resources, "file_search": {"vector_store_ids": ids}}

    async def extended(self, resources: Json, messages: Sequence[Message]) -> Json:
        """A thread's resources with what new messages bring (Assistants spec 8.2)."""
        await self._uploads.check_images(messages, self._tenant, self._target)
        searched, read = _attachments(messages)
        await self._name([*searched, *read])
        if searched and self._world.upstream.dialect(self._target).file_search:
            ids = await self._searchable(_stores_of(resources), searched)
            resources = {**resources, "file_search": {"vector_store_ids": ids}}
        if read:
            present = (resources.get("code_interpreter") or {}).get("file_ids") or ()
            files = list(dict.fromkeys([*present, *read]))
            resources = {**resources, "code_interpreter": {"file_ids": files}}
        return resources

    async def brought(self, thread: Thread, messages: Sequence[Message]) -> Resources | None:
        """How new messages change a thread's resources; None where they bring nothing."""
        if not any(_attachments(messages)):
            await self._uploads.check_images(messages, self._tenant, self._target)
            return None
        now = await self.extended(thread.tool_resources, messages)
        return self.change(thread.version, now)

    def change(self, was: int, now: Json) -> Resources:
        """The change of a thread's resources, with the stores that this call made for it."""
        named = _stores_of(now)
        return Resources(was, now, [store_id for store_id in self._made if store_id in named])

    async def _searchable(self, present: list[str], files: list[str]) -> list[str]:
        """The thread's store with the files in it; made with them where there is none."""
        if present:
            added = self._added.setdefault(present[0], [])
            for file_id in [each for each in files if each not in added]:
                await self._stores.add(present[0], self._names[file_id], self._target)
                added.append(file_id)
            return present
        if not self._made:
            await self._make({"file_ids": files}, expiring=True)
        return self._made[-1:]

    async def _make(self, body: Json, *, expiring: bool) -> str:
        files = body.get("file_ids") or ()
        await self._name(files)
        named = {**body, "file_ids": [self._names[each] for each in files]} if files else body
        made = await self._stores.make(named, self._target, expiring=expiring)
        self._made.append(made)
        return made

    async def _name(self, file_ids: Iterable[str]) -> None:
        """Learn what the upstream calls files."""
        new = [file_id for file_id in file_ids if file_id not in self._names]
        self._names.update(await self._uploads.ids(new, self._tenant, self._target))

    async def _undo(self, unused: list[str], added: dict[str, list[str]]) -> None:
        for store_id in unused:
            await self._stores.delete(store_id, self._target)
        try:
            paths = [path for each in added.items() for path in await self._leftover(*each)]
        except ShimError as error:
            log.warning("%s: files that no message has may be in its store: %s", added, error)
            return
        for path in paths:
            await self._stores.delete(path, self._target)

    async def _leftover(self, store_id: str, files: list[str]) -> list[str]:
        """The files that only this call has put into a store; one of the user's own is left."""
        if store_id not in await self._world.ledger.made_stores(self._thread_id):
            return []
        kept = set(_attachments(await self._world.ledger.history(self._thread_id))[0])
        return [f"{store_id}/files/{self._names[each]}" for each in files if each not in kept]


def _stores_of(resources: Json) -> list[str]:
    return list((resources.get("file_search") or {}).get("vector_store_ids") or ())


def _attachments(messages: Iterable[Message | Native | Step]) -> tuple[list[str], list[str]]:
    """The files to be searched, and those to be read by code, each once and in order."""
    searched: dict[str, None] = {}
    read: dict[str, None] = {}
    for message in messages:
        for attachment in message.attachments if isinstance(message, Message) else ():
            kinds = {tool["type"] for tool in attachment.get("tools") or ()}
            if attachment.get("file_id") and "file_search" in kinds:
                searched[attachment["file_id"]] = None
            if attachment.get("file_id") and "code_interpreter" in kinds:
                read[attachment["file_id"]] = None
    return list(searched), list(read)
