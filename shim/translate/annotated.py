"""The text of one part with its annotations, as Assistants wrote them. Pure.

The upstream gives a citation as a place in the text, with nothing written there. Assistants wrote a
marker there, such as `【4:0†name.txt】`, and annotated it; programs replace the marker (spec 8.3).
Files of the code interpreter are links in the text, which are annotated where they stand, also
those that the upstream says nothing of. Whatever is annotated, `value[start_index:end_index] ==
annotation["text"]` holds, in code points. Assistants knew no other annotations: those of other
types (`url_citation`) are left out, their text stays.

`annotated` makes the final text of a whole part. `Prose` makes the deltas of a part that arrives in
pieces: what it has said so far agrees with the final text as long as citations come no later than
the text behind them, which is how they are streamed. Links are annotated when the text has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shim.core.wire import Json
from shim.translate.leaks import LeakFilter
from shim.translate.links import FOLDER, Link, links, path_of

__all__ = ["Files", "Prose", "annotated", "is_picture", "marker"]

_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


class Files(Protocol):
    """Gives the ids under which shim serves files of the code interpreter; None where it cannot."""

    def cited(self, citation: Json) -> str | None:
        """The id of the file of a container_file_citation."""
        ...

    def linked(self, path: str) -> str | None:
        """The id of the file that is at a path, of which nothing else is known."""
        ...


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker and where in the clean text it is put."""

    place: int
    text: str
    given: Json


def marker(turn: int, number: int, filename: str) -> str:
    """The text of a citation, as models of the old API wrote it."""
    return f"【{turn}:{number}†{filename}】"


def is_picture(annotation: Json) -> bool:
    """Whether an annotation is of an image that was shown: such have no place in the text."""
    if annotation.get("type") != "container_file_citation" or _index(annotation, "end_index"):
        return False
    return str(annotation.get("filename") or "").lower().endswith(_IMAGES)


def annotated(
    raw: str, annotations: Sequence[Json], turn: int, files: Files, *, cut: bool = False
) -> Json:
    """The text object of a whole part: its value with markers, and its annotations.

    A text that was `cut` off may end in the middle of a link, which is then none.
    """
    leaks = LeakFilter()
    clean = leaks.feed(raw) + leaks.finish()
    markers = _markers(annotations, leaks, turn)
    value, made = _written(clean, markers)
    linked = _Linked(raw, annotations, lambda place: _moved(leaks.place(place), markers))
    return {"value": value, "annotations": made + linked.paths(value, files, cut=cut)}


def _markers(annotations: Sequence[Json], leaks: LeakFilter, turn: int) -> list[_Marker]:
    """The markers of the citations in the order of the text, numbered in it."""
    places = [
        (leaks.place(_place(given)), given)
        for given in annotations
        if given.get("type") == "file_citation"
    ]
    places.sort(key=lambda one: one[0])
    return [
        _Marker(place, marker(turn, number, _name(given)), given)
        for number, (place, given) in enumerate(places)
    ]


def _written(clean: str, markers: Sequence[_Marker]) -> tuple[str, list[Json]]:
    """The text with its markers written in, and their annotations."""
    pieces: list[str] = []
    made: list[Json] = []
    done = length = 0
    for one in markers:
        pieces += [clean[done : one.place], one.text]
        length += one.place - done
        done = one.place
        made.append(_cited(one.given, one.text, length))
        length += len(one.text)
    return "".join([*pieces, clean[done:]]), made


def _index(given: Json, key: str) -> int:
    index = given.get(key)
    return max(index, 0) if isinstance(index, int) else 0


def _place(given: Json) -> int:
    """Where in the text a citation belongs: behind it where that is not said."""
    return _index(given, "index") if isinstance(given.get("index"), int) else sys.maxsize


def _name(given: Json) -> str:
    return given.get("filename") or "source"


def _cited(given: Json, written: str, start: int) -> Json:
    return {
        "type": "file_citation",
        "text": written,
        "start_index": start,
        "end_index": start + len(written),
        "file_citation": {"file_id": given.get("file_id")},
    }


def _moved(place: int, markers: Sequence[_Marker]) -> int:
    """Where a place of the clean text is in the text with its markers."""
    return place + sum(len(one.text) for one in markers if one.place <= place)


class _Linked:
    """The links of a text to files of the code interpreter, cited by the upstream or not.

    `expected` says where a place of the raw text is in the one that is annotated.
    """

    def __init__(
        self, raw: str, annotations: Sequence[Json], expected: Callable[[int], int]
    ) -> None:
        self._raw = raw
        self._cited = [
            given
            for given in annotations
            if given.get("type") == "container_file_citation" and not is_picture(given)
        ]
        self._expected = expected

    def paths(self, value: str, files: Files, *, cut: bool) -> list[Json]:
        """The annotations of the links."""
        free = [link for link in links(value) if not (cut and link.end == len(value))]
        made: list[Json] = []
        ids: dict[str, str] = {}
        for given in self._cited if FOLDER in value else ():
            link = self._found(value, given, free)
            file_id = None if link is None else files.cited(given)
            if link is not None and file_id is not None:
                free = [one for one in free if one.end <= link.start or link.end <= one.start]
                ids.setdefault(link.path, file_id)
                made.append(_path(link, file_id))
        for link in free:
            file_id = ids.get(link.path) or files.linked(link.path)
            made += [_path(link, file_id)] if file_id is not None else []
        return made

    def _found(self, value: str, given: Json, free: Sequence[Link]) -> Link | None:
        """Where a cited link stands: where it is said to stand, else where it is found first."""
        start = _index(given, "start_index")
        text, place = self._raw[start : _index(given, "end_index")], self._expected(start)
        path = path_of(text) if text.startswith(FOLDER) else None
        if path is not None and value.startswith(text, place):
            return Link(place, text, path)
        name = given.get("filename")
        return next((link for link in free if link.text == text or link.name == name), None)


def _path(link: Link, file_id: str) -> Json:
    return {
        "type": "file_path",
        "text": link.text,
        "start_index": link.start,
        "end_index": link.end,
        "file_path": {"file_id": file_id},
    }


class Prose:
    """The deltas of one part that arrives in pieces: pairs of a text and its annotations."""

    def __init__(self, turn: int, files: Files) -> None:
        self._turn = turn
        self._files = files
        self._leaks = LeakFilter()
        self._ahead: list[tuple[int, Json]] = []
        self._raw: list[str] = []
        self._said: list[str] = []
        self._said_length = 0
        self._markers: list[_Marker] = []
        self._marked = 0
        self._told = 0
        self._annotations: list[Json] = []

    def add(self, piece: str) -> list[Json]:
        """The text objects to tell for another piece of text."""
        self._raw.append(piece)
        clean = self._leaks.feed(piece)
        return self._say(clean) if not self._ahead else self._mark(clean, self._leaks.raw)

    def annotate(self, given: Json) -> list[Json]:
        """The text objects to tell for an annotation: at once, or when its place is reached."""
        self._annotations.append(given)
        if given.get("type") != "file_citation":
            return []
        place = _place(given)
        if place > self._leaks.raw:  # so far it is certain what belongs to the text
            self._ahead.append((place, given))
            self._ahead.sort(key=lambda one: one[0])
            return []
        return [self._cite(given)]

    def finish(self, *, cut: bool = False) -> list[Json]:
        """The text objects still to tell when the part has ended, or was `cut` off."""
        told = self._mark(self._leaks.finish(), None)
        linked = _Linked(
            self.raw,
            self._annotations,
            lambda place: _moved(self._leaks.place(place), self._markers),
        )
        paths = linked.paths("".join(self._said), self._files, cut=cut)
        shown = [self._indexed(made, quote=False) for made in paths]
        return told + [{"value": "", "annotations": [one]} for one in shown]

    def whole(self) -> Json:
        """The part as far as it came, as `annotated` makes it."""
        return annotated(self.raw, self._annotations, self._turn, self._files, cut=True)

    @property
    def raw(self) -> str:
        """The text that has arrived, as it arrived."""
        return "".join(self._raw)

    @property
    def annotations(self) -> Sequence[Json]:
        """The annotations that have arrived."""
        return self._annotations

    def _mark(self, clean: str, certain: int | None) -> list[Json]:
        """Say a piece of clean text, with the markers whose places it reaches; all if None."""
        told: list[Json] = []
        while self._ahead and (certain is None or self._ahead[0][0] <= certain):
            place, given = self._ahead.pop(0)
            reached = max(0, self._leaks.place(place) - (self._said_length - self._marked))
            head, clean = clean[:reached], clean[reached:]
            told += [*self._say(head), self._cite(given)]
        return told + self._say(clean)

    def _say(self, clean: str) -> list[Json]:
        self._note(clean)
        return [{"value": clean}] if clean else []

    def _note(self, said: str) -> None:
        self._said.append(said)
        self._said_length += len(said)

    def _cite(self, given: Json) -> Json:
        written = marker(self._turn, len(self._markers), _name(given))
        made = _cited(given, written, self._said_length)
        self._markers.append(_Marker(self._said_length - self._marked, written, given))
        self._marked += len(written)
        self._note(written)
        return {"value": written, "annotations": [self._indexed(made, quote=True)]}

    def _indexed(self, made: Json, *, quote: bool) -> Json:
        """An annotation as deltas have it: with its index, and a citation with an empty quote."""
        index, self._told = self._told, self._told + 1
        shown: dict[str, Any] = {"index": index, **made}
        if quote:
            shown["file_citation"] = {**made["file_citation"], "quote": ""}
        return shown
