"""What kind of file system a path is on, as far as the system tells (Linux does)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["NETWORK", "PASSING", "file_system", "nearest"]

PASSING = frozenset({"aufs", "overlay", "ramfs", "rootfs", "tmpfs"})
"""Kinds that end with the container or the machine's uptime."""

NETWORK = frozenset({"9p", "afs", "ceph", "cifs", "fuse.sshfs", "nfs", "nfs4", "smb3", "smbfs"})
"""Kinds on which SQLite's locks and shared memory cannot be relied on."""

_MOUNTS = Path("/proc/self/mountinfo")


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = path.absolute()
    return path if path.exists() else nearest(path.parent)


def file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """The kind of the mount that holds a path; empty where the system does not say."""
    where, found, kind = nearest(path).resolve(), 0, ""
    with suppress(OSError):
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            fields, _, rest = line.partition(" - ")
            point = Path(fields.split()[4].replace("\\040", " "))
            if where.is_relative_to(point) and len(point.parts) >= found:
                found, kind = len(point.parts), rest.split()[0]
    return kind
