"""What is compared: turns of conversations, and what came of them. Knows shapes; drives nothing.

A case is one conversation with one assistant; a turn is one run in it. Turns are teacher-forced:
what stands before a turn is what the reference answered there, never what the other lane did. All
of it is plain data, read and written as JSON, so that it can be recorded, kept and resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_serializer
from pydantic_core import PydanticSerializationError

from shim.core.wire import Json

__all__ = [
    "ERROR",
    "FUNCTION",
    "MESSAGE",
    "UNANSWERED",
    "Answer",
    "Case",
    "Citation",
    "FunctionCall",
    "MadeFile",
    "Outcome",
    "Pair",
    "Turn",
    "Usage",
    "as_line",
]

ERROR = "error"
"""The status of a turn of which no run came: a refused call, a broken connection, a time-out."""

UNANSWERED = "unanswered"
"""The status of a turn that ended at function calls for which there is no recorded output."""

_OF_SERVERS = {"server_error", "rate_limit_exceeded"}

MESSAGE, FUNCTION = "message_creation", "function"


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def as_line(one: BaseModel) -> bytes:
    """A case or an answer as a line of a file; half of a surrogate pair, which is no text, as ?."""
    try:
        text = one.model_dump_json()
    except PydanticSerializationError:
        text = json.dumps(one.model_dump(), ensure_ascii=False)
    return text.encode("utf-8", "replace") + b"\n"


class FunctionCall(_Plain):
    """A function that the model called: `arguments` as it wrote them, `output` where one is known.

    In a history it stands for a complete pair. `id` is the one of its lane, if any.
    """

    name: str
    arguments: str = "{}"
    output: str | None = None
    id: str = ""


class Citation(_Plain):
    """An annotation. `type` is file_citation or file_path; `text` is the marker it stands for.

    `text_index` is the text it belongs to among the turn's texts. `quoted` says whether the text
    has the marker at start:end.
    """

    type: str
    file_id: str = ""
    text: str = ""
    start: int = 0
    end: int = 0
    text_index: int = 0
    quoted: bool = True


class MadeFile(_Plain):
    """A file that code made: `image_file` or `file_path`, and its name where one is told."""

    type: str
    name: str = ""


class Usage(_Plain):
    """Tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Outcome(_Plain):
    """What came of a turn on one lane.

    `status` is the run's, or ERROR or UNANSWERED; `error` is `code: message` where it failed and
    `reason` why it is incomplete. `rounds` are the function calls of each of the model's rounds
    that made any. `steps` are types in order: MESSAGE, FUNCTION, file_search, code_interpreter;
    `retrieved` counts search results. `events` are the names of the streamed ones, in order, deltas
    that follow each other as one; empty where nothing was streamed. `seconds` and `first_token`
    are from the request on, None where unknown. `unmatched` are calls for which the reference has
    no output. What a recording does not tell stands in `unknown`, by the
    names of these fields: it is not compared.
    """

    status: str
    error: str = ""
    reason: str = ""
    texts: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    rounds: tuple[tuple[FunctionCall, ...], ...] = ()
    unmatched: tuple[FunctionCall, ...] = ()
    steps: tuple[str, ...] = ()
    retrieved: int = 0
    citations: tuple[Citation, ...] = ()
    files: tuple[MadeFile, ...] = ()
    events: tuple[str, ...] = ()
    usage: Usage | None = None
    model: str = ""
    seconds: float | None = None
    first_token: float | None = None
    unknown: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    thread_id: str = ""
    run_id: str = ""

    @field_serializer("unknown")
    def _in_order(self, unknown: frozenset[str]) -> list[str]:
        """As JSON always the same."""
        return sorted(unknown)

    @property
    def broken(self) -> bool:
        """Whether it tells of the way to the model, or its load, and not of what it would say."""
        code = self.error.partition(":")[0]
        return self.status == ERROR or (self.status == "failed" and code in _OF_SERVERS)

    @property
    def calls(self) -> tuple[FunctionCall, ...]:
        """All function calls, in order."""
        return tuple(call for each in self.rounds for call in each)

    @property
    def text(self) -> str:
        """All texts, one after the other."""
        return "\n\n".join(self.texts)


class Turn(_Plain):
    """One run: what was said before it and how it was asked for.

    `asked` are messages (`role`, `content`, `attachments`) that came since the run before. `params`
    are those of the run, without assistant and stream. `outputs` are the function calls for which
    outputs are known, by name and arguments. `expect` is what a case file asks of the answer.
    `recorded` is what came of it where it was recorded, and `why` tells why nothing can be compared
    with that, if so.
    """

    number: int
    asked: tuple[Json, ...] = ()
    params: Json = Field(default_factory=dict)
    outputs: tuple[FunctionCall, ...] = ()
    expect: Json = Field(default_factory=dict)
    recorded: Outcome | None = None
    why: str = ""


class Case(_Plain):
    """One conversation: the assistant's definition (as for `assistants.create`), and its turns.

    `before` are the messages that were there already, and complete calls (as `{"call": {...}}`).
    `resources` are the thread's `tool_resources`. `tools` answers functions by name where a turn
    has no output for their arguments. `source` tells a person where it comes from; `strata` are
    what samples are spread over.
    """

    id: str
    assistant: Json = Field(default_factory=dict)
    resources: Json = Field(default_factory=dict)
    before: tuple[Json, ...] = ()
    turns: tuple[Turn, ...] = ()
    tools: Json = Field(default_factory=dict)
    source: str = ""
    strata: Mapping[str, str] = Field(default_factory=dict)

    def history(self, turn: Turn, answers: Mapping[int, Outcome]) -> Iterator[Json]:
        """What stands before the turn's own messages: messages and complete calls, oldest first.

        `answers` are the reference's of earlier turns that have no recorded one.
        """
        yield from self.before
        for earlier in self.turns:
            if earlier.number >= turn.number:
                return
            yield from earlier.asked
            outcome = earlier.recorded or answers.get(earlier.number)
            if outcome is not None:
                yield from _said(earlier, outcome)


class Answer(_Plain):
    """What one lane answered to one turn, the `repeat`-th time: a line of a run's file."""

    case: str
    turn: int
    lane: str
    repeat: int = 0
    outcome: Outcome


class Pair(_Plain):
    """All that is compared of one turn: the answers of both lanes; `why` where they cannot be."""

    case: Case
    turn: Turn
    a: tuple[Outcome, ...] = ()
    b: tuple[Outcome, ...] = ()
    why: str = ""


def _said(turn: Turn, outcome: Outcome) -> Iterator[Json]:
    """What a turn leaves for later ones: complete calls, then the texts without their markers."""
    known = {(call.name, call.arguments): call for call in turn.outputs}
    for call in outcome.calls:
        found = call if call.output is not None else known.get((call.name, call.arguments))
        if found is not None and found.output is not None:
            yield {"call": found.model_dump()}
    for number, text in enumerate(outcome.texts):
        if plain := _unmarked(text, [c for c in outcome.citations if c.text_index == number]):
            yield {"role": "assistant", "content": plain}


def _unmarked(text: str, citations: Sequence[Citation]) -> str:
    """A text without the markers of its citations, as a model is shown it again."""
    for each in sorted(citations, key=lambda one: one.start, reverse=True):
        if each.type == "file_citation" and text[each.start : each.end] == each.text:
            text = text[: each.start] + text[each.end :]
    return text
