"""A message while it is being written. Pure: collects parts, gives deltas and what there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shim.core.records import Message
from shim.core.wire import Json
from shim.translate.annotated import Files, Prose, annotated, is_picture

__all__ = ["Writing"]


@dataclass(frozen=True, slots=True)
class _Image:
    """An image that code showed; `place` is its index in the message."""

    place: int
    file_id: str

    def entry(self) -> Json:
        return {"index": self.place, **self.content()}

    def content(self) -> Json:
        return {"type": "image_file", "image_file": {"file_id": self.file_id}}


@dataclass(slots=True)
class _Refusal:
    """A refusal part; `place` is its index in the message."""

    place: int
    pieces: list[str] = field(default_factory=list)
    final: str | None = None

    @property
    def annotations(self) -> Sequence[Json]:
        return ()

    @property
    def text(self) -> str:
        return "".join(self.pieces) if self.final is None else self.final

    def add(self, piece: str) -> list[Json]:
        self.pieces.append(piece)
        return [{"index": self.place, "type": "refusal", "refusal": piece}]

    @property
    def settled(self) -> bool:
        return self.final is not None

    def settle(self, text: str, _annotations: Sequence[Json], *, cut: bool) -> list[Json]:  # noqa: ARG002 - as texts are
        arrived, self.final = self.text, text
        rest = text[len(arrived) :] if text.startswith(arrived) else ""
        if not rest:
            return []
        return [{"index": self.place, "type": "refusal", "refusal": rest}]

    def content(self) -> Json:
        return {"type": "refusal", "refusal": self.text}


class _Text:
    """A text part: its deltas, and in the end the text object of the whole."""

    def __init__(self, place: int, turn: int, files: Files) -> None:
        self.place = place
        self._turn = turn
        self._files = files
        self._prose = Prose(turn, files)
        self._told = False
        self._final: Json | None = None

    @property
    def annotations(self) -> Sequence[Json]:
        """The annotations that have arrived."""
        return self._prose.annotations

    def add(self, piece: str) -> list[Json]:
        return self._entries(self._prose.add(piece))

    def annotate(self, annotation: Json) -> list[Json]:
        return self._entries(self._prose.annotate(annotation))

    @property
    def text(self) -> str:
        """The text that has arrived."""
        return self._prose.raw

    @property
    def settled(self) -> bool:
        """Whether the whole part is there."""
        return self._final is not None

    def settle(self, text: str, annotations: Sequence[Json], *, cut: bool) -> list[Json]:
        """Take in the whole part; gives what had not been told of it."""
        prose = self._prose
        annotations = annotations or prose.annotations
        rest = text[len(prose.raw) :] if text.startswith(prose.raw) else ""
        missing = annotations[len(prose.annotations) :]
        told = [one for given in missing for one in prose.annotate(given)]
        told += prose.add(rest)
        told += prose.finish(cut=cut)
        self._final = annotated(text, annotations, self._turn, self._files, cut=cut)
        return self._entries(told)

    def content(self) -> Json:
        return {"type": "text", "text": self._final or self._prose.whole()}

    def _entries(self, told: Sequence[Json]) -> list[Json]:
        """The entries of deltas; only the first of a part has annotations without any (6.4)."""
        entries = []
        for text in told:
            shown = text if self._told else _ordered({"annotations": [], **text})
            self._told = True
            entries.append({"index": self.place, "type": "text", "text": shown})
        return entries


def _ordered(text: Json) -> Json:
    return {key: text[key] for key in ("value", "annotations") if key in text}


class Writing:
    """The parts of one message item as they arrive, by the upstream's content index.

    `turn` counts the responses of the run, for the markers of citations. `shown` are the images
    that code showed before the message: they come first.
    """

    def __init__(
        self, message: Message, turn: int, files: Files, shown: Sequence[str] = ()
    ) -> None:
        self.message = message
        self._turn = turn
        self._files = files
        self._parts: dict[tuple[int, str], _Text | _Refusal] = {}
        self._images = [_Image(place, file_id) for place, file_id in enumerate(shown)]
        self._expected = len(shown)
        self._cited: list[Json] = []

    def opened(self) -> list[Json]:
        """The content entries of the deltas that the message begins with."""
        return [image.entry() for image in self._images]

    def add(self, index: int, kind: str, piece: str) -> list[Json]:
        """Take in a piece of a text or refusal; gives the content entries of its deltas."""
        return self._part(index, kind).add(piece)

    def annotate(self, index: int, annotation: Json) -> list[Json]:
        """Take in an annotation; gives the content entries of its deltas."""
        part = self._part(index, "text")
        self._cited += filter(is_picture, [annotation])
        return part.annotate(annotation) if isinstance(part, _Text) else []

    def settle(
        self,
        index: int,
        kind: str,
        text: str,
        annotations: Sequence[Json] = (),
        *,
        cut: bool = False,
    ) -> list[Json]:
        """Take in a whole part, or one `cut` off; gives the content entries not told of it."""
        part = self._part(index, kind)
        self._cited += filter(is_picture, annotations[len(part.annotations) :])
        return part.settle(text, annotations, cut=cut)

    def end(self, *, cut: bool) -> list[Json]:
        """Take what has arrived for whole; gives the content entries not told of it."""
        told = []
        for part in self._parts.values():
            if not part.settled:
                told += part.settle(part.text, part.annotations, cut=cut)
        return told + self.pictures()

    def pictures(self) -> list[Json]:
        """The content entries, behind all text, of images that are cited and were not shown yet."""
        told = []
        while self._cited:
            given = self._cited.pop(0)
            self._expected -= 1
            if self._expected < 0 and (file_id := self._files.cited(given)) is not None:
                self._images.append(_Image(self._next_place(), file_id))
                told.append(self._images[-1].entry())
        return told

    def written(self) -> Message:
        """The message with its content so far."""
        self.pictures()
        parts = sorted([*self._parts.values(), *self._images], key=lambda part: part.place)
        content = tuple(part.content() for part in parts)
        return replace(self.message, content=content, attachments=_attached(content))

    def _part(self, index: int, kind: str) -> _Text | _Refusal:
        # by kind too: some servers give every part the same index
        key = (index, kind)
        if key not in self._parts:
            place = self._next_place()
            text = kind == "text"
            self._parts[key] = _Text(place, self._turn, self._files) if text else _Refusal(place)
        return self._parts[key]

    def _next_place(self) -> int:
        return len(self._parts) + len(self._images)


def _attached(content: Sequence[Json]) -> tuple[Json, ...]:
    """The files that the text links to, as answers that old programs printed show; not images."""
    notes = [note for part in content for note in (part.get("text") or {}).get("annotations", ())]
    ids = [note["file_path"]["file_id"] for note in notes if note["type"] == "file_path"]
    tools = [{"type": "code_interpreter"}]
    return tuple({"file_id": file_id, "tools": tools} for file_id in dict.fromkeys(ids))
