"""What comes out of a translation: changes to records, and how the response ended. Pure values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shim.core.objects import message, step_event
from shim.core.records import File, Message, Step, Usage
from shim.core.wire import Event, Json

__all__ = ["Change", "Outcome", "usage_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a step or message: to be stored, to be told, or both.

    `name` is the event's (None: only stored). `new` records are put in, others replaced. `told` is
    the record as the caller gets it, where that is not all that is stored. `files` are those that
    came up with it.
    """

    name: str | None
    record: Message | Step | None = None
    new: bool = False
    delta: Json | None = None
    told: Step | None = None
    files: Sequence[File] = ()

    def event(self) -> Event | None:
        """The event to tell the caller, if any."""
        if self.name is None:
            return None
        if self.delta is not None:
            return Event(self.name, self.delta)
        assert self.record is not None
        if isinstance(self.record, Message):
            return Event(self.name, message(self.record))
        return Event(self.name, step_event(self.told or self.record))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a response ended. `kind`: completed, calls, incomplete, failed or cancelled.

    `calls` are the function calls now waiting, as `required_action` lists them. `items` are the
    response's output items as they came. `reason` is the upstream's for an incomplete response;
    `error` is the run's `last_error` for a failed one; `overflow` says that it failed because its
    input was too long, before it gave anything.
    """

    kind: str
    usage: Usage
    items: Sequence[Json] = ()
    calls: Sequence[Json] = ()
    reason: str | None = None
    error: Json | None = None
    overflow: bool = False


def usage_of(response: Json) -> Usage:
    """The tokens of a response, in the Responses or the older spelling; zeros where none are."""
    given = response.get("usage") or {}
    details = given.get("input_tokens_details") or given.get("prompt_tokens_details") or {}
    spent = given.get("output_tokens_details") or given.get("completion_tokens_details") or {}
    return Usage(
        prompt=_count(given, "input_tokens", "prompt_tokens"),
        completion=_count(given, "output_tokens", "completion_tokens"),
        cached=_count(details, "cached_tokens"),
        reasoning=_count(spent, "reasoning_tokens"),
    )


def _count(given: Json, *names: str) -> int:
    """The first of these that is a number; some servers count in floats, or not at all."""
    numbers = (given.get(name) for name in names)
    return next((int(number) for number in numbers if isinstance(number, int | float)), 0)
