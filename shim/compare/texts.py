"""What a text is when it is compared: without markers and spacing; its language; its likeness.

Knows two libraries, which are an extra.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import lru_cache

from shim.native.cases import Outcome

__all__ = ["language_of", "normalised", "other_numbers", "plain_texts", "similarity", "words"]

_MARKER = re.compile(r"【[^】]*】")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_GROUPED = re.compile(r"(?!0[.,])\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
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


def other_numbers(a: str, b: str) -> tuple[str, str] | None:
    """Numbers of a in whose place b has others; None where one side alone has some of its own.

    An answer that says more has numbers besides, and one that spells them out has fewer: neither
    is another number. `1,000` is `1000`, and `5.50` is `5.5`.
    """
    of_a, of_b = (Counter(map(_plain_number, _NUMBER.findall(text))) for text in (a, b))
    gone, new = of_a - of_b, of_b - of_a
    if not gone or not new:
        return None
    return ", ".join(gone.elements()), ", ".join(new.elements())


def _plain_number(text: str) -> str:
    if _GROUPED.fullmatch(text):
        return re.sub("[.,]", "", text).lstrip("0") or "0"
    whole, point, rest = text.replace(",", ".").partition(".")
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + rest if rest else "")


def language_of(text: str, least: int) -> str:
    """The language, as ISO 639-1 has it; empty where the text is short or leaves doubts."""
    if sum(each.isalpha() for each in text) < least:
        return ""
    import py3langid  # noqa: PLC0415 - an extra

    ranked = py3langid.rank(text[:_MOST])
    (language, best), (_, second) = ranked[0], ranked[1]
    return str(language) if best - second >= _SURE else ""
