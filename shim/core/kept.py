"""Files of shim's own as they are now, and their contents, or why these cannot be had.

Knows no upload and no endpoint.
"""

from __future__ import annotations

from contextlib import aclosing

from shim.core.expiry import expire, expires_at
from shim.core.keeping import Keeper
from shim.core.made_files import Content
from shim.core.ports import World
from shim.core.records import File
from shim.core.wire import Target
from shim.errors import ApiError

__all__ = ["current", "opened", "present", "whole"]

_PENDING = "{0} could not be copied from where the code ran yet: {1}"
_LOST = "{0} ({1}) was not kept: {2}."
_MISSING = "it is no longer where shim keeps files"


async def current(world: World, tenant: str, file_id: str) -> File | None:
    """A tenant's file as it is now: one whose time is over has expired."""
    file = await world.ledger.file(tenant, file_id)
    if file is None or file.status != "kept":
        return file
    ends = expires_at(file, world.files_days)
    if ends is None or ends >= world.now():
        return file
    return await expire(world.ledger, world.contents, file, world.files_days)


async def present(world: World, file: File, target: Target) -> File:
    """The file, copied now if it was not yet."""
    return await Keeper(world).copied(file, target) if file.status == "pending" else file


async def opened(world: World, file: File, target: Target) -> tuple[File, Content]:
    """The file as it is now, and its content to be read."""
    file = await present(world, file, target)
    if file.status == "pending":
        raise ApiError(500, _PENDING.format(file.id, file.problem), type="server_error")
    content = await world.contents.open(file.id) if file.status == "kept" else None
    if content is None:
        problem = file.problem or _MISSING
        raise ApiError(404, _LOST.format(file.filename, file.id, problem), param="id")
    return file, content


async def whole(world: World, file: File, target: Target) -> bytes:
    """The whole content."""
    _, content = await opened(world, file, target)
    async with aclosing(content.chunks) as chunks:
        return b"".join([chunk async for chunk in chunks])
