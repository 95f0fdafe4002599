"""Turns of an event loop: a call that waits for nothing lets others run all the same.

Knows asyncio. Knows nothing of calls, runs or HTTP.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from shim.errors import ShimError

__all__ = ["Turns", "after_a_moment"]

ROOM = 0.02
"""Seconds that a call leaves to the work in hand, where its caller has left it none."""

MOMENT = 0.01
"""Seconds until work that nobody waits for begins."""


async def after_a_moment(work: Coroutine[Any, Any, None]) -> None:
    """Begin work a moment later: `asyncio.run(one_call())` cancels it before, not in, its request.

    A connection that is cut off while it is opened is left to warn of coroutines never awaited.
    """
    await asyncio.sleep(MOMENT)
    await work


class Turns:
    """The turns that the calls of one client give to the loops it is used on.

    A call that waits for a socket lets the loop go round, and programs count on it that poll
    without a pause, or with `time.sleep`: the task that works on the run they wait for would else
    never be resumed.
    """

    def __init__(self) -> None:
        self._owed: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    async def give(self, in_hand: Callable[[], Collection[asyncio.Task[Any]]]) -> None:
        """Let the loop go round, and the work in hand get on if it has not since the last call."""
        loop = _running()
        starved = loop in self._owed
        await asyncio.sleep(0)
        if starved and (waiting := in_hand()):
            await asyncio.wait(waiting, timeout=ROOM)
        self._owed.add(loop)
        loop.call_soon(self._owed.discard, loop)


def _running() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ShimError(
            "shim's async clients need an asyncio loop, and none is running: under trio, call the "
            "blocking client in a thread"
        ) from None
