"""A Handler that goes over what a program asks for: another model, other instructions.

Knows in which bodies assistants are defined and runs are asked for. Knows no lane and no upstream.
"""

from __future__ import annotations

from dataclasses import replace

from shim.core.routes import match
from shim.core.wire import Call, Handler, Json, Reply, decode_json, encode_compact
from shim.native.driving import OF_ASSISTANTS

__all__ = ["Changed"]

_DEFINES = {"assistants.create", "assistants.update"}
_RUNS = {"runs.create", "runs.create_with_thread"}


class Changed:
    """Answers as `handler` does to what is asked with `changes`.

    An assistant gets what assistants are made of. A run gets the rest, and what it names itself.
    """

    def __init__(self, handler: Handler, changes: Json) -> None:
        self._handler = handler
        self._changes = changes

    async def __call__(self, call: Call) -> Reply:
        """Answer a call; one whose body is no object goes on as it is."""
        matched = match(call.method, call.path.rstrip("/")) if self._changes else None
        does = matched.route.does if matched else ""
        if does in _DEFINES:
            call = self._over(call, {k for k in self._changes if k in OF_ASSISTANTS}, set())
        elif does in _RUNS:
            call = self._over(call, set(self._changes) - OF_ASSISTANTS, OF_ASSISTANTS)
        return await self._handler(call)

    def _over(self, call: Call, always: set[str], if_named: set[str] | frozenset[str]) -> Call:
        try:
            body = decode_json(call.body) if call.body.strip() else {}
        except ValueError:
            return call
        if not isinstance(body, dict):
            return call
        wanted = always | {key for key in if_named if key in body}
        changes = {key: value for key, value in self._changes.items() if key in wanted}
        return replace(call, body=encode_compact({**body, **changes}))
