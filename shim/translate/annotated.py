"""The text of one part with its annotations, as Assistants wrote them. Pure.

The upstream gives a citation as a place in the text, with nothing written there. Assistants wrote a
marker there, such as `【4:0†name.txt】`, and annotated it; programs replace the marker (spec 8.3).
Files of the code interpreter are links in the text, which are annotated where they stand. Whatever
is annotated, `value[start_index:end_index] == annotation["text"]` holds, in code points.

`annotated` makes the final text of a whole part. `Prose` makes the deltas of a part that arrives in
pieces: what it has said so far agrees with the final text as long as citations come no later than
the text behind them, which is how they are streamed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shim.core.wire import Json
from shim.translate.leaks import LeakFilter

__all__ = ["FileIds", "Prose", "annotated", "file_link", "is_picture", "marker"]

FileIds = Callable[[Json], str | None]
"""The id under which shim serves the file of a container_file_citation; None if it does not."""

_LINK = "sandbox:/mnt/data/"
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


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


def file_link(annotation: Json) -> str:
    """The link by which a text names a file of the code interpreter."""
    return f"{_LINK}{annotation.get('filename') or ''}"


def annotated(raw: str, annotations: Sequence[Json], turn: int, file_ids: FileIds) -> Json:
    """The text object of a whole part: its value with markers, and its annotations."""
    leaks = LeakFilter()
    clean = leaks.feed(raw) + leaks.finish()
    markers = _markers(annotations, leaks, turn)
    value, made = _written(clean, markers)
    for given in annotations:
        if given.get("type") == "container_file_citation" and not is_picture(given):
            at = leaks.place(_index(given, "start_index"))
            shift = sum(len(one.text) for one in markers if one.place <= at)
            start = _found(value, file_link(given), at + shift)
            file_id = None if start is None else file_ids(given)
            if start is not None and file_id is not None:
                made.append(_path(file_link(given), start, file_id))
    return {"value": value, "annotations": made}


def _markers(annotations: Sequence[Json], leaks: LeakFilter, turn: int) -> list[_Marker]:
    """The markers of the citations in the order of the text, numbered in it."""
    places = [
        (leaks.place(_index(given, "index")), given)
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


def _found(value: str, link: str, expected: int) -> int | None:
    """Where a link stands: where it is said to stand, else where it is found first."""
    if link == _LINK:
        return None
    if value.startswith(link, expected):
        return expected
    found = value.find(link)
    return found if found >= 0 else None


def _path(link: str, start: int, file_id: str) -> Json:
    return {
        "type": "file_path",
        "text": link,
        "start_index": start,
        "end_index": start + len(link),
        "file_path": {"file_id": file_id},
    }


class Prose:
    """The deltas of one part that arrives in pieces: pairs of a text and its annotations."""

    def __init__(self, turn: int, file_ids: FileIds) -> None:
        self._turn = turn
        self._file_ids = file_ids
        self._leaks = LeakFilter()
        self._ahead: list[tuple[int, Json]] = []
        self._raw: list[str] = []
        self._raw_length = 0
        self._said: list[str] = []
        self._said_length = 0
        self._cited = 0
        self._told = 0
        self._annotations: list[Json] = []
        self._unlinked: list[Json] = []

    def add(self, piece: str) -> list[Json]:
        """The text objects to tell for another piece of text."""
        told: list[Json] = []
        while self._ahead and self._ahead[0][0] <= self._raw_length + len(piece):
            place, given = self._ahead.pop(0)
            head, piece = piece[: place - self._raw_length], piece[place - self._raw_length :]
            told += self._say(head)
            told.append(self._cite(given))
        return told + self._say(piece)

    def annotate(self, given: Json) -> list[Json]:
        """The text objects to tell for an annotation: at once, or when its place is reached."""
        self._annotations.append(given)
        match given.get("type"):
            case "file_citation":
                place = _index(given, "index")
                if place > self._raw_length:
                    self._ahead.append((place, given))
                    self._ahead.sort(key=lambda one: one[0])
                    return []
                return [self._cite(given)]
            case "container_file_citation" if not is_picture(given):
                told = self._link(given)
                if not told:
                    self._unlinked.append(given)
                return told
            case _:
                return []

    def finish(self) -> list[Json]:
        """The text objects still to tell when the part has ended."""
        told = [{"value": rest}] if (rest := self._leaks.finish()) else []
        self._note(rest)
        told += [self._cite(given) for _, given in self._ahead]
        told += [text for given in self._unlinked for text in self._link(given)]
        self._ahead, self._unlinked = [], []
        return told

    def whole(self) -> Json:
        """The part as far as it came, as `annotated` makes it."""
        return annotated(self.raw, self._annotations, self._turn, self._file_ids)

    @property
    def raw(self) -> str:
        """The text that has arrived, as it arrived."""
        return "".join(self._raw)

    @property
    def annotations(self) -> Sequence[Json]:
        """The annotations that have arrived."""
        return self._annotations

    def _say(self, piece: str) -> list[Json]:
        self._raw.append(piece)
        self._raw_length += len(piece)
        clean = self._leaks.feed(piece)
        self._note(clean)
        return [{"value": clean}] if clean else []

    def _note(self, said: str) -> None:
        self._said.append(said)
        self._said_length += len(said)

    def _cite(self, given: Json) -> Json:
        written = marker(self._turn, self._cited, _name(given))
        self._cited += 1
        made = _cited(given, written, self._said_length)
        self._note(written)
        return {"value": written, "annotations": [self._indexed(made, quote=True)]}

    def _link(self, given: Json) -> list[Json]:
        link = file_link(given)
        start = _found("".join(self._said), link, _index(given, "start_index"))
        file_id = None if start is None else self._file_ids(given)
        if start is None or file_id is None:
            return []
        made = _path(link, start, file_id)
        return [{"value": "", "annotations": [self._indexed(made, quote=False)]}]

    def _indexed(self, made: Json, *, quote: bool) -> Json:
        """An annotation as deltas have it: with its index, and a citation with an empty quote."""
        index, self._told = self._told, self._told + 1
        shown: dict[str, Any] = {"index": index, **made}
        if quote:
            shown["file_citation"] = {**made["file_citation"], "quote": ""}
        return shown
