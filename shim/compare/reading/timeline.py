"""What happened in one thread, in order, and the cases that this makes.

A thread is one case as long as it has one assistant, unchanged, and nothing is taken out of it.
From there on it is another one, before whose turns all stands that was said until then. Knows
messages and runs as they are told here, not whence they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shim.core.wire import Json
from shim.native.cases import Case, FunctionCall, Outcome, Turn
from shim.native.outcomes import outcome_of
from shim.native.seeding import as_request

__all__ = ["Gone", "Ran", "Reading", "Said", "Timeline", "plain", "strata_of"]

NO_RUN = "no run of this thread is told of"
NO_ASSISTANT = "its assistant is not known: neither model nor instructions are told"


@dataclass(slots=True)
class Said:
    """A message that somebody put in, as it is shown or was sent. `id` is empty where unknown."""

    message: Json
    id: str = ""
    created_at: float | None = None

    @property
    def answers(self) -> bool:
        """Whether it is the assistant's."""
        return self.message.get("role") == "assistant"


@dataclass(slots=True)
class Gone:
    """A message was deleted."""

    message: Json


@dataclass(slots=True)
class Ran:
    """A run: by which assistant, how it was asked for, and what came of it.

    `why` tells why it cannot be compared; `resources` are the thread's at that time.
    """

    assistant: Json
    params: Json = field(default_factory=dict)
    outcome: Outcome | None = None
    outputs: tuple[FunctionCall, ...] = ()
    why: str = ""
    resources: Json = field(default_factory=dict)
    name: str = ""


Entry = Said | Gone | Ran


@dataclass(frozen=True, slots=True)
class Reading:
    """Cases, and what cannot be compared: ids, `CASE`, `CASE/TURN` or a place, and why.

    A turn that is left out stands in its case all the same, since later ones stand upon it.
    """

    cases: tuple[Case, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Timeline:
    """One thread. `source` tells a person where it comes from; `why` that it is not all there."""

    thread_id: str
    source: str
    why: str = ""
    entries: list[Entry] = field(default_factory=list)

    def reading(self) -> Reading:
        """The thread's cases."""
        parts = list(_Parts(self).all())
        if not parts:
            return Reading(left_out=((self.thread_id, NO_RUN),))
        cases = tuple(part.case(number) for number, part in enumerate(parts))
        left_out = [
            each for part, case in zip(parts, cases, strict=True) for each in part.left_out(case)
        ]
        return Reading(cases, tuple(left_out))


class _Part:
    """What one assistant did in a thread, and what stood before."""

    def __init__(self, timeline: Timeline, first: Ran, before: Sequence[Json]) -> None:
        self._timeline = timeline
        self._before = tuple(before)
        self._first = first
        self._turns: list[Turn] = []
        self._why: list[tuple[int, str]] = []

    def takes(self, ran: Ran) -> bool:
        """Whether a run is one of its own."""
        return ran.assistant == self._first.assistant and ran.resources == self._first.resources

    def add(self, ran: Ran, asked: Sequence[Json]) -> None:
        """A further run, and what was asked for it."""
        number = len(self._turns)
        if ran.why:
            self._why.append((number, ran.why))
        self._turns.append(
            Turn(
                number=number,
                asked=tuple(asked),
                params=ran.params,
                outputs=ran.outputs,
                recorded=ran.outcome,
                why=ran.why or self._of_all(),
            )
        )

    def case(self, number: int = 0) -> Case:
        """The case it makes, the `number`-th of its thread from 0."""
        first, thread_id = self._first, self._timeline.thread_id
        return Case(
            id=thread_id if number == 0 else f"{thread_id}.{number + 1}",
            assistant=first.assistant,
            resources=first.resources,
            before=self._before,
            turns=tuple(self._turns),
            source=self._timeline.source,
            strata=strata_of(first.assistant, first.name),
        )

    def _of_all(self) -> str:
        """Why none of its turns can be compared."""
        return self._timeline.why or ("" if self._first.assistant.get("model") else NO_ASSISTANT)

    def told(self) -> list[Json]:
        """All that stands in the thread after it."""
        case = self.case()
        return list(case.history(Turn(number=len(case.turns)), {}))

    def left_out(self, case: Case) -> Iterator[tuple[str, str]]:
        """What of it cannot be compared."""
        if self._of_all():
            yield case.id, self._of_all()
        for number, why in self._why:
            yield f"{case.id}/{number}", why


class _Parts:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._asked: list[Json] = []
        self._before: list[Json] = []
        self._part: _Part | None = None

    def all(self) -> Iterator[_Part]:
        """The parts of a thread, in order."""
        for entry in self._timeline.entries:
            match entry:
                case Said():
                    self._said(entry)
                case Gone():
                    if (ended := self._gone(entry)) is not None:
                        yield ended
                case Ran():
                    if (ended := self._ran(entry)) is not None:
                        yield ended
        if self._part is not None:
            yield self._part

    def _said(self, said: Said) -> None:
        self._asked.append(plain(said.message))
        if self._part is None and said.answers:  # what is asked comes after the last answer
            self._before += self._asked
            self._asked = []

    def _gone(self, gone: Gone) -> _Part | None:
        """Take a message out; the part that ends by it, if one does."""
        if _taken_out(self._asked, plain(gone.message)):
            return None
        ended = self._cut()
        for each in _said_by(gone.message):
            _taken_out(self._before, each)
        return ended

    def _ran(self, ran: Ran) -> _Part | None:
        ended = None if self._part is None or self._part.takes(ran) else self._cut()
        if self._part is None:
            self._part = _Part(self._timeline, ran, self._before)
        self._part.add(ran, self._asked)
        self._asked = []
        return ended

    def _cut(self) -> _Part | None:
        """End the part: what was said in it stands before the next."""
        ended, self._part = self._part, None
        if ended is not None:
            self._before = ended.told()
        return ended


def plain(message: Json) -> Json:
    """A message as it is asked for; a text alone is a string, however it came."""
    asked = as_request(message)
    match asked.get("content"):
        case [{"type": "text", "text": str(text)}]:
            asked["content"] = text
    return asked


def _said_by(message: Json) -> list[Json]:
    """What a shown message is in a history."""
    if message.get("role") != "assistant":
        return [plain(message)]
    answered = Turn(number=0, recorded=outcome_of({}, (), [message]))
    return list(Case(id="", turns=(answered,)).history(Turn(number=1), {}))


def _taken_out(messages: list[Json], wanted: Json) -> bool:
    """Take the latest message that is equal out of a list, if one is."""
    for number in range(len(messages) - 1, -1, -1):
        if messages[number] == wanted:
            del messages[number]
            return True
    return False


def strata_of(assistant: Json, name: str) -> dict[str, str]:
    """What samples are spread over."""
    kinds = {str(tool.get("type")) for tool in assistant.get("tools") or ()}
    return {
        "assistant": str(assistant.get("name") or name or "unknown"),
        "tools": "+".join(sorted(kinds)) or "none",
        "model": str(assistant.get("model") or "unknown"),
    }
