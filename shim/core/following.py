"""Follows a run in background mode that runs code, since its container does not wait for a poll.

A container dies after twenty idle minutes; so somebody looks at the run, ever more seldom, though
no caller does, and what the code made is copied when it has ended. Looks as every call looks, and
as long as the program and its client do: who ends leaves the run to be looked at by the next.
"""

from __future__ import annotations

import logging

from shim.core.looks import Looks
from shim.core.ports import World
from shim.core.records import Run
from shim.core.wire import Target
from shim.errors import ShimError

__all__ = ["Follower"]

log = logging.getLogger("shim")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0
_SLOWER = 1.5
_LOOK_SECONDS = 90.0
"""How long a look may take, until a run counts as followed by nobody."""

_GOING = frozenset({"queued", "in_progress", "cancelling"})


class Follower:
    """Looks at runs until they rest, with the credentials of the call that sent them on."""

    def __init__(self, world: World, looks: Looks) -> None:
        self._world = world
        self._looks = looks
        self._following = world.in_hand.following

    def follow(self, run: Run, target: Target) -> None:
        """Follow a run that the upstream works on, if it runs code and is not followed yet."""
        runs_code = any(tool["type"] == "code_interpreter" for tool in run.tools)
        followed = self._following.get(run.id, 0.0) > self._world.now()
        if runs_code and run.status in _GOING and not followed:
            self._wait(run, target, _FIRST_PAUSE)

    def _wait(self, run: Run, target: Target, pause: float) -> None:
        self._following[run.id] = self._world.now() + pause + _LOOK_SECONDS
        self._world.workers.later(pause, lambda: self._look(run, target, pause))

    async def _look(self, run: Run, target: Target, pause: float) -> None:
        try:
            stored = await self._world.ledger.run(run.thread_id, run.id)
            fresh = None if stored is None else await self._looks.fresh(stored, target)
        except ShimError as error:
            log.info("run %s could not be looked at: %s", run.id, error)
            fresh = run if self._world.now() < run.expires_at else None
        if fresh is None or fresh.status not in _GOING:
            self._following.pop(run.id, None)
            return
        self._wait(fresh, target, min(pause * _SLOWER, _LONGEST_PAUSE))
