"""An exchange out of raw HTTP, as recorders of others keep it. Knows encodings, no recorder.

Bodies may be compressed still; what is no JSON and no stream of events is told by kind and size.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from shim.core.wire import Json, decode_json, encode_compact
from shim.doorway import OURS
from shim.errors import Unreachable
from shim.native.exchanges import Exchange, Timed
from shim.upstream.events import NamedEventParser

__all__ = ["Raw", "content_of", "exchange", "lower"]

_PATH = re.compile(rf".*?(?P<path>/{OURS})", re.DOTALL)
_BASE = re.compile(r"^(?:/openai)?/v1(?=/)")
_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Raw:
    """A request or an answer. A body that was parsed already may be JSON."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Json | list[Any] = b""

    @property
    def kind(self) -> str:
        """The media type, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def plain(self) -> bytes:
        """The body as bytes, not compressed."""
        if not isinstance(self.body, bytes):
            return encode_compact(self.body)
        if self.body.startswith(b"\x1f\x8b"):
            return gzip.decompress(self.body)
        if self.headers.get("content-encoding") == "deflate" and self.body:
            return _inflated(self.body)
        return self.body


def exchange(
    method: str, url: str, request: Raw, status: int, answer: Raw, **known: Any
) -> Exchange:
    """The exchange; raises ValueError where a stream of events is none."""
    split = urlsplit(url)
    path = unquote(split.path)
    found = _PATH.fullmatch(path)
    body, content = content_of(request)
    told, answer_content, events = None, None, None
    if answer.kind == _STREAM:
        events = _events(answer.plain())
    else:
        told, answer_content = content_of(answer)
    return Exchange(
        method=method.upper(),
        path=found["path"] if found else _BASE.sub("", path),
        query=tuple(parse_qsl(split.query, keep_blank_values=True)),
        headers=request.headers,
        body=body,
        content=content,
        status=status,
        answer_headers=answer.headers,
        answer=told,
        answer_content=answer_content,
        events=events,
        **known,
    )


def content_of(raw: Raw) -> tuple[Json | None, Json | None]:
    """The body if it is a JSON object, else what is told of it; neither where there is none."""
    if isinstance(raw.body, dict):
        return raw.body, None
    plain = raw.plain()
    if not plain:
        return None, None
    try:
        value = decode_json(plain)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value, None
    return None, {"kind": raw.kind or "unknown", "bytes": len(plain)}


def lower(headers: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Headers with lower-case names: of a mapping to texts or lists, or of names and values."""
    if not isinstance(headers, Mapping):
        headers = {str(each.get("name")): each.get("value") for each in headers}
    return {
        str(name).lower(): value if isinstance(value, str) else ", ".join(map(str, value or ()))
        for name, value in headers.items()
    }


def _events(content: bytes) -> tuple[Timed, ...]:
    parser = NamedEventParser()
    try:
        return tuple(Timed(event) for event in chain(parser.feed(content), parser.end()))
    except Unreachable as error:
        raise ValueError(f"has a stream with an event that is no JSON: {error}") from error


def _inflated(content: bytes) -> bytes:
    """Deflated bytes, with the frame that the standard asks for or, as some send them, without."""
    try:
        return zlib.decompress(content)
    except zlib.error:
        return zlib.decompress(content, -zlib.MAX_WBITS)
