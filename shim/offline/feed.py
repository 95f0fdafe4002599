"""Streamed answers: a job's events as server-sent events. Knows framing, waiting and breaking."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

from shim.offline.jobs import Job
from shim.offline.wire import Broken, Json

__all__ = ["PATIENCE", "JobFeed", "frame"]

PATIENCE = 0.02
"""How long a reader sleeps at most before it looks again, since a job may be cancelled."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def frame(event: Json) -> bytes:
    """An event on the wire; there is no [DONE] (spec 3)."""
    return f"event: {event['type']}\ndata: {_encode(event)}\n\n".encode("utf-8", "surrogatepass")


class JobFeed:
    """Reads a job's events from a sequence number on; may break after some of them."""

    def __init__(
        self,
        job: Job,
        lock: threading.RLock,
        settle: Callable[[], None],
        *,
        begin: int = 0,
        break_after: int | None = None,
    ) -> None:
        self._job = job
        self._lock = lock
        self._settle = settle
        self._index = begin
        self._left = break_after

    def broken_after(self, events: int) -> JobFeed:
        """The same stream, breaking after some events."""
        return JobFeed(self._job, self._lock, self._settle, begin=self._index, break_after=events)

    def step(self) -> bytes | float | None:
        """The next event framed, the seconds until it is due, or None at the end."""
        if self._left == 0:
            raise Broken
        with self._lock:
            event = self._job.event(self._index)
            self._settle()
        if event is None or isinstance(event, float):
            return event
        self._index += 1
        self._left = None if self._left is None else self._left - 1
        return frame(event)

    def __iter__(self) -> Iterator[bytes]:
        while (step := self.step()) is not None:
            if isinstance(step, bytes):
                yield step
            else:
                time.sleep(min(step, PATIENCE))
