"""How what a response did becomes a move of its run. Pure: records and changes in, the same out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shim.core.lifecycle import FINAL, move
from shim.core.objects import run_event
from shim.core.ports import Batch, Mirror
from shim.core.records import Container, File, Listing, Message, Run, Step
from shim.core.wire import Event, Json
from shim.translate.changes import Change, Outcome
from shim.translate.closing import ENDINGS, ended_message, ended_step
from shim.translate.events import RunTranslator

__all__ = [
    "INTERNAL",
    "Settled",
    "batch_of",
    "closings",
    "ended",
    "left_by",
    "run_told",
    "settled",
    "stopped_short",
]

_MOVES = {"failed": "fail", "cancelled": "cancelled", "expired": "expire"}
INTERNAL = {"code": "server_error", "message": "Sorry, something went wrong."}
"""The `last_error` of a run that failed inside shim, in the original's words (spec 4.10)."""

_UPSTREAM_CANCELLED = {
    "code": "server_error",
    "message": "The response was cancelled at the upstream.",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """A run that rests or has ended, what to write with it, and what to tell."""

    run: Run
    batch: Batch
    events: Sequence[Event]


def batch_of(changes: Iterable[Change], **more: object) -> Batch:
    """The records of changes, each as it was last, new ones apart; `more` are fields of Batch."""
    latest: dict[str, Message | Step] = {}
    fresh: set[str] = set()
    files: dict[str, File] = {}
    for change in changes:
        files.update((file.id, file) for file in change.files)
        if change.record is not None:
            latest[change.record.id] = change.record
            if change.new:
                fresh.add(change.record.id)
    new = [record for record in latest.values() if record.id in fresh]
    changed = [record for record in latest.values() if record.id not in fresh]
    batch = Batch(new=new, changed=changed, files=list(files.values()))
    return replace(batch, **more)  # type: ignore[arg-type]


def run_told(run: Run) -> Event:
    """The event that says in which status a run is."""
    return Event(f"thread.run.{run.status}", run_event(run))


def settled(
    run: Run, outcome: Outcome, translator: RunTranslator, changes: Sequence[Change], now: float
) -> Settled:
    """The run after a whole response."""
    run = replace(run, used=run.used + outcome.usage, owner=None, lease_until=0.0)
    changes = list(changes)
    match outcome.kind:
        case "completed":
            run = move(run, "complete", now)
        case "calls":
            run = move(run, "require_action", now, required_action=_required(outcome.calls))
        case "incomplete":
            run = move(run, "stop_short", now, incomplete_details=_short(outcome.reason))
        case "cancelled" if run.status == "cancelling":
            changes += translator.abort("cancelled", now)
            return ended(run, "cancelled", changes, now, outcome=outcome)
        case kind:
            error = _UPSTREAM_CANCELLED if kind == "cancelled" else outcome.error
            changes += translator.abort("failed", now, error)
            return ended(run, "failed", changes, now, error=error, outcome=outcome)
    return _written(run, changes, outcome.items, left_by(run, outcome.items, now))


def ended(
    run: Run,
    ending: str,
    changes: Sequence[Change],
    now: float,
    *,
    error: Json | None = None,
    outcome: Outcome | None = None,
    output: Sequence[Json] = (),
) -> Settled:
    """The run, failed, cancelled or expired; `changes` close what was open.

    `output` is what the upstream gave of a response whose end is not carried over.
    """
    details = {"last_error": error} if ending == "failed" else {}
    run = move(run, _MOVES[ending], now, **details)
    items = outcome.items if outcome else ()
    return _written(run, changes, items, left_by(run, items or output, now))


def stopped_short(run: Run, limit: str, now: float) -> Settled:
    """The run, incomplete because a limit leaves no room for another response."""
    run = move(run, "stop_short", now, incomplete_details={"reason": limit})
    return _written(run, (), (), {})


def closings(
    ending: str,
    steps: Iterable[Step],
    messages: Iterable[Message],
    now: float,
    error: Json | None = None,
) -> list[Change]:
    """The changes that close stored records when nobody is at work who holds them."""
    closed = [
        Change("thread.message.incomplete", ended_message(message, ENDINGS[ending], now))
        for message in messages
    ]
    return closed + [
        Change(f"thread.run.step.{ending}", ended_step(step, ending, now, error)) for step in steps
    ]


def _written(
    run: Run, changes: Sequence[Change], items: Sequence[Json], left: dict[str, object]
) -> Settled:
    mirror = [Mirror("run", {"run_id": run.id})] if run.status in FINAL else []
    response_id = run.response_id if items else None
    batch = batch_of(changes, items=items, response_id=response_id, mirror=mirror, **left)
    told = [event for change in changes if (event := change.event()) is not None]
    return Settled(run, batch, [*told, run_told(run)])


def left_by(run: Run, items: Iterable[Json], now: float) -> dict[str, object]:
    """What code among the items leaves, as fields of a Batch: the container that it ran in last.

    All that it ran in are to be looked through. A new container is given the run's files.
    """
    used = [
        str(item["container_id"])
        for item in items
        if item.get("type") == "code_interpreter_call" and item.get("container_id")
    ]
    if not used:
        return {}
    files = run.tool_resources.get("code_interpreter", {}).get("file_ids") or ()
    return {
        "container": Container(used[-1], tuple(files)),
        "listings": [
            Listing(run.thread_id, run.id, run.sent, container_id, int(now))
            for container_id in dict.fromkeys(used)
        ],
    }


def _required(calls: Sequence[Json]) -> Json:
    return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": list(calls)}}


def _short(reason: str | None) -> Json:
    # the old API knew the two token limits alone; any other reason is passed on as it is
    return {"reason": "max_completion_tokens" if reason == "max_output_tokens" else reason}
