"""Answers that are sent while they come into being, to callers who may leave meanwhile.

Knows ASGI and how events are framed. Nothing is sent on an idle stream: the original sent nothing
there, and parsers written by hand may know no comments.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

import anyio
from starlette.types import Receive, Scope, Send

from shim.core.wire import DONE, Event, encode_event
from shim.errors import ShimError

__all__ = ["Streamed", "framed", "until_gone"]

log = logging.getLogger("shim")

_CUT_SHORT = Event(
    "error",
    {
        "error": {
            "message": "The server stopped sending this stream before its end, since it is "
            "shutting down. The run is not affected by that: retrieve it to see how it goes on.",
            "type": "server_error",
            "param": None,
            "code": None,
        }
    },
)


class Streamed:
    """An answer that comes no faster than the caller takes it."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], headers: Mapping[str, str], status: int = 200
    ) -> None:
        self.status_code = status
        self.headers = headers
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the pieces; a break in their midst breaks the answer, never ends it as if whole."""
        await until_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        try:
            async with aclosing(self._pieces) as pieces:
                start = {"type": "http.response.start", "status": self.status_code}
                await send({**start, "headers": raw})
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    # where all is there and fits, nothing above waits: others would, and nobody
                    # would hear that the caller has left
                    await asyncio.sleep(0)
        except ShimError as error:
            log.warning("an answer broke off: %s", error)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def framed(source: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    """Events as bytes. When the caller leaves, they go on without it (see `Workers.carry`)."""
    last: Event | None = None
    async with aclosing(source) as events:
        async for last in events:
            yield encode_event(last)
    if last != DONE:
        yield encode_event(_CUT_SHORT)


async def until_gone(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Carry out the work of sending, and give it up where the caller has left."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await work
        group.cancel_scope.cancel()
