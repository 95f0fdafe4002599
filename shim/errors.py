"""The errors of shim. Knows their words and shapes; knows nothing of who raises or catches them.

::

    ShimError
    ├── ApiError           an answer in the original's words; a door makes an HTTP error of it
    ├── SettingsError      a setting is wrong, named with the way to put it right
    ├── StoreTooNew        the database was written by a newer shim
    ├── Unreachable        the upstream gave no answer; `sent` says whether it may have acted
    ├── Unsure             the database did not say whether it kept what was written
    ├── Lost               a conditional write found another state than the one it expected
    ├── IllegalMove        a run was asked to leave its status in a way the lifecycle does not have
    └── Suspended          a port of a blocking door suspended: a bug in shim
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ApiError",
    "IllegalMove",
    "Lost",
    "SettingsError",
    "ShimError",
    "StoreTooNew",
    "Suspended",
    "Unreachable",
    "Unsure",
]


class ShimError(Exception):
    """Base of everything shim raises on its own account."""


class ApiError(ShimError):
    """An error answer of the Assistants API: HTTP status and the four keys of its envelope.

    Envelope and key order: Assistants spec section 7.1. Statuses used: 400, 401, 404, 429, 500.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - the wire's own word
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class SettingsError(ShimError):
    """A setting has a value shim cannot work with."""


class StoreTooNew(ShimError):
    """The database's schema is newer than this version of shim."""


class Unreachable(ShimError):
    """The upstream did not answer.

    `sent` is False only when the request certainly did not reach it (no connection was made), so
    that it may be repeated; True means it may or may not have been carried out.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Unsure(ShimError):
    """The connection broke in a COMMIT: all of the batch was kept, or nothing."""


class Lost(ShimError):
    """A conditional write did not find the state it was made for; nothing of its batch was kept."""


class IllegalMove(ShimError):
    """The lifecycle has no such move from the run's present status."""

    def __init__(self, status: str, event: str) -> None:
        super().__init__(f"a run with status {status!r} cannot {event}")
        self.status = status
        self.event = event


class Suspended(ShimError):
    """A coroutine driven by a blocking door suspended; every port of that door must block."""
