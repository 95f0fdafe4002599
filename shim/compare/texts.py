"""What a text is when it is compared: without markers and spacing; its language; its likeness.

Knows two libraries, which are an extra.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

from shim.native.cases import Outcome

__all__ = ["language_of", "normalised", "plain_texts", "similarity", "words"]

_MARKER = re.compile(r"【[^】]*】")
_SURE = math.log(10)
"""How much likelier, as a logarithm, a language is than the next one."""
_MOST = 4000


def plain_texts(outcome: Outcome) -> str:
    """The texts of an outcome with neither markers nor differences of spacing."""
    return normalised(outcome.text)


@lru_cache(maxsize=4096)
def normalised(text: str) -> str:
    """A text by its letters: composed, one space between words, no marker of a citation."""
    plain = unicodedata.normalize("NFKC", _MARKER.sub("", text))
    return " ".join(plain.split())


def words(text: str) -> list[str]:
    """The words and signs of a text, without regard to case."""
    return re.findall(r"\w+|[^\w\s]", text.casefold())


def similarity(a: str, b: str) -> float:
    """The share of words in common, in order: 1 for equal texts, 0 for none."""
    from rapidfuzz.distance import Indel  # noqa: PLC0415 - an extra

    return float(Indel.normalized_similarity(words(a), words(b)))


def language_of(text: str, least: int) -> str:
    """The language, as ISO 639-1 has it; empty where the text is short or leaves doubts."""
    if sum(each.isalpha() for each in text) < least:
        return ""
    import py3langid  # noqa: PLC0415 - an extra

    ranked = py3langid.rank(text[:_MOST])
    (language, best), (_, second) = ranked[0], ranked[1]
    return str(language) if best - second >= _SURE else ""
