"""The steps of one response, one after the other: what begins, what is done and held. Pure.

A response's usage belongs to its last step, so a step that is done is held until the next one
begins (and then completes with zeros) or the response ends. Knows no item: what goes on in a step
says how it makes way for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shim.core.objects import without_texts
from shim.core.records import Message, Run, Step, Usage
from shim.translate.beginning import new_message, new_step
from shim.translate.changes import Change
from shim.translate.closing import completed_step

__all__ = ["Steps", "Then"]

Then = Callable[[float], list[Change]]
"""Something to do at a time. To leave a step: hand it to `Steps.hold` if it is done."""


class Steps:
    """Begins steps, and completes the one before.

    `known` are records that an earlier worker already made for this response, in order: they are
    taken up instead of new ones, so that nothing appears twice. `begun` says whether any step has.
    """

    def __init__(self, run: Run, known: Sequence[Step], messages: Sequence[Message]) -> None:
        self.begun = False
        self.held: Step | None = None
        self._run = run
        self._known = list(known)
        self._messages = {record.id: record for record in messages}
        self._leave: Then | None = None

    def message(self, now: float, leave: Then) -> tuple[Step, Message, list[Change]]:
        """A step for a message, that message, and what is told of both."""
        changes = self._way(now, leave)
        step = self._taken("message_creation")
        record = self._message_of(step) if step else new_message(self._run, now)
        step = step or new_step(self._run, "message_creation", now, record)
        fresh = record.id not in self._messages
        changes += [
            Change("thread.run.step.created", step, new=fresh),
            Change("thread.run.step.in_progress", step),
            Change("thread.message.created", record, new=fresh),
            Change("thread.message.in_progress", record),
        ]
        return step, record, changes

    def calls(self, now: float, leave: Then) -> tuple[Step, list[Change]]:
        """A step for calls, and what is told of it."""
        changes = self._way(now, leave)
        known = self._taken("tool_calls")
        step = known or new_step(self._run, "tool_calls", now)
        changes += [
            Change("thread.run.step.created", step, new=known is None),
            Change("thread.run.step.in_progress", step),
        ]
        return step, changes

    def hold(self, step: Step) -> None:
        """The step is done; it completes when the next one begins or the response ends."""
        self.held = step

    def completed(self, now: float, used: Usage) -> list[Change]:
        """Complete the held step."""
        changes, self.held = self.completion(now, used), None
        return changes

    def completion(self, now: float, used: Usage) -> list[Change]:
        """How the held step completes: found texts are told only to those who asked for them."""
        if self.held is None:
            return []
        done = completed_step(self.held, now, used)
        shown = done if self._run.include else without_texts(done)
        return [Change("thread.run.step.completed", done, told=shown)]

    def left(self) -> list[Step]:
        """The open steps of an earlier worker that were not taken up yet."""
        return [step for step in self._known if step.status == "in_progress"]

    def _way(self, now: float, leave: Then) -> list[Change]:
        """Close what is open before the next step begins."""
        changes = [] if self._leave is None else self._leave(now)
        self._leave, self.begun = leave, True
        return changes + self.completed(now, Usage())

    def _taken(self, kind: str) -> Step | None:
        return self._known.pop(0) if self._known and self._known[0].type == kind else None

    def _message_of(self, step: Step) -> Message:
        return self._messages[step.step_details["message_creation"]["message_id"]]
