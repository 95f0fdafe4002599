"""The work on a run: from queued to its next resting place. Knows no door and no request in hand.

Only one worker finishes a run: each save names the version it saw, and a worker that finds another
one stops (the run was cancelled, ended or taken on by somebody else, or deleted) or, where nothing
but the version has changed, goes on from there. What is told has been stored before it is told.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from shim.core.asking import Asking, OutOfTokens, Refused
from shim.core.conversations import PATIENCE
from shim.core.keeping import Keeper
from shim.core.leases import RENEW_SECONDS, leased, released
from shim.core.lifecycle import FINAL, move
from shim.core.ports import Batch, Request, Stream, World
from shim.core.records import Run, Usage
from shim.core.settling import (
    INTERNAL,
    Settled,
    batch_of,
    ended,
    left_by,
    run_told,
    settled,
    stopped_short,
)
from shim.core.uploads import Uploads
from shim.core.wire import Event, Json, Target
from shim.errors import Lost, ShimError, Unreachable
from shim.translate.changes import Change, Outcome
from shim.translate.copies import may_cite
from shim.translate.events import RunTranslator

__all__ = ["Worker"]

log = logging.getLogger("shim")

_CHECK_SECONDS = 0.5
_BROKEN = {
    "code": "server_error",
    "message": "The connection to the model server broke before its answer was complete.",
}


class _Changed(ShimError):
    """The stored run is no longer the one being worked on; None if it was deleted."""

    def __init__(self, run: Run | None) -> None:
        super().__init__("the run was changed by somebody else")
        self.run = run


class _Expired(ShimError):
    """The run's time is over."""


class Worker:
    """Works on one run over a streamed response."""

    def __init__(self, world: World, run: Run, target: Target) -> None:
        self._world = world
        self._run = run
        self._target = target
        self._keeper = Keeper(world)
        self._uploads = Uploads(world)
        self._translator = RunTranslator(run)
        self._unwritten: Sequence[Change] = ()
        self._last: Sequence[Change] = ()
        self._checked = world.now()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Take the run on, telling what happens. Left early, the run can be taken over at once."""
        try:
            async with aclosing(self._guarded()) as events:
                async for event in events:
                    yield event
        except BaseException:
            await self._release()
            raise
        if self._run.status in FINAL:
            self._world.conversations.drain(self._run.thread_id, self._target)

    async def drain(self) -> None:
        """Take the run on with nobody listening."""
        async with aclosing(self.events()) as events:
            async for _ in events:
                pass

    async def _guarded(self) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(self._respond()) as events:
                async for event in events:
                    yield event
        except _Changed as changed:
            for event in await self._stop(changed.run):
                yield event
        except _Expired:
            for event in await self._end("expired"):
                yield event
        except Exception:
            log.exception("run %s failed inside shim", self._run.id)
            for event in await self._end("failed", INTERNAL):
                yield event

    async def _respond(self) -> AsyncGenerator[Event, None]:
        asking = Asking(self._world, self._run, self._target)
        try:
            await asking.prepare()
            await self._start(asking)
            yield run_told(self._run)
            async with aclosing(self._asked(asking)) as events:
                async for event in events:
                    yield event
        except OutOfTokens as limit:
            for event in await self._stop_short(str(limit)):
                yield event
        except Refused as refused:
            self._run = self._noted(asking)
            for event in await self._end("failed", refused.error):
                yield event

    async def _asked(self, asking: Asking) -> AsyncGenerator[Event, None]:
        """The response, asked for again where it says itself that its input was too long."""
        while True:
            stream = await asking.ask(self._world.upstream.open)
            self._run = self._noted(asking)
            async with aclosing(self._read(stream)) as events:
                async for event in events:
                    yield event
            outcome = self._translator.outcome
            if outcome is None or not outcome.overflow or not asking.shortened():
                break
            self._translator = RunTranslator(self._run)
        for event in await self._settle(self._last):
            yield event

    async def _start(self, asking: Asking) -> None:
        """Say, before the request goes out, that it may have gone out."""
        sent = self._run.sent + 1
        self._translator = RunTranslator(replace(self._run, sent=sent))
        started = move(self._noted(asking), "start", self._world.now(), sent=sent, response_id=None)
        await self._save(started)

    def _noted(self, asking: Asking) -> Run:
        return replace(self._run.with_notes(asking.notes), halvings=asking.halvings)

    async def _read(self, stream: Stream) -> AsyncGenerator[Event, None]:
        async with aclosing(stream), aclosing(self._payloads(stream)) as payloads:
            async for payload in payloads:
                changes = await self._fed(payload)
                if self._translator.outcome is not None:
                    self._last = changes
                    return
                await self._keep(changes, payload)
                for change in changes:
                    if (event := change.event()) is not None:
                        yield event
                await self._check()
        self._last = await self._recovered()

    async def _fed(self, payload: Json) -> list[Change]:
        """What a payload changes, told with the ids of files that callers see."""
        if may_cite(payload):
            payload = await self._uploads.shown(payload, self._run.thread_id)
        return self._translator.feed(payload, self._world.now())

    async def _payloads(self, stream: Stream) -> AsyncGenerator[Json, None]:
        """The stream's payloads; a broken connection is its end."""
        try:
            async with aclosing(stream.events()) as payloads:
                async for payload in payloads:
                    yield payload
        except Unreachable as error:
            log.warning("run %s: the stream broke: %s", self._run.id, error)

    async def _recovered(self) -> list[Change]:
        """Ask for a response whose stream broke, until it has ended."""
        while self._translator.response_id is not None:
            path = f"/responses/{self._translator.response_id}"
            request = Request("GET", path, self._target, attempts=4)
            try:
                answer = await self._world.upstream.send(request)
            except Unreachable:
                break
            if answer.status >= 400:
                break
            if answer.body.get("status") not in ("queued", "in_progress"):
                end = {"type": f"response.{answer.body.get('status')}", "response": answer.body}
                changes = await self._fed(end)
                if self._translator.outcome is None:
                    break
                return changes
            await self._world.workers.sleep(1.0)
            await self._check()
        self._translator.outcome = Outcome("failed", Usage(), error=_BROKEN)
        return []

    @property
    def _kept_id(self) -> str | None:
        """The id of the response, where the upstream keeps what it names."""
        return self._translator.response_id if self._world.store else None

    async def _keep(self, changes: Sequence[Change], payload: Json) -> None:
        known = self._run.response_id == self._kept_id
        if known and not any(change.record or change.files for change in changes):
            return
        run = replace(self._run, response_id=self._kept_id)
        self._unwritten = changes
        # however the response ends, and whoever ends it: its container is known from now on
        left = left_by(run, [payload.get("item") or {}], self._world.now())
        await self._save(run, batch_of(changes, **left))
        self._unwritten = ()

    async def _check(self) -> None:
        """See, at most every half second, that the run is still ours and still in time."""
        now = self._world.now()
        if now - self._checked < _CHECK_SECONDS:
            return
        self._checked = now
        if now >= self._run.expires_at:
            raise _Expired(self._run.id)
        if await self._world.ledger.run_status(self._run.id) != self._run.status:
            raise _Changed(await self._stored())
        if self._run.lease_until - now < RENEW_SECONDS:
            await self._save(self._run)

    async def _settle(self, changes: Sequence[Change]) -> Sequence[Event]:
        outcome = self._translator.outcome
        assert outcome is not None
        run = replace(self._run, response_id=self._kept_id)
        self._unwritten = changes
        after = settled(run, outcome, self._translator, changes, self._world.now())
        return await self._finish(after)

    async def _finish(self, after: Settled) -> Sequence[Event]:
        await self._save(after.run, after.batch)
        log.info("run %s on %s: %s", after.run.id, after.run.thread_id, after.run.status)
        if after.run.status in FINAL:
            await self._world.conversations.told(
                after.run.thread_id, self._target, patience=PATIENCE
            )
        return after.events

    async def _end(self, ending: str, error: Json | None = None) -> Sequence[Event]:
        now, outcome = self._world.now(), self._translator.outcome
        changes = [*self._unwritten, *self._translator.abort(ending, now, error)]
        run = self._run
        if outcome is not None:
            run = replace(run, used=run.used + outcome.usage)
        try:
            return await self._finish(ended(run, ending, changes, now, error=error))
        except _Changed as changed:
            return await self._stop(changed.run)

    async def _stop_short(self, limit: str) -> Sequence[Event]:
        return await self._finish(stopped_short(self._run, limit, self._world.now()))

    async def _stop(self, stored: Run | None) -> Sequence[Event]:
        """What to tell when the run was changed by somebody else."""
        if stored is None:
            return []
        ours, self._run = stored.sent == self._run.sent, stored
        if stored.status != "cancelling" or not ours:
            return [run_told(stored)]
        return [run_told(stored), *await self._end("cancelled")]

    async def _save(self, run: Run, batch: Batch | None = None) -> None:
        """Write the run; goes on from a newer version of it that is still this worker's."""
        if run.status not in (*FINAL, "requires_action"):
            run = leased(run, self._world, self._target)
        while True:
            try:
                self._run = await self._keeper.save(run, batch or Batch(), self._target)
            except Lost:
                stored = await self._stored()
                if stored is None or not self._is_ours(stored, run):
                    raise _Changed(stored) from None
                if stored.version == run.version:
                    raise
                run = replace(run, version=stored.version)
            else:
                return

    def _is_ours(self, stored: Run, run: Run) -> bool:
        """Whether nobody else has moved the run, or taken on its next response."""
        if stored.sent != self._run.sent:
            return False
        # cancelling is best effort (spec 4.1): what the model has done by then counts
        done = stored.status == "cancelling" and run.status in ("completed", "incomplete")
        return done or stored.status == self._run.status

    async def _stored(self) -> Run | None:
        return await self._world.ledger.run(self._run.thread_id, self._run.id)

    async def _release(self) -> None:
        """Leave the run to whoever looks at it next."""
        if self._run.owner is None:
            return
        try:
            await self._world.ledger.save_run(released(self._run), Batch())
        except ShimError as error:
            log.debug("run %s: nothing to release: %s", self._run.id, error)
