"""What the server tells of itself: that it lives, that it is ready, its counts, what it can do.

Knows nothing of who asks: these are for the machines that watch over it, and say nothing of anyone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from shim.server.metrics import CONTENT_TYPE
from shim.server.observation import trail_of
from shim.server.openapi import document
from shim.server.page import page
from shim.server.room import Room

__all__ = ["routes"]

_PATIENCE = 5.0

Answer = Callable[[Room], Awaitable[Response]]


def routes(room: Room) -> list[Route]:
    """The endpoints of the server's own."""
    answers = {
        "/healthz": _alive,
        "/readyz": _ready,
        "/metrics": _counted,
        "/openapi.json": _described,
        "/docs": _documented,
    }
    return [_at(path, room, answer) for path, answer in answers.items()]


def _at(path: str, room: Room, answer: Answer) -> Route:
    async def endpoint(request: Request) -> Response:
        trail_of(request.scope).route = path
        return await answer(room)

    return Route(path, endpoint)


async def _alive(room: Room) -> Response:  # noqa: ARG001 - it needs nothing to live
    return Response("alive\n", media_type="text/plain")


async def _ready(room: Room) -> Response:
    """Whether requests may be sent here: the database answers, and the end has not come."""
    words = "shutting down" if room.closing else await _trouble(room)
    return Response(f"{words or 'ready'}\n", 503 if words else 200, media_type="text/plain")


async def _trouble(room: Room) -> str:
    try:
        await asyncio.wait_for(room.wired.check(), _PATIENCE)
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        return f"the database does not answer: {type(error).__name__}"
    return ""


async def _counted(room: Room) -> Response:
    return Response(room.metrics.text(), headers={"content-type": CONTENT_TYPE})


async def _described(room: Room) -> Response:  # noqa: ARG001 - the same for all
    return JSONResponse(document())


async def _documented(room: Room) -> Response:  # noqa: ARG001 - the same for all
    return HTMLResponse(page(document()))
