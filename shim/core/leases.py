"""Who works on a run, and for how long that counts. Pure.

A lease ends by time, by being released, or by the end of the process that held it. While a lost
response could not be asked for again, since its id is not known yet or the upstream keeps none, it
lasts as long as the run may, so that a slow model is never mistaken for a dead worker.
"""

from __future__ import annotations

from dataclasses import replace

from shim.core.ports import World
from shim.core.records import Run
from shim.core.wire import Target

__all__ = ["RENEW_SECONDS", "asked", "held", "leased", "released"]

_LEASE_SECONDS = 60.0
RENEW_SECONDS = 20.0


def leased(run: Run, world: World, target: Target) -> Run:
    """The run, worked on by this process from now on."""
    owned = replace(run, owner=world.workers.owner(), lease_until=world.now() + _LEASE_SECONDS)
    if run.status == "queued":
        return owned  # nothing was sent yet that could be lost
    kept = world.store and world.upstream.dialect(target).retrieve
    return owned if kept and run.response_id is not None else asked(owned)


def asked(run: Run) -> Run:
    """The run, whose worker waits for a response that only it can get."""
    return replace(run, lease_until=float(run.expires_at))


def released(run: Run) -> Run:
    """The run, worked on by nobody."""
    return replace(run, owner=None, lease_until=0.0)


def held(run: Run, world: World) -> bool:
    """Whether somebody is at work on the run."""
    if run.owner is None or run.lease_until <= world.now():
        return False
    return not world.workers.gone(run.owner)
