"""How much may be asked: the size of a body, and how often a caller may call.

Knows sizes, times and names of callers. Knows no endpoint, and not who the callers are.
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from shim.errors import ApiError, SettingsError

__all__ = ["MOST_PASSED_ON", "Rates", "bounded"]

MOST_PASSED_ON = 600_000_000
"""The size of a body that is passed on: uploads may have 512 MB at the upstream, and a form's parts
some more."""

_TOO_LARGE = "Maximum content size limit ({0}) exceeded ({1} bytes read)"
_TOO_OFTEN = "Rate limit reached for requests: Limit {0}. Please try again in {1}s."


def bounded(scope: Scope, receive: Receive, most: int) -> Receive:
    """What is received, up to so many bytes; more than that raises ApiError 413.

    A body that says how long it is gets refused before the first of it is read.
    """
    told = Headers(scope=scope).get("content-length", "")
    length = int(told) if told.isdecimal() else 0
    read = 0

    async def receiving() -> Message:
        nonlocal read
        if length > most:
            raise _too_large(most, length)
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            raise _too_large(most, read)
        return message

    return receiving


def _too_large(most: int, size: int) -> ApiError:
    return ApiError(413, _TOO_LARGE.format(most, size))


class Rates:
    """Counts each caller's calls over the time that has just gone by, in this process.

    `rate` is as the library `limits` reads it: `60/minute`, `10 per second; 500 per hour`. An empty
    one lets all in. Raises SettingsError for what is no rate.
    """

    def __init__(self, rate: str) -> None:
        self._items = [_item(each) for each in rate.replace(",", ";").split(";") if each.strip()]
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, caller: str) -> None:
        """Count a call; raises ApiError 429 where it is one too many."""
        for item in self._items:
            if not self._limiter.hit(item, caller):
                raise self._refused(item, caller)

    def _refused(self, item: RateLimitItem, caller: str) -> ApiError:
        reset, _ = self._limiter.get_window_stats(item, caller)
        seconds = max(1, math.ceil(reset - time.time()))
        return ApiError(
            429,
            _TOO_OFTEN.format(item, seconds),
            type="requests",
            code="rate_limit_exceeded",
            headers={"retry-after": str(seconds), "x-ratelimit-limit-requests": str(item.amount)},
        )


def _item(text: str) -> RateLimitItem:
    try:
        return parse(text.strip())
    except ValueError as error:
        raise SettingsError(
            f"SHIM_RATE has {text.strip()!r}, which is no rate: use 60/minute"
        ) from error
