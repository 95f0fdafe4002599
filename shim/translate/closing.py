"""How steps and messages end when their run does. Pure: records in, records out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shim.core.records import Message, Step, Usage
from shim.core.wire import Json

__all__ = ["ENDINGS", "completed_step", "ended_message", "ended_step", "submitted_step"]

ENDINGS = {"failed": "run_failed", "cancelled": "run_cancelled", "expired": "run_expired"}
"""How a run ended short -> the reason given on a message that was being written (spec 2.3)."""

_STAMPS = {"failed": "failed_at", "cancelled": "cancelled_at", "expired": "expired_at"}


def completed_step(step: Step, now: float, usage: Usage) -> Step:
    """The step, done."""
    return replace(step, status="completed", completed_at=int(now), usage=usage)


def ended_step(step: Step, ending: str, now: float, error: Json | None = None) -> Step:
    """An open step of a run that failed, was cancelled or expired."""
    stamp: dict[str, Any] = {_STAMPS[ending]: int(now)}
    return replace(step, status=ending, last_error=_step_error(ending, error), **stamp)


def _step_error(ending: str, error: Json | None) -> Json | None:
    if ending != "failed" or error is None:
        return None
    # steps know no `invalid_prompt` (spec 2.5)
    known = error["code"] in ("server_error", "rate_limit_exceeded")
    return error if known else {**error, "code": "server_error"}


def ended_message(message: Message, reason: str, now: float) -> Message:
    """A message that stays as far as it got."""
    details = {"reason": reason}
    return replace(message, status="incomplete", incomplete_details=details, incomplete_at=int(now))


def submitted_step(step: Step, outputs: dict[str, str], now: float) -> Step:
    """A step whose calls were waiting, with their outputs: done (spec 4.5)."""
    calls = [_answered(call, outputs) for call in step.step_details["tool_calls"]]
    filled = replace(step, step_details={"type": "tool_calls", "tool_calls": calls})
    return completed_step(filled, now, step.usage or Usage())


def _answered(call: Json, outputs: dict[str, str]) -> Json:
    if call["type"] != "function" or call["id"] not in outputs:
        return call
    return {**call, "function": {**call["function"], "output": outputs[call["id"]]}}
