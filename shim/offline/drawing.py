"""Charts as PNG without any library: what cells can `import shim_png` for. Stands alone.

>>> import shim_png
>>> chart = shim_png.bars({"a": 3, "b": 5}, title="Sales")
>>> chart.save("/mnt/data/chart.png")  # and as the last line, or with display(chart), it is shown
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

__all__ = ["Chart", "bars", "line"]

_WIDTH, _HEIGHT, _MARGIN = 480, 320, 32
_WHITE, _AXIS, _INK = b"\xff\xff\xff", b"\x40\x40\x40", b"\x1f\x77\xb4"


class Chart:
    """A picture in the making; it knows its values and its title."""

    def __init__(self, values: Sequence[float], title: str) -> None:
        self.values = list(values)
        self.title = title
        self._rows = [bytearray(_WHITE * _WIDTH) for _ in range(_HEIGHT)]

    def fill(self, left: int, top: int, right: int, bottom: int, colour: bytes) -> None:
        """Colour a rectangle."""
        left, right = max(0, left), min(_WIDTH, right)
        for row in self._rows[max(0, top) : max(0, bottom)]:
            row[left * 3 : right * 3] = colour * max(0, right - left)

    def axes(self, zero: int) -> None:
        """Draw the axes, the horizontal one where zero is."""
        self.fill(_MARGIN - 1, _MARGIN, _MARGIN + 1, _HEIGHT - _MARGIN, _AXIS)
        self.fill(_MARGIN, zero, _WIDTH - _MARGIN, zero + 1, _AXIS)

    def png(self) -> bytes:
        """The picture as a PNG file."""
        header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in self._rows), 9)
        text = b"Title\0" + self.title.encode("latin-1", "replace")
        parts = ((b"IHDR", header), (b"tEXt", text), (b"IDAT", pixels), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_part(*part) for part in parts)

    def save(self, path: str) -> None:
        """Write the picture to a file."""
        with open(path, "wb") as file:  # noqa: PTH123 - also for what is no path
            file.write(self.png())

    def _repr_png_(self) -> bytes:
        return self.png()

    def __repr__(self) -> str:
        return f"<Chart {self.title!r} of {len(self.values)} values>"


def _part(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def bars(values: Mapping[str, float] | Iterable[float], title: str = "") -> Chart:
    """A bar for each value."""
    numbers = [*map(float, values.values() if isinstance(values, Mapping) else values)]
    chart = Chart(numbers, title)
    height = _scale(numbers)
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(numbers))
    for n, number in enumerate(numbers):
        left = _MARGIN + int(step * n + step * 0.15)
        top, bottom = sorted((height(number), height(0)))
        chart.fill(left, top, left + max(1, int(step * 0.7)), bottom, _INK)
    chart.axes(height(0))
    return chart


def line(x: Iterable[float], y: Iterable[float] | None = None, title: str = "") -> Chart:
    """A line through points; with `x` alone these are the heights."""
    heights = [*map(float, x if y is None else y)]
    places = [*map(float, range(len(heights)) if y is None else x)]
    chart = Chart(heights, title)
    height, low = _scale(heights), min(places, default=0.0)
    span = (max(places, default=0.0) - low) or 1
    points = [
        (_MARGIN + int((p - low) / span * (_WIDTH - 2 * _MARGIN)), height(h))
        for p, h in zip(places, heights)  # noqa: B905 - the shorter one decides
    ]
    for (left, before), (right, after) in pairwise(points):
        _stroke(chart, (left, before), (right, after))
    chart.axes(height(0))
    return chart


def _scale(numbers: Sequence[float]) -> Callable[[float], int]:
    """Where a height stands in the picture; zero is always in it."""
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    room = _HEIGHT - 2 * _MARGIN

    def place(number: float) -> int:
        return _HEIGHT - _MARGIN - int((number - low) / ((high - low) or 1) * room)

    return place


def _stroke(chart: Chart, start: tuple[int, int], end: tuple[int, int]) -> None:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for n in range(steps + 1):
        x = start[0] + (end[0] - start[0]) * n // steps
        y = start[1] + (end[1] - start[1]) * n // steps
        chart.fill(x - 1, y - 1, x + 1, y + 1, _INK)
