"""The events of a response in an order in which each item ends before the next one begins.

Programs of the old API have never seen a message go on after something else began, nor one without
a word in it, nor two searches at a time, and their SDKs break on the first. Upstreams send all of
that: items that go on at once, and messages that are announced before it is known whether there
will be text, and ended last. So a message begins with its first piece, a hosted call with its
announcement, and events of other items wait until it has ended; then they follow in the order of
their places. Function calls hold nobody up: they share a step. A character that a server cut in two
between pieces is put together again. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shim.core.wire import Json

__all__ = ["ITEM_OVER", "Names", "Ordering", "fit", "names_of", "parts_of", "says_something"]

Names = frozenset[object]
"""All by which a stream may speak of an item: its place, its id, the id of its call."""

ITEM_OVER = "shim.item_over"
"""An event of our own: what is open, a message or hosted call, has ended, without word of it."""

_PIECES = frozenset({"response.output_text.delta", "response.refusal.delta"})
_ANNOTATION = "response.output_text.annotation.added"
_OF = {
    **dict.fromkeys((*_PIECES, _ANNOTATION), "message"),
    "response.function_call_arguments.delta": "function_call",
    "response.code_interpreter_call_code.delta": "code_interpreter_call",
}
"""Events about what is in an item -> the type of that item."""

_HOSTED = frozenset({"file_search_call", "code_interpreter_call"})
_ORDERED = frozenset({"message", "function_call", *_HOSTED})
_ADDED, _DONE = "response.output_item.added", "response.output_item.done"
_ENDS = frozenset(f"response.{end}" for end in ("completed", "incomplete", "failed", "cancelled"))


def names_of(event: Json, item: Json) -> Names:
    """The names in an event about an item; an empty one names nothing."""
    given = (event.get("output_index"), event.get("item_id"), item.get("id"), item.get("call_id"))
    return frozenset(name for name in given if isinstance(name, int | str) and name != "")


def fit(one: Names, other: Names) -> int:
    """How well names fit: above 0 for the same item, below for another, 0 where neither is said.

    Ids say more than places, since some servers put every item in the same place; that ids differ
    says nothing, since others give one item several.
    """
    common = one & other
    ids = sum(isinstance(name, str) for name in common)
    if common:
        return 2 * ids + (len(common) > ids)
    both_placed = all(any(isinstance(name, int) for name in names) for names in (one, other))
    return -1 if both_placed else 0


def parts_of(item: Json) -> list[Json]:
    """The content parts of a message item; some servers send its text alone."""
    content = item.get("content") or ()
    if isinstance(content, str):
        return [{"type": "output_text", "text": content}]
    return [part for part in content if isinstance(part, dict)]


def says_something(item: Json) -> bool:
    """Whether a message item has any text."""
    return any(part.get("text") or part.get("refusal") for part in parts_of(item))


class Ordering:
    """Takes events as they come and gives them in order."""

    def __init__(self) -> None:
        self._announced: list[Json] = []
        self._open: Names | None = None
        self._open_kind = ""
        self._last: tuple[str, object, object] | None = None
        self._waiting: list[Json] = []
        self._halves: dict[object, str] = {}

    def feed(self, event: Json) -> Sequence[Json]:
        """The events whose turn it is now."""
        if self._last is not None and _item_of(event) == self._last:
            return (self._whole(event),)  # nearly all events are another piece of what is open
        return tuple(self._turns(event))

    def _turns(self, event: Json) -> Iterator[Json]:
        kind, of = event.get("type"), _kind_of_item(event)
        if kind in _ENDS:
            yield from self._left()
            yield event
        elif of is None:
            yield event
        elif kind == _ADDED and of == "message":
            yield from self._announcement(event)
        elif self._open is not None:
            yield from self._beside(event, of)
        elif of == "message":
            yield from self._of_a_message(event)
        else:
            if kind == _ADDED and of in _HOSTED:
                self._opened(of, _names(event))
            yield self._whole(event)

    def _beside(self, event: Json, of: str) -> Iterator[Json]:
        """An event while something is open: its own, or one that waits."""
        kind = event.get("type")
        if of != self._open_kind or kind == _ADDED or not self._is_open(event):
            self._waiting.append(event)
            return
        if kind != _DONE:
            self._last = _item_of(event)
        yield self._whole(event)
        if kind == _DONE:
            self._open = self._last = None
            yield from self._resumed()

    def _is_open(self, event: Json) -> bool:
        """Whether an event, of an item of the open one's type, is of the open one itself."""
        assert self._open is not None
        names = _names(event)
        here = fit(self._open, names)
        elsewhere = max((fit(_names(each), names) for each in self._rivals()), default=-1)
        return here >= 0 and elsewhere <= max(here, 1)

    def _rivals(self) -> Sequence[Json]:
        """The announcements of items, not begun, that are of the open one's type."""
        if self._open_kind == "message":
            return self._announced
        added = (event for event in self._waiting if event.get("type") == _ADDED)
        return [event for event in added if _kind_of_item(event) == self._open_kind]

    def _opened(self, kind: str, names: Names) -> None:
        self._open, self._open_kind, self._last = names, kind, None

    def _of_a_message(self, event: Json) -> Iterator[Json]:
        """An event of a message while nothing is open."""
        kind, names = event.get("type"), _names(event)
        if kind in _PIECES:
            yield from self._begun(names)
            self._last = _item_of(event)
        elif kind == _ANNOTATION:
            if any(fit(_names(each), names) > 0 for each in self._announced):
                yield from self._begun(names)
        else:
            announcement = self._taken(names)
            if announcement is not None and says_something(_item(event)):
                yield announcement
        yield self._whole(event)

    def _begun(self, names: Names) -> Iterator[Json]:
        announcement = self._taken(names)
        self._opened("message", names if announcement is None else names | _names(announcement))
        if announcement is not None:
            yield announcement

    def _taken(self, names: Names) -> Json | None:
        """The announcement of the message that goes by these names."""
        fits = [fit(_names(event), names) for event in self._announced]
        best = max(fits, default=-1)
        return self._announced.pop(fits.index(best)) if best >= 0 else None

    def _announcement(self, event: Json) -> Iterator[Json]:
        if self._open is not None and self._open_kind == "message" and not _names(event):
            yield from self._closed()  # what has no name cannot be told from what comes next
        self._announced.append(event)

    def _resumed(self) -> Iterator[Json]:
        waiting, self._waiting = self._waiting, []
        places = [event.get("output_index") for event in waiting]
        if all(isinstance(place, int) for place in places):
            waiting.sort(key=lambda event: int(event["output_index"]))
        for event in waiting:
            yield from self._turns(event)

    def _closed(self) -> Iterator[Json]:
        """Make way for what waits, although the end of what is open was not seen."""
        self._open = self._last = None
        yield {"type": ITEM_OVER}
        yield from self._resumed()

    def _left(self) -> Iterator[Json]:
        while self._waiting:
            yield from self._closed()

    def _whole(self, event: Json) -> Json:
        """The piece up to its last whole character; half of one comes with the next piece."""
        delta = event.get("delta")
        if not isinstance(delta, str) or not (self._halves or _ends_in_half(delta)):
            return event
        of = (event.get("item_id"), event.get("output_index"), event.get("content_index"))
        half = self._halves.pop(of, "")
        if not half and not _ends_in_half(delta):
            return event
        joined = (half + delta).encode("utf-16-le", "surrogatepass")
        text = joined.decode("utf-16-le", "surrogatepass")
        if _ends_in_half(text):
            self._halves[of], text = text[-1], text[:-1]
        return {**event, "delta": text}


def _item_of(event: Json) -> tuple[str, object, object] | None:
    """The type and the names of the item that a piece belongs to."""
    kind = _OF.get(event.get("type", ""))
    return None if kind is None else (kind, event.get("item_id"), event.get("output_index"))


def _kind_of_item(event: Json) -> str | None:
    """The type of the item that an event is about, if such are put in order."""
    kind = event.get("type", "")
    of = _item(event).get("type") if kind in (_ADDED, _DONE) else _OF.get(kind)
    return of if isinstance(of, str) and of in _ORDERED else None


def _item(event: Json) -> Json:
    item = event.get("item")
    return item if isinstance(item, dict) else {}


def _names(event: Json) -> Names:
    return names_of(event, _item(event))


def _ends_in_half(text: str) -> bool:
    return "\ud800" <= text[-1:] <= "\udbff"
