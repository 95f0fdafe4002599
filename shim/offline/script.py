"""Scripted replies: a queue asked before the model. Knows nothing of events or HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shim.offline.outputs import (
    Call,
    Code,
    Failure,
    Incomplete,
    Output,
    Raw,
    Refuse,
    Reply,
    Say,
    Search,
    Think,
)
from shim.offline.view import View
from shim.offline.wire import Json

__all__ = ["Script"]

Predicate = Callable[[View], bool]
Usage = tuple[int, int] | None


@dataclass
class Script:
    """Replies in the order of the requests they answer. Every method returns the script.

    >>> offline.script.call("get_weather", {"city": "Oslo"}).say("It rains in Oslo.")
    """

    queue: list[tuple[Predicate | None, Reply]] = field(default_factory=list)
    predicate: Predicate | None = None

    def when(self, predicate: Predicate) -> Script:
        """A script whose replies answer only requests for which `predicate(view)` holds."""
        return Script(self.queue, predicate)

    def add(self, reply: Reply) -> Script:
        """Queue a reply in full."""
        self.queue.append((self.predicate, reply))
        return self

    def say(
        self,
        text: str,
        *,
        chunks: Sequence[str] | None = None,
        annotations: Sequence[Json] = (),
        leak: Literal["", "whole", "split"] = "",
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """A message; `chunks` fixes its deltas, and then its text. See `Say` for citations."""
        said = Say("".join(chunks) if chunks else text, chunks, annotations, leak=leak)
        return self.mixed([said], usage=usage, delay=delay)

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any] | str | None = None,
        call_id: str | None = None,
        *,
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """One function call."""
        return self.calls([(name, arguments or {}, call_id)], usage=usage, delay=delay)

    def calls(
        self,
        calls: Iterable[tuple[str, Mapping[str, Any] | str, str | None]],
        *,
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """Several function calls in one response."""
        return self.mixed([Call(*call) for call in calls], usage=usage, delay=delay)

    def refuse(self, text: str, *, usage: Usage = None, delay: float | None = None) -> Script:
        """A refusal."""
        return self.mixed([Refuse(text)], usage=usage, delay=delay)

    def think(
        self,
        summary: str | Sequence[str] = (),
        *,
        then: Output | Sequence[Output],
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """A reasoning item, and what follows it."""
        return self.mixed([Think(summary), *_follow(then)], usage=usage, delay=delay)

    def search(
        self,
        query: str | Sequence[str] | None = None,
        *,
        then: str | Output | Sequence[Output] = (),
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """A file search that is carried out, and what follows it; else the model goes on."""
        return self.mixed([Search(query), *_follow(then)], usage=usage, delay=delay)

    def code(
        self,
        source: str,
        *,
        then: str | Output | Sequence[Output] = (),
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """Python that is really run, and what follows it; else the model goes on."""
        return self.mixed([Code(source), *_follow(then)], usage=usage, delay=delay)

    def hosted(self, item: Json, *, usage: Usage = None, delay: float | None = None) -> Script:
        """An item of a hosted tool, or of a type nobody knows."""
        return self.mixed([Raw(item)], usage=usage, delay=delay)

    def mixed(
        self, outputs: Sequence[Output], *, usage: Usage = None, delay: float | None = None
    ) -> Script:
        """Several items in one response."""
        return self.add(Reply(tuple(outputs), None, usage, delay))

    def incomplete(
        self,
        text: str,
        *,
        reason: str = "max_output_tokens",
        usage: Usage = None,
        delay: float | None = None,
    ) -> Script:
        """A message that is cut off; an empty text gives a response without items."""
        outputs = (Say(text),) if text else ()
        return self.add(Reply(outputs, Incomplete(reason), usage, delay))

    def fail(
        self, code: str, message: str, *, partial: str = "", delay: float | None = None
    ) -> Script:
        """A response that ends failed, after `partial` was streamed."""
        return self._failure(Failure(code, message), partial, delay)

    def stream_error(
        self, code: str, message: str, *, partial: str = "", delay: float | None = None
    ) -> Script:
        """An `error` event, then `response.failed`; without a stream an HTTP error."""
        return self._failure(Failure(code, message, event=True), partial, delay)

    def take(self, view: View) -> Reply | None:
        """Remove and return the first reply meant for a request."""
        for index, (predicate, reply) in enumerate(self.queue):
            if predicate is None or predicate(view):
                del self.queue[index]
                return reply
        return None

    def __len__(self) -> int:
        return len(self.queue)

    def _failure(self, failure: Failure, partial: str, delay: float | None) -> Script:
        return self.add(Reply((Say(partial),) if partial else (), failure, None, delay))


def _follow(then: str | Output | Sequence[Output]) -> list[Output]:
    """What comes after something else in one response; a text is a message."""
    if isinstance(then, str):
        return [Say(then)]
    return [*then] if isinstance(then, Sequence) else [then]
