"""The records that a response's items begin with, and the envelopes of their deltas. Pure."""

from __future__ import annotations

from shim.core.ids import mint
from shim.core.records import Message, Run, Step
from shim.core.wire import Json
from shim.translate.changes import Change

__all__ = ["message_delta", "new_message", "new_step", "step_delta"]


def new_message(run: Run, now: float) -> Message:
    """A message of the run, nothing of it written yet."""
    return Message(
        id=mint("msg"),
        created_at=int(now),
        thread_id=run.thread_id,
        role="assistant",
        content=(),
        assistant_id=run.assistant_id,
        run_id=run.id,
        status="in_progress",
    )


def new_step(run: Run, kind: str, now: float, of: Message | None = None) -> Step:
    """A step of the run: of a message, or for calls that are still to come."""
    made: Json = {"message_creation": {"message_id": of.id}} if of else {"tool_calls": []}
    return Step(
        id=mint("step"),
        created_at=int(now),
        run_id=run.id,
        assistant_id=run.assistant_id,
        thread_id=run.thread_id,
        type=kind,
        expires_at=run.expires_at,
        step_details={"type": kind, **made},
        turn=run.sent,
    )


def message_delta(message: Message, entry: Json) -> Change:
    """One content entry, as it is told (Assistants spec 6.4)."""
    delta = {
        "id": message.id,
        "object": "thread.message.delta",
        "delta": {"content": [entry]},
    }
    return Change("thread.message.delta", delta=delta)


def step_delta(step: Step, entry: Json) -> Change:
    """One entry of a step's calls, as it is told."""
    details = {"type": "tool_calls", "tool_calls": [entry]}
    delta = {
        "id": step.id,
        "object": "thread.run.step.delta",
        "delta": {"step_details": details},
    }
    return Change("thread.run.step.delta", delta=delta)
