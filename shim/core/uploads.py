"""Files of shim's own where the upstream is to read them: uploaded once, and named both ways.

What code made is kept by shim, under ids that the upstream does not know. Where a caller gives such
a file to a tool, its content is uploaded, with the credentials of that call, and the upload's id
remembered: the upstream is told that one, the caller sees the file's own. Knows no endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from shim.core import conflicts, relayed
from shim.core.ids import FILE
from shim.core.kept import current, whole
from shim.core.pictures import refuse_no_picture, shown_files
from shim.core.ports import Answer, Request, World
from shim.core.records import File, Message, Run
from shim.core.wire import Json, Target
from shim.errors import ApiError, Lost, Unreachable
from shim.translate.copies import cited, renamed

__all__ = ["Uploads"]

log = logging.getLogger("shim")

_TIMEOUT = 300.0
_AT_ONCE = 20
_NO_FILES = (
    "{0} is kept by shim, and the upstream has no Files API to which it could be uploaded for its "
    "tools to read."
)


class Uploads:
    """Gives files of shim's own to the upstream, and finds them again in what it answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ids(self, file_ids: Iterable[str], tenant: str, target: Target) -> dict[str, str]:
        """What the upstream calls these files, by what the caller does; uploads what it has not."""
        names = {}
        for file_id in file_ids:
            if file_id.startswith(FILE):
                await self._forget_deleted(file_id, target)
            names[file_id] = await self._id(file_id, tenant, target)
        return names

    async def check(self, resources: Json, tenant: str, target: Target) -> None:
        """Refuse `tool_resources` that name files of shim's own which code cannot be given."""
        await self.ids(_of_code(resources), tenant, target)

    async def check_images(self, messages: Iterable[Message], tenant: str, target: Target) -> None:
        """Refuse messages that show what is no image, or is not kept."""
        for file_id in shown_files(messages):
            file = await self._find(file_id, tenant)
            refuse_no_picture(file, await whole(self._world, file, target))

    async def for_code(self, run: Run, target: Target) -> tuple[dict[str, str], list[str]]:
        """The files that a run's code is given, by the ids that callers see, and notes."""
        wanted = _of_code(run.tool_resources)
        tenant = await self._world.ledger.tenant(run.thread_id) if wanted else None
        names, notes = {}, []
        for file_id in wanted:
            try:
                names[file_id] = await self._id(file_id, tenant or "", target)
            except ApiError as error:
                notes.append(f"{file_id} was not given to the code: {error}")
        return names, notes

    async def shown(self, answer: Any, thread_id: str) -> Any:
        """What the upstream answered, with the ids that callers see."""
        names = {}
        if found := [each for each in cited(answer) if not each.startswith(FILE)]:
            names = await self._world.ledger.uploaded(thread_id, found)
        return renamed(answer, names) if names else answer

    async def sent(self, items: Sequence[Json], target: Target) -> Sequence[Json]:
        """Items that the upstream gave, with its own ids again."""
        names = {}
        for file_id in cited(list(items)):
            known = await self._world.ledger.upload(file_id, target.base_url)
            if file_id.startswith(FILE) and known is not None:
                names[file_id] = known
        made: Sequence[Json] = renamed(list(items), names) if names else items
        return made

    async def sweep(self, tenant: str, target: Target) -> None:
        """Delete the uploads of files that are gone; one that fails waits for the next sweep."""
        server = target.base_url
        for file_id, upload_id in await self._world.ledger.gone_uploads(tenant, server, _AT_ONCE):
            if not await self._deleted(upload_id, target):
                return
            await self._world.ledger.delete_upload(file_id, server)

    async def _id(self, file_id: str, tenant: str, target: Target) -> str:
        if not file_id.startswith(FILE):
            return file_id
        file = await self._find(file_id, tenant)
        known = await self._world.ledger.upload(file.id, target.base_url)
        return known or await self._uploaded(file, tenant, target)

    async def _find(self, file_id: str, tenant: str) -> File:
        file = await current(self._world, tenant, file_id)
        if file is None or file.status == "expired":
            raise conflicts.unknown("file", file_id)
        return file

    async def _uploaded(self, file: File, tenant: str, target: Target) -> str:
        if not self._world.upstream.dialect(target).files:
            raise ApiError(400, _NO_FILES.format(file.id))
        upload_id = await self._upload(file, target)
        try:
            await self._world.ledger.add_upload(file.id, target.base_url, upload_id)
        except Lost:  # another call was faster, or the file is deleted
            await self._deleted(upload_id, target)
            return await self._id(file.id, tenant, target)
        self._world.workers.spawn(self.sweep(tenant, target), aside=True)
        return upload_id

    async def _upload(self, file: File, target: Target) -> str:
        content = await whole(self._world, file, target)
        body = {"purpose": "assistants"}
        request = Request("POST", "/files", target, body, attempts=2, timeout=_TIMEOUT)
        try:
            answer = await self._world.upstream.upload(request, file.filename, content)
        except Unreachable as error:
            raise relayed.unreached(f"{file.id} could not be uploaded", error) from error
        if answer.status >= 400:
            raise relayed.refused(answer, f"{file.id} could not be uploaded.")
        return str(answer.body["id"])

    async def _forget_deleted(self, file_id: str, target: Target) -> None:
        """Forget an upload that somebody has deleted: programs clear out what files they find."""
        known = await self._world.ledger.upload(file_id, target.base_url)
        if known is None:
            return
        request = Request("GET", f"/files/{known}", target, attempts=2, timeout=_TIMEOUT)
        with suppress(Unreachable):  # what is sent next will say so
            if (await self._world.upstream.send(request)).status == 404:
                await self._world.ledger.delete_upload(file_id, target.base_url)

    async def _deleted(self, upload_id: str, target: Target) -> bool:
        """Delete an upload; whether it is gone."""
        request = Request("DELETE", f"/files/{upload_id}", target, attempts=2, timeout=_TIMEOUT)
        try:
            answer: Answer = await self._world.upstream.send(request)
        except Unreachable as error:
            log.warning("the upload %s could not be deleted: %s", upload_id, error)
            return False
        if answer.status >= 400 and answer.status != 404:
            log.warning("the upload %s could not be deleted: %s", upload_id, answer.status)
            return False
        return True


def _of_code(resources: Json) -> Sequence[str]:
    """The files that `tool_resources` give to code."""
    return (resources.get("code_interpreter") or {}).get("file_ids") or ()
