"""Shadow: a Handler that hands a share of its runs, once they have ended, to be tried elsewhere.

The caller is answered by the Handler beneath, at once and unchanged; whatever goes wrong here is
logged once and costs the caller nothing. What a run was given and what came of it is read back from
the same Handler after the run has ended, as a case. Knows the calls of the Assistants API; what is
done with the cases, it does not know.
"""

from __future__ import annotations

import logging
import random
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from shim.core.ports import Workers
from shim.core.routes import Matched, match
from shim.core.wire import Call, Event, Handler, Json, Reply, decode_json
from shim.native.cases import Case, Turn
from shim.native.driving import OF_ASSISTANTS
from shim.native.moving import got, pages
from shim.native.outcomes import ENDED, Seen, outcome_of
from shim.upstream.events import NamedEventParser

__all__ = ["Shadow", "Shadowed"]

log = logging.getLogger("shim")

T = TypeVar("T")

_MAKES = {"runs.create", "runs.create_with_thread"}
_GOES_ON = {"runs.retrieve", "runs.submit", "runs.cancel"}
_MOST_WATCHED = 1000
_LOOK_SECONDS = 5.0
"""How often a polled run is looked at, which its caller may ask another process about."""
_LOOKED_AT = 900.0
"""Seconds after which a run is given up: none lives that long without its caller."""
_MOST_EARLIER = 10
"""Of how many earlier runs the function calls are read, for the history."""
_NOT_PARAMS = {"assistant_id", "stream", "thread", "metadata", "additional_messages"}
"""What is not of the run alone; added messages stand in the thread by then."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A case of one turn with its recorded outcome, and the call whose sender it belongs to."""

    case: Case
    call: Call

    @property
    def turn(self) -> Turn:
        """Its turn."""
        return self.case.turns[0]


@dataclass(slots=True)
class _Watch:
    """A run that is watched."""

    call: Call
    params: Json
    began: float
    seen: Seen = field(default_factory=Seen)
    streamed: bool = False
    ended: float | None = None
    handed_on: bool = False


class Shadow:
    """Watches a share of the runs of `handler`, from 0 to 1; `take` gets each that has ended.

    `take` must not wait.
    """

    def __init__(
        self,
        handler: Handler,
        workers: Workers,
        take: Callable[[Shadowed], None],
        share: float,
        *,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handler = handler
        self._workers = workers
        self._take = take
        self._share = share
        self._draw = draw
        self._clock = clock
        self._watched: OrderedDict[str, _Watch] = OrderedDict()
        self._told: set[str] = set()

    async def __call__(self, call: Call) -> Reply:
        """Answer as the handler beneath does."""
        matched = match(call.method, call.path.rstrip("/")) if "/runs" in call.path else None
        if matched is None:
            return await self._handler(call)
        if matched.route.does in _MAKES and self._draw() < self._share:
            return await self._begun(call)
        if matched.route.does in _GOES_ON and matched.ids["run_id"] in self._watched:
            return await self._gone_on(call, matched)
        return await self._handler(call)

    async def _begun(self, call: Call) -> Reply:
        began = self._clock()
        reply = await self._handler(call)
        if reply.status >= 400:
            return reply
        watch = self._tried(lambda: _Watch(call, _params(call), began))
        if watch is None:
            return reply
        reply = self._watching(reply, watch)
        if reply.body is not None and watch.ended is None:
            self._tried(lambda: self._look_later(watch))
        return reply

    async def _gone_on(self, call: Call, matched: Matched) -> Reply:
        watch = self._watched[matched.ids["run_id"]]
        reply = await self._handler(call)
        return reply if reply.status >= 400 else self._watching(reply, watch)

    def _watching(self, reply: Reply, watch: _Watch) -> Reply:
        """The answer, what passes in it seen."""
        if reply.events is not None:
            watch.streamed = True
            return replace(reply, events=self._events(reply.events, watch))
        if reply.chunks is not None:
            watch.streamed = True
            return replace(reply, chunks=self._chunks(reply.chunks, watch))
        if reply.body is not None:
            body = reply.body
            self._tried(lambda: self._object(body, watch))
        return reply

    async def _events(
        self, events: AsyncGenerator[Event, None], watch: _Watch
    ) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(events) as passing:
                async for event in passing:
                    self._event(event, watch)
                    yield event
        finally:
            self._tried(lambda: self._settle(watch))

    async def _chunks(
        self, chunks: AsyncGenerator[bytes, None], watch: _Watch
    ) -> AsyncGenerator[bytes, None]:
        parser = NamedEventParser()
        try:
            async with aclosing(chunks) as passing:
                async for chunk in passing:
                    for event in self._tried(partial(_parsed, parser, chunk)) or ():
                        self._event(event, watch)
                    yield chunk
        finally:
            self._tried(lambda: self._settle(watch))

    def _event(self, event: Event, watch: _Watch) -> None:
        self._tried(lambda: self._seen(event, watch))

    def _seen(self, event: Event, watch: _Watch) -> None:
        known = watch.seen.run
        watch.seen.take(event, self._clock() - watch.began)
        if watch.seen.run is not known:
            self._looked(watch)

    def _object(self, shown: Json, watch: _Watch) -> None:
        watch.seen.take_object(shown)
        self._looked(watch)
        self._settle(watch)

    def _looked(self, watch: _Watch) -> None:
        """Remember a run under its id until it has ended."""
        run = watch.seen.run
        run_id = run["id"]
        if run.get("status") not in ENDED:
            self._watched.setdefault(run_id, watch)
            if len(self._watched) > _MOST_WATCHED:
                self._watched.popitem(last=False)
            return
        self._watched.pop(run_id, None)
        if watch.ended is None:
            watch.ended = self._clock()

    def _look_later(self, watch: _Watch) -> None:
        """See a polled run to its end, whoever is asked about it meanwhile."""
        if self._clock() - watch.began < _LOOKED_AT:
            self._workers.later(_LOOK_SECONDS, lambda: self._look(watch))

    async def _look(self, watch: _Watch) -> None:
        run = watch.seen.run
        if watch.ended is not None or run["id"] not in self._watched:
            return
        try:
            path = f"/threads/{run['thread_id']}/runs/{run['id']}"
            shown = await got(self._handler, watch.call, path)
            if shown is None:
                self._watched.pop(run["id"], None)  # its thread was deleted
                return
            self._object(shown, watch)
            if watch.ended is not None:
                watch.ended = watch.began + _lifetime(shown)
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            self._tell(error)
        self._look_later(watch)

    def _settle(self, watch: _Watch) -> None:
        """Hand on a run that has ended, once no more is to be seen of it."""
        if watch.ended is not None and not watch.handed_on:
            watch.handed_on = True
            self._workers.spawn(self._hand_on(watch), aside=True)

    def _tried(self, work: Callable[[], T]) -> T | None:
        """Do something for the shadow alone; what goes wrong is told, once for each kind."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - the caller's answer must not depend on it
            self._tell(error)
            return None

    def _tell(self, error: Exception) -> None:
        kind = type(error).__name__
        if kind not in self._told:
            self._told.add(kind)
            log.warning("the shadow missed a run (further %s are not told): %s", kind, error)

    # what the run was, read after its end

    async def _hand_on(self, watch: _Watch) -> None:
        try:
            self._take(Shadowed(await self._case(watch), watch.call))
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            self._tell(error)

    async def _case(self, watch: _Watch) -> Case:
        run, call, ask = watch.seen.run, watch.call, self._handler
        thread = f"/threads/{run['thread_id']}"
        assistant = await got(ask, call, f"/assistants/{run['assistant_id']}") or {}
        messages = [each async for each in pages(ask, call, f"{thread}/messages")]
        steps = await self._steps(call, thread, run["id"])
        before, own = _parted(messages, run)
        recorded = outcome_of(run, steps, own).model_copy(
            update={
                "events": tuple(watch.seen.names),
                "seconds": (watch.ended or watch.began) - watch.began,
                "first_token": watch.seen.first_token,
                "unknown": frozenset(() if watch.streamed else ("events", "first_token")),
            }
        )
        asked, earlier = _asked(before)
        history = await self._history(call, thread, earlier)
        turn = Turn(number=0, asked=tuple(asked), params=watch.params, recorded=recorded)
        outputs = tuple(each for each in recorded.calls if each.output is not None)
        return Case(
            id=run["id"],
            assistant=_definition(assistant, run),
            before=tuple(history),
            turns=(turn.model_copy(update={"outputs": outputs}),),
            source=f"{thread}/runs/{run['id']}",
            strata={"assistant": str(run["assistant_id"])},
        )

    async def _steps(self, call: Call, thread: str, run_id: str) -> list[Json]:
        return [s async for s in pages(self._handler, call, f"{thread}/runs/{run_id}/steps")]

    async def _history(self, call: Call, thread: str, messages: list[Json]) -> list[Json]:
        """Messages with the function calls that came before them, of the latest runs."""
        runs = list(dict.fromkeys(m["run_id"] for m in messages if m.get("run_id")))
        calls: dict[str, list[Json]] = {}
        for run_id in runs[-_MOST_EARLIER:]:
            made = outcome_of({}, await self._steps(call, thread, run_id), ()).calls
            calls[run_id] = [{"call": c.model_dump()} for c in made if c.output is not None]
        told: list[Json] = []
        for message in messages:
            told += calls.pop(message.get("run_id") or "", [])
            told.append(message)
        return told


def _parsed(parser: NamedEventParser, chunk: bytes) -> list[Event]:
    return list(parser.feed(chunk))


def _params(call: Call) -> Json:
    """What a run was asked for with, without what belongs to this one thread."""
    body: Any = decode_json(call.body) if call.body.strip() else {}
    return {k: v for k, v in body.items() if k not in _NOT_PARAMS and v is not None}


def _definition(assistant: Json, run: Json) -> Json:
    """The assistant's definition; what the run was given where the assistant has gone."""
    shown = assistant or run
    definition = {k: v for k, v in shown.items() if k in OF_ASSISTANTS and v not in (None, {}, [])}
    definition.pop("metadata", None)
    return definition


def _parted(messages: list[Json], run: Json) -> tuple[list[Json], list[Json]]:
    """The messages before a run, and its own; what came after it is neither."""
    own = [each for each in messages if each.get("run_id") == run["id"]]
    places = [number for number, each in enumerate(messages) if each.get("run_id") == run["id"]]
    if places:
        return messages[: places[0]], own
    ended = max(int(run.get(f"{how}_at") or 0) for how in ("completed", "failed", "cancelled"))
    return [m for m in messages if m["created_at"] <= (ended or run["created_at"])], own


def _lifetime(run: Json) -> float:
    """How many seconds a run took, by its own times: they are whole."""
    ended = max(int(run.get(f"{how}_at") or 0) for how in ("completed", "failed", "cancelled"))
    return float(max(ended - int(run["created_at"]), 0))


def _asked(messages: list[Json]) -> tuple[list[Json], list[Json]]:
    """What was said since the last answer, and what stood before."""
    count = len(messages)
    while count and messages[count - 1].get("role") == "user":
        count -= 1
    return messages[count:], messages[:count]
