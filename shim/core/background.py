"""A polled run begun in background mode: one POST, and its response id stored.

From then on the process may end: whoever looks at the run asks the upstream by that id. Nothing
here fails the call that created the run; what goes wrong is the run's `last_error`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from shim.core.advance import Worker
from shim.core.asking import Asking, NoBackground, OutOfTokens, Refused
from shim.core.following import Follower
from shim.core.leases import asked, leased, released
from shim.core.looks import Looks
from shim.core.ports import Batch, World
from shim.core.records import Run
from shim.core.settling import INTERNAL, stopped_short
from shim.core.wire import Json, Target
from shim.errors import Lost, ShimError

__all__ = ["begin", "begin_again"]

log = logging.getLogger("shim")

_TIMEOUT = 30.0
_MORE_ATTEMPTS = 5
_GOING = ("queued", "in_progress")


async def begin(world: World, looks: Looks, run: Run, target: Target) -> tuple[str, ...]:
    """Ask for the run's response; gives the run's notes as far as they are known now.

    What the upstream refuses for the moment is asked for again later.
    """
    beginning = _Beginning(world, looks, run, target)
    await world.workers.finish(beginning.guarded(beginning.first()))
    return beginning.notes()


async def begin_again(world: World, looks: Looks, run: Run, target: Target) -> bool:
    """Ask once more, for a response that was too long, with less; False where it cannot be less."""
    asking = Asking(world, run, target)
    await asking.prepare()
    if not asking.shortened():
        return False
    noted = run.with_notes(asking.notes)
    shorter = replace(noted, sent=run.sent - 1, halvings=asking.halvings, response_id=None)
    await begin(world, looks, shorter, target)
    return True


class _Beginning:
    def __init__(self, world: World, looks: Looks, run: Run, target: Target) -> None:
        self._world = world
        self._looks = looks
        self._run = run
        self._target = target
        self._asking = Asking(world, run, target)

    def notes(self) -> tuple[str, ...]:
        """The run's notes and those that asking for its response has added."""
        return self._run.with_notes(self._asking.notes).notes

    async def guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out a part of the beginning; whatever goes wrong in it is the run's failure."""
        try:
            await work
        except Lost:
            log.info("run %s was moved by somebody else while it began", self._run.id)
            await self._give_way()
        except Exception:
            log.exception("run %s failed inside shim", self._run.id)
            with contextlib.suppress(ShimError):
                await self._looks.end(self._run, "failed", self._target, INTERNAL)
        except BaseException:  # the program or its loop is ending: whoever looks next may know
            with contextlib.suppress(ShimError):
                await self._world.ledger.save_run(released(self._run), Batch())
            raise

    async def _give_way(self) -> None:
        """Stop what is not wanted any more: the run was cancelled, ended or deleted meanwhile."""
        output = await self._looks.cancel_upstream(self._run, self._target)
        stored = await self._world.ledger.run(self._run.thread_id, self._run.id)
        if stored is not None and stored.status == "cancelling":
            with contextlib.suppress(Lost):
                await self._looks.end(stored, "cancelled", self._target, output=output)

    async def first(self) -> None:
        """Store that the request goes out, then send it once."""
        try:
            await self._asking.prepare()
        except OutOfTokens as limit:
            short = replace(self._run, notes=self.notes())
            after = stopped_short(short, str(limit), self._world.now())
            await self._world.ledger.save_run(after.run, after.batch)
            self._world.conversations.drain(self._run.thread_id, self._target)
            return
        # stored before it is sent: a run without an id that may have been sent is never sent again
        sent = asked(replace(self._run, sent=self._run.sent + 1, response_id=None))
        self._run = await self._world.ledger.save_run(sent, Batch())
        await self._ask(attempts=1)

    async def _ask(self, attempts: int) -> None:
        try:
            answer = await self._asking.ask(
                self._world.upstream.send, background=True, attempts=attempts, timeout=_TIMEOUT
            )
        except NoBackground:
            await self._without()
        except Refused as refused:
            if refused.again and attempts == 1:
                self._world.workers.spawn(self.guarded(self._ask(attempts=_MORE_ATTEMPTS)))
            else:
                failed = replace(self._run, notes=self.notes())
                await self._looks.end(failed, "failed", self._target, refused.error)
        else:
            await self._accepted(answer.body)

    async def _without(self) -> None:
        """Work on the run as where there is no background mode: nothing was carried out yet."""
        unsent = replace(self._run, sent=self._run.sent - 1, notes=self.notes())
        unsent = leased(unsent, self._world, self._target)
        self._run = await self._world.ledger.save_run(unsent, Batch())
        self._world.workers.spawn(Worker(self._world, self._run, self._target).drain())

    async def _accepted(self, response: Json) -> None:
        self._run = replace(
            released(self._run),
            response_id=response.get("id"),
            background=True,
            notes=self.notes(),
        )
        self._run = await self._world.ledger.save_run(self._run, Batch())
        await self._looks.told(self._run, response, self._target)
        if response.get("status") in _GOING:
            Follower(self._world, self._looks).follow(self._run, self._target)
