"""Rounds of measurements and what is made of them. Knows clocks and medians; not what is measured.

Two things are compared in the same process, in turn and in changing order, and each round gives one
ratio: a machine that slows down for a while slows both. Medians are quoted, with the extremes.
The clock is the processor's: nothing that is measured here waits, and what else the machine does is
not its cost.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import TypeVar

__all__ = ["Row", "alternate", "clock", "compared", "ratio", "spread"]

T = TypeVar("T")

clock = process_time


@dataclass(frozen=True, slots=True)
class Row:
    """A measured figure: the median of its rounds and the extremes."""

    what: str
    unit: str
    median: float
    low: float
    high: float


def spread(what: str, unit: str, values: Sequence[float]) -> Row:
    """The figure that these rounds gave."""
    return Row(what, unit, median(values), min(values), max(values))


def ratio(what: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """How many times as much ours took, round by round."""
    return spread(what, "x", [a / b for a, b in zip(ours, theirs, strict=True)])


def compared(
    what: str, unit: str, ours: Sequence[float], theirs: Sequence[float], without: str
) -> list[Row]:
    """A figure with shim and `without` it, what shim adds, and how many times as much it is."""
    added = [a - b for a, b in zip(ours, theirs, strict=True)]
    return [
        spread(f"{what}: {without}", unit, theirs),
        spread(f"{what}: with shim", unit, ours),
        spread(f"{what}: added to {without}", unit, added),
        ratio(f"{what}: with shim / {without}", ours, theirs),
    ]


def alternate(rounds: int, *sides: Callable[[], T]) -> list[list[T]]:
    """What each side gave in each round; every other round goes through them backwards."""
    found: list[list[T]] = [[] for _ in sides]
    for turn in range(rounds):
        order = range(len(sides)) if turn % 2 == 0 else reversed(range(len(sides)))
        for place in order:
            gc.collect()
            found[place].append(sides[place]())
    return found
