"""Pairs of outcomes that differ in one known way, and pairs that differ by chance alone.

Made from a seed, by rules that know nothing of how differences are found: what a second answer of
the same lane looks like (other ids, other wording of the same, a few tokens and some time more or
less), and what a worse lane does to it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shim.native.cases import Case, Citation, FunctionCall, MadeFile, Outcome, Turn, Usage

_TOPICS = {
    "hours": "We are open from nine to five on weekdays, and the shop is closed on Sundays.",
    "returns": "You can send an item back within thirty days, and we refund what you paid for it.",
    "shipping": "Parcels leave our store in the evening and reach you within two working days.",
    "warranty": "The warranty covers faults of the material for two years from the day you bought.",
    "payment": "We take cards, bank transfers and cash in the shop, but no cheques any more.",
    "account": "Open the settings, choose your account, and press delete; your data goes with it.",
}
_GERMAN = "Wir haben werktags von neun bis fünf Uhr geöffnet, am Sonntag bleibt der Laden zu."
_MARK = "【{0}:{1}†handbook.md】"
_EVENTS = (
    *("thread.run.created", "thread.run.queued", "thread.run.in_progress"),
    *("thread.run.step.created", "thread.message.created", "thread.message.delta"),
    *("thread.message.completed", "thread.run.step.completed", "thread.run.completed", "done"),
)
_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["answer", "days"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Seeded:
    """Two outcomes of a turn; `kinds` are the names under which what is wrong may be found."""

    name: str
    kinds: tuple[str, ...]
    a: tuple[Outcome, ...]
    b: Outcome
    turn: Turn
    case: Case


def _cited(text: str, draw: random.Random) -> tuple[str, Citation]:
    """A text with a marker before its end, as file search leaves one."""
    mark = _MARK.format(draw.randint(4, 9), draw.randint(0, 9))
    place = len(text) - 1
    whole = text[:place] + mark + text[place:]
    file_id = "file-" + "".join(draw.choices("abcdef0123456789", k=12))
    return whole, Citation(
        type="file_citation", file_id=file_id, text=mark, start=place, end=place + len(mark)
    )


def _outcome(topic: str, number: int, draw: random.Random) -> Outcome:
    """What the lane answers to a topic: a search, two calls, a cited text."""
    text, citation = _cited(_TOPICS[topic], draw)
    calls = (
        FunctionCall(name="find_order", arguments=json.dumps({"number": number, "deep": False})),
        FunctionCall(name="find_customer", arguments=json.dumps({"name": f"Customer {number}"})),
    )
    prompt, completion = 900 + draw.randint(-20, 20), 60 + draw.randint(-8, 8)
    return Outcome(
        status="completed",
        texts=(text,),
        rounds=(tuple(c.model_copy(update={"output": "ok"}) for c in calls),),
        steps=("file_search", "function", "function", "message_creation"),
        retrieved=4,
        citations=(citation,),
        events=_EVENTS,
        usage=Usage(
            prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
        ),
        seconds=2.0 + draw.uniform(-0.3, 0.3),
        first_token=0.8 + draw.uniform(-0.15, 0.15),
        thread_id=f"thread_{draw.getrandbits(64):x}",
    )


def _reworded(outcome: Outcome, draw: random.Random) -> Outcome:
    """The same said with a word or two more, as a model does from one time to the next."""
    opening = draw.choice(("", "Sure: ", "Gladly. ", "Of course, "))
    moved = [
        c.model_copy(update={"start": c.start + len(opening), "end": c.end + len(opening)})
        for c in outcome.citations
    ]
    return outcome.model_copy(
        update={"texts": (opening + outcome.texts[0],), "citations": tuple(moved)}
    )


def _json_keys(outcome: Outcome, draw: random.Random) -> Outcome:
    """The same calls, their arguments written in another way, and in another order."""
    calls = []
    for call in outcome.calls:
        pairs = list(json.loads(call.arguments).items())
        draw.shuffle(pairs)
        calls.append(call.model_copy(update={"arguments": json.dumps(dict(pairs), indent=1)}))
    return outcome.model_copy(update={"rounds": (tuple(calls),)})


def _texts(outcome: Outcome, text: str) -> Outcome:
    return outcome.model_copy(update={"texts": (text,), "citations": ()})


def _calls(outcome: Outcome, change: Callable[[list[FunctionCall]], list[FunctionCall]]) -> Outcome:
    return outcome.model_copy(update={"rounds": (tuple(change(list(outcome.calls))),)})


def _argument(calls: list[FunctionCall]) -> list[FunctionCall]:
    return [calls[0].model_copy(update={"arguments": '{"number": 99, "deep": false}'}), calls[1]]


def _shift(outcome: Outcome, by: int) -> Outcome:
    one = outcome.citations[0]
    text = outcome.texts[0]
    there = one.start + by
    return outcome.model_copy(
        update={
            "citations": (
                one.model_copy(
                    update={
                        "start": there,
                        "end": there + len(one.text),
                        "quoted": text[there : there + len(one.text)] == one.text,
                    }
                ),
            )
        }
    )


def _slower(outcome: Outcome, by: float) -> Outcome:
    seconds, first = (outcome.seconds or 0) + by, outcome.first_token
    return outcome.model_copy(update={"seconds": seconds, "first_token": first})


def _later(outcome: Outcome, by: float) -> Outcome:
    first = (outcome.first_token or 0) + by
    return outcome.model_copy(update={"first_token": first, "seconds": (outcome.seconds or 0) + by})


def _dearer(outcome: Outcome) -> Outcome:
    return outcome.model_copy(
        update={"usage": Usage(prompt_tokens=3000, completion_tokens=400, total_tokens=3400)}
    )


_FAULTS: dict[str, tuple[tuple[str, ...], Callable[[Outcome, random.Random], Outcome]]] = {
    "another topic": (
        ("text_diff",),
        lambda o, d: _texts(o, d.choice([t for t in _TOPICS.values() if t[:9] not in o.texts[0]])),
    ),
    "another language": (("language_diff",), lambda o, _: _texts(o, _GERMAN)),
    "one word": (("text_diff", "length_diff"), lambda o, _: _texts(o, "Yes.")),
    "three times as long": (("length_diff",), lambda o, _: _texts(o, o.texts[0] * 3)),
    "no text": (("text_diff",), lambda o, _: _texts(o, "")),
    "refuses": (
        ("refusal_diff",),
        lambda o, _: _texts(o, "").model_copy(update={"refusals": ("I cannot help with that.",)}),
    ),
    "drops a call": (("tool_diff",), lambda o, d: _calls(o, lambda c: [d.choice(c)])),
    "drops all calls": (("tool_diff",), lambda o, _: o.model_copy(update={"rounds": ()})),
    "calls twice": (("tool_diff",), lambda o, _: _calls(o, lambda c: [*c, c[0]])),
    "another argument": (("tool_diff",), lambda o, _: _calls(o, _argument)),
    "another order": (("tool_diff",), lambda o, _: _calls(o, lambda c: c[::-1])),
    "shifted citation": (("citation_diff",), lambda o, d: _shift(o, d.choice((-7, -3, -1)))),
    "no citation": (("citation_diff",), lambda o, _: o.model_copy(update={"citations": ()})),
    "finds nothing": (("retrieval_diff",), lambda o, _: o.model_copy(update={"retrieved": 0})),
    "no search": (
        ("steps_diff",),
        lambda o, _: o.model_copy(update={"steps": o.steps[1:], "retrieved": 0}),
    ),
    "another file": (
        ("file_diff",),
        lambda o, _: o.model_copy(update={"files": (MadeFile(type="file_path", name="x.csv"),)}),
    ),
    "fails": (
        ("status_diff",),
        lambda o, _: o.model_copy(update={"status": "failed", "error": "invalid_prompt: no"}),
    ),
    "is cut off": (
        ("status_diff",),
        lambda o, _: o.model_copy(update={"status": "incomplete", "reason": "max_tokens"}),
    ),
    "slower": (("latency_diff",), lambda o, d: _slower(o, d.uniform(1.5, 9))),
    "first words later": (
        ("first_token_diff", "latency_diff"),
        lambda o, d: _later(o, d.uniform(1, 4)),
    ),
    "dearer": (("usage_diff",), lambda o, _: _dearer(o)),
    "events out of order": (
        ("event_diff",),
        lambda o, _: o.model_copy(update={"events": (_EVENTS[1], _EVENTS[0], *_EVENTS[2:])}),
    ),
}


def _schemas(draw: random.Random) -> Iterator[tuple[str, str, str]]:
    """A good answer in JSON, and broken ones."""
    good = json.dumps({"answer": "Send it back.", "days": draw.randint(10, 40)})
    yield "a number as text", good, good.replace('"days": ', '"days": "').replace("}", '"}')
    yield "a key too few", good, json.dumps({"answer": "Send it back."})
    yield "prose around it", good, f"Here you are: {good}"


def faults(seed: int, rounds: int) -> Iterator[Seeded]:
    """Each fault as often as there are rounds, on other topics and by other draws."""
    draw = random.Random(seed)
    for number in range(rounds):
        topic = draw.choice(list(_TOPICS))
        for name, (kinds, spoil) in _FAULTS.items():
            one, other = (_outcome(topic, number, draw) for _ in range(2))
            yield _seeded(name, kinds, (one, _outcome(topic, number, draw)), spoil(other, draw), {})
        form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": _SCHEMA}}
        for name, good, bad in _schemas(draw):
            one = _texts(_outcome(topic, number, draw), good)
            params = {"response_format": form}
            yield _seeded(name, ("schema_diff",), (one, one), _texts(one, bad), params)


def nulls(seed: int, count: int) -> Iterator[Seeded]:
    """Pairs in which nothing is wrong."""
    draw = random.Random(seed)
    for number in range(count):
        topic = draw.choice(list(_TOPICS))
        first, second, third = (_outcome(topic, number, draw) for _ in range(3))
        change = draw.choice((_reworded, _json_keys, lambda o, _: o))
        yield _seeded("nothing", (), (first, second), change(third, draw), {})


def _seeded(
    name: str, kinds: tuple[str, ...], a: tuple[Outcome, ...], b: Outcome, params: dict[str, object]
) -> Seeded:
    turn = Turn(number=0, asked=({"role": "user", "content": "?"},), params=params)
    case = Case(id=name, assistant={"model": "gpt-4o"}, turns=(turn,))
    return Seeded(name, kinds, a, b, turn, case)
