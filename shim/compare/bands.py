"""What answers cost in time, tokens and length, lane B beside lane A. Knows numbers of outcomes.

The ratio is the median over turns of B's number by A's own for the same turn, so that long answers
do not speak for short ones. Its interval is the median's by ranks: no chance is in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from shim.compare.texts import plain_texts
from shim.native.cases import Outcome, Pair

__all__ = ["Band", "Ratio", "bands"]

_Z = 1.96  # 95 %
_LEAST = 6
"""Fewer numbers have no interval of 95 % between the least and the greatest of them."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of ratios, over so many turns, and its interval of 95 % where there is one."""

    middle: float
    interval: tuple[float, float] | None
    of: int

    @classmethod
    def over(cls, ratios: Sequence[float]) -> Ratio | None:
        """The median of ratios; None of none."""
        if not ratios:
            return None
        ranked, n = sorted(ratios), len(ratios)
        if n < _LEAST:
            return cls(median(ranked), None, n)
        low = max(0, math.floor((n - _Z * math.sqrt(n)) / 2) - 1)
        return cls(median(ranked), (ranked[low], ranked[n - 1 - low]), n)

    def told(self) -> str:
        """In words, with the interval."""
        if self.interval is None:
            return f"{self.middle:.2f} times ({self.of} are too few for an interval)"
        low, high = self.interval
        return f"{self.middle:.2f} times ({low:.2f} to {high:.2f})"


@dataclass(frozen=True, slots=True)
class Band:
    """One measure: the medians of both lanes, where nine of ten of A's lie, and the ratios."""

    name: str
    a: float
    b: float
    low: float
    high: float
    ratio: Ratio
    floor: Ratio | None

    @property
    def beyond_noise(self) -> bool:
        """Whether B's ratio is surely none that A has with itself, or 1 where that is unknown."""
        if self.ratio.interval is None:
            return False
        low, high = self.ratio.interval
        own = self.floor.interval if self.floor is not None else None
        least, most = (min(own[0], 1.0), max(own[1], 1.0)) if own is not None else (1.0, 1.0)
        return high < least or low > most

    def shown(self, value: float) -> str:
        """A value of it, as a person reads it."""
        return f"{value:.2f} s" if self.name in _SECONDS else f"{value:,.0f}"


def bands(pairs: Iterable[Pair]) -> list[Band]:
    """Each measure that both lanes tell of some turn; pairs that cannot be compared left out."""
    told = list(pairs)
    return [found for name in _MEASURES if (found := _band(name, told)) is not None]


def _band(name: str, pairs: Sequence[Pair]) -> Band | None:
    both = [
        (a, b)
        for pair in pairs
        if (a := _values(name, pair.a)) and (b := _values(name, pair.b)) and fmean(a) and fmean(b)
    ]
    ratio = Ratio.over([fmean(b) / fmean(a) for a, b in both])
    if ratio is None:
        return None
    own = [a[1] / a[0] for a, _ in both if len(a) > 1 and a[0]]
    of_a = sorted(value for a, _ in both for value in a)
    return Band(
        name,
        median(of_a),
        median(value for _, b in both for value in b),
        _at(of_a, 0.05),
        _at(of_a, 0.95),
        ratio,
        Ratio.over(own),
    )


def _values(name: str, outcomes: Iterable[Outcome]) -> list[float]:
    field, measure = _MEASURES[name]
    known = [one for one in outcomes if field not in one.unknown and not one.broken]
    return [float(value) for one in known if (value := measure(one)) is not None]


def _at(ranked: Sequence[float], share: float) -> float:
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


_MEASURES: Mapping[str, tuple[str, Callable[[Outcome], float | None]]] = {
    "time": ("seconds", lambda one: one.seconds),
    "time to the first words": ("first_token", lambda one: one.first_token),
    "tokens read": ("usage", lambda one: one.usage.prompt_tokens if one.usage else None),
    "tokens written": ("usage", lambda one: one.usage.completion_tokens if one.usage else None),
    "letters of the text": ("texts", lambda one: len(plain_texts(one)) or None),
}
"""Which field of an outcome each measure is of, and its value."""

_SECONDS = {"time", "time to the first words"}
