"""A message while it is being written. Pure: collects parts, gives deltas and what there is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shim.core.records import Message
from shim.core.wire import Json

__all__ = ["Writing"]


@dataclass(slots=True)
class _Part:
    """One content part: `text` or `refusal`; `place` is its index in the message."""

    kind: str
    place: int
    pieces: list[str] = field(default_factory=list)
    final: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces) if self.final is None else self.final


class Writing:
    """The parts of one message item as they arrive, by the upstream's content index."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self._parts: dict[tuple[int, str], _Part] = {}

    def add(self, index: int, kind: str, piece: str) -> Json:
        """Take in a piece; gives the content entry of its delta (Assistants spec 6.4)."""
        part = self._part(index, kind)
        first = not part.pieces
        part.pieces.append(piece)
        if kind == "refusal":
            return {"index": part.place, "type": "refusal", "refusal": piece}
        text: Json = {"value": piece, "annotations": []} if first else {"value": piece}
        return {"index": part.place, "type": "text", "text": text}

    def settle(self, index: int, kind: str, text: str) -> Json | None:
        """Take in the whole text of a part; gives a delta of what had not arrived, if any."""
        part = self._part(index, kind)
        arrived = part.text
        part.final = text
        if text.startswith(arrived) and len(text) > len(arrived):
            return self.add(index, kind, text[len(arrived) :])
        return None

    def written(self) -> Message:
        """The message with its content so far."""
        parts = sorted(self._parts.values(), key=lambda part: part.place)
        return replace(self.message, content=tuple(_content(part) for part in parts))

    def _part(self, index: int, kind: str) -> _Part:
        # by kind too: some servers give every part the same index
        return self._parts.setdefault((index, kind), _Part(kind, len(self._parts)))


def _content(part: _Part) -> Json:
    if part.kind == "refusal":
        return {"type": "refusal", "refusal": part.text}
    return {"type": "text", "text": {"value": part.text, "annotations": []}}
