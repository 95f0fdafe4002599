"""Plain-text search: chunks of words, ranked by the rare words they share with a query.

No embeddings: a passage is found by its words, not by its meaning. Knows texts, no files.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shim.offline import tokens

__all__ = ["Chunk", "chunks", "rank", "sentence", "words"]

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*", re.DOTALL)
_STOP = frozenset(
    {"a", "about", "according", "after", "all", "also", "an", "and", "any", "are", "as"}
    | {"at", "be", "been", "but", "by", "can", "could", "did", "do", "document", "documents"}
    | {"does", "file", "files", "find", "for", "from", "had", "has", "have", "how", "i", "if"}
    | {"in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "please", "say"}
    | {"says", "search", "should", "show", "so", "tell", "that", "the", "their", "them"}
    | {"then", "there", "these", "they", "this", "to", "tool", "up", "us", "use", "using"}
    | {"was", "we", "were", "what", "when", "where", "which", "who", "whose", "why", "will"}
    | {"with", "would", "you", "your"}
)
_SATURATION = 0.15
_UNKNOWN = 0.3
"""What a word of the query is worth that no passage has, against the rarest they have."""

_POSSESSIVE = re.compile(r"['\u2019](?:s|re|ve|ll|d|m|t)?\Z")
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<!s)s\Z")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage and its words, counted."""

    text: str
    words: Counter[str]


def words(text: str) -> list[str]:
    """The words of a text that say something, plurals as singulars."""
    found = (_POSSESSIVE.sub("", word.lower()) for word in _WORD.findall(text))
    return [_PLURAL.sub("", word) for word in found if word not in _STOP]


def chunks(text: str, size: int, overlap: int) -> list[Chunk]:
    """Passages of `size` tokens, each beginning with the last `overlap` of the one before."""
    return [Chunk(each, Counter(words(each))) for each in _passages(text, size, overlap)]


def _passages(text: str, size: int, overlap: int) -> Iterator[str]:
    pieces = tokens.split(text)
    step = max(1, size - overlap)
    for begin in range(0, max(1, len(pieces) - overlap), step):
        passage = "".join(pieces[begin : begin + size]).strip()
        if passage:
            yield passage


def rank(queries: Sequence[str], passages: Sequence[Chunk]) -> list[float]:
    """How well each passage answers the best fitting query, from 0 to 1."""
    weights = _weights(passages)
    asked = [set(words(query)) for query in queries]
    return [max((_score(q, each, weights) for q in asked), default=0.0) for each in passages]


def _weights(passages: Sequence[Chunk]) -> dict[str, float]:
    """What a word is worth: the rarer among the passages, the more (inverse frequency)."""
    seen = Counter(word for passage in passages for word in passage.words)
    return {word: math.log(1 + (len(passages) + 1) / n) for word, n in seen.items()}


def _score(query: set[str], passage: Chunk, weights: dict[str, float]) -> float:
    unknown = _UNKNOWN * max(weights.values(), default=1.0)
    whole = sum(weights.get(word, unknown) for word in query)
    found = sum(
        weights[word] * n / (n + _SATURATION) for word in query if (n := passage.words.get(word, 0))
    )
    return round(found / whole, 4) if whole else 0.0


def sentence(query: str, passage: str) -> str:
    """The sentence of a passage that shares most with a query."""
    asked = set(words(query))
    sentences = [each.strip() for each in _SENTENCE.findall(passage)]
    sentences = [each for each in sentences if words(each)] or [passage.strip()]
    return str(max(sentences, key=lambda each: len(asked & set(words(each)))))
