"""Vector stores at the upstream: made for helpers and attachments, looked at before a run.

Stores outlive the old API and are the upstream's own; what is kept here is which ids an assistant
or a thread has. A thread's store is made when something needs it and expires after seven idle days;
an assistant's has no expiry (Assistants spec 8.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shim.core import conflicts
from shim.core.ports import Answer, Request, World
from shim.core.records import Message, Run, Step
from shim.core.wire import Json, Target
from shim.errors import ApiError, Unreachable
from shim.translate.failures import error_of

__all__ = ["WAIT_SECONDS", "Stores"]

_EXPIRY = {"anchor": "last_active_at", "days": 7}
_MOST_STORES = 2
WAIT_SECONDS = 60
_TIMEOUT = 60.0


class Stores:
    """Makes, extends and checks vector stores with the credentials of the call in hand."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def resolved(self, resources: Json, target: Target, *, expiring: bool) -> Json:
        """The resources, the helper `vector_stores` made into a store and replaced by its id."""
        search = resources.get("file_search") or {}
        wanted = search.get("vector_stores")
        if "vector_stores" not in search:
            return resources
        ids = [await self._make(body, target, expiring=expiring) for body in wanted or ()]
        return {**resources, "file_search": {"vector_store_ids": ids}}

    async def attached(
        self, resources: Json, messages: Iterable[Message | Step], target: Target
    ) -> Json:
        """A thread's resources with what its new messages bring (Assistants spec 8.2)."""
        searched, read = _attachments(messages)
        if searched and self._world.upstream.dialect(target).file_search:
            ids = await self._extended(resources, searched, target)
            resources = {**resources, "file_search": {"vector_store_ids": ids}}
        if read:
            present = (resources.get("code_interpreter") or {}).get("file_ids") or ()
            files = list(dict.fromkeys([*present, *read]))
            resources = {**resources, "code_interpreter": {"file_ids": files}}
        return resources

    async def check(self, run: Run, target: Target) -> bool:
        """Refuse a run whose stores cannot be searched: too many, missing or expired.

        Gives whether one of them has still files to read.
        """
        ids = _searched_by(run)
        if not ids or not self._world.upstream.dialect(target).file_search:
            return False
        if len(ids) > _MOST_STORES:
            raise ApiError(
                400,
                f"A run can search at most {_MOST_STORES} vector stores, one of the assistant and "
                f"one of the thread, but it has {len(ids)}: {', '.join(ids)}.",
                param="tool_resources.file_search.vector_store_ids",
            )
        return any([await self._look(store_id, target) for store_id in ids])

    async def wait(self, run: Run, target: Target) -> bool:
        """Wait until the run's stores have read their files; whether they have, after a minute."""
        ids = _searched_by(run)
        if not self._world.upstream.dialect(target).file_search:
            return True
        for _ in range(WAIT_SECONDS):
            try:
                reading = [await self._look(one, target) for one in ids]
            except ApiError:
                return True  # gone meanwhile: the run itself will say so
            if not any(reading):
                return True
            await self._world.workers.sleep(1.0)
        return False

    async def _extended(self, resources: Json, files: Sequence[str], target: Target) -> list[str]:
        present = (resources.get("file_search") or {}).get("vector_store_ids") or ()
        if not present:
            return [await self._make({"file_ids": list(files)}, target, expiring=True)]
        for file_id in files:
            path = f"/vector_stores/{present[0]}/files"
            await self._sent("POST", path, target, {"file_id": file_id})
        return list(present)

    async def _make(self, body: Json, target: Target, *, expiring: bool) -> str:
        given = {key: value for key, value in body.items() if value is not None}
        extra = {"expires_after": _EXPIRY} if expiring else {}
        answer = await self._sent("POST", "/vector_stores", target, {**given, **extra})
        return str(answer.body["id"])

    async def _look(self, store_id: str, target: Target) -> bool:
        try:
            answer = await self._asked("GET", f"/vector_stores/{store_id}", target)
        except Unreachable:
            return False  # the run itself will say what is wrong
        if answer.status == 404:
            raise conflicts.unknown("vector store", store_id)
        if answer.body.get("status") == "expired":
            raise ApiError(400, f"Vector store {store_id} is expired")
        return bool((answer.body.get("file_counts") or {}).get("in_progress"))

    async def _sent(self, method: str, path: str, target: Target, body: Json) -> Answer:
        """The answer to a request that must succeed; the upstream's error is the caller's."""
        try:
            answer = await self._asked(method, path, target, body)
        except Unreachable as error:
            message = f"The vector store could not be reached: {error}"
            raise ApiError(
                500, message, type="server_error", headers={"x-should-retry": "false"}
            ) from error
        if answer.status >= 400:
            raise _passed_on(answer)
        return answer

    async def _asked(
        self, method: str, path: str, target: Target, body: Json | None = None
    ) -> Answer:
        request = Request(method, path, target, body, attempts=2, timeout=_TIMEOUT)
        return await self._world.upstream.send(request)


def _passed_on(answer: Answer) -> ApiError:
    error = error_of(answer.body)
    return ApiError(
        answer.status,
        str(error.get("message") or "The vector store could not be made."),
        type=str(error.get("type") or "invalid_request_error"),
        param=error.get("param"),
        code=error.get("code"),
    )


def _searched_by(run: Run) -> list[str]:
    """The stores that a run searches: none without the tool."""
    if all(tool["type"] != "file_search" for tool in run.tools):
        return []
    ids: list[str] = run.tool_resources.get("file_search", {}).get("vector_store_ids") or []
    return ids


def _attachments(messages: Iterable[Message | Step]) -> tuple[list[str], list[str]]:
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
