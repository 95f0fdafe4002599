"""The events of a response in an order in which each message ends before the next item begins.

Programs of the old API have never seen a message go on after something else began, nor one without
a word in it, and their SDKs break on the first. Servers that build responses from other streams
send both: they announce a message before they know whether there will be text, and end it last. So
a message begins with its first piece, and events of other items wait until it has ended. A
character that a server cut in two between pieces is put together again. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shim.core.wire import Json

__all__ = ["MESSAGE_OVER", "Names", "Ordering", "fit", "names_of", "parts_of", "says_something"]

Names = frozenset[object]
"""All by which a stream may speak of an item: its place, its id, the id of its call."""

MESSAGE_OVER = "shim.message_over"
"""An event of our own: a message has ended, without word of it."""

_PIECES = frozenset({"response.output_text.delta", "response.refusal.delta"})
_OF_CALLS = frozenset(
    {"response.function_call_arguments.delta", "response.code_interpreter_call_code.delta"}
)
_CALLS = frozenset({"function_call", "file_search_call", "code_interpreter_call"})
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
        self._last: tuple[object, object] | None = None
        self._waiting: list[Json] = []
        self._halves: dict[object, str] = {}

    def feed(self, event: Json) -> Sequence[Json]:
        """The events whose turn it is now."""
        if (
            event.get("type") in _PIECES
            and self._open is not None
            and _item_of(event) == self._last
        ):
            return (self._whole(event),)  # nearly all events are another piece of the open message
        return tuple(self._turns(event))

    def _turns(self, event: Json) -> Iterator[Json]:
        kind, item_kind = event.get("type"), _item(event).get("type")
        if kind in _ENDS:
            yield from self._left()
            yield event
        elif kind in _PIECES:
            yield from self._piece(event)
        elif kind == _ADDED and item_kind == "message":
            yield from self._announcement(event)
        elif kind == _DONE and item_kind == "message":
            yield from self._end(event)
        elif kind in _OF_CALLS or (kind in (_ADDED, _DONE) and item_kind in _CALLS):
            yield from self._of_a_call(event)
        else:
            yield event

    def _piece(self, event: Json) -> Iterator[Json]:
        of = _item_of(event)
        if self._open is None:
            yield from self._begun(names_of(event, {}))
            self._last = of
        elif of != self._last:
            if not self._is_open(names_of(event, {})):
                self._waiting.append(event)
                return
            self._last = of
        yield self._whole(event)

    def _is_open(self, names: Names) -> bool:
        """Whether the names are of the message that is being written."""
        assert self._open is not None
        here = fit(self._open, names)
        elsewhere = max((fit(_names(event), names) for event in self._announced), default=-1)
        return here >= 0 and elsewhere <= max(here, 1)

    def _begun(self, names: Names) -> Iterator[Json]:
        announcement = self._taken(names)
        self._open = names
        if announcement is not None:
            self._open |= _names(announcement)
            yield announcement

    def _taken(self, names: Names) -> Json | None:
        """The announcement of the message that goes by these names."""
        fits = [fit(_names(event), names) for event in self._announced]
        best = max(fits, default=-1)
        return self._announced.pop(fits.index(best)) if best >= 0 else None

    def _announcement(self, event: Json) -> Iterator[Json]:
        if self._open is not None and not _names(event):
            yield from self._closed()  # what has no name cannot be told from what comes next
        self._announced.append(event)

    def _end(self, event: Json) -> Iterator[Json]:
        names = _names(event)
        if self._open is None:
            announcement = self._taken(names)
            if announcement is not None and says_something(_item(event)):
                yield announcement
            yield event
        elif self._is_open(names):
            self._open = None
            yield event
            yield from self._resumed()
        else:
            self._waiting.append(event)

    def _of_a_call(self, event: Json) -> Iterator[Json]:
        if self._open is None:
            yield self._whole(event)
        else:
            self._waiting.append(event)

    def _resumed(self) -> Iterator[Json]:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            yield from self._turns(event)

    def _closed(self) -> Iterator[Json]:
        """Make way for what waits, although the end of the message was not seen."""
        self._open = None
        yield {"type": MESSAGE_OVER}
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


def _item_of(event: Json) -> tuple[object, object]:
    """The names of the item that a piece belongs to."""
    return event.get("item_id"), event.get("output_index")


def _item(event: Json) -> Json:
    item = event.get("item")
    return item if isinstance(item, dict) else {}


def _names(event: Json) -> Names:
    return names_of(event, _item(event))


def _ends_in_half(text: str) -> bool:
    return "\ud800" <= text[-1:] <= "\udbff"
