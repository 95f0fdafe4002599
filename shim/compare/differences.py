"""What differs between two outcomes of one turn, each difference by name and in a sentence.

Deterministic and without asking anybody. Ids, wording within a limit, and what a recording does not
tell are no differences. Knows outcomes; knows nothing of repetition, noise or verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shim.compare.calls import call_differences
from shim.compare.citing import citation_differences
from shim.compare.expectations import unmet
from shim.compare.formats import broken_format
from shim.compare.limits import Limits
from shim.compare.texts import language_of, other_numbers, plain_texts, similarity
from shim.native.cases import ERROR, UNANSWERED, Case, Outcome, Turn

__all__ = ["BETTER", "CHANGED", "KINDS", "WORSE", "Alike", "Compared", "Difference", "differences"]

WORSE, BETTER, CHANGED = "worse", "better", "changed"

KINDS: Mapping[str, str] = {
    "status_diff": "the run ends in another way",
    "error_diff": "it fails with another error",
    "reason_diff": "it is incomplete for another reason",
    "unmatched_call": "a function is called that lane A did not call so",
    "tool_diff": "other function calls",
    "rounds_diff": "more or fewer rounds of calls",
    "steps_diff": "other steps",
    "retrieval_diff": "the search finds more or less",
    "citation_diff": "other citations",
    "file_diff": "other files",
    "schema_diff": "the answer keeps, or breaks, the format it was asked for",
    "refusal_diff": "one refuses, the other does not",
    "expect_diff": "what the case expects is met by one alone",
    "language_diff": "another language",
    "length_diff": "much longer or shorter",
    "text_diff": "another text",
    "event_diff": "other events, or in another order",
    "usage_diff": "many more or fewer tokens",
    "latency_diff": "slower or faster",
    "first_token_diff": "the first words come later or sooner",
}
"""All kinds of differences, the gravest first."""

_RANKS = {"completed": 0, "incomplete": 1, "cancelled": 2, "expired": 3, "failed": 4}
_WORST = 5
_MOST = 1000
"""Letters of what is told of one difference; the outcomes have all of it."""
_FIELDS = {
    "error_diff": "error",
    "reason_diff": "reason",
    "unmatched_call": "unmatched",
    "tool_diff": "rounds",
    "rounds_diff": "rounds",
    "steps_diff": "steps",
    "retrieval_diff": "retrieved",
    "citation_diff": "citations",
    "file_diff": "files",
    "schema_diff": "texts",
    "refusal_diff": "refusals",
    "language_diff": "texts",
    "length_diff": "texts",
    "text_diff": "texts",
    "event_diff": "events",
    "usage_diff": "usage",
    "latency_diff": "seconds",
    "first_token_diff": "first_token",
}
"""The field of an outcome that a kind is about; `unknown` names it where it is not told."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: its kind, whether B is worse, better or changed, and what it is."""

    kind: str
    direction: str
    told: str


Alike = Callable[[str, str], float]
"""How alike two texts are, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared: outcomes of one turn of a case, within limits."""

    a: Outcome
    b: Outcome
    turn: Turn
    case: Case
    limits: Limits
    alike: Alike = similarity

    def tells(self, kind: str) -> bool:
        """Whether both outcomes tell what a kind is about."""
        field = _FIELDS.get(kind, "")
        return field not in self.a.unknown and field not in self.b.unknown


Finder = Callable[[Compared], Iterator[tuple[str, str]]]


def differences(
    a: Outcome,
    b: Outcome,
    turn: Turn,
    case: Case,
    limits: Limits | None = None,
    *,
    alike: Alike = similarity,
) -> list[Difference]:
    """All differences, the gravest first; `alike` says how alike two texts are, from 0 to 1.

    Where a run did not end well on one side alone, that is the difference: what it did not come to
    is not told as well.
    """
    compared = Compared(a, b, turn, case, limits or Limits(), alike)
    kinds = KINDS if _ended_alike(a, b) else ("status_diff", "unmatched_call", "tool_diff")
    return [
        Difference(kind, direction, told if len(told) <= _MOST else f"{told[:_MOST]} ...")
        for kind in kinds
        if compared.tells(kind)
        for direction, told in _FINDERS[kind](compared)
    ]


def _ended_alike(a: Outcome, b: Outcome) -> bool:
    return a.status == b.status


def _rank(status: str) -> int:
    return _RANKS.get(status, _WORST)


def _status(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = it.a, it.b
    if a.status != b.status:
        direction = WORSE if _rank(b.status) > _rank(a.status) else BETTER
        why = {one.status: f" ({one.error})" if one.error else "" for one in (a, b)}
        told = f"ends {b.status}{why[b.status]} where A ends {a.status}{why[a.status]}"
        yield direction, told


def _error(it: Compared) -> Iterator[tuple[str, str]]:
    codes = [one.error.partition(":")[0] for one in (it.a, it.b)]
    if codes[0] != codes[1] and it.a.status != ERROR:
        yield CHANGED, f"fails with {codes[1] or 'no code'}, A with {codes[0] or 'no code'}"


def _reason(it: Compared) -> Iterator[tuple[str, str]]:
    if it.a.reason != it.b.reason:
        yield CHANGED, f"is incomplete for {it.b.reason or 'no reason'}, A for {it.a.reason}"


def _unmatched(it: Compared) -> Iterator[tuple[str, str]]:
    if it.b.status == UNANSWERED != it.a.status:
        for call in it.b.unmatched:
            yield WORSE, f"calls {call.name}({call.arguments}), for which A has no output"


def _tools(it: Compared) -> Iterator[tuple[str, str]]:
    for graver, told in call_differences(it.a.calls, it.b.calls):
        yield (WORSE if graver else CHANGED), told


def _rounds(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = len(it.a.rounds), len(it.b.rounds)
    if a != b:
        yield CHANGED, f"{b} rounds of function calls, A {a}"


def _steps(it: Compared) -> Iterator[tuple[str, str]]:
    if it.a.steps == it.b.steps:
        return
    a, b = Counter(it.a.steps), Counter(it.b.steps)
    missing, extra = _counted(a - b), _counted(b - a)
    if missing or extra:
        parts = [f"lacks {missing}"] * bool(missing) + [f"has {extra} besides"] * bool(extra)
        yield (WORSE if missing and not extra else CHANGED), f"its steps: {'; '.join(parts)}"
    else:
        yield CHANGED, f"its steps come as {', '.join(it.b.steps)}, A's as {', '.join(it.a.steps)}"


def _counted(steps: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(steps.items()))


def _retrieval(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = it.a.retrieved, it.b.retrieved
    if a != b:
        yield (WORSE if not b else CHANGED), f"the search found {b} passages, A's {a}"


def _citations(it: Compared) -> Iterator[tuple[str, str]]:
    for sense, told in citation_differences(it.a, it.b):
        yield (CHANGED, BETTER, WORSE)[sense], told


def _files(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = (Counter(f"{f.type} {f.name}".strip() for f in one.files) for one in (it.a, it.b))
    if a != b:
        direction = WORSE if sum(b.values()) < sum(a.values()) else CHANGED
        shown = [", ".join(sorted(one.elements())) or "none" for one in (b, a)]
        yield direction, f"made the files: {shown[0]}; A: {shown[1]}"


def _schema(it: Compared) -> Iterator[tuple[str, str]]:
    wanted = it.turn.params.get("response_format") or it.case.assistant.get("response_format")
    if it.a.status != "completed":
        return
    a, b = broken_format(it.a.text, wanted), broken_format(it.b.text, wanted)
    if bool(a) != bool(b):
        yield (WORSE if b else BETTER), f"the answer breaks the format asked for: {b or f'A: {a}'}"


def _refusal(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = bool(it.a.refusals), bool(it.b.refusals)
    if a != b:
        yield (WORSE, "the model refuses") if b else (BETTER, "A's model refuses, this does not")


def _expected(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = unmet(it.a, it.turn.expect), unmet(it.b, it.turn.expect)
    for each in b:
        if each not in a:
            yield WORSE, f"does not meet what is expected: {each}"
    for each in a:
        if each not in b:
            yield BETTER, f"meets what A does not: {each}"


def _language(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = (language_of(plain_texts(one), it.limits.language_letters) for one in (it.a, it.b))
    if a and b and a != b:
        yield WORSE, f"answers in {b}, A in {a}"


def _length(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = len(plain_texts(it.a)), len(plain_texts(it.b))
    if (
        a
        and b
        and min(a, b) * it.limits.length_ratio < max(a, b)
        and max(a, b) > it.limits.language_letters
    ):
        yield CHANGED, f"the text has {b} letters, A's {a}"


def _text(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = plain_texts(it.a), plain_texts(it.b)
    if a and not b:
        yield WORSE, "says nothing"
    elif a != b:
        alike = it.alike(a, b)
        if alike < it.limits.similarity:
            yield CHANGED, f"another text: {alike:.0%} alike"
        elif (numbers := other_numbers(a, b)) is not None:
            yield CHANGED, f"much the same text with {numbers[1]} for {numbers[0]}"


def _events(it: Compared) -> Iterator[tuple[str, str]]:
    a, b = it.a.events, it.b.events
    if a and b and a != b and it.a.steps == it.b.steps:
        at = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
        place = min(len(a), len(b)) if at is None else at
        shown = [one[place] if place < len(one) else "the end" for one in (b, a)]
        yield CHANGED, f"event {place + 1} is {shown[0]}, A's {shown[1]}"


def _usage(it: Compared) -> Iterator[tuple[str, str]]:
    """All tokens, else those that were written, which cost the most and take the time."""
    if it.a.usage is None or it.b.usage is None:
        return
    for name, what in (("total_tokens", "took"), ("completion_tokens", "wrote")):
        a, b = getattr(it.a.usage, name), getattr(it.b.usage, name)
        if direction := _beyond(a, b, it.limits.usage_ratio, it.limits.usage_tokens):
            yield direction, f"{what} {b} tokens, A {a}"
            return


def _latency(it: Compared) -> Iterator[tuple[str, str]]:
    yield from _slower(it, it.a.seconds, it.b.seconds, "the answer took")


def _first_token(it: Compared) -> Iterator[tuple[str, str]]:
    yield from _slower(it, it.a.first_token, it.b.first_token, "the first words took")


def _slower(it: Compared, a: float | None, b: float | None, what: str) -> Iterator[tuple[str, str]]:
    if a is None or b is None:
        return
    if direction := _beyond(a, b, it.limits.latency_ratio, it.limits.latency_seconds):
        yield direction, f"{what} {b:.2f} s, A's {a:.2f} s"


def _beyond(a: float, b: float, ratio: float, floor: float) -> str:
    """Whether b is more, which is worse, or less than a, beyond both limits."""
    if abs(a - b) <= floor or max(a, b) <= min(a, b) * ratio:
        return ""
    return WORSE if b > a else BETTER


_FINDERS: Mapping[str, Finder] = {
    "status_diff": _status,
    "error_diff": _error,
    "reason_diff": _reason,
    "unmatched_call": _unmatched,
    "tool_diff": _tools,
    "rounds_diff": _rounds,
    "steps_diff": _steps,
    "retrieval_diff": _retrieval,
    "citation_diff": _citations,
    "file_diff": _files,
    "schema_diff": _schema,
    "refusal_diff": _refusal,
    "expect_diff": _expected,
    "language_diff": _language,
    "length_diff": _length,
    "text_diff": _text,
    "event_diff": _events,
    "usage_diff": _usage,
    "latency_diff": _latency,
    "first_token_diff": _first_token,
}
