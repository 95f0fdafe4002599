"""Reads VCR cassettes: those of Python's vcrpy and those of the Ruby gem. Knows their YAML.

vcrpy keeps `interactions` (bodies as text or as bytes, in JSON cassettes as base64), the gem keeps
`http_interactions`. Neither tells when events came.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from shim.compare.reading.http_messages import Raw, exchange, lower
from shim.core.wire import Json
from shim.native.exchanges import Exchange

__all__ = ["is_cassette", "read"]

_KEYS = ("interactions", "http_interactions")


def is_cassette(value: Any) -> bool:
    """Whether a file's content is a cassette."""
    return isinstance(value, dict) and any(isinstance(value.get(key), list) for key in _KEYS)


def read(value: Json, name: str) -> Iterator[Exchange | tuple[str, str]]:
    """The exchanges, and of those that cannot be read the place and why."""
    key = next(key for key in _KEYS if key in value)
    for number, each in enumerate(value[key], 1):
        place = f"{name}#{number}"
        try:
            yield _exchange(each, place)
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            yield place, f"is no interaction that can be read: {type(error).__name__}: {error}"


def _exchange(each: Json, place: str) -> Exchange:
    request, response = each["request"], each["response"]
    status = response["status"]
    return exchange(
        request["method"],
        request.get("uri") or request["url"],
        Raw(lower(request.get("headers") or {}), _bytes(request.get("body"))),
        int(status["code"] if isinstance(status, dict) else status),
        Raw(lower(response.get("headers") or {}), _bytes(response.get("body"))),
        place=place,
    )


def _bytes(body: Any) -> bytes:
    """A body as bytes, in whichever of the forms it stands."""
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str():
            return body.encode()
        case {"base64_string": str(text)}:
            return base64.b64decode(text)
        case {"string": held}:
            # the gem tells the encoding of what was text; bytes it keeps as such
            return _bytes(held)
        case _:
            raise ValueError(f"a body that is a {type(body).__name__}")
