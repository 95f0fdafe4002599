"""The files that code made, for whoever asks for them by their ids (Assistants spec 3.5).

Only ids of shim's own come here; all other files are the upstream's. Knows no container.
"""

from __future__ import annotations

from shim.core import conflicts, objects
from shim.core.expiry import expire, expires_at
from shim.core.keeping import Keeper
from shim.core.ports import World
from shim.core.records import File
from shim.core.requests import Asked
from shim.core.wire import Reply
from shim.errors import ApiError

__all__ = ["Files"]

_PENDING = "{0} could not be copied from where the code ran yet: {1}"
_LOST = "{0} ({1}) was not kept: {2}."
_MISSING = "it is no longer where shim keeps files"


class Files:
    """The endpoints `/files/{file_id}` and `/files/{file_id}/content`."""

    def __init__(self, world: World, keeper: Keeper) -> None:
        self._world = world
        self._keeper = keeper

    async def retrieve(self, asked: Asked) -> Reply:
        """GET a file's object."""
        file = await self._present(asked)
        return Reply(body=objects.file(file, expires_at(file, self._world.files_days)))

    async def content(self, asked: Asked) -> Reply:
        """GET a file's bytes."""
        file = await self._present(asked)
        if file.status == "pending":
            message = _PENDING.format(file.id, file.problem)
            raise ApiError(500, message, type="server_error")
        content = None
        if file.status == "kept":
            content = await self._world.contents.open(file.id)
        if content is None:
            problem = file.problem or _MISSING
            raise ApiError(404, _LOST.format(file.filename, file.id, problem), param="id")
        described = {**_described(file), "content-length": str(content.size)}
        return Reply(chunks=content.chunks, headers=described)

    async def delete(self, asked: Asked) -> Reply:
        """DELETE a file and its content."""
        file = await self._find(asked)
        await self._keeper.drop(file)
        return Reply(body={"id": file.id, "object": "file", "deleted": True})

    async def _present(self, asked: Asked) -> File:
        """The file, copied now if it was not yet."""
        file = await self._find(asked)
        return await self._keeper.copied(file, asked.target) if file.status == "pending" else file

    async def _find(self, asked: Asked) -> File:
        now = self._world.now()
        file = await self._world.ledger.file(asked.tenant, asked.id("file"))
        if file is None:
            raise conflicts.no_such_file(asked.id("file"))
        days = self._world.files_days
        over = file.status == "kept" and (expires_at(file, days) or now) < now
        if over:
            file = await expire(self._world.ledger, self._world.contents, file, days)
        if file.status == "expired":
            raise conflicts.no_such_file(file.id, file.problem)
        return file


def _described(file: File) -> dict[str, str]:
    name = file.filename.encode("ascii", "replace").decode()
    safe = "".join(sign if sign.isprintable() and sign not in '"\\' else "_" for sign in name)
    return {
        "content-type": "application/octet-stream",
        "content-disposition": f'attachment; filename="{safe}"',
    }
