"""What all doors have in common: which paths are shim's, what goes on upstream, how answers look.

Knows headers, paths and the forms of errors. Knows no HTTP library, no server and no Assistants
semantics.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping

from shim.core.ids import OWN_FILE
from shim.core.wire import Reply
from shim.errors import ApiError, ShimError, Unreachable
from shim.upstream.credentials import fitted, with_key

__all__ = [
    "EVENT_STREAM",
    "OURS",
    "failed",
    "fitted",
    "headers_of",
    "is_ours",
    "refused",
    "sender_of",
    "with_key",
]

log = logging.getLogger("shim")

OURS = rf"(?:assistants|threads)(?:/.*)?|files/{OWN_FILE}(?:/content)?"
"""What follows the slash after the base path, where shim answers: its own files, too."""

EVENT_STREAM = "text/event-stream; charset=utf-8"

_OURS = re.compile(f"/(?:{OURS})", re.DOTALL)

# Headers that belong to the one request they came with, not to its sender.
_NOT_FORWARDED = re.compile(
    r"x-stainless-.*|openai-beta|content-.*|accept.*|host|connection|cookie|transfer-encoding"
    r"|idempotency-key|expect|te|trailer|upgrade|keep-alive|proxy-.*"
)


def is_ours(path: str) -> bool:
    """Whether shim answers what is asked at a path, given without its base."""
    return _OURS.fullmatch(path) is not None


def sender_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What a request says of its sender, to be sent with the upstream calls made for it."""
    return {name: value for name, value in headers.items() if not _NOT_FORWARDED.fullmatch(name)}


def headers_of(reply: Reply, began: float, request_id: str | None = None) -> dict[str, str]:
    """The headers of an answer to what was asked at `began`, as the original sent them."""
    headers = {
        "openai-version": "2020-10-01",
        "openai-processing-ms": str(int((time.monotonic() - began) * 1000)),
        "x-request-id": request_id or f"req_{uuid.uuid4().hex}",
        "content-type": "application/json",
        **reply.headers,
    }
    if reply.events is not None:
        headers["content-type"] = EVENT_STREAM
    return headers


def refused(error: Exception, asked: str) -> Reply:
    """The answer that a handler's error amounts to; `asked` names the request in the log."""
    match error:
        case ApiError():
            return Reply(error.status, error.body(), headers=error.headers)
        case Unreachable():
            repeatable = {} if not error.sent else {"x-should-retry": "false"}
            told = ApiError(502, str(error), type="server_error", headers=repeatable)
            return Reply(told.status, told.body(), headers=told.headers)
        case ShimError():
            return failed(str(error))
        case _:
            log.error("%s failed", asked, exc_info=error)
            return failed(f"shim failed: {type(error).__name__}: {error}")


def failed(message: str) -> Reply:
    """The answer where shim is at fault; it would be no better the second time."""
    error = ApiError(500, message, type="server_error", headers={"x-should-retry": "false"})
    return Reply(error.status, error.body(), headers=error.headers)
