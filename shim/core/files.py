"""The files that code made, for whoever asks for them by their ids (Assistants spec 3.5).

Only ids of shim's own come here; all other files are the upstream's. Knows no container.
"""

from __future__ import annotations

from urllib.parse import quote

from shim.core import conflicts, objects
from shim.core.expiry import expires_at
from shim.core.keeping import Keeper
from shim.core.kept import current, opened, present
from shim.core.ports import World
from shim.core.records import File
from shim.core.requests import Asked
from shim.core.uploads import Uploads
from shim.core.wire import Reply

__all__ = ["Files"]


class Files:
    """The endpoints `/files/{file_id}` and `/files/{file_id}/content`."""

    def __init__(self, world: World, keeper: Keeper) -> None:
        self._world = world
        self._keeper = keeper
        self._uploads = Uploads(world)

    async def retrieve(self, asked: Asked) -> Reply:
        """GET a file's object."""
        file = await present(self._world, await self._find(asked), asked.target)
        return Reply(body=objects.file(file, expires_at(file, self._world.files_days)))

    async def content(self, asked: Asked) -> Reply:
        """GET a file's bytes."""
        file, content = await opened(self._world, await self._find(asked), asked.target)
        described = {**_described(file), "content-length": str(content.size)}
        return Reply(chunks=content.chunks, headers=described)

    async def delete(self, asked: Asked) -> Reply:
        """DELETE a file, its content, and what was uploaded of it."""
        file = await self._find(asked)
        await self._keeper.drop(file)
        await self._uploads.sweep(asked.tenant, asked.target)
        return Reply(body={"id": file.id, "object": "file", "deleted": True})

    async def _find(self, asked: Asked) -> File:
        file = await current(self._world, asked.tenant, asked.id("file"))
        if file is None:
            raise conflicts.no_such_file(asked.id("file"))
        if file.status == "expired":
            raise conflicts.no_such_file(file.id, file.problem)
        return file


def _described(file: File) -> dict[str, str]:
    name = file.filename.encode("ascii", "replace").decode()
    safe = "".join(sign if sign.isprintable() and sign not in '"\\' else "_" for sign in name)
    told = f'attachment; filename="{safe}"'
    if safe != file.filename:  # RFC 6266: the name in full, for whoever reads that
        told += f"; filename*=UTF-8''{quote(file.filename, safe='')}"
    return {"content-type": "application/octet-stream", "content-disposition": told}
