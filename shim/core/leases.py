"""Who works on a run, and for how long that counts. Pure.

A lease ends by time, by being released, or by the end of the process that held it. Where a lost
response cannot be asked for again it lasts as long as the run may, so that a slow model is never
mistaken for a dead worker.
"""

from __future__ import annotations

from dataclasses import replace

from shim.core.ports import World
from shim.core.records import Run
from shim.core.wire import Target

__all__ = ["RENEW_SECONDS", "held", "leased", "released"]

_LEASE_SECONDS = 60.0
RENEW_SECONDS = 20.0


def leased(run: Run, world: World, target: Target) -> Run:
    """The run, worked on by this process from now on."""
    short = world.store and world.upstream.dialect(target).retrieve
    until = world.now() + _LEASE_SECONDS if short else float(run.expires_at)
    return replace(run, owner=world.workers.owner(), lease_until=until)


def released(run: Run) -> Run:
    """The run, worked on by nobody."""
    return replace(run, owner=None, lease_until=0.0)


def held(run: Run, world: World) -> bool:
    """Whether somebody is at work on the run."""
    if run.owner is None or run.lease_until <= world.now():
        return False
    return not world.workers.gone(run.owner)
