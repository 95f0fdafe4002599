"""A Handler that takes in threads which nobody here knows, as empty ones or from the user's table.

Programs keep ids of threads that ended with the old API. Stands before the engine, which then finds
them. Knows what a user's function may give; a thread that was deleted here stays deleted.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shim.core.ids import mint
from shim.core.params import check_id
from shim.core.ports import Workers
from shim.core.records import Message, Thread
from shim.core.routes import match
from shim.core.wire import Call, Handler, Json, Reply
from shim.errors import ApiError, Lost
from shim.migrate.history import digest, placed
from shim.migrate.parts import Odd
from shim.migrate.shapes import Shapes
from shim.native.named import function
from shim.storage.imports import History, Imports
from shim.storage.ledger import Ledger

__all__ = ["Adopting", "loader"]

log = logging.getLogger("shim")

NOTE = "The thread was not known here: it was taken in {0}."
_EMPTY = "without the messages that it had elsewhere"
_LOADED = "with {0} messages from load_thread"
_ALONE = (
    "load_thread takes an id alone, and there are tenants: let it take (thread_id, tenant), so "
    "that none is given what is another's"
)

Load = Callable[..., Any]


def loader(given: Any) -> Load | None:
    """The function that `unknown_threads` is or names; None where threads are taken in empty."""
    if given == "adopt":
        return None
    return function("SHIM_UNKNOWN_THREADS", given)


class Adopting:
    """Takes in the thread of a call before the engine looks for it."""

    def __init__(
        self,
        engine: Handler,
        stores: tuple[Ledger, Imports],
        workers: Workers,
        load: Load | None,
        *,
        mirrored: bool,
    ) -> None:
        self._engine = engine
        self._ledger, self._imports = stores
        self._workers = workers
        self._load = load
        self._tells_tenants = load is None or _takes_two(load)
        self._mirrored = mirrored

    async def __call__(self, call: Call) -> Reply:
        """Answer a call; a thread that was taken in for it is told in `x-shim-notes`."""
        matched = match(call.method, call.path.rstrip("/"))
        thread_id = matched.ids.get("thread_id", "") if matched else ""
        if not thread_id:
            return await self._engine(call)
        if matched and matched.route.does == "threads.delete":
            return await self._deleted(call, thread_id)
        note = await self._adopted(call, thread_id) if _is_id(thread_id) else None
        reply = await self._engine(call)
        if note is None:
            return reply
        told = "; ".join(filter(None, (note, reply.headers.get("x-shim-notes"))))
        return replace(reply, headers={**reply.headers, "x-shim-notes": told})

    async def _deleted(self, call: Call, thread_id: str) -> Reply:
        reply = await self._engine(call)
        if reply.status < 300:
            await self._imports.remember(thread_id, "deleted")
        return reply

    async def _adopted(self, call: Call, thread_id: str) -> str | None:
        """What is to be told of a thread that was taken in just now."""
        if await self._ledger.thread(call.tenant, thread_id) is not None:
            return None
        known = (await self._imports.owned("threads", [thread_id]))[thread_id]
        if known.tenant is not None or known.digest is not None:
            return None  # another tenant's, or deleted here
        history = await self._history(call, thread_id)
        if history is None:
            return None
        how = _EMPTY if self._load is None else _LOADED.format(len(history.messages))
        note = NOTE.format(how)
        entries, said = placed(history), digest(history)
        try:
            await self._imports.add_thread(
                call.tenant, history, entries, said, mirrored=self._mirrored, note=note
            )
        except Lost:
            return None  # another call took it in
        log.warning("thread %s was not known here, and is taken in %s", thread_id, how)
        return note

    async def _history(self, call: Call, thread_id: str) -> History | None:
        now = int(time.time())
        if self._load is None:
            return History(Thread(thread_id, now), (), (), (), {})
        given = await self._loaded(call, thread_id)
        if given is None:
            return None
        whole = given if isinstance(given, Mapping) else {"messages": given}
        try:
            messages = [_message(each, thread_id, now) for each in whole.get("messages") or ()]
            began = min([now, *(message.created_at for message in messages)])
            thread = Shapes().thread(
                {"created_at": began, "metadata": {}, **_rest(whole), "id": thread_id}
            )
        except Odd as odd:
            raise _unusable(f"load_thread({thread_id!r}) gave what is no message: {odd}") from odd
        return History(thread, messages, (), (), {})

    async def _loaded(self, call: Call, thread_id: str) -> Any:
        assert self._load is not None
        if call.tenant and not self._tells_tenants:
            raise _unusable(_ALONE)
        given = (thread_id, call.tenant) if self._tells_tenants else (thread_id,)
        if self._workers.blocking or inspect.iscoroutinefunction(self._load):
            found = self._load(*given)
        else:
            found = await asyncio.to_thread(self._load, *given)
        if not inspect.isawaitable(found):
            return found
        if self._workers.blocking:
            found.close()  # type: ignore[attr-defined]
            raise _unusable("load_thread is async, and the client is not: give it a plain function")
        return await found


def _takes_two(load: Load) -> bool:
    """Whether a function takes the tenant beside the id."""
    try:
        inspect.signature(load).bind("thread", "tenant")
    except TypeError:
        return False
    return True


def _is_id(thread_id: str) -> bool:
    try:
        check_id(thread_id, param="thread_id", prefix="thread")
    except ApiError:
        return False
    return True


def _rest(whole: Mapping[str, Any]) -> Json:
    return {key: whole[key] for key in ("created_at", "metadata", "tool_resources") if key in whole}


def _message(given: Any, thread_id: str, now: int) -> Message:
    """The record of a message, whose role and content have to be given."""
    if not isinstance(given, Mapping):
        raise Odd(thread_id, f"{given!r} is no mapping with a role and a content")
    defaults = {"id": mint("msg"), "created_at": now, "metadata": {}, "attachments": []}
    return Shapes().message({**defaults, **given}, thread_id)


def _unusable(words: str) -> ApiError:
    return ApiError(500, words, type="server_error", headers={"x-should-retry": "false"})
