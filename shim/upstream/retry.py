"""When a request to the upstream is sent again: only what it certainly did not carry out.

Knows statuses and headers; knows no HTTP library and no clock but the sleep it is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from shim.core.ports import Request
from shim.errors import Unreachable
from shim.translate.failures import is_passing

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["repeat"]

T = TypeVar("T")

LONGEST_WAIT = 60.0


async def repeat(
    send: Callable[[], Awaitable[T]], request: Request, sleep: Callable[[float], Awaitable[None]]
) -> T:
    """Send up to `request.attempts` times; the last answer or error is the caller's."""
    if request.attempts <= 1:
        return await send()
    from tenacity import (  # noqa: PLC0415 - seldom needed
        AsyncRetrying,
        stop_after_attempt,
        wait_exponential,
        wait_random,
    )

    backoff = wait_exponential(multiplier=0.5, max=7.5) + wait_random(0, 0.5)
    retrying = AsyncRetrying(
        sleep=sleep,
        stop=stop_after_attempt(request.attempts),
        retry=lambda state: _repeatable(_ended(state), harmless=request.method == "GET"),
        wait=lambda state: _asked(_ended(state)) or backoff(state),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )

    async def attempt() -> T:  # tenacity awaits nothing but an `async def`
        return await send()

    return await retrying(attempt)


def _ended(state: RetryCallState) -> Any:
    """How an attempt ended: an answer, an opened stream, or an exception."""
    assert state.outcome is not None
    return state.outcome.exception() if state.outcome.failed else state.outcome.result()


def _repeatable(ended: Any, *, harmless: bool) -> bool:
    if isinstance(ended, BaseException):
        return isinstance(ended, Unreachable) and (harmless or not ended.sent)
    if ended.headers.get("x-should-retry") == "false":
        return False
    if is_passing(ended.status, ended.body):
        return True
    return harmless and ended.status in {500, 502, 504}


def _asked(ended: Any) -> float | None:
    """The seconds the server asked for, in any of the forms in use."""
    headers: Mapping[str, str] = getattr(ended, "headers", {})
    seconds: float | None = None
    with suppress(ValueError, KeyError):
        seconds = parsedate_to_datetime(headers["retry-after"]).timestamp() - time()
    with suppress(ValueError, KeyError):
        seconds = float(headers["retry-after"])
    with suppress(ValueError, KeyError):
        seconds = float(headers["retry-after-ms"]) / 1000
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)
