"""The server as an ASGI application: who is asked what, and by which part it is answered.

Knows Starlette. Knows no Assistants semantics and no socket.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.datastructures import URLPath
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from shim.core.routes import match
from shim.core.wire import Call, Reply, Target, encode_json
from shim.doorway import headers_of, refused
from shim.errors import ApiError
from shim.providers import BETA, Models
from shim.server.access import Access, Admitted
from shim.server.bounds import MOST_PASSED_ON, Rates, bounded
from shim.server.modes import access_of
from shim.server.observation import Observed, trail_of
from shim.server.onward import Router
from shim.server.paths import Place, placed
from shim.server.proxy import Passed, forwarded
from shim.server.room import Room
from shim.server.shared import Shared
from shim.server.streams import Streamed, framed
from shim.server.telling import routes
from shim.settings import Settings

__all__ = ["asgi", "room_of"]


def asgi(settings: Settings | None = None, *, access: Access | None = None) -> Starlette:
    """The server as an application, to be served by itself or mounted in another.

        app.mount("/v1", shim.asgi())

    Below a `v1`, its own or that of the mount, what is not shim's is passed on to the upstream.
    """
    settings = settings or Settings.load()
    room = Room(settings)
    app = Starlette(
        routes=[*routes(room), _Doorway(room, access or access_of(room))],
        middleware=[Middleware(Observed, metrics=room.metrics), *_pages(settings)],
        lifespan=lambda _: _lifespan(room),
    )
    app.state.shim = room
    return app


def room_of(app: Starlette) -> Room:
    """What an application of ours works with."""
    room = app.state.shim
    assert isinstance(room, Room)
    return room


def _pages(settings: Settings) -> list[Middleware]:
    """What lets pages of other sites call, where the settings name any."""
    if not settings.cors:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["*"],
        )
    ]


@asynccontextmanager
async def _lifespan(room: Room) -> AsyncIterator[None]:
    await room.start()
    yield
    await room.close()


class _Doorway(BaseRoute):
    """Answers requests: by the engine what is shim's, by the upstream what is not.

    It takes every path. A pattern of Starlette's would not: none goes beyond the end of a line.
    """

    def __init__(self, room: Room, access: Access) -> None:
        self._room = room
        self._access = access
        self._rates = Rates(room.settings.rate)
        self._most = room.settings.max_body_mb * 1_000_000
        self._shared = Shared(room.belongings, room.lines.send)
        self._router = Router(Models(room.settings.models, room.settings.provider))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._room.keep()
        place = placed(scope)
        most = self._most if place.ours else MOST_PASSED_ON
        request = Request(scope, bounded(scope, receive, most))
        try:
            answer = await self._answer(request, place, time.monotonic())
        except ClientDisconnect:
            return  # before the whole of its request was there
        await answer(scope, receive, send)

    async def _answer(self, request: Request, place: Place, began: float) -> ASGIApp:
        try:
            return await self._admitted(request, place, began)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the caller gets it as an answer
            return _told(refused(error, f"{request.method} {place.path}"), began)

    async def _admitted(self, request: Request, place: Place, began: float) -> ASGIApp:
        if not (place.ours or place.passes):
            raise ApiError(404, place.unknown(request.method, request.scope["path"]))
        trail_of(request.scope).route = _route(request.method, place)
        admitted = await self._access.admit(request.headers)
        self._rates.check(admitted.name)
        if place.ours:
            return await self._carried(request, place, admitted, began)
        answer = await self._passed(request, place, admitted)
        return _told(answer, began) if isinstance(answer, Reply) else answer

    async def _passed(self, request: Request, place: Place, admitted: Admitted) -> Passed | Reply:
        target = admitted.target
        forward = partial(self._forwarded, place=place, target=target)
        if admitted.shares:
            return await self._shared.passed(request, place, target, forward)
        return await forward(request)

    async def _forwarded(self, request: Request, place: Place, target: Target) -> Passed:
        lines = self._room.lines
        onward = await self._router.onward(place, request, target, lines.dialect(target))
        fitted = await lines.fitted(target)
        answer = await forwarded(lines.client(), request, onward, fitted)
        if target.tenant is not None:
            answer.told_by(partial(self._room.belongings.told, target.tenant))
        return answer

    async def _carried(
        self, request: Request, place: Place, admitted: Admitted, began: float
    ) -> ASGIApp:
        query, body = request.query_params.multi_items(), await request.body()
        if admitted.shares:
            belongings = self._room.belongings
            await belongings.check_thread(admitted.tenant, request.method, place.path)
            await belongings.check_call(admitted.tenant, body)
        call = Call(
            method=request.method,
            path=place.path,
            target=admitted.target,
            query=tuple(pair for pair in query if pair[0] != "api-version"),
            body=body,
            headers={**(BETA if place.azure else {}), **dict(request.headers.items())},
            tenant=admitted.tenant,
            api_version=request.query_params.get("api-version", ""),
        )
        return _told(await self._room.answer(call), began)


def _told(reply: Reply, began: float) -> ASGIApp:
    """A reply as an answer to what was asked at `began`."""
    headers = headers_of(reply, began)
    if reply.events is not None:
        return Streamed(framed(reply.events), headers, reply.status)
    if reply.chunks is not None:
        return Streamed(reply.chunks, headers, reply.status)
    return Response(encode_json(reply.body or {}), reply.status, headers)


def _route(method: str, place: Place) -> str:
    """What is counted together: an endpoint of shim's, or all that is passed on."""
    if not place.ours:
        return "proxy"
    matched = match(method, place.path.rstrip("/"))
    return matched.route.path if matched else "unknown"
