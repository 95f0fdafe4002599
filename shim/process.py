"""Who works: this process, and a loop in it, by names that tell others whether they have ended.

Knows process ids, their reuse, and event loops; knows nothing of the work.
"""

from __future__ import annotations

import asyncio
import os
import uuid
import weakref
from contextlib import suppress
from pathlib import Path

__all__ = ["Process"]

_LOOP = "~"
_LOOPS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, str] = weakref.WeakKeyDictionary()
"""The loops that have worked in this process: all clients in it have to know which have ended."""


class Process:
    """Names this process such that another on the same machine can tell whether it has ended."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def owner(self) -> str:
        """`host/boot/pid namespace:pid:start time`; another name after a fork."""
        pid = os.getpid()
        if pid not in self._names:
            self._names[pid] = f"{_place()}:{pid}:{_started(pid) or '-'}"
        return self._names[pid]

    def owner_in(self, loop: asyncio.AbstractEventLoop) -> str:
        """The same for what ends with a loop; no other loop of the process gets its name."""
        return f"{Process.owner(self)}{_LOOP}{_LOOPS.setdefault(loop, uuid.uuid4().hex)}"

    def gone(self, owner: str) -> bool:
        """Whether that process, or its loop, has certainly ended; False where nobody can know."""
        process, _, loop = owner.partition(_LOOP)
        if process == Process.owner(self):
            return bool(loop) and _is_over(loop)
        here = Process.owner(self).rsplit(":", 2)[0]
        match process.rsplit(":", 2):
            case [place, pid, started] if place == here and not here.endswith("?"):
                return pid.isdigit() and not _alive(int(pid), started)
            case _:
                return False


def _is_over(loop: str) -> bool:
    """Whether a loop of this process runs no more."""
    open_loops = {name for each, name in list(_LOOPS.items()) if not each.is_closed()}
    return loop not in open_loops


def _place() -> str:
    """What must be equal for a process id to mean the same process."""
    return f"{os.uname().nodename}/{_boot()}/{_namespace()}"


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{uuid.getnode():x}"  # random where there is no address: such a name matches no other


def _namespace() -> str:
    if not Path("/proc/self").exists():
        return "host"  # macOS has no namespaces
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid").removeprefix("pid:")  # noqa: PTH115 - not a path
    return "?"


def _alive(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it exists and belongs to somebody else
    now = _started(pid)
    return now is None or started in {"-", now}


def _started(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat; an ended process that nobody has reaped yet starts at `ended`."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" and int(fields[17]) <= 1 else fields[19]
    return None
