"""Citation markers of the model's own that leak into its text, taken out of it. Pure.

They are written in private-use characters: U+E200, words such as `filecite` and `turn0file0` with
U+E202 between them, U+E201 (Responses spec 5). The result does not depend on how a text is cut into
pieces. Positions in the raw text can be asked for in the clean one.
"""

from __future__ import annotations

import re
from bisect import bisect_right

__all__ = ["LeakFilter"]

_BEGIN, _END = "\ue200", "\ue201"
_MARKS = re.compile("[\ue200-\ue202]")
_LONGEST = 256
"""A mark that is not ended by then began no citation: its text is kept."""


class LeakFilter:
    """Takes raw pieces in, gives clean ones out."""

    def __init__(self) -> None:
        self._waiting = ""
        self._raw = 0
        self._clean = 0
        self._cuts: list[tuple[int, int]] = []

    def feed(self, piece: str) -> str:
        """The clean text that is certain after another piece."""
        if not self._waiting and _MARKS.search(piece) is None:
            return self._pass(piece)
        self._waiting += piece
        return "".join(self._settled(last=False))

    def finish(self) -> str:
        """The clean text that was held back when the raw text has ended."""
        return "".join(self._settled(last=True))

    def place(self, raw: int) -> int:
        """Where a position of the raw text is in the clean text, as far as that is known."""
        found = bisect_right(self._cuts, (raw, self._raw)) - 1
        cut, removed = self._cuts[found] if found >= 0 else (0, 0)
        before = self._cuts[found - 1][1] if found > 0 else 0
        inside = max(0, removed - before - (raw - cut)) if found >= 0 else 0
        return min(raw - removed + inside, self._clean)

    @property
    def raw(self) -> int:
        """The length of the raw text taken in, what waits left out."""
        return self._raw

    def _settled(self, *, last: bool) -> list[str]:
        settled: list[str] = []
        while self._waiting:
            mark = _MARKS.search(self._waiting)
            if mark is None:
                settled.append(self._take(len(self._waiting)))
                break
            settled.append(self._take(mark.start()))
            if self._waiting[0] != _BEGIN:
                self._drop(1)
                continue
            end = self._waiting.find(_END, 0, _LONGEST)
            if end >= 0:
                self._drop(end + 1)
            elif len(self._waiting) >= _LONGEST:
                self._drop(1)
            elif last:
                self._drop(len(self._waiting) if "cite" in self._waiting else 1)
            else:
                break
        return settled

    def _take(self, length: int) -> str:
        text, self._waiting = self._waiting[:length], self._waiting[length:]
        return self._pass(text)

    def _pass(self, text: str) -> str:
        self._raw += len(text)
        self._clean += len(text)
        return text

    def _drop(self, length: int) -> None:
        self._waiting = self._waiting[length:]
        removed = self._cuts[-1][1] if self._cuts else 0
        self._cuts.append((self._raw, removed + length))
        self._raw += length
