"""Vector stores at the upstream: made for helpers and attachments, looked at before a run.

Stores outlive the old API and are the upstream's own; what is kept here is which ids an assistant
or a thread has. A thread's store is made when something needs it and expires after seven idle days;
an assistant's has no expiry (Assistants spec 8.2).
"""

from __future__ import annotations

import logging

from shim.core import conflicts, relayed
from shim.core.ids import names_one
from shim.core.ports import Answer, Request, World
from shim.core.records import Run
from shim.core.wire import Json, Target
from shim.errors import ApiError, Unreachable

__all__ = ["WAIT_SECONDS", "Stores"]

log = logging.getLogger("shim")

_EXPIRY = {"anchor": "last_active_at", "days": 7}
_MOST_STORES = 2
WAIT_SECONDS = 60
_TIMEOUT = 60.0


class Stores:
    """Makes, extends and checks vector stores with the credentials of the call in hand."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def make(self, body: Json, target: Target, *, expiring: bool) -> str:
        """Make a store; gives its id."""
        given = _given(body)
        extra = {"expires_after": _EXPIRY} if expiring else {}
        answer = await self._sent("POST", "/vector_stores", target, {**given, **extra})
        return str(answer.body["id"])

    async def add(self, store_id: str, file_id: str, target: Target) -> None:
        """Put an uploaded file into a store."""
        path = f"{_path(store_id)}/files"
        await self._sent("POST", path, target, {"file_id": file_id})

    async def delete(self, what: str, target: Target) -> None:
        """Delete a store, or a file out of one, that came to nothing; it may fail to be deleted."""
        try:
            answer = await self._asked("DELETE", f"/vector_stores/{what}", target)
        except Unreachable as error:
            log.warning("/vector_stores/%s could not be deleted: %s", what, error)
            return
        if answer.status >= 400 and answer.status != 404:
            log.warning("/vector_stores/%s could not be deleted: %s", what, answer.status)

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

    async def _look(self, store_id: str, target: Target) -> bool:
        try:
            answer = await self._asked("GET", _path(store_id), target)
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
            raise relayed.unreached("The vector store could not be reached", error) from error
        if answer.status >= 400:
            raise relayed.refused(answer, "The vector store could not be made.")
        return answer

    async def _asked(
        self, method: str, path: str, target: Target, body: Json | None = None
    ) -> Answer:
        request = Request(method, path, target, body, attempts=2, timeout=_TIMEOUT)
        return await self._world.upstream.send(request)


def _path(store_id: str) -> str:
    """Where a store is; what can be no store's id is answered as one that is not there."""
    if not names_one(store_id):
        raise conflicts.unknown("vector store", store_id)
    return f"/vector_stores/{store_id}"


def _given(body: Json) -> Json:
    """What the body says without its nulls, which the upstream takes for values."""
    return {
        key: _given(value) if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }


def _searched_by(run: Run) -> list[str]:
    """The stores that a run searches: none without the tool."""
    if all(tool["type"] != "file_search" for tool in run.tools):
        return []
    ids: list[str] = run.tool_resources.get("file_search", {}).get("vector_store_ids") or []
    return ids
