"""Python in a process of its own, its state kept from cell to cell. Knows processes and paths.

A temporary folder stands for /mnt/data: the path is replaced in the code, and back in what it
shows. Limits of time, memory and file size; no network, no environment. That keeps accidents
apart; it is no wall against code that means harm, so run only code you would run yourself.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shim.offline import cell, drawing

__all__ = ["DATA", "Interpreter", "Ran"]

DATA = "/mnt/data"
_GIGABYTE = 1 << 30
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Ran:
    """What a cell showed (logs and images), and the files it wrote and removed, by name."""

    outputs: list[dict[str, str]]
    written: dict[str, bytes]
    removed: set[str]


class Interpreter:
    """One container's Python and its folder. The process begins with the first cell."""

    def __init__(self, gigabytes: int, seconds: float) -> None:
        self._gigabytes = gigabytes
        self._seconds = seconds
        root = os.path.realpath(tempfile.mkdtemp(prefix="shim-offline-"))
        self._data = Path(root, "data")
        self._data.mkdir()
        self._seen: dict[str, tuple[int, int]] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.close = weakref.finalize(self, _dispose, os.getpid(), root, self._processes)

    def put(self, name: str, content: bytes) -> None:
        """Lay a file into the folder."""
        (self._data / name).write_bytes(content)
        self._seen = self._look()

    def remove(self, name: str) -> None:
        """Take a file out of the folder."""
        with contextlib.suppress(OSError):
            (self._data / name).unlink()
        self._seen = self._look()

    def run(self, code: str) -> Ran:
        """Run a cell. If it takes too long its process ends, and its variables with it."""
        process = self._process()
        here = str(self._data)
        request = {"code": code.replace(DATA, here), "seconds": self._seconds}
        answer = self._ask(process, json.dumps(request).encode() + b"\n")
        for each in answer["outputs"]:
            if "logs" in each:
                each["logs"] = each["logs"].replace(here, DATA)
        return self._changes(answer["outputs"])

    def _process(self) -> subprocess.Popen[bytes]:
        if self._processes and self._processes[0].poll() is None:
            return self._processes[0]
        _end(self._processes)
        home = self._data.parent
        memory = (self._gigabytes + 1) * _GIGABYTE
        arguments = [sys.executable, "-I", cell.__file__, str(memory), str(drawing.__file__)]
        made = subprocess.Popen(  # noqa: S603 - our own program
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._data,
            env={"PATH": os.defpath, "HOME": str(home), "MPLCONFIGDIR": str(home)},
            start_new_session=True,
        )
        self._processes.append(made)
        return made

    def _ask(self, process: subprocess.Popen[bytes], request: bytes) -> Any:
        assert process.stdin is not None
        try:
            process.stdin.write(request)
            process.stdin.flush()
            line = self._line(process)
        except OSError:
            line = b""
        if line:
            return json.loads(line)
        slow = process.poll() is None
        _end(self._processes)
        told = f"TimeoutError: the cell took more than {self._seconds:g} seconds\n"
        return {"outputs": [{"type": "logs", "logs": told if slow else "The kernel died.\n"}]}

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """The process's answer; empty if it ends or the time is over."""
        assert process.stdout is not None
        due, line = time.monotonic() + self._seconds, b""
        while not line.endswith(b"\n"):
            left = due - time.monotonic()
            ready, _, _ = select.select([process.stdout], [], [], max(0, left))
            if not ready:
                return b""
            piece = os.read(process.stdout.fileno(), _READ)
            if not piece:
                process.wait()
                return b""
            line += piece
        return line

    def _changes(self, outputs: list[dict[str, str]]) -> Ran:
        before, now = self._seen, self._look()
        self._seen = now
        changed = [name for name, stamp in now.items() if before.get(name) != stamp]
        written = {name: (self._data / name).read_bytes() for name in changed}
        return Ran(outputs, written, set(before) - set(now))

    def _look(self) -> dict[str, tuple[int, int]]:
        """The files in the folder, with what shows a change."""
        found = {}
        for path in sorted(self._data.rglob("*")):
            if path.is_file():
                about = path.stat()
                found[path.relative_to(self._data).as_posix()] = (about.st_mtime_ns, about.st_size)
        return found


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End processes with all they started."""
    while processes:
        process = processes.pop()
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _dispose(owner: int, root: str, processes: list[subprocess.Popen[bytes]]) -> None:
    """Leave nothing behind; a fork of the owner leaves its parent's things alone."""
    if os.getpid() == owner:
        _end(processes)
        shutil.rmtree(root, ignore_errors=True)
