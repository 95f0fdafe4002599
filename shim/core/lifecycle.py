"""The life of a run, as a table. Knows statuses, moves, timestamps; no storage, no clock.

Statuses and moves: Assistants spec 4.1. A run is made `queued`. `start` is the first sign of
the upstream's work; `require_action` rests the run until its outputs are submitted, which queues it
again with its old `started_at` (4.2). `cancel` asks for the end, `cancelled` is the end. Five
statuses are final: nothing leaves them, `expires_at` is shown as null, and usage is shown.

Cancelling is best effort, so a run may still complete, fail or expire while cancelling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shim.core.records import ACTIVE, Run
from shim.errors import IllegalMove

__all__ = ["ACTIVE", "FINAL", "TRANSITIONS", "move"]

_WORKING = {
    "fail": "failed",
    "complete": "completed",
    "stop_short": "incomplete",
    "expire": "expired",
}

TRANSITIONS: dict[str, dict[str, str]] = {
    "queued": {"start": "in_progress", "cancel": "cancelling", **_WORKING},
    "in_progress": {"require_action": "requires_action", "cancel": "cancelling", **_WORKING},
    "requires_action": {
        "submit": "queued",
        "cancel": "cancelling",
        "expire": "expired",
        "fail": "failed",
    },
    "cancelling": {"cancelled": "cancelled", **_WORKING},
    "cancelled": {},
    "failed": {},
    "completed": {},
    "incomplete": {},
    "expired": {},
}

FINAL = frozenset(TRANSITIONS) - ACTIVE

# which timestamp each move sets (spec 4.2: `incomplete` sets completed_at, `expired` sets none)
_STAMPS = {
    "start": "started_at",
    "fail": "failed_at",
    "complete": "completed_at",
    "stop_short": "completed_at",
    "cancelled": "cancelled_at",
}


def move(run: Run, event: str, now: float, **details: Any) -> Run:
    """The run after an event, with the fields the event sets and `details` besides.

    `required_action` is cleared unless given; a final status ends all ownership. Raises IllegalMove
    where the table has no such move.
    """
    status = TRANSITIONS[run.status].get(event)
    if status is None:
        raise IllegalMove(run.status, event)
    changed: dict[str, Any] = {"status": status, "required_action": None, **details}
    if event in _STAMPS:
        changed[_STAMPS[event]] = int(now)
    if status in FINAL:
        changed |= {"owner": None, "lease_until": 0.0}
    return replace(run, **changed)
