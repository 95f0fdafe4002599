"""Run `async def` code whose ports never suspend, without an event loop.

The engine is written once, as coroutines over small ports. Behind a blocking door every port
blocks instead of suspending, so a coroutine runs to its end on the first `send(None)`. Knows
nothing of what it drives.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

from shim.errors import Suspended

__all__ = ["iterate", "run"]

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine to its result; raises Suspended if it waits for anything."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise Suspended(f"{coroutine!r} suspended behind a blocking door")


def iterate(source: AsyncIterator[T]) -> Iterator[T]:
    """Yield from an async iterator; the source is left open, its owner decides when it ends."""
    while True:
        try:
            item = run(_next(source))
        except StopAsyncIteration:
            return
        yield item


async def _next(source: AsyncIterator[T]) -> T:
    return await source.__anext__()
