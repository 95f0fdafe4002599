"""A gate that keeps a process from forking while a thread of it is at work in a database.

SQLite keeps a process's locks in its memory, and a fork copies them: a child that was made in the
middle of another thread's transaction would find the database locked for ever, by nobody. Knows
threads and forks, and no database.
"""

from __future__ import annotations

import os
import threading
import time

__all__ = ["GATE", "Gate"]

_PATIENCE = 5.0
"""Seconds that a fork waits at the most; then it goes ahead."""


class Gate:
    """Entered with `with` around work; closed from before a fork until after it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closing = 0

    def __enter__(self) -> None:
        with self._changed:
            while self._closing:  # else a fork waits for as long as there is always somebody
                self._changed.wait()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            if not self._inside:
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in, and wait until nobody is inside."""
        end = time.monotonic() + _PATIENCE
        self._changed.acquire()
        self._closing += 1
        while self._inside and (left := end - time.monotonic()) > 0:
            self._changed.wait(left)

    def open(self) -> None:
        """Let them in again."""
        self._closing -= 1
        self._changed.notify_all()
        self._changed.release()

    def open_in_child(self) -> None:
        """The same in a new process, in which only the thread that forked goes on."""
        self._changed = threading.Condition()
        self._inside = self._closing = 0


GATE = Gate()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=GATE.close, after_in_parent=GATE.open, after_in_child=GATE.open_in_child
    )
