"""A look at an active run: ask the upstream how far it is, take over what nobody works on.

Every call that sees an active run looks at it first, at most once a second at the upstream. So a
run goes on although the process that began it has ended, on any machine; and one that cannot go on,
since there is no response id to ask by, fails and says so. Nothing is stuck past `expires_at`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from shim.core.conversations import PATIENCE
from shim.core.keeping import Keeper
from shim.core.leases import held
from shim.core.lifecycle import FINAL, move
from shim.core.params import ListParams
from shim.core.ports import Batch, Request, World
from shim.core.records import ACTIVE, Message, Run, Step
from shim.core.settling import Settled, closings, ended, settled
from shim.core.uploads import Uploads
from shim.core.wire import Json, Target
from shim.errors import Lost, Unreachable
from shim.translate.changes import Change
from shim.translate.events import RunTranslator

__all__ = ["Looks"]

log = logging.getLogger("shim")

Again = Callable[[World, "Looks", Run, Target], Awaitable[bool]]

_LOOK_SECONDS = 1.0
_CANCEL_SECONDS = 5.0
_GET_TIMEOUT = 30.0
_ALL = 1_000_000
_NOT_THERE = frozenset({400, 404, 405, 410, 501})
"""How servers say that they do not have a response, or do not keep any."""

_NOT_ALLOWED = frozenset({401, 403})
_FORBIDDEN = (
    "the upstream refused the key of a call that looked at the run's response ({0}); until it "
    "expires, the run waits to be looked at with a key that may see it"
)

_ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})

_ABANDONED = {
    "code": "server_error",
    "message": "The process that worked on this run ended or stopped before the model's answer "
    "could be followed: no response id was stored. It was not asked again; create a new run.",
}
_VANISHED = {
    "code": "server_error",
    "message": "The process that worked on this run ended, and the model server no longer has "
    "its response.",
}
_UNREADABLE = {
    "code": "server_error",
    "message": "The model server gave an answer that could not be read.",
}


class Looks:
    """Looks at runs for the calls that see them.

    `again` asks once more for a response that failed because its input was too long, if it can.
    """

    def __init__(self, world: World, again: Again) -> None:
        self._world = world
        self._again = again
        self._keeper = Keeper(world)
        self._uploads = Uploads(world)

    async def active(self, thread_id: str, target: Target) -> Run | None:
        """The thread's active run as it is now, or None."""
        run = await self._world.ledger.active_run(thread_id)
        await self._keeper.resume(thread_id, target)
        if run is None:
            return None
        fresh = await self.fresh(run, target)
        return fresh if fresh.status in ACTIVE else None

    async def fresh(self, run: Run, target: Target) -> Run:
        """The run as it is now."""
        if run.status not in ACTIVE:
            await self._keeper.resume(run.thread_id, target)
            return run
        try:
            return await self._look(run, target)
        except Lost:
            # somebody else moved it: what they made of it is as fresh as can be
            return await self._world.ledger.run(run.thread_id, run.id) or run

    async def end(
        self,
        run: Run,
        ending: str,
        target: Target,
        error: Json | None = None,
        output: Sequence[Json] = (),
    ) -> Run:
        """End a run that nobody works on, and close what it left open.

        `output` is what the upstream gave of its last response.
        """
        now = self._world.now()
        changes = await self._made(run, ending, output, now, error) if output else []
        made = {change.record.id for change in changes if change.record is not None}
        steps = await self._world.ledger.open_steps(run.id)
        messages = await self._world.ledger.open_messages(run.id)
        changes += closings(
            ending,
            [step for step in steps if step.id not in made],
            [message for message in messages if message.id not in made],
            now,
            error,
        )
        after = ended(run, ending, changes, now, error=error, output=output)
        return await self._save(after, target)

    async def _made(
        self, run: Run, ending: str, output: Sequence[Json], now: float, error: Json | None
    ) -> list[Change]:
        """What a response that was stopped had made by then: the run shows it as a stream would."""
        steps, messages = await self._begun(run)
        translator = RunTranslator(run, steps, messages)
        response = {"status": "cancelled", "output": output}
        told = await self._uploads.shown(response, run.thread_id)
        try:
            changes = translator.feed({"type": "response.cancelled", "response": told}, now)
        except Exception:
            log.exception("run %s: what its response had made cannot be read", run.id)
            return []
        return changes + translator.abort(ending, now, error)

    async def _look(self, run: Run, target: Target) -> Run:
        now = self._world.now()
        late = now >= run.expires_at
        if run.status == "requires_action":
            return await self.end(run, "expired", target) if late else run
        if run.status == "cancelling":
            patient = now - (run.cancelled_by or now) < _CANCEL_SECONDS
            waits = held(run, self._world) and patient
            return run if waits else await self.end(run, "cancelled", target)
        if held(run, self._world) and not late:
            return run
        if run.response_id is None:
            ending, error = ("expired", None) if late else ("failed", _ABANDONED)
            return await self.end(run, ending, target, error)
        return await self._ask(run, target, late=late)

    async def _ask(self, run: Run, target: Target, *, late: bool) -> Run:
        now = self._world.now()
        if now - run.looked_at < _LOOK_SECONDS and not late:
            return run
        run = await self._world.ledger.save_run(replace(run, looked_at=now), Batch())
        request = Request(
            "GET", f"/responses/{run.response_id}", target, attempts=2, timeout=_GET_TIMEOUT
        )
        try:
            answer = await self._world.upstream.send(request)
        except Unreachable as error:
            log.warning("run %s: the upstream was not reached: %s", run.id, error)
            return await self.end(run, "expired", target) if late else run
        if answer.status in _NOT_THERE:
            ending, error_of_run = ("expired", None) if late else ("failed", _VANISHED)
            return await self.end(run, ending, target, error_of_run)
        if answer.status >= 400:
            return await self._unseen(run, answer.status, target, late=late)
        return await self._take(run, answer.body, target, late=late)

    async def _unseen(self, run: Run, status: int, target: Target, *, late: bool) -> Run:
        """The upstream did not say how far the run is: it may say it to the next who asks."""
        if late:
            return await self.end(run, "expired", target)
        if status not in _NOT_ALLOWED:
            log.warning("run %s: the upstream answered %s", run.id, status)
            return run
        noted = run.with_notes([_FORBIDDEN.format(status)])
        log.warning("run %s on %s: %s", run.id, run.thread_id, _FORBIDDEN.format(status))
        return run if noted == run else await self._world.ledger.save_run(noted, Batch())

    async def told(self, run: Run, response: Json, target: Target) -> None:
        """Take in the answer to a request that may hold the whole response already."""
        if response.get("status") in _ENDED:
            await self._settle(run, response, self._world.now(), target)

    async def _take(self, run: Run, response: Json, target: Target, *, late: bool) -> Run:
        """Carry over what the upstream says of the run's response."""
        status = response.get("status")
        completed_at = _moment(response.get("completed_at"), run, self._world.now())
        if status in ("queued", "in_progress"):
            if late:
                output = await self.cancel_upstream(run, target) or output_of(response)
                return await self.end(run, "expired", target, output=output)
            if status == "in_progress" and run.status == "queued":
                moved = move(run, "start", self._world.now())
                return await self._world.ledger.save_run(moved, Batch())
            return run
        too_late = completed_at is not None and completed_at > run.expires_at
        if late and (too_late or status not in _ENDED):
            return await self.end(run, "expired", target, output=output_of(response))
        return await self._settle(run, response, completed_at or self._world.now(), target)

    async def _settle(self, run: Run, response: Json, when: float, target: Target) -> Run:
        stored = run
        if run.status == "queued":
            run = move(run, "start", _moment(response.get("created_at"), run, when) or when)
        steps, messages = await self._begun(run)
        translator = RunTranslator(run, steps, messages)
        told = await self._uploads.shown(response, run.thread_id)
        end = {"type": f"response.{response.get('status')}", "response": told}
        try:
            changes = translator.feed(end, when)
        except Exception:
            log.exception("run %s: its response cannot be read", run.id)
            return await self.end(run, "failed", target, _UNREADABLE)
        if translator.outcome is None:
            log.warning("run %s: unknown status %s", run.id, response.get("status"))
            return stored
        if translator.outcome.overflow and await self._asked_again(stored, target):
            return await self._world.ledger.run(run.thread_id, run.id) or stored
        after = settled(run, translator.outcome, translator, changes, when)
        return await self._save(_closed(after, steps, messages, when), target)

    async def _asked_again(self, run: Run, target: Target) -> bool:
        in_time = self._world.now() < run.expires_at
        return in_time and await self._again(self._world, self, run, target)

    async def _begun(self, run: Run) -> tuple[list[Step], list[Message]]:
        """What an earlier worker made of the same response, oldest first."""
        everything = ListParams(limit=_ALL, order="asc")
        steps = await self._world.ledger.steps(run.id, everything)
        of_run = replace(everything, run_id=run.id)
        messages = await self._world.ledger.messages(run.thread_id, of_run)
        return [step for step in steps if step.turn == run.sent], messages

    async def cancel_upstream(self, run: Run, target: Target) -> Sequence[Json]:
        """Ask the upstream to stop; whatever it answers, the run ends here.

        Gives the output that the response had by then, as far as the answer tells.
        """
        if run.response_id is None or not run.background:
            return ()
        path = f"/responses/{run.response_id}/cancel"
        request = Request("POST", path, target, timeout=_GET_TIMEOUT)
        try:
            return output_of((await self._world.upstream.send(request)).body)
        except Unreachable as error:
            log.warning("run %s: cancelling at the upstream failed: %s", run.id, error)
            return ()

    async def _save(self, after: Settled, target: Target) -> Run:
        saved = await self._keeper.save(after.run, after.batch, target)
        log.info("run %s on %s: %s", saved.id, saved.thread_id, saved.status)
        if saved.status in FINAL:
            await self._world.conversations.told(saved.thread_id, target, patience=PATIENCE)
        self._world.conversations.drain(saved.thread_id, target)
        return saved


def output_of(response: Json) -> Sequence[Json]:
    """The items of a response as far as it has any."""
    return [item for item in response.get("output") or () if isinstance(item, dict)]


def _moment(given: object, run: Run, latest: float) -> float | None:
    """A time the upstream gives, kept between the making of the run and `latest`; None if none."""
    if not isinstance(given, int | float) or isinstance(given, bool):
        return None
    return min(max(float(given), float(run.created_at)), latest)


def _closed(
    after: Settled, steps: Sequence[Step], messages: Sequence[Message], now: float
) -> Settled:
    """Close besides what an earlier worker began and the whole response does not have."""
    batch = after.batch
    claimed = {record.id for record in (*batch.new, *batch.changed)}
    rest = closings(
        "failed",
        [step for step in steps if step.id not in claimed and step.status == "in_progress"],
        [each for each in messages if each.id not in claimed and each.status == "in_progress"],
        now,
    )
    closed = [change.record for change in rest if change.record is not None]
    return replace(after, batch=replace(batch, changed=[*batch.changed, *closed]))
