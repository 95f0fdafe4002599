"""Two texts word by word: what both have, what one alone has. Knows no markup."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

__all__ = ["word_diff"]

Parts = list[tuple[str, str]]

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MOST = 3000
"""Words beyond which two texts are shown whole: the comparison would take too long."""


def word_diff(a: str, b: str) -> tuple[Parts, Parts]:
    """Both texts in parts, each `same` or `gone` (of a), `same` or `new` (of b)."""
    words = _WORDS.findall(a), _WORDS.findall(b)
    if max(map(len, words)) > _MOST:
        return [("gone", a)], [("new", b)]
    left: Parts = []
    right: Parts = []
    matcher = SequenceMatcher(None, *words, autojunk=False)
    for kind, a1, a2, b1, b2 in matcher.get_opcodes():
        here, there = "".join(words[0][a1:a2]), "".join(words[1][b1:b2])
        if kind == "equal":
            left.append(("same", here))
            right.append(("same", there))
            continue
        if here:
            left.append(("gone", here))
        if there:
            right.append(("new", there))
    return left, right
