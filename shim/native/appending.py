"""Appends lines to a file, beside the work of whoever has them written.

A thread of its own makes and writes the lines, each with one write at the end of the file, so that
processes may share it. Nothing that goes wrong here reaches a caller: it is logged once. Knows
files; not what a line says.
"""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Lines"]

log = logging.getLogger("shim")

MOST_WAITING = 10_000
"""Lines that may wait to be written; more are dropped, so that a slow disk fills no memory."""

SECONDS = 5.0
"""How long the end of a program or a client waits for its lines."""

Make = Callable[[], bytes | None]


@dataclass(slots=True)
class _State:
    """What one process has to write. The thread holds this, and never the `Lines`."""

    path: Path
    most: int
    waiting: queue.Queue[Make | threading.Event | None] = field(
        default_factory=lambda: queue.Queue(MOST_WAITING)
    )
    torn: bool = False
    told: set[str] = field(default_factory=set)

    def tell(self, about: str, words: str) -> None:
        """Log something, the first time."""
        if about not in self.told:
            self.told.add(about)
            log.warning("%s: %s", self.path, words)


class Lines:
    """A file that lines are appended to; `most` bytes are kept, if that is not 0.

    Of a file that has grown to half of it the older lines are `FILE.1`, in the place of what was
    that before. It is readable by its owner alone.
    """

    def __init__(self, path: Path, most: int = 0) -> None:
        self._path = path.absolute()
        self._most = most
        self._process = 0
        self._lock = threading.Lock()
        self._state = _State(self._path, most)

    def put(self, make: Make) -> None:
        """Have a line made and written later; None writes nothing."""
        if self._process != os.getpid():
            self._begin()
        try:
            self._state.waiting.put_nowait(make)
        except queue.Full:
            self._state.tell("full", "lines come faster than they are written: some are dropped")

    def flush(self, seconds: float = SECONDS) -> bool:
        """Wait until all is written that was put before; False where that takes too long."""
        if self._process != os.getpid():
            return True
        done = threading.Event()
        with suppress(queue.Full):
            self._state.waiting.put(done, timeout=seconds)
            return done.wait(seconds)
        return False

    def _begin(self) -> None:
        """Begin the thread of this process: one of the process that forked it is not here."""
        with self._lock:
            if self._process == os.getpid():
                return
            self._state = state = _State(self._path, self._most)
            thread = threading.Thread(target=_work, args=(state,), name="shim-record", daemon=True)
            with suppress(RuntimeError):  # the interpreter is ending: what is put is lost
                thread.start()
            weakref.finalize(self, _end, state, thread, os.getpid())
            self._process = os.getpid()


def _end(state: _State, thread: threading.Thread, process: int) -> None:
    """Write what waits, at the end of the program or of the `Lines`."""
    if process != os.getpid() or not thread.is_alive():
        return
    own = thread is threading.current_thread()  # it let go of the last that held the `Lines`
    with suppress(queue.Full):
        state.waiting.put(None, timeout=0 if own else SECONDS)
    if not own:
        thread.join(SECONDS)


def _work(state: _State) -> None:
    while (each := state.waiting.get()) is not None:
        if isinstance(each, threading.Event):
            each.set()
            continue
        try:
            line = each()
        except Exception as error:  # noqa: BLE001 - no call may fail for it
            state.tell("made", f"a line could not be made: {type(error).__name__}")
            continue
        if line is not None:
            _write(state, line)


def _write(state: _State, line: bytes) -> None:
    try:
        file = os.open(state.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if state.most and os.fstat(file).st_size + len(line) > state.most // 2:
                file = _moved(state.path, file)
            text = b"\n" + line if state.torn else line
            state.torn = os.write(file, text) < len(text)
        finally:
            os.close(file)
        if state.torn:
            state.tell("written", "a line was written in part: is the disk full?")
    except OSError as error:
        words = error.strerror or str(error)
        state.tell("written", f"cannot be written ({words}): calls go on, and are not recorded")


def _moved(path: Path, file: int) -> int:
    """Move a full file aside, unless another process has done so; the file to write to."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        there = path.stat() if path.exists() else None
        if there is not None and there.st_ino == os.fstat(file).st_ino and there.st_size:
            path.replace(path.with_name(f"{path.name}.1"))
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
    again = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.close(file)
    return again
