"""Where a request that is not shim's goes at the upstream, and with which body.

Azure's layout of paths and OpenAI's are laid onto each other: on Azure the path names the model, a
deployment, and the query a dated version. Knows how both are written; sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus, urlencode

from starlette.requests import Request

from shim.core.ports import Dialect
from shim.core.wire import Target, decode_json, encode_compact
from shim.providers import endpoint
from shim.server.paths import Place
from shim.upstream.azure import DATED

__all__ = ["Onward", "Router"]

_VERSION = "api-version"
_PROJECT = re.compile(r"/api/projects/[^/]+$")
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_OF_THE_RESOURCE = re.compile(
    r"/(?:batches|containers|conversations|evals|files|fine_tuning|models|responses|uploads"
    r"|vector_stores)(?:/.*)?",
    re.DOTALL,
)
"""What is no deployment's: old clients that are made for one ask for all below it."""

_MODEL_FIELD = re.compile(rb'name="?model"?[;\r\n]')


@dataclass(frozen=True, slots=True)
class Onward:
    """What is asked of the upstream. The content is None where it has no body."""

    url: str
    content: AsyncIterator[bytes] | bytes | None


class Router:
    """Turns places into the upstream's own; `models` replaces names of deployments."""

    def __init__(self, models: Mapping[str, str]) -> None:
        self._models = models

    async def onward(
        self, place: Place, request: Request, target: Target, dialect: Dialect
    ) -> Onward:
        """Where a request goes, and what of its body."""
        base, query = target.root, request.scope["query_string"].decode("latin-1")
        by_model = place.deployment and _OF_THE_RESOURCE.fullmatch(place.path) is None
        if by_model and dialect.deployments:
            base = f"{_PROJECT.sub('', endpoint(base))}/openai/deployments/{place.deployment}"
        elif place.azure:
            query = _undated(query, keeps_others=dialect.deployments)
        query = _completed(query, target)
        url = f"{base}{place.raw}{'?' if query else ''}{query}"
        if by_model and not dialect.deployments and _has_body(request.headers):
            return Onward(url, await self._named(request, unquote(place.deployment)))
        return Onward(url, request.stream() if _has_body(request.headers) else None)

    async def _named(self, request: Request, deployment: str) -> bytes:
        """The body with the model that the path names: the upstream looks for it there alone."""
        body, kind = await request.body(), request.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            return self._in_form(body, kind, deployment)
        try:
            sent = decode_json(body)
        except ValueError:
            return body  # for the upstream to refuse
        if not isinstance(sent, dict):
            return body
        name = self._called(sent.get("model") or deployment)
        return body if name == sent.get("model") else encode_compact({**sent, "model": name})

    def _in_form(self, body: bytes, kind: str, deployment: str) -> bytes:
        boundary = _BOUNDARY.search(kind)
        if boundary is None or _MODEL_FIELD.search(body):
            return body
        field = 'Content-Disposition: form-data; name="model"'
        name = self._called(deployment)
        return f"--{boundary[1]}\r\n{field}\r\n\r\n{name}\r\n".encode() + body

    def _called(self, model: object) -> object:
        return self._models.get(model, model) if isinstance(model, str) else model


def _undated(query: str, *, keeps_others: bool) -> str:
    """The query without the version: the v1 API has none with a date, and OpenAI has none."""
    kept = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        other = keeps_others and not DATED.fullmatch(unquote_plus(value))
        if unquote_plus(name) != _VERSION or other:
            kept.append(pair)
    return "&".join(kept)


def _completed(query: str, target: Target) -> str:
    """The query with what belongs into each one and is not there."""
    names = {unquote_plus(pair.partition("=")[0]) for pair in query.split("&")}
    missing = urlencode([pair for pair in target.query if pair[0] not in names])
    return "&".join(filter(None, (query, missing)))


def _has_body(headers: Mapping[str, str]) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
