"""Reads sessions of the Azure SDKs' test proxy (openai-dotnet's among them), and HAR files.

Both are JSON. Knows their keys. A session keeps a stream as a list of its lines; a HAR file tells
when a request was made, but not when events came.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shim.compare.reading.http_messages import Raw, exchange, lower
from shim.core.wire import Json
from shim.native.exchanges import Exchange

__all__ = ["is_har", "is_session", "read_har", "read_session"]

Read = Iterator[Exchange | tuple[str, str]]


def is_session(value: Any) -> bool:
    """Whether a file's content is a session of the test proxy."""
    return isinstance(value, dict) and isinstance(value.get("Entries"), list)


def is_har(value: Any) -> bool:
    """Whether a file's content is an HTTP archive."""
    log = value.get("log") if isinstance(value, dict) else None
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def read_session(value: Json, name: str) -> Read:
    """The exchanges of a session."""
    return _all(value["Entries"], name, _of_session)


def read_har(value: Json, name: str) -> Read:
    """The exchanges of an archive."""
    return _all(value["log"]["entries"], name, _of_har)


def _all(entries: list[Any], name: str, of: Any) -> Read:
    for number, each in enumerate(entries, 1):
        place = f"{name}#{number}"
        try:
            yield of(each, place)
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            yield place, f"is no entry that can be read: {type(error).__name__}: {error}"


def _of_session(entry: Json, place: str) -> Exchange:
    request, answer = lower(entry["RequestHeaders"]), lower(entry["ResponseHeaders"])
    return exchange(
        entry["RequestMethod"],
        entry["RequestUri"],
        Raw(request, _body(entry.get("RequestBody"), request)),
        int(entry["StatusCode"]),
        Raw(answer, _body(entry.get("ResponseBody"), answer)),
        place=place,
    )


def _body(body: Any, headers: dict[str, str]) -> bytes | Json | list[Any]:
    """A body: JSON as such, a text, or the lines or the base64 of what is neither."""
    kind = headers.get("content-type", "")
    match body:
        case None:
            return b""
        case list() if all(isinstance(line, str) for line in body) and "json" not in kind:
            return "".join(body).encode()
        case dict() | list():
            return body
        case str() if "json" in kind or kind.startswith("text/"):
            return body.encode()
        case str():
            return _decoded(body)
        case _:
            raise ValueError(f"a body that is a {type(body).__name__}")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def _of_har(entry: Json, place: str) -> Exchange:
    request, response = entry["request"], entry["response"]
    posted, content = request.get("postData") or {}, response.get("content") or {}
    text = content.get("text") or ""
    is_base64 = content.get("encoding") == "base64"
    # the text of an archive is not compressed, whatever its headers say of what was sent
    answer = {k: v for k, v in lower(response["headers"]).items() if k != "content-encoding"}
    kind = content.get("mimeType") or ""
    spent = entry.get("time")
    return exchange(
        request["method"],
        request["url"],
        Raw(lower(request["headers"]), (posted.get("text") or "").encode()),
        int(response["status"]),
        Raw(
            {"content-type": kind, **answer},
            base64.b64decode(text) if is_base64 else text.encode(),
        ),
        at=_moment(entry.get("startedDateTime")),
        seconds=spent / 1000 if isinstance(spent, int | float) and spent >= 0 else None,
        place=place,
    )


def _moment(given: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(given).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
