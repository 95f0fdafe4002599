"""When the rule model searches files, and what it says of what it found. Knows a view only."""

from __future__ import annotations

import re

from shim.offline import ranking
from shim.offline.outputs import Search
from shim.offline.view import View

__all__ = ["answer", "nothing", "wanted"]

_CUE = re.compile(
    r"\?|^\s*(?:who|what|when|where|which|why|how|summari[sz]e|explain|describe|list|tell)\b"
    r"|\b(?:search|find|look up|according to|document|knowledge|attached)\b",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(r"^(?:using|with|use) the file search(?: tool)?(?:,| to)?\s*", re.IGNORECASE)
_CLOSE = 0.6
"""How near a second file must come to the best one to be quoted as well."""


def wanted(view: View) -> Search | None:
    """A search, if the user asks for something and none was made since."""
    if _searched(view) or view.tool("file_search") is None or not view.text:
        return None
    if not view.may_use("file_search"):
        return None
    if view.must_use("file_search") or _CUE.search(view.text):
        return Search(_PREAMBLE.sub("", view.text.strip()))
    return None


def answer(view: View) -> str:
    """The best sentence of the best passages, cited."""
    quotes, files = [], set[str]()
    best = view.results[0]["score"] if view.results else 0
    for number, result in enumerate(view.results, 1):
        if result["file_id"] in files or result["score"] < best * _CLOSE:
            continue
        files.add(result["file_id"])
        quotes.append(_quote(view.text, result["text"], number))
    return " ".join(quotes[:2])


def nothing(view: View) -> str:
    """What is said where a search came to nothing."""
    return "I found nothing about that in the files." if _searched(view) else ""


def _searched(view: View) -> bool:
    return any(item["type"] == "file_search_call" for item in view.turn)


def _quote(question: str, passage: str, number: int) -> str:
    """A sentence with its citation before the full stop, where live models put it."""
    said = " ".join(ranking.sentence(question, passage).split())
    stop = said[-1] if said[-1:] in ".!?" else "."
    return f"{said.rstrip('.!?')}[[{number}]]{stop}"
