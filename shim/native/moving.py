"""Brings threads and assistants of a native server into the ledger while both lanes are in use.

Reads them over the calls in hand, with the caller's headers. A thread comes whole, in one
transaction with its lane, while no run of it is active and nobody writes to it; or it stays.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

from shim.core.records import ACTIVE, Assistant
from shim.core.wire import Call, Handler, Json
from shim.errors import ApiError, Lost, Unreachable
from shim.migrate.gathered import Found, Source
from shim.migrate.history import digest, digest_of, history_of, placed
from shim.migrate.parts import Odd
from shim.migrate.shapes import Shapes
from shim.native.rules import Facts
from shim.storage.imports import Imports
from shim.storage.lanes import Lanes
from shim.storage.ledger import Ledger

__all__ = ["Mover", "got"]

log = logging.getLogger("shim")

AGAIN_SECONDS = 60.0
"""How long a thread that could not be moved is left alone by this process."""


class Unread(Exception):
    """The native server did not give what was asked for."""


async def got(native: Handler, call: Call, path: str, *query: tuple[str, str]) -> Json | None:
    """What the native server has at a path, or None; raises Unread."""
    headers = {n: v for n, v in call.headers.items() if not n.startswith("content-")}
    asked = replace(call, method="GET", path=path, query=query, body=b"", headers=headers)
    reply = await native(asked)
    if reply.chunks is not None:
        await reply.chunks.aclose()
    if reply.status == 404:
        return None
    if reply.status >= 400 or reply.body is None:
        raise Unread(f"GET {path} was answered with {reply.status}")
    return reply.body


async def pages(native: Handler, call: Call, path: str) -> AsyncIterator[Json]:
    """Everything in a list of the native server's, oldest first."""
    query: tuple[tuple[str, str], ...] = (("limit", "100"), ("order", "asc"))
    while (page := await got(native, call, path, *query)) is not None:
        for each in page["data"]:
            yield each
        if not page.get("has_more") or not page["data"]:
            return
        query = (("limit", "100"), ("order", "asc"), ("after", page["data"][-1]["id"]))


class Mover:
    """Moves what is at the native server."""

    def __init__(
        self,
        native: Handler,
        stores: tuple[Lanes, Imports, Ledger],
        *,
        mirrored: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._native = native
        self._lanes, self._imports, self._ledger = stores
        self._mirrored = mirrored
        self._now = now
        self._failed: dict[str, float] = {}

    async def thread(self, call: Call, thread_id: str, wanted: Callable[[Facts], bool]) -> bool:
        """Move a thread if that is wanted and can be done now; whether it is moved."""
        if self._failed.get(thread_id, 0.0) > self._now():
            return False
        mover, problem = secrets.token_hex(8), None
        try:
            await self._lanes.begin_move(thread_id, call.tenant, mover, self._now())
        except Lost:
            return False  # somebody writes to it or moves it
        try:
            return await self._moved(call, thread_id, wanted, mover)
        except (Unread, Odd, Lost, ApiError, Unreachable) as error:
            problem = f"could not be moved: {error}"
            self._failed[thread_id] = self._now() + AGAIN_SECONDS
            log.warning("thread %s stays at the native server: it %s", thread_id, problem)
            return False
        finally:
            with suppress(Lost):
                await self._lanes.end_move(thread_id, mover, problem)

    async def _moved(
        self, call: Call, thread_id: str, wanted: Callable[[Facts], bool], mover: str
    ) -> bool:
        path = f"/threads/{thread_id}"
        thread = await got(self._native, call, path)
        if thread is None:
            return False
        runs = [run async for run in pages(self._native, call, f"{path}/runs")]
        if any(run.get("status") in ACTIVE for run in runs):
            return False  # it moves when that has ended
        facts = Facts(
            spot=0.0,
            tenant=call.tenant,
            assistants=frozenset(str(run.get("assistant_id")) for run in runs),
            headers=call.headers,
            age=self._now() - float(thread.get("created_at") or 0),
        )
        if not wanted(facts):
            return False
        source = await self._source(call, path, thread, runs)
        history = history_of(source, Shapes())
        await self._imports.add_thread(
            call.tenant,
            history,
            placed(history),
            digest(history),
            mirrored=self._mirrored,
            also=[self._lanes.moved(thread_id, mover, self._now())],
        )
        log.info(
            "thread %s moved from the native server: %s messages", thread_id, len(history.messages)
        )
        return True

    async def _source(self, call: Call, path: str, thread: Json, runs: list[Json]) -> Source:
        thread_id = thread["id"]
        found = [Found("thread", path, thread, thread_id)]
        found += await self._found(call, "message", f"{path}/messages", thread_id)
        for run in runs:
            found.append(Found("run", f"{path}/runs", run, thread_id))
            found += await self._found(call, "step", f"{path}/runs/{run['id']}/steps", thread_id)
        return Source(thread_id, found)

    async def _found(self, call: Call, kind: str, path: str, thread_id: str) -> list[Found]:
        listed = pages(self._native, call, path)
        return [Found(kind, path, each, thread_id) async for each in listed]

    async def assistant(self, call: Call, assistant_id: str) -> None:
        """See to it that an assistant of the native server's is here too, if there is one."""
        if await self._ledger.assistant(call.tenant, assistant_id) is None:
            given = await got(self._native, call, f"/assistants/{assistant_id}")
            if given is not None:
                await self.take(call, given)

    async def assistants(self, call: Call) -> None:
        """The same for all of them."""
        async for given in pages(self._native, call, "/assistants"):
            await self.take(call, given)

    async def take(self, call: Call, given: Json) -> None:
        """Put an assistant here, as the native server has it; what cannot be is told."""
        try:
            record = Shapes().assistant(given)
        except Odd as odd:
            raise ApiError(
                500,
                f"{odd}; the native server has it, shim cannot hold it.",
                type="server_error",
                headers={"x-should-retry": "false"},
            ) from odd
        there = await self._ledger.assistant(call.tenant, record.id)
        if there is None:
            await self._new(call, record)
        elif replace(record, version=there.version) != there:
            await self._ledger.save_assistant(replace(record, version=there.version))

    async def _new(self, call: Call, record: Assistant) -> None:
        owned = (await self._imports.owned("assistants", [record.id]))[record.id]
        if owned.tenant is not None:
            return  # another tenant's, put here by it
        said = digest_of({"id": record.id, "lane": "both"})
        with suppress(Lost):  # another call put it here just now
            await self._imports.add_assistant(call.tenant, record, 0, said)
