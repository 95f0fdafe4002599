"""Rates with their uncertainty, and how much a lane differs from itself. Knows numbers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Rate", "sign_test"]

_Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many."""

    count: int = 0
    of: int = 0

    @property
    def share(self) -> float:
        """The share, 0 where there was nothing to count."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 %; all of 0 to 1 where nothing was counted."""
        n = self.of
        if not n:
            return 0.0, 1.0
        p, z2 = self.share, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def told(self) -> str:
        """The rate in words, with its interval."""
        if not self.of:
            return "none of 0"
        low, high = self.interval
        return f"{self.count} of {self.of} ({self.share:.0%}; {low:.0%} to {high:.0%})"


def sign_test(wins: int, losses: int) -> float:
    """The chance of so uneven a result, or more, if neither were better (two-sided)."""
    n, least = wins + losses, min(wins, losses)
    if not n:
        return 1.0
    tail: float = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    return min(1.0, 2 * tail)
