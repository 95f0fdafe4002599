"""Pass-through: a Handler that hands a call on, as it is, to a server which speaks Assistants.

Knows which headers belong to one connection, with whose key a call goes on, and what an answer is
that says the API is gone. Knows no Assistants semantics and no HTTP library.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

from shim.core.ports import Download, Passage, Passing
from shim.core.wire import Call, Json, Reply, Target, decode_json
from shim.errors import ApiError, SettingsError
from shim.native.retirement import host_of, refusal, warning
from shim.upstream.credentials import CREDENTIALS, fitted, with_key
from shim.upstream.dialect import AZURE, choose
from shim.upstream.entra import is_entra

__all__ = ["LANE", "Forward"]

log = logging.getLogger("shim")

LANE = "x-shim-lane"
"""The header of an answer that says which lane gave it: `native` or `responses`."""

_OF_CONNECTIONS = (
    r"connection|keep-alive|proxy-.*|te|trailers?|transfer-encoding|upgrade|content-length"
)
_NOT_SENT = re.compile(
    rf"{_OF_CONNECTIONS}|host|expect|cookie|accept-encoding|forwarded|x-forwarded-.*|x-real-ip"
)
_NOT_RETURNED = re.compile(
    rf"{_OF_CONNECTIONS}|content-encoding|date|server|set-cookie|alt-svc|strict-transport-security"
)
_VERSION = "api-version"
_SAFE = "/-._~!$&'()*+,;=:@"
_AN_ID = re.compile(r"\b(?:[a-z]+_|file-)[0-9A-Za-z]+")
_OF_A_PATH = re.compile(
    r"invalid url|unknown (request )?url|resource not found|cannot (get|post|delete) /"
    r"|^(404 )?(page )?not found\W*$",
    re.IGNORECASE,
)
_GONE = (
    "{host}, which SHIM_NATIVE_URL names, has no Assistants API at this address: it answered 404 "
    "to {method} {path}{words}. OpenAI switched the API off on 2026-08-26, and Azure OpenAI too. "
    "Let SHIM_NATIVE_URL name a server that still speaks it, the base path included, or unset "
    "SHIM_MODE: shim then carries the Assistants API on the Responses API."
)
_NO_KEY = (
    "SHIM_NATIVE_KEY is not set, and the caller's key is not for {0}: set it to a key of that "
    "server (to any text where it needs none)."
)
_SHARED = (
    "SHIM_NATIVE_KEY is one key for all tenants, and the server behind it would show each what is "
    "another's: serve each tenant by a shim of its own, or let callers bring keys of that server's "
    "(SHIM_ACCESS=callers, no SHIM_NATIVE_KEY)."
)
_MOVED = "{0} answered with a redirection to {1}: let SHIM_NATIVE_URL name the address itself."


class Forward:
    """Hands calls on to the server at `url`, with `key` or with the caller's own.

    Raises SettingsError where that server's API has ended; so does each call from then on. `apart`
    says that whoever calls keeps tenants apart.
    """

    def __init__(
        self,
        passage: Passage,
        url: str,
        key: str = "",
        *,
        apart: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        if (why := refusal(url, now())) is not None:
            raise SettingsError(why)
        if (told := warning(url, now())) is not None:
            log.warning("%s", told)
        self._passage = passage
        self._target = Target(url)
        self._key = key
        versioned = any(name == _VERSION for name, _ in self._target.query)
        self._dialect = AZURE if versioned else choose(url)
        self._apart = apart
        self._now = now

    async def __call__(self, call: Call) -> Reply:
        """Answer with what the server answers; raises ApiError, or Unreachable for no answer."""
        reply = await self._asked(call)
        return replace(reply, headers={**reply.headers, LANE: "native"})

    async def _asked(self, call: Call) -> Reply:
        if (why := refusal(self._target.base_url, self._now())) is not None:
            raise ApiError(410, why, code="assistants_api_gone")
        _check_path(call)
        headers = await self._headers(call)
        answer = await self._passage.pass_on(
            Passing(call.method, self._url(call), headers, call.body, call.target.timeout)
        )
        return await self._reply(call, answer)

    def _url(self, call: Call) -> str:
        """The call's path and query behind the base, with the version that Azure wants."""
        version = [(_VERSION, call.api_version)] if call.api_version else []
        given = self._target.query
        named = {name for name, _ in given}
        query = [*given, *(pair for pair in version if pair[0] not in named), *call.query]
        path = quote(call.path, safe=_SAFE)
        return f"{self._target.root}{path}{'?' if query else ''}{urlencode(query)}"

    async def _headers(self, call: Call) -> Mapping[str, str]:
        named = {each.strip().lower() for each in call.headers.get("connection", "").split(",")}
        kept = {
            name: value
            for name, value in call.headers.items()
            if not _NOT_SENT.fullmatch(name) and name not in named
        }
        if self._key and call.tenant and not self._apart:
            raise ApiError(403, _SHARED)
        if self._key:
            return await self._with_our_key(kept)
        if any(call.target.headers.get(n) != kept[n] for n in CREDENTIALS[:2] if n in kept):
            raise ApiError(
                500,
                _NO_KEY.format(host_of(self._target.base_url)),
                type="server_error",
                headers={"x-should-retry": "false"},
            )
        return fitted(kept, self._dialect) if self._dialect.deployments else kept

    async def _with_our_key(self, headers: Mapping[str, str]) -> dict[str, str]:
        key = await self._passage.current(self._key, self._target.base_url)
        known = with_key(headers, key)
        return known if is_entra(self._key) else fitted(known, self._dialect)

    async def _reply(self, call: Call, answer: Download) -> Reply:
        headers = {n: v for n, v in answer.headers.items() if not _NOT_RETURNED.fullmatch(n)}
        status, kind = answer.status, headers.get("content-type", "").partition(";")[0].strip()
        if 300 <= status < 400 and (place := answer.headers.get("location")):
            await answer.aclose()
            words = _MOVED.format(host_of(self._target.base_url), place)
            raise ApiError(502, words, type="server_error", headers={"x-should-retry": "false"})
        if status < 400 and kind.lower() != "application/json":
            return Reply(status, headers=headers, chunks=answer.chunks())
        content = await _whole(answer)
        body = _object(content)
        if status == 404 and _tells_of_no_object(call, body):
            raise self._gone(call, body)
        if body is not None:
            return Reply(status, body, headers=headers)
        return Reply(status, headers=headers, chunks=_once(content))

    def _gone(self, call: Call, body: Json | None) -> ApiError:
        said = _message(body)
        words = _GONE.format(
            host=host_of(self._target.base_url),
            method=call.method,
            path=call.path,
            words=f" ({said})" if said else "",
        )
        return ApiError(410, words, code="assistants_api_gone")


def _check_path(call: Call) -> None:
    """Refuse what would lead out of the server's base path."""
    parts = set(unquote(call.path).replace("\\", "/").split("/"))
    if parts & {".", ".."}:
        raise ApiError(404, f"Invalid URL ({call.method} /v1{call.path})")


def _tells_of_no_object(call: Call, body: Json | None) -> bool:
    """Whether a 404 is about the address, not about an id that is unknown there."""
    said = _message(body)
    if not said or _OF_A_PATH.search(said):
        return True
    return _AN_ID.search(call.path) is None and _AN_ID.search(said) is None


def _message(body: Json | None) -> str:
    error: Any = (body or {}).get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return said if isinstance(said, str) else ""


async def _whole(answer: Download) -> bytes:
    return b"".join([piece async for piece in answer.chunks()])


def _object(content: bytes) -> Json | None:
    try:
        body = decode_json(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
