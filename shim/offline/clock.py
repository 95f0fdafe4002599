"""The time by which files, vector stores and containers age. Tests turn it forward."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Seconds since 1970 of some source, plus what it was turned forward.

    >>> offline.clock.advance(20 * 60)  # every idle container has expired
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._ahead = 0.0

    def now(self) -> float:
        """The time."""
        return self._source() + self._ahead

    def stamp(self) -> int:
        """The time in whole seconds, as objects carry it."""
        return int(self.now())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += seconds
