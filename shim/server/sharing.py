"""What is passed on for callers whose upstream key is other tenants' too.

What the upstream keeps, it keeps for the key: files, stores, conversations and responses of one
tenant would be the other's. So only that goes through which leaves nothing there to come back to,
and which names nothing that is kept there. Knows paths and JSON; asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import Message

from shim.core.wire import decode_json, encode_compact
from shim.errors import ApiError
from shim.server.paths import Place

__all__ = ["vetted"]

_READ = re.compile(r"/models(?:/[^/]+)?")
_SENT = re.compile(
    r"/(?:chat/completions|completions|embeddings|moderations|responses|responses/input_tokens"
    r"|images/(?:generations|edits|variations)|audio/(?:speech|transcriptions|translations))"
)
_FORMS = re.compile(r"/(?:images/(?:edits|variations)|audio/(?:transcriptions|translations))")
_IDS = frozenset(
    {
        "container",
        "container_id",
        "conversation",
        "conversation_id",
        "file_id",
        "file_ids",
        "previous_response_id",
        "vector_store_id",
        "vector_store_ids",
    }
)

_CURE = (
    "Tenants of this server share an upstream key, which what is kept there belongs to. Whoever "
    "runs the server can give your key an upstream key of its own: "
    "shim keys add NAME --upstream VARIABLE."
)
_NOT_PASSED = "{0} {1} is not passed on. {2}"
_NAMES_KEPT = "'{0}' names what is kept at the upstream, and is not passed on. {1}"
_NO_JSON = "We could not parse the JSON body of your request."


async def vetted(request: Request, place: Place) -> Request:
    """The request as it may go on; raises ApiError 403 where it may not.

    A JSON body goes on as it was read here, so that the upstream cannot read it otherwise.
    """
    path = place.path.rstrip("/")
    if request.method == "GET" and _READ.fullmatch(path):
        return request
    if request.method != "POST" or not _SENT.fullmatch(path):
        raise ApiError(403, _NOT_PASSED.format(request.method, place.path, _CURE))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data" and _FORMS.fullmatch(path):
        return request
    return _with(request, await _body_of(request))


async def _body_of(request: Request) -> bytes:
    try:
        sent = decode_json(await request.body())
    except (ValueError, RecursionError) as error:
        raise ApiError(400, _NO_JSON) from error
    if not isinstance(sent, dict):
        raise ApiError(400, _NO_JSON)
    if (name := next(_kept({**sent, "metadata": None}), None)) is not None:
        raise ApiError(403, _NAMES_KEPT.format(name, _CURE), param=name)
    return encode_compact(sent)


def _kept(value: Any) -> Iterator[str]:
    """What in a body stands for something that the upstream keeps, by the name of its place."""
    if isinstance(value, list):
        for each in value:
            yield from _kept(each)
    if not isinstance(value, dict):
        return
    if _is_reference(value):
        yield "id"
    for name, inner in value.items():
        if name in _IDS and _names(inner):
            yield name
        elif name == "audio" and isinstance(inner, dict) and _names(inner.get("id")):
            yield "audio"
        else:
            yield from _kept(inner)


def _names(value: Any) -> bool:
    """Whether it is an id, some, or what holds one; a schema that describes one is neither."""
    if isinstance(value, dict):
        return isinstance(value.get("id"), str)
    several = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and each for each in several)


def _is_reference(value: dict[str, Any]) -> bool:
    """Whether an item of an input stands for one of an earlier response."""
    return value.get("type") == "item_reference" or (
        isinstance(value.get("id"), str) and value.get("type") is None and "role" not in value
    )


def _with(request: Request, body: bytes) -> Request:
    """The request with another body."""
    scope = {**request.scope, "headers": list(request.scope["headers"])}
    headers = MutableHeaders(scope=scope)
    del headers["transfer-encoding"]
    headers["content-length"] = str(len(body))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)
