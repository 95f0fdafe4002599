"""Injected failures. Knows when one is due and what becomes of the answer; not how doors break."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from shim.offline.wire import Response

__all__ = ["Fault", "Faults", "Kind"]

Kind = Literal["status", "drop", "refuse", "timeout", "hang", "reset_midstream"]

_ERRORS = {
    400: ("invalid_request", "Invalid request.", "invalid_request_error"),
    401: ("invalid_api_key", "Incorrect API key provided.", "invalid_request_error"),
    429: ("rate_limit_exceeded", "Rate limit reached for requests.", "requests"),
    503: ("server_is_overloaded", "The server is overloaded.", "server_error"),
}
_SERVER_ERROR = (
    "server_error",
    "The server had an error while processing your request.",
    "server_error",
)
_LOCKED = (
    "conversation_locked",
    "Another process is currently operating on this conversation. Please retry in a few seconds.",
    "invalid_request_error",
    "conversation",
)


@dataclass
class Fault:
    """A failure that befalls the next `times` requests it matches.

    `before`: the request is not carried out. Otherwise it is, and its answer is lost.
    """

    path_prefix: str
    method: str | None = None
    times: int = 1
    status: int | None = None
    error: Sequence[str | None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    before: bool = True
    kind: Kind = "status"
    after_events: int | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether it is meant for a request."""
        fits = self.method is None or self.method == method
        return fits and self.times > 0 and path.startswith(self.path_prefix)

    def instead(self) -> Response:
        """The answer to a request that is not carried out."""
        return self.lose(Response(0, {}, b""))

    def lose(self, response: Response) -> Response:
        """What becomes of the answer to a request that was carried out."""
        match self.kind:
            case "status":
                return self._error()
            case "reset_midstream":
                return replace(response, broken="reset")
            case kind:
                return replace(response, broken=kind)

    def _error(self) -> Response:
        status = self.status or 500
        code, message, error_type, *rest = self.error or _ERRORS.get(status, _SERVER_ERROR)
        param = rest[0] if rest else None
        error = {"message": message, "type": error_type, "param": param, "code": code}
        headers = {"content-type": "application/json", **self.headers}
        return Response(status, headers, json.dumps({"error": error}, indent=2).encode())


class Faults:
    """The failures still to come, in the order they were added."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def add(
        self,
        path_prefix: str,
        *,
        method: str | None = None,
        times: int = 1,
        status: int | None = None,
        error: Sequence[str | None] | None = None,
        headers: Mapping[str, str] | None = None,
        before: bool = True,
        kind: Kind = "status",
        after_events: int | None = None,
    ) -> Fault:
        """Let the next `times` requests below a path fail.

        `kind`: `status` answers with `status` and `error` = (code, message, type[, param]);
        `refuse` makes no connection; `drop` closes it without an answer; `timeout` ends the
        client's patience at once (over HTTP: as `hang`); `hang` never answers;
        `reset_midstream` breaks a stream after `after_events` events, while the response runs
        to its end all the same.
        """
        carried = kind != "reset_midstream" and before
        fault = Fault(
            path_prefix, method, times, status, error, headers or {}, carried, kind, after_events
        )
        self.pending.append(fault)
        return fault

    def lock(self, path_prefix: str = "/responses", *, times: int = 1) -> Fault:
        """Answer as if another response were using the conversation (spec 1.6)."""
        return self.add(path_prefix, method="POST", times=times, status=400, error=_LOCKED)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that befalls a request, counted down."""
        for fault in self.pending:
            if fault.matches(method, path):
                fault.times -= 1
                return fault
        return None

    def clear(self) -> None:
        """Forget all failures."""
        self.pending.clear()
