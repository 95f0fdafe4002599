"""Gradual rollout: a Handler that picks, for each thread, a native server or the engine.

A thread in the ledger is carried on Responses, any other is the native server's: so nothing needs
to be known of old ones. Rules say where new threads are made, and which old ones are moved when
they are next used. Assistants are at both. Knows calls and answers; the engine knows their meaning.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from shim.core import conflicts
from shim.core.routes import CONVERSATION, Matched, match
from shim.core.wire import Call, Handler, Json, Reply, decode_json
from shim.errors import ApiError, Lost
from shim.native.forward import LANE
from shim.native.moving import Mover, Unread
from shim.native.rules import Facts, Rules, spot_of
from shim.storage.lanes import NATIVE, RESPONSES, Lane, Lanes
from shim.upstream.events import NamedEventParser

__all__ = ["Route", "Ways"]

_SHARE_SECONDS = 1.0
_LIST_SECONDS = 60.0
_PAUSE = 0.05
_PATIENCE = 20.0
_MOVING = "Thread {0} is being moved to Responses: ask again in a moment."
_MAKES = {"threads.create", "runs.create_with_thread"}
_MOVES = {
    *("threads.retrieve", "threads.update", "messages.create", "messages.list"),
    *("messages.retrieve", "messages.update", "messages.delete", "runs.create", "runs.list"),
}
"""What a thread is moved for. The calls of one run are not: it ends where it began."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The two handlers, and what brings a thread from one to the other."""

    native: Handler
    responses: Handler
    mover: Mover
    lanes: Lanes
    shared: bool
    """Whether all tenants reach the native server by one key, so that it keeps none apart."""


class Route:
    """Picks the lane of each call; says which in the header `x-shim-lane`."""

    def __init__(
        self,
        ways: Ways,
        rules: Rules,
        sleep: Callable[[float], Awaitable[None]],
        now: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._ways = ways
        self._rules = rules
        self._sleep = sleep
        self._now = now
        self._draw = draw
        self._share: float | None = None
        self._share_until = 0.0
        self._listed: dict[str, float] = {}

    async def __call__(self, call: Call) -> Reply:
        """Answer by the lane that the call's thread is in; raises what the native one raises."""
        matched = match(call.method, call.path.rstrip("/"))
        if matched is None or matched.route.does.startswith("files."):
            return await self._ways.responses(call)
        does = matched.route.does
        try:
            if does.startswith("assistants."):
                return await self._assistants(call, matched)
            if does in _MAKES:
                return await self._new(call)
            if matched.ids["thread_id"].startswith(CONVERSATION):
                return await self._by_responses(call)
            return await self._known(call, matched)
        except Unread as error:
            raise ApiError(502, f"The native server: {error}", type="server_error") from error

    # threads

    async def _new(self, call: Call) -> Reply:
        named = _body(call).get("assistant_id")
        assistants = frozenset({named} if isinstance(named, str) else ())
        facts = Facts(self._draw(), call.tenant, assistants, call.headers)
        if self._rules.lane(facts, await self._current_share()) == RESPONSES:
            return await self._by_responses(call)
        await self._check_assistant(call, named)
        reply = await self._ways.native(call)
        if reply.chunks is not None and reply.status < 400:
            return replace(reply, chunks=self._noting(call, reply.chunks))
        if reply.status < 400 and (made := _thread_of(reply.body)):
            await self._ways.lanes.note(made, call.tenant, self._now())
        return reply

    async def _known(self, call: Call, matched: Matched) -> Reply:
        thread_id, does = matched.ids["thread_id"], matched.route.does
        lane = await self._lane(call, thread_id)
        if lane == NATIVE and does in _MOVES and await self._move(call, thread_id):
            lane = RESPONSES
        if lane == RESPONSES:
            return await self._by_responses(call)
        if call.method == "GET":
            return await self._ways.native(call)
        return await self._written(call, thread_id, does)

    async def _lane(self, call: Call, thread_id: str) -> str:
        """Where a thread is; raises the original's 404 where it is another tenant's."""
        found = await self._ways.lanes.find(thread_id)
        if self._is_anothers(call, found):
            raise conflicts.unknown("thread", thread_id)
        return found.lane if found else NATIVE

    def _is_anothers(self, call: Call, found: Lane | None) -> bool:
        if found is None:
            return bool(call.tenant) and self._ways.shared
        return found.tenant != call.tenant

    async def _written(self, call: Call, thread_id: str, does: str) -> Reply:
        """Change a thread at the native server, unless it is moved first."""
        lanes = self._ways.lanes
        if not await self._entered(call, thread_id):
            return await self._by_responses(call)
        gone = False
        try:
            await self._check_assistant(call, _body(call).get("assistant_id"))
            reply = await self._ways.native(call)
            gone = reply.status < 300 and does == "threads.delete"
            gone = gone or (reply.status == 404 and thread_id in str(reply.body))
        finally:
            await (lanes.forget(thread_id) if gone else lanes.leave(thread_id))
        return reply

    async def _entered(self, call: Call, thread_id: str) -> bool:
        """Be counted among the writers; False where the thread is moved by now."""
        ends = self._now() + _PATIENCE
        while True:
            try:
                await self._ways.lanes.enter(thread_id, call.tenant, self._now())
            except Lost:
                if await self._lane(call, thread_id) == RESPONSES:
                    return False
                if self._now() >= ends:
                    words = _MOVING.format(thread_id)
                    raise ApiError(503, words, type="server_error") from None
                await self._sleep(_PAUSE)
            else:
                return True

    async def _move(self, call: Call, thread_id: str) -> bool:
        if not self._rules.migrate:
            return False
        share = await self._current_share()
        spot = spot_of(thread_id)

        def wanted(facts: Facts) -> bool:
            return self._rules.lane(replace(facts, spot=spot), share) == RESPONSES

        return await self._ways.mover.thread(call, thread_id, wanted)

    async def _current_share(self) -> float | None:
        """What `shim route` has set, for all processes; read again after a second."""
        if self._share_until <= self._now():
            self._share = await self._ways.lanes.share()
            self._share_until = self._now() + _SHARE_SECONDS
        return self._share

    async def _noting(
        self, call: Call, chunks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """The pieces of a stream; the thread that its first event names is noted before it."""
        parser, noted = NamedEventParser(), False
        async with aclosing(chunks) as pieces:
            async for piece in pieces:
                for event in () if noted else parser.feed(piece):
                    made = _thread_of(event.data if isinstance(event.data, dict) else None)
                    if made and not noted:
                        await self._ways.lanes.note(made, call.tenant, self._now())
                        noted = True
                yield piece

    async def _by_responses(self, call: Call) -> Reply:
        if isinstance(named := _body(call).get("assistant_id"), str):
            await self._bring(call, named)
        reply = await self._ways.responses(call)
        return replace(reply, headers={**reply.headers, LANE: RESPONSES})

    # assistants: written at the native server first, under whose id they are here too

    async def _assistants(self, call: Call, matched: Matched) -> Reply:
        named = matched.ids.get("assistant_id", "")
        if call.method == "GET":
            await (self._bring(call, named) if named else self._bring_all(call))
            return await self._by_responses(call)
        if named:
            await self._bring(call, named)
            await self._check_assistant(call, named)
        reply = await self._ways.native(call)
        if reply.status == 404 and named:
            return await self._by_responses(call)  # it is here alone
        if reply.status >= 400 or reply.body is None:
            return reply
        if call.method == "DELETE":
            return await self._by_responses(call)
        await self._ways.mover.take(call, reply.body)
        return reply

    async def _bring(self, call: Call, assistant_id: str) -> None:
        if not (call.tenant and self._ways.shared):
            await self._ways.mover.assistant(call, assistant_id)

    async def _bring_all(self, call: Call) -> None:
        if call.tenant and self._ways.shared:
            return
        if self._listed.get(call.tenant, 0.0) <= self._now():
            await self._ways.mover.assistants(call)
            self._listed[call.tenant] = self._now() + _LIST_SECONDS

    async def _check_assistant(self, call: Call, named: object) -> None:
        """Where one key is all tenants', another's assistant is unknown as it would be here."""
        if isinstance(named, str) and call.tenant and self._ways.shared:
            reply = await self._ways.responses(
                replace(call, method="GET", path=f"/assistants/{named}", query=(), body=b"")
            )
            if reply.status >= 400:
                raise conflicts.unknown("assistant", named)


def _body(call: Call) -> Json:
    try:
        body = decode_json(call.body) if call.body else {}
    except ValueError:
        return {}  # for whoever answers to refuse
    return body if isinstance(body, dict) else {}


def _thread_of(body: Json | None) -> str:
    """The thread that a thread or a run is, or is of."""
    found = (body or {}).get("thread_id") or (body or {}).get("id") or ""
    return found if isinstance(found, str) else ""
