"""One response being carried out. Its whole course is known when it starts; the clock reveals it.

So no thread works on it: a client that goes away changes nothing, and a reader at any time sees
what is due by then. Knows events and times; not where they go.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shim.offline.events import envelope
from shim.offline.outputs import Failure
from shim.offline.wire import Json

__all__ = ["Clock", "Course", "Job"]

Clock = Callable[[], float]

_TERMINAL = ("completed", "incomplete", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Course:
    """What a response will be: its events in order, and the object at its start and its end.

    `waiting` is how many of the events come at once: those before the first item.
    """

    begun: Json
    final: Json
    events: tuple[Json, ...]
    waiting: int
    failure: Failure | None = None


@dataclass
class Job:
    """A response on its course, `length` seconds long. Terminal once over or cancelled."""

    course: Course
    context: list[Json]
    inputs: list[Json]
    length: float
    streamed: bool = False
    clock: Clock = time.monotonic
    started: float = field(init=False)
    cancelled_at: float | None = None
    settled: bool = False

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def id(self) -> str:
        """The id of the response."""
        return str(self.course.final["id"])

    @property
    def background(self) -> bool:
        """Whether it was created in background mode."""
        return bool(self.course.final["background"])

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.cancelled_at is not None or self.remaining <= 0

    @property
    def remaining(self) -> float:
        """Seconds until it ends by itself."""
        return self.started + self.length - self.clock()

    def cancel(self) -> None:
        """End it now."""
        self.cancelled_at = self.clock()

    def object(self) -> Json:
        """The response as it stands now."""
        if self.cancelled_at is not None:
            return {**self.course.begun, "status": "cancelled"}
        if self.over:
            return self.course.final
        return {**self.course.begun, "status": self._status()}

    def _status(self) -> str:
        due = self._due_events()
        working = not self.background or any(e["type"] == "response.in_progress" for e in due)
        return "in_progress" if working else "queued"

    def event(self, index: int) -> Json | float | None:
        """The event of that number, the seconds until it is due, or None after the last."""
        if self.cancelled_at is not None:
            return self._event_of_cancelled(index)
        if index >= len(self.course.events):
            return None
        wait = self._due(index) - self.clock()
        return wait if wait > 0 else self.course.events[index]

    def _event_of_cancelled(self, index: int) -> Json | None:
        """A cancelled response streams what was there, then `response.failed` (spec 2.5)."""
        shown = len(self._due_events())
        if index < shown:
            return self.course.events[index]
        return envelope("failed", index, self.object()) if index == shown else None

    def _due_events(self) -> list[Json]:
        now = self.clock() if self.cancelled_at is None else self.cancelled_at
        return [e for n, e in enumerate(self.course.events) if self._due(n) <= now]

    def _due(self, index: int) -> float:
        """When an event happens: the first ones at once, the others spread over the length."""
        ahead = index - self.course.waiting + 1
        if ahead <= 0:
            return self.started
        steps = len(self.course.events) - self.course.waiting
        return self.started + self.length * ahead / max(steps, 1)
