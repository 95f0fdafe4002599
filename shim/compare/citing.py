"""How the citations of two outcomes differ: where they stand, and which files they name.

File ids are never equal on two lanes. A file is known by the name in its marker where both lanes
write names there, else by which citations share one. Knows outcomes; weighs nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from shim.compare.texts import normalised, plain_texts
from shim.native.cases import Citation, Outcome

__all__ = ["citation_differences"]

_NAME = re.compile(r"†([^】]+)】")
_NO_NAME = "source"
"""What the old API wrote in the place of a name, most of the time."""


def citation_differences(a: Outcome, b: Outcome) -> Iterator[tuple[int, str]]:
    """Each difference in a sentence, with 1 where B gains by it, -1 where it loses, else 0."""
    yield from _misplaced(a, b)
    files = list(_files(a.citations, b.citations))
    yield from files
    if not files:
        yield from _shifted(a, b)


def _misplaced(a: Outcome, b: Outcome) -> Iterator[tuple[int, str]]:
    """Markers that are not where their citation says. Those that A has as well are A's."""
    astray = [[each for each in one.citations if not each.quoted] for one in (a, b)]
    for each in astray[1][len(astray[0]) :]:
        yield -1, f"the citation {each.text!r} is not at {each.start}:{each.end} of its text"
    for each in astray[0][len(astray[1]) :]:
        yield 1, f"A's citation {each.text!r} is not at {each.start}:{each.end} of its text"


def _files(a: Sequence[Citation], b: Sequence[Citation]) -> Iterator[tuple[int, str]]:
    """Citations that are missing, that came besides, or that name other files."""
    names = [_name(each) for each in a], [_name(each) for each in b]
    if all(all(side) for side in names):
        yield from _by_name(*names)
    elif len(a) != len(b):
        yield (-1 if len(b) < len(a) else 0), f"{len(b)} citations, A {len(a)}"
    else:
        yield from _by_sharing(a, b)


def _by_name(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[int, str]]:
    gone, new = Counter(a) - Counter(b), Counter(b) - Counter(a)
    if gone and new:
        yield -1, f"cites {_listed(new)} in the place of {_listed(gone)}"
    elif gone:
        yield -1, f"{len(b)} citations, A {len(a)}: does not cite {_listed(gone)}"
    elif new:
        yield 0, f"{len(b)} citations, A {len(a)}: cites {_listed(new)} besides"
    elif a != b:
        yield -1, f"cites {', '.join(b)} in the places in which A cites {', '.join(a)}"


def _by_sharing(a: Sequence[Citation], b: Sequence[Citation]) -> Iterator[tuple[int, str]]:
    for number, (one, other) in enumerate(zip(a, b, strict=True), 1):
        if one.type != other.type:
            yield -1, f"citation {number} is a {other.type}, A's a {one.type}"
            return
    for number, files in enumerate(zip(_numbered(a), _numbered(b), strict=True), 1):
        if len(set(files)) > 1:
            yield -1, f"citation {number} names another file than A's"
            return


def _numbered(citations: Sequence[Citation]) -> list[int]:
    """Each citation's file by when it comes up first: what stays the same under other ids."""
    seen: dict[str, int] = {}
    return [seen.setdefault(each.file_id, len(seen)) for each in citations]


def _shifted(a: Outcome, b: Outcome) -> Iterator[tuple[int, str]]:
    """Citations at other places of the same text, whose markers are where they say or not."""
    if len(a.citations) != len(b.citations) or plain_texts(a) != plain_texts(b):
        return
    for number, (one, other) in enumerate(zip(a.citations, b.citations, strict=True), 1):
        if other.quoted and one.quoted and _place(one, a) != _place(other, b):
            places = f"at {other.start}:{other.end}, A's at {one.start}:{one.end}"
            yield -1, f"citation {number} is shifted: {places}"


def _place(one: Citation, of: Outcome) -> tuple[int, int]:
    """Where a citation stands in its text, markers and spacing not counted."""
    text = of.texts[one.text_index] if one.text_index < len(of.texts) else ""
    return one.text_index, len(normalised(text[: one.start]))


def _name(one: Citation) -> str:
    """The file's name as the text has it; empty where it has none."""
    if one.type == "file_path":
        return PurePosixPath(one.text).name
    found = _NAME.search(one.text)
    name = found[1].strip() if found else ""
    return "" if name == _NO_NAME else name


def _listed(names: Counter[str]) -> str:
    return ", ".join(
        name if count == 1 else f"{name} {count} times" for name, count in names.items()
    )
