"""Keeps tenants apart who share an upstream key: each reaches what was made for it, and no more.

What is somebody else's is refused as what is not there, before the upstream is asked. Knows which
words the upstream has for that; the rules and where ids stand are `allowed` and `references`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Message, Receive

from shim.core import conflicts, refusals
from shim.core.ids import FILE
from shim.core.routes import CONVERSATION, match
from shim.core.wire import Json, decode_json, encode_compact
from shim.errors import ApiError
from shim.server.allowed import Allowed
from shim.server.forms import boundary_of, watched
from shim.server.references import made_in, named_in
from shim.storage.owners import Owned, Owners

__all__ = ["Belongings"]

_WORDS = {
    "audio": "Audio",
    "batch": "File batch",
    "container": "Container",
    "conversation": "Conversation",
    "part": "Upload part",
    "prompt": "Prompt",
    "response": "Response",
    "skill": "Skill",
    "upload": "Upload",
}
_NO_ITEM = (
    "Item with id '{0}' not found. Items are not persisted when `store` is set to false. Try again "
    "with `store` set to true, or remove this item from your input."
)
_NEEDS_NONE = re.compile(r".*/(?:cancel|complete|conversations|containers|vector_stores)")
"""Endpoints that may be asked without a body."""

_TELLING = re.compile(rb'"(?:response|item|audio)"')
"""What an event that tells of something made has in it."""


class Belongings:
    """What is whose, looked up when it is named and remembered when it is made."""

    def __init__(self, owners: Callable[[], Owners]) -> None:
        self._owners = owners

    async def check_call(self, tenant: str, body: bytes) -> None:
        """Refuse a call for the engine that names what is not the tenant's at the upstream.

        Files of shim's own are the engine's to look up.
        """
        named = {owned for owned in named_in(_parsed(body)) if not owned[1].startswith(FILE)}
        kept = {owned for owned in named if owned[0] in {"file", "vector_store"}}
        for kind, key in await self._strange(tenant, kept):
            raise conflicts.unknown(kind.replace("_", " "), key)

    async def check_thread(self, tenant: str, method: str, path: str) -> None:
        """Refuse a conversation, named as a thread, that is not known to be the tenant's.

        The key that all go upstream with would read it to whoever guesses its id.
        """
        matched = match(method, path.rstrip("/"))
        key = matched.ids.get("thread_id", "") if matched else ""
        if not key.startswith(CONVERSATION):
            return
        if not await self._owners().has_conversation(tenant, key):
            raise conflicts.unknown("thread", key)

    async def check_path(self, tenant: str, request: Request, found: Allowed) -> None:
        """Refuse what path and query name, and is not the tenant's."""
        rule, query = found.rule, request.query_params.multi_items()
        named = {(kind, key) for kind, key in found.ids.items() if kind != "_"}
        changes = request.method != "GET" and not rule.reads
        await self._refuse(tenant, named, alone=changes)
        cursors = {
            (rule.lists or rule.cursor, value)
            for name, value in query
            if name in {"after", "before"} and (rule.lists or rule.cursor)
        }
        await self._refuse(tenant, cursors | named_in([{name: value} for name, value in query]))

    async def checked(self, tenant: str, request: Request) -> Request:
        """The request as it may go on: what was looked at is what is sent."""
        if request.method in {"GET", "DELETE"}:
            return _with(request, b"")
        boundary = boundary_of(request.headers.get("content-type", ""))
        if boundary is not None:
            pieces = watched(request.stream(), boundary, lambda field: self.look(tenant, field))
            return Request(request.scope, _received(pieces))
        body = await request.body()
        if not body and not _NEEDS_NONE.fullmatch(request.scope["path"]):
            raise refusals.malformed()
        return _with(request, await self._looked_at(tenant, body) if body else b"")

    async def _looked_at(self, tenant: str, body: bytes) -> bytes:
        """A body of JSON in one reading, so that the upstream cannot read it otherwise."""
        try:
            sent = decode_json(body)
        except (ValueError, RecursionError):
            raise refusals.malformed() from None
        if not isinstance(sent, dict):
            raise refusals.malformed()
        await self.look(tenant, sent)
        return encode_compact(sent)

    async def look(self, tenant: str, body: Any) -> None:
        """Refuse a body that names what is not the tenant's."""
        named = named_in(body)
        strange = await self._strange(tenant, named)
        if strange:
            raise _missing_in(body, *min(strange))

    async def _refuse(self, tenant: str, named: Collection[Owned], *, alone: bool = False) -> None:
        for kind, key in await self._strange(tenant, named, alone=alone):
            raise _missing(kind, key)

    async def _strange(
        self, tenant: str, named: Collection[Owned], *, alone: bool = False
    ) -> list[Owned]:
        if not named:
            return []
        own = await self._owners().own(tenant, named, alone=alone)
        return sorted(set(named) - own)

    # what the upstream answers

    async def made(self, tenant: str, answer: Any) -> None:
        """Remember what an answer tells of that was made for the tenant."""
        if found := made_in(answer):
            await self._owners().add(tenant, found)

    async def told(
        self, tenant: str, kind: str, pieces: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """An answer as it comes; what it tells of is remembered before the caller reads it."""
        match kind.partition(";")[0].strip().lower():
            case "application/json":
                whole = b"".join([piece async for piece in pieces])
                await self.made(tenant, _parsed(whole))
                yield whole
            case "text/event-stream":
                rest = b""
                async for piece in pieces:
                    *lines, rest = (rest + piece).split(b"\n")
                    await self._events(tenant, lines)
                    yield piece
            case _:
                async for piece in pieces:
                    yield piece

    async def _events(self, tenant: str, lines: Iterable[bytes]) -> None:
        for line in lines:
            if line.startswith(b"data:") and _TELLING.search(line):
                await self.made(tenant, _parsed(line[5:].strip()))

    async def own_of(self, tenant: str, kind: str, listed: list[Json]) -> list[Json]:
        """Those of a list's objects that are the tenant's."""
        asked = [(kind, str(each.get("id"))) for each in listed]
        own = await self._owners().own(tenant, asked)
        return [each for each, owned in zip(listed, asked, strict=True) if owned in own]

    async def has_any(self, tenant: str, kind: str) -> bool:
        """Whether a list can have anything."""
        return await self._owners().any(tenant, kind)


def _with(request: Request, body: bytes) -> Request:
    """The request with another body."""
    scope = {**request.scope, "headers": list(request.scope["headers"])}
    headers = MutableHeaders(scope=scope)
    del headers["transfer-encoding"]
    headers["content-length"] = str(len(body))
    return Request(scope, _received(_one(body)))


async def _one(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _received(pieces: AsyncGenerator[bytes, None]) -> Receive:
    async def receive() -> Message:
        async for piece in pieces:
            return {"type": "http.request", "body": piece, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _parsed(body: bytes) -> Any:
    try:
        return decode_json(body)
    except (ValueError, RecursionError):
        return None  # nothing that anybody understands


def _missing(kind: str, key: str) -> ApiError:
    """The 404 for what a path names."""
    match kind:
        case "file":
            return conflicts.no_such_file(key)
        case "vector_store":
            return conflicts.unknown("vector store", key)
        case "item":
            return ApiError(404, _NO_ITEM.format(key))
        case _:
            return ApiError(404, f"{_WORDS.get(kind, kind)} with id '{key}' not found.")


def _missing_in(body: Any, kind: str, key: str) -> ApiError:
    """The refusal of a body for what it names."""
    if isinstance(body, dict) and kind == "response" and body.get("previous_response_id") == key:
        words = f"Previous response with id '{key}' not found."
        param, code = "previous_response_id", "previous_response_not_found"
        return ApiError(400, words, param=param, code=code)
    return _missing(kind, key)
