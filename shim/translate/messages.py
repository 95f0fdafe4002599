"""The messages of one response, one at a time: begun, written, ended. Pure.

Takes the events and items of messages that are in order already; knows no other item, but for the
images that code showed before a message, which it begins with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shim.core.records import Run, Step
from shim.core.wire import Json
from shim.translate.beginning import message_delta
from shim.translate.changes import Change
from shim.translate.closing import ENDINGS, ended_message
from shim.translate.made import Made
from shim.translate.ordering import parts_of
from shim.translate.steps import Steps
from shim.translate.writing import Writing

__all__ = ["Messages"]

_REASONS = {"max_output_tokens": "max_tokens"}


class Messages:
    """Writes the messages. `shown` are the images that no message has shown yet."""

    def __init__(self, run: Run, steps: Steps, made: Made) -> None:
        self.shown: list[str] = []
        self._steps = steps
        self._made = made
        # the first marker of a run is numbered as the recorded ones were
        self._turn = run.sent + 3
        self._writing: Writing | None = None
        self._step: Step | None = None

    @property
    def open(self) -> bool:
        """Whether a message is being written."""
        return self._writing is not None

    def begin(self, now: float) -> list[Change]:
        """Begin a message, with the images that are to be shown."""
        step, record, changes = self._steps.message(now, self._left)
        shown, self.shown = self.shown, []
        self._step = step
        self._writing = Writing(record, self._turn, self._made, shown)
        return [*changes, *self._told(self._writing.opened())]

    def pictures(self, now: float) -> list[Change]:
        """A message of the images that no message has shown, if there are any."""
        return self.begin(now) + self.finish(now, None) if self.shown else []

    def text(self, event: Json, now: float) -> list[Change]:
        """A piece of text."""
        return self._piece(event, "text", now)

    def refusal(self, event: Json, now: float) -> list[Change]:
        """A piece of a refusal."""
        return self._piece(event, "refusal", now)

    def _piece(self, event: Json, kind: str, now: float) -> list[Change]:
        changes = [] if self._writing is not None else self.begin(now)
        if event.get("delta") and self._writing is not None:
            changes += self._told(
                self._writing.add(event.get("content_index", 0), kind, event["delta"])
            )
        return changes

    def annotated(self, event: Json, _now: float) -> list[Change]:
        """An annotation of the message that is being written."""
        annotation = event.get("annotation")
        if self._writing is None or not isinstance(annotation, dict):
            return []
        return self._told(self._writing.annotate(event.get("content_index", 0), annotation))

    def settled(self, item: Json) -> list[Change]:
        """What had not arrived of a whole message, the one being written, cut off or not."""
        assert self._writing is not None
        deltas = []
        cut = item.get("status") == "incomplete"
        for index, part in enumerate(parts_of(item)):
            kind = "refusal" if part.get("type") == "refusal" else "text"
            whole = part.get("refusal" if kind == "refusal" else "text")
            if isinstance(whole, str):
                noted = part.get("annotations") or ()
                deltas += self._writing.settle(index, kind, whole, noted, cut=cut)
        return self._told([*deltas, *self._writing.pictures()])

    def finish(self, now: float, short: str | None) -> list[Change]:
        """End the message, which stays as far as it got where the response was cut `short`."""
        assert self._writing is not None
        assert self._step is not None
        changes = self._told(self._writing.end(cut=short is not None))
        written = self._writing.written()
        self._steps.hold(self._step)
        self._writing = None
        if short is not None:
            ended = ended_message(written, _REASONS.get(short, short), now)
            return [*changes, Change("thread.message.incomplete", ended)]
        done = replace(written, status="completed", completed_at=int(now))
        return [*changes, Change("thread.message.completed", done)]

    def aborted(self, ending: str, now: float) -> tuple[list[Change], list[Step]]:
        """How the open message ends with its run, and its step; changes nothing here."""
        if self._writing is None or self._step is None:
            return [], []
        message = ended_message(self._writing.written(), ENDINGS[ending], now)
        return [Change("thread.message.incomplete", message)], [self._step]

    def _left(self, now: float) -> list[Change]:
        return [] if self._writing is None else self.finish(now, None)

    def _told(self, entries: Iterable[Json]) -> list[Change]:
        assert self._writing is not None
        record = self._writing.message
        return [message_delta(record, entry) for entry in entries]
