"""Links to files of the code interpreter, `sandbox:/mnt/data/...`, found in a text. Pure.

Models write them as Markdown links, in angle brackets, in quotes or bare, and the upstream does not
annotate every one of them. Knows how such a link ends and which path it names, but no annotation
and no container.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

__all__ = ["FOLDER", "Link", "links", "path_of"]

FOLDER = "sandbox:/mnt/data/"
"""How each link begins."""

_SCHEME = "sandbox:"
_BARE = re.compile(
    '[^\\s<>"`|\u201c\u201d\u2018\u2019\u00ab\u00bb'
    "\u3000-\u3003\u3008-\u3011\u3014-\u301b\uff00-\uff0f\uff1a-\uff1f\ue200-\ue202]+"
)
"""What a link without brackets around it may consist of: spaces in it are written %20."""

_LONGEST = 2048
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_TITLE = re.compile(r"\s+(\"[^\"]*\"|'[^']*'|\([^()]*\))\s*$")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_PUNCTUATION = ".,;:!?*_~'\u2026"


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it stands in the text, and the path of the file that it names."""

    start: int
    text: str
    path: str

    @property
    def end(self) -> int:
        """Where the link ends."""
        return self.start + len(self.text)

    @property
    def name(self) -> str:
        """The name of the file."""
        return posixpath.basename(self.path)


def links(value: str) -> Iterator[Link]:
    """The links in a text, in its order."""
    start = value.find(FOLDER)
    while start >= 0:
        text = _extent(value, start)
        if path := path_of(text):
            yield Link(start, text, path)
        start = value.find(FOLDER, start + max(len(text), len(FOLDER)))


def _extent(value: str, start: int) -> str:
    """The link that begins at `start`, without what follows it."""
    before = value[max(0, start - 2) : start]
    inner = None
    if before == "](":
        inner = _destination(_line(value, start))
    elif before[-1:] == "<":
        inner = _bracketed(_line(value, start))
    return _bare(value, start, before[-1:]) if inner is None else inner


def _line(value: str, start: int) -> str:
    """What may belong to a link with brackets around it."""
    return value[start : start + _LONGEST].partition("\n")[0]


def _bracketed(line: str) -> str | None:
    """The link up to its angle bracket."""
    inner, closing, _ = line.partition(">")
    return inner if closing else None


def _destination(line: str) -> str | None:
    """The destination of a Markdown link up to its parenthesis, its title left out."""
    end = _unpaired(line, ")")
    return None if end is None else _TITLE.sub("", line[:end]).rstrip()


def _bare(value: str, start: int, before: str) -> str:
    found = _BARE.match(value, start)
    text = found.group() if found else ""
    if before == "'":
        text = text.partition("'")[0]
    for closing in _PAIRS:
        text = text[: _unpaired(text, closing)]
    return text.rstrip(_PUNCTUATION)


def _unpaired(text: str, closing: str) -> int | None:
    """Where a bracket closes that was not opened in the text."""
    depth = 0
    for place, character in enumerate(text):
        if character == _PAIRS[closing]:
            depth += 1
        elif character == closing:
            if depth == 0:
                return place
            depth -= 1
    return None


def path_of(text: str) -> str | None:
    """The path of a file in the folder; None where the link names no such file."""
    path = unquote(text[len(_SCHEME) :])
    plain = posixpath.normpath(path)
    inside = plain.startswith(FOLDER[len(_SCHEME) :])
    return plain if inside and not path.endswith("/") and not _CONTROL.search(plain) else None
