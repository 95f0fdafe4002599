"""The files that were uploaded: what is kept of them, and for how long. Knows no request."""

from __future__ import annotations

from dataclasses import dataclass

from shim.offline import ids
from shim.offline.clock import Clock
from shim.offline.wire import Json, Refused

__all__ = ["StoredFile", "Uploads", "no_file"]

_DAY = 86_400
_BATCH_DAYS = 30


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the Files API."""

    id: str
    purpose: str
    filename: str
    content: bytes
    created_at: int
    expires_at: int | None

    def object(self) -> Json:
        """The file as it is shown, in the recorded order."""
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": len(self.content),
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "status": "processed",
            "status_details": None,
        }


def no_file(key: str) -> Refused:
    """A file that is not there, or not any more."""
    return Refused(f"No such File object: {key}", status=404, param="id")


class Uploads:
    """All files, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def add(self, purpose: str, filename: str, content: bytes, seconds: int | None) -> StoredFile:
        """Keep a file, for some seconds where they are given; batch files for 30 days at most."""
        now = self._clock.stamp()
        if seconds is None and purpose == "batch":
            seconds = _BATCH_DAYS * _DAY
        expires_at = None if seconds is None else now + seconds
        made = StoredFile(ids.file_id(), purpose, filename, content, now, expires_at)
        self._files[made.id] = made
        return made

    def get(self, key: str) -> StoredFile:
        """A file by its id; what has expired is gone."""
        self._expire()
        if key not in self._files:
            raise no_file(key)
        return self._files[key]

    def __contains__(self, key: str) -> bool:
        self._expire()
        return key in self._files

    def remove(self, key: str) -> None:
        """Forget a file."""
        del self._files[self.get(key).id]

    def all(self) -> list[StoredFile]:
        """Every file, oldest first."""
        self._expire()
        return list(self._files.values())

    def _expire(self) -> None:
        now = self._clock.now()
        expired = [f.id for f in self._files.values() if f.expires_at and f.expires_at <= now]
        for key in expired:
            del self._files[key]
