"""The lifecycle table: which moves there are and which timestamps they set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shim.core import objects
from shim.core.lifecycle import FINAL, TRANSITIONS, move
from shim.core.records import ACTIVE, Run, Usage
from shim.errors import IllegalMove

RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o")

STAMPS = {
    "started_at": {"start"},
    "failed_at": {"fail"},
    "completed_at": {"complete", "stop_short"},
    "cancelled_at": {"cancelled"},
}


def test_every_status_is_known() -> None:
    """The table has the nine statuses that pollers know, and no other."""
    assert set(TRANSITIONS) == {
        "queued",
        "in_progress",
        "requires_action",
        "cancelling",
        "cancelled",
        "failed",
        "completed",
        "incomplete",
        "expired",
    }
    assert {status for status, moves in TRANSITIONS.items() if not moves} == FINAL
    assert set(TRANSITIONS) == ACTIVE | FINAL


@pytest.mark.parametrize("status", sorted(TRANSITIONS))
@pytest.mark.parametrize("event", sorted({e for moves in TRANSITIONS.values() for e in moves}))
def test_moves_set_their_timestamp_and_no_other(status: str, event: str) -> None:
    """Assistants spec 4.2, for every status and event of the table."""
    run = replace(RUN, status=status)

    if event not in TRANSITIONS[status]:
        with pytest.raises(IllegalMove):
            move(run, event, 123.9)
        return
    moved = move(run, event, 123.9)

    assert moved.status == TRANSITIONS[status][event]
    for stamp, events in STAMPS.items():
        assert getattr(moved, stamp) == (123 if event in events else None)


def test_a_submitted_run_keeps_its_start_until_it_starts_again() -> None:
    """As recorded: queued with the old started_at, then in_progress with a new one."""
    run = move(replace(RUN), "start", 110)
    waiting = move(run, "require_action", 120, required_action={"type": "submit_tool_outputs"})

    queued = move(waiting, "submit", 130)

    assert (queued.status, queued.started_at, queued.required_action) == ("queued", 110, None)
    assert move(queued, "start", 140).started_at == 140


@pytest.mark.parametrize("status", sorted(TRANSITIONS))
def test_expiry_and_usage_are_shown_by_status(status: str) -> None:
    """expires_at stays until the run has ended; usage is null until then (spec 2.4)."""
    shown = objects.run(replace(RUN, status=status, used=Usage(3, 4)))

    assert (shown["expires_at"] is None) == (status in FINAL)
    assert (shown["usage"] is None) == (status not in FINAL)
    if shown["usage"]:
        assert shown["usage"]["total_tokens"] == 7
