"""Two texts word by word: what both have, what one alone has. Knows one library, and no markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Parts", "word_diff"]

Parts = list[tuple[str, str]]

_WORDS = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
_LEAST = 2
"""Words in common that stand between changes: fewer are shown as part of the change."""


def word_diff(a: str, b: str) -> tuple[Parts, Parts]:
    """Both texts in parts, each `same` or `gone` (of a), `same` or `new` (of b)."""
    words = _WORDS.findall(a), _WORDS.findall(b)
    left: Parts = []
    right: Parts = []
    for same, a1, a2, b1, b2 in _blocks(*words):
        for parts, name, text in (
            (left, "same" if same else "gone", "".join(words[0][a1:a2])),
            (right, "same" if same else "new", "".join(words[1][b1:b2])),
        ):
            if text:
                parts.append((name, text))
    return left, right


Block = tuple[bool, int, int, int, int]


def _blocks(a: list[str], b: list[str]) -> Iterator[Block]:
    """Whether words are the same, and where they stand in a and in b. Spacing does not count."""
    from rapidfuzz.distance import Indel  # noqa: PLC0415 - an extra

    codes = Indel.opcodes([each.strip() for each in a], [each.strip() for each in b])
    changed: Block | None = None
    for number, code in enumerate(codes):
        a1, a2, b1, b2 = code.src_start, code.src_end, code.dest_start, code.dest_end
        inside = 0 < number < len(codes) - 1 and changed is not None
        if code.tag == "equal" and not (inside and a2 - a1 < _LEAST):
            if changed is not None:
                yield changed
            changed = None
            yield True, a1, a2, b1, b2
        else:
            start = changed or (False, a1, a2, b1, b2)
            changed = False, start[1], a2, start[3], b2
    if changed is not None:
        yield changed
