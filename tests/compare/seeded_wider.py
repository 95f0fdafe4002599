"""A second set of seeded faults, on answers of other shapes, and harder pairs that are none.

Written from what can go wrong at a user's, without a look at how differences are found: answers
with several citations, rounds, files and messages, JSON, amounts and negations, what is better on
B, and flaws that both lanes share.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shim.native.cases import (
    UNANSWERED,
    Case,
    Citation,
    FunctionCall,
    MadeFile,
    Outcome,
    Turn,
    Usage,
)

WORSE, BETTER, CHANGED = "worse", "better", "changed"

_LANGUAGES = (
    "Vous pouvez renvoyer un article dans les trente jours, et nous remboursons le prix payé.",
    "Puede devolver un artículo en treinta días, y le reembolsamos lo que pagó por él.",
    "Pode devolver um artigo no prazo de trinta dias, e reembolsamos o que pagou por ele.",
    "Du kannst einen Artikel innerhalb von dreißig Tagen zurückgeben, und wir erstatten den Preis.",
    (
        "商品は三十日以内であれば返品することができ、お支払いいただいた金額を全額返金いたします。"
        "返送料はお客様のご負担となりますので、あらかじめご了承ください。"
    ),
    "Вы можете вернуть товар в течение тридцати дней, и мы вернём вам уплаченные за него деньги.",
)
_EVENTS = (
    *("thread.run.created", "thread.run.queued", "thread.run.in_progress"),
    *("thread.run.step.created", "thread.run.step.in_progress", "thread.run.step.completed"),
    *("thread.run.step.created", "thread.message.created", "thread.message.in_progress"),
    *("thread.message.delta", "thread.message.completed", "thread.run.step.completed"),
    *("thread.run.completed", "done"),
)
_SCHEMA = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["open", "shipped", "returned"]},
        "items": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "total": {"type": "number"},
    },
    "required": ["status", "items", "total"],
    "additionalProperties": False,
}
_STRICT = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "o", "schema": _SCHEMA}}
}
_LOOSE = {"response_format": {"type": "json_object"}}


@dataclass(frozen=True, slots=True)
class Wider:
    """Two answers of A and one of B; what B's fault may be called, and for whom it is worse."""

    name: str
    kinds: frozenset[str]
    direction: str
    a: tuple[Outcome, Outcome]
    b: Outcome
    turn: Turn
    case: Case


class _Desk:
    """Makes outcomes of a lane, each time with other ids, times and tokens."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.days, self.price = draw.randint(10, 60), draw.randint(2000, 9000) / 100
        self.files = {name: self.id("file-") for name in ("returns.pdf", "prices.pdf")}

    def id(self, prefix: str) -> str:
        return prefix + "".join(self.draw.choices("abcdefghijkmnpqrstuvwxyzABCDEF0123456789", k=24))

    def sentences(self) -> tuple[str, str]:
        return (
            f"You can return the lamp within {self.days} days of the day on which it reached you",
            f" and we pay back the full price of ${self.price:.2f} to the card that you used",
        )

    def cited(self, names: tuple[str, ...] = ("returns.pdf", "prices.pdf")) -> Outcome:
        """A search, then a text of two sentences, each with a marker before its full stop."""
        ids = {name: self.id("file-") for name in self.files}
        text, citations = "", []
        for sentence, name in zip(self.sentences(), names, strict=True):
            text += sentence
            mark = f"【{self.draw.randint(4, 12)}:{self.draw.randint(0, 19)}†{name}】"
            citations.append(
                Citation(
                    type="file_citation",
                    file_id=ids[name],
                    text=mark,
                    start=len(text),
                    end=len(text) + len(mark),
                )
            )
            text += mark + "."
        return self.whole(text, citations=tuple(citations), retrieved=5)

    def called(self) -> Outcome:
        """Two rounds of calls, then a text."""
        first = FunctionCall(
            name="find_order",
            arguments=json.dumps({"order": {"number": 17, "year": 2026}, "tags": ["a", "b"]}),
            output='{"ok": true}',
            id=self.id("call_"),
        )
        second = FunctionCall(
            name="quote",
            arguments=json.dumps({"price": self.price, "to": "Ada Lovelace"}),
            output="sent",
            id=self.id("call_"),
        )
        steps = ("function", "function", "message_creation")
        return self.whole(
            "".join(self.sentences()) + ".", rounds=((first,), (second,)), steps=steps
        )

    def coded(self) -> Outcome:
        """Code that made a table and a picture, told in two messages."""
        mark = "sandbox:/mnt/data/sales.csv"
        text = f"The table of your sales is ready: [download it]({mark})."
        path = Citation(
            type="file_path",
            file_id=self.id("file-"),
            text=mark,
            start=text.index(mark),
            end=text.index(mark) + len(mark),
            text_index=1,
        )
        return self.whole(
            "I shall add the sales of each month up and draw them.",
            text,
            steps=("message_creation", "code_interpreter", "message_creation"),
            citations=(path,),
            files=(MadeFile(type="image_file"), MadeFile(type="file_path", name="sales.csv")),
        )

    def data(self, **other: object) -> Outcome:
        """An answer that is JSON."""
        value = {"status": "open", "items": ["lamp", "shade"], "total": self.price, **other}
        return self.whole(json.dumps(value))

    def whole(self, *texts: str, **more: object) -> Outcome:
        draw = self.draw
        prompt, completion = draw.randint(2800, 3200), draw.randint(90, 130)
        steps = (
            ("file_search", "message_creation") if "retrieved" in more else ("message_creation",)
        )
        told = {
            "status": "completed",
            "texts": texts,
            "steps": steps,
            "events": _EVENTS,
            "usage": Usage(
                prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
            ),
            "seconds": draw.uniform(1.8, 2.4),
            "first_token": draw.uniform(0.7, 0.95),
            "thread_id": self.id("thread_"),
            "run_id": self.id("run_"),
            **more,
        }
        return Outcome(**told)


Spoil = Callable[[Outcome, _Desk], Outcome]
Make = Callable[[_Desk], Outcome]


def _with(**more: object) -> Spoil:
    return lambda o, _: o.model_copy(update=more)


def _said(change: Callable[[str, _Desk], str]) -> Spoil:
    """Another text where nothing is cited."""

    def spoil(outcome: Outcome, desk: _Desk) -> Outcome:
        return outcome.model_copy(update={"texts": (change(outcome.texts[0], desk),)})

    return spoil


def _arguments(number: int, change: Callable[[dict], object]) -> Spoil:
    def spoil(outcome: Outcome, _: _Desk) -> Outcome:
        rounds = [list(each) for each in outcome.rounds]
        call = rounds[number][0]
        made = change(json.loads(call.arguments))
        arguments = made if isinstance(made, str) else json.dumps(made)
        rounds[number][0] = call.model_copy(update={"arguments": arguments})
        return outcome.model_copy(update={"rounds": tuple(map(tuple, rounds))})

    return spoil


def _events(change: Callable[[list[str]], list[str]]) -> Spoil:
    return lambda o, _: o.model_copy(update={"events": tuple(change(list(o.events)))})


def _usage(prompt: float, completion: float) -> Spoil:
    def spoil(outcome: Outcome, _: _Desk) -> Outcome:
        used = outcome.usage or Usage()
        p, c = int(used.prompt_tokens * prompt), int(used.completion_tokens * completion)
        usage = Usage(prompt_tokens=p, completion_tokens=c, total_tokens=p + c)
        return outcome.model_copy(update={"usage": usage})

    return spoil


def _second_marker_first(outcome: Outcome, desk: _Desk) -> Outcome:
    """The second citation moved to the end of the first sentence, markers and offsets alike."""
    one, other = outcome.citations
    text = outcome.texts[0]
    text = text[: other.start] + text[other.end :]
    text = text[: one.end] + other.text + text[one.end :]
    moved = other.model_copy(update={"start": one.end, "end": one.end + len(other.text)})
    return outcome.model_copy(update={"texts": (text,), "citations": (one, moved)})


def _without_second(outcome: Outcome, _: _Desk) -> Outcome:
    other = outcome.citations[1]
    text = outcome.texts[0]
    return outcome.model_copy(
        update={
            "texts": (text[: other.start] + text[other.end :],),
            "citations": outcome.citations[:1],
        }
    )


def _third_citation(outcome: Outcome, _: _Desk) -> Outcome:
    one, other = outcome.citations
    text = outcome.texts[0] + other.text
    third = other.model_copy(
        update={"start": len(outcome.texts[0]), "end": len(text), "file_id": one.file_id}
    )
    return outcome.model_copy(update={"texts": (text,), "citations": (one, other, third)})


def _off(by: int) -> Spoil:
    def spoil(outcome: Outcome, _: _Desk) -> Outcome:
        one, other = outcome.citations
        shifted = other.model_copy(
            update={"start": other.start + by, "end": other.end + by, "quoted": False}
        )
        return outcome.model_copy(update={"citations": (one, shifted)})

    return spoil


def _merged_rounds(outcome: Outcome, _: _Desk) -> Outcome:
    return outcome.model_copy(update={"rounds": (outcome.calls,)})


def _renamed(outcome: Outcome, _: _Desk) -> Outcome:
    first = outcome.rounds[0][0].model_copy(update={"name": "search_orders"})
    return outcome.model_copy(update={"rounds": ((first,), outcome.rounds[1])})


def _unmatched(outcome: Outcome, _: _Desk) -> Outcome:
    call = FunctionCall(name="cancel_order", arguments='{"number": 17}')
    return outcome.model_copy(
        update={"status": UNANSWERED, "rounds": ((call,),), "unmatched": (call,), "texts": ()}
    )


def _scrambled(text: str, desk: _Desk) -> str:
    words = text.split()
    desk.draw.shuffle(words)
    return " ".join(words)


_CITED: Make = lambda desk: desk.cited()  # noqa: E731
_CALLED: Make = lambda desk: desk.called()  # noqa: E731
_CODED: Make = lambda desk: desk.coded()  # noqa: E731
_DATA: Make = lambda desk: desk.data()  # noqa: E731
_FAILED: Make = lambda desk: desk.whole(status="failed", error="invalid_prompt: no", texts=())  # noqa: E731
_CUT: Make = lambda desk: desk.called().model_copy(  # noqa: E731
    update={"status": "incomplete", "reason": "max_completion_tokens"}
)
_REFUSED: Make = lambda desk: desk.whole(refusals=("I am sorry, no.",))  # noqa: E731
_QUICK: Make = lambda desk: desk.called().model_copy(  # noqa: E731
    update={"seconds": desk.draw.uniform(0.2, 0.3), "first_token": 0.1}
)

Fault = tuple[str, str, str, Make, Spoil]

_FAULTS: tuple[Fault, ...] = (
    (
        "cites another file",
        "citation_diff",
        WORSE,
        _CITED,
        lambda o, d: d.cited(("prices.pdf",) * 2),
    ),
    (
        "cites the files the other way round",
        "citation_diff",
        WORSE,
        _CITED,
        lambda o, d: d.cited(("prices.pdf", "returns.pdf")),
    ),
    (
        "cites another file throughout",
        "citation_diff",
        WORSE,
        lambda d: d.cited(("returns.pdf",) * 2),
        lambda o, d: d.cited(("prices.pdf",) * 2),
    ),
    ("a citation too few", "citation_diff", WORSE, _CITED, _without_second),
    ("a citation too many", "citation_diff", CHANGED, _CITED, _third_citation),
    ("a citation at another sentence", "citation_diff", WORSE, _CITED, _second_marker_first),
    ("a citation off by one", "citation_diff", WORSE, _CITED, _off(1)),
    ("a citation beyond the end", "citation_diff", WORSE, _CITED, _off(500)),
    (
        "a file of another name",
        "file_diff citation_diff",
        "",
        _CODED,
        _with(files=(MadeFile(type="image_file"), MadeFile(type="file_path", name="out.csv"))),
    ),
    (
        "no picture",
        "file_diff",
        WORSE,
        _CODED,
        lambda o, _: o.model_copy(update={"files": o.files[1:]}),
    ),
    (
        "no code",
        "steps_diff",
        WORSE,
        _CODED,
        _with(steps=("message_creation", "message_creation")),
    ),
    (
        "the second message is missing",
        "steps_diff text_diff length_diff",
        "",
        _CODED,
        lambda o, _: o.model_copy(
            update={
                "texts": o.texts[:1],
                "citations": (),
                "steps": o.steps[:2],
                "files": o.files[:1],
            }
        ),
    ),
    (
        "another amount",
        "text_diff",
        "",
        _CALLED,
        _said(lambda t, d: t.replace(f"{d.price:.2f}", f"{d.price + 11:.2f}")),
    ),
    (
        "another number of days",
        "text_diff",
        "",
        _CALLED,
        _said(lambda t, d: t.replace(f"{d.days} days", f"{d.days + 7} days")),
    ),
    (
        "a negation",
        "text_diff",
        "",
        _CALLED,
        _said(lambda t, _: t.replace("can return", "cannot return")),
    ),
    (
        "a third of the text",
        "text_diff length_diff",
        "",
        _CALLED,
        _said(lambda t, _: t[: len(t) // 3]),
    ),
    ("the words in disorder", "text_diff", "", _CALLED, _said(_scrambled)),
    ("the text said twice", "length_diff", "", _CALLED, _said(lambda t, _: f"{t}\n\n{t}")),
    (
        "other words with the same length",
        "text_diff",
        "",
        _CALLED,
        _said(
            lambda t, _: "I found no lamp in the list; tell me please which shop you bought it in."
        ),
    ),
    (
        "another language",
        "language_diff",
        WORSE,
        _CALLED,
        _said(lambda t, d: d.draw.choice(_LANGUAGES)),
    ),
    (
        "an argument as text",
        "tool_diff",
        WORSE,
        _CALLED,
        _arguments(0, lambda v: {**v, "order": {**v["order"], "number": "17"}}),
    ),
    (
        "an argument deep inside",
        "tool_diff",
        WORSE,
        _CALLED,
        _arguments(0, lambda v: {**v, "order": {**v["order"], "year": 2025}}),
    ),
    (
        "items of a list in another order",
        "tool_diff",
        WORSE,
        _CALLED,
        _arguments(0, lambda v: {**v, "tags": v["tags"][::-1]}),
    ),
    (
        "an argument missing",
        "tool_diff",
        WORSE,
        _CALLED,
        _arguments(1, lambda v: {"price": v["price"]}),
    ),
    (
        "true for one",
        "tool_diff",
        WORSE,
        _CALLED,
        _arguments(1, lambda v: {**v, "price": True}),
    ),
    (
        "arguments that are no JSON",
        "tool_diff",
        WORSE,
        _CALLED,
        _arguments(1, lambda v: '{"price": '),
    ),
    ("another function", "tool_diff", WORSE, _CALLED, _renamed),
    ("all calls at once", "rounds_diff", CHANGED, _CALLED, _merged_rounds),
    (
        "the second call first",
        "tool_diff",
        "",
        _CALLED,
        lambda o, _: o.model_copy(update={"rounds": o.rounds[::-1]}),
    ),
    ("a call that nobody can answer", "unmatched_call", WORSE, _CALLED, _unmatched),
    ("expires", "status_diff", WORSE, _CALLED, _with(status="expired", texts=())),
    (
        "is cut off",
        "status_diff",
        WORSE,
        _CALLED,
        _with(status="incomplete", reason="max_prompt_tokens"),
    ),
    (
        "fails otherwise",
        "error_diff",
        CHANGED,
        _FAILED,
        _with(error="content_filter: the prompt was filtered"),
    ),
    ("does not fail", "status_diff", BETTER, _FAILED, lambda o, d: d.called()),
    ("is cut off for another reason", "reason_diff", CHANGED, _CUT, _with(reason="content_filter")),
    ("does not refuse", "refusal_diff", BETTER, _REFUSED, lambda o, d: d.called()),
    ("refuses", "refusal_diff", WORSE, _CALLED, _with(texts=(), refusals=("I can't do that.",))),
    (
        "finds far less",
        "retrieval_diff",
        "",
        _CITED,
        _with(retrieved=1),
    ),
    (
        "searches twice",
        "steps_diff",
        CHANGED,
        _CITED,
        _with(steps=("file_search",) * 2 + ("message_creation",)),
    ),
    ("an event is missing", "event_diff", CHANGED, _CALLED, _events(lambda e: e[:10] + e[11:])),
    (
        "an event comes twice",
        "event_diff",
        CHANGED,
        _CALLED,
        _events(lambda e: [*e[:8], e[7], *e[8:]]),
    ),
    ("the end is missing", "event_diff", CHANGED, _CALLED, _events(lambda e: e[:-1])),
    ("reads twice as much", "usage_diff", WORSE, _CALLED, _usage(2, 1)),
    ("thinks eight times as long", "usage_diff", WORSE, _CALLED, _usage(1, 8)),
    ("reads half as much", "usage_diff", BETTER, _CALLED, _usage(0.5, 1)),
    (
        "takes twice as long",
        "latency_diff",
        WORSE,
        _CALLED,
        lambda o, _: o.model_copy(update={"seconds": o.seconds * 2.2}),
    ),
    ("a quick answer becomes slow", "latency_diff", WORSE, _QUICK, _with(seconds=1.1)),
    (
        "takes half as long",
        "latency_diff",
        BETTER,
        _CALLED,
        lambda o, _: o.model_copy(update={"seconds": o.seconds * 0.4}),
    ),
    ("the first words come late", "first_token_diff", WORSE, _CALLED, _with(first_token=1.75)),
)

_SCHEMAS: tuple[Fault, ...] = (
    (
        "a value that is not allowed",
        "schema_diff",
        WORSE,
        _DATA,
        lambda o, d: d.data(status="lost"),
    ),
    ("an empty list", "schema_diff", WORSE, _DATA, lambda o, d: d.data(items=[])),
    ("a key too many", "schema_diff", WORSE, _DATA, lambda o, d: d.data(note="x")),
    ("another value", "text_diff", "", _DATA, lambda o, d: d.data(total=d.price + 1)),
    ("a fence around it", "schema_diff", WORSE, _DATA, _said(lambda t, _: f"```json\n{t}\n```")),
    ("cut in the middle", "schema_diff", WORSE, _DATA, _said(lambda t, _: t[: len(t) - 12])),
    (
        "keeps what A breaks",
        "schema_diff",
        BETTER,
        lambda d: d.data(status="lost"),
        lambda o, d: d.data(),
    ),
)


def _decomposed(outcome: Outcome, _: _Desk) -> Outcome:
    texts = [unicodedata.normalize("NFD", text).replace(" ", "\u00a0", 3) for text in outcome.texts]
    return outcome.model_copy(update={"texts": tuple(texts), "citations": ()})


def _typographic(text: str, _: _Desk) -> str:
    return text.replace("'", "\u2019").replace(" and ", " \u2013 and ", 1)


def _reordered(outcome: Outcome, desk: _Desk) -> Outcome:
    items = list(json.loads(outcome.texts[0]).items())
    desk.draw.shuffle(items)
    return outcome.model_copy(update={"texts": (json.dumps(dict(items), indent=2),)})


def _plain(outcome: Outcome, _: _Desk) -> Outcome:
    return outcome


def _both_off(desk: _Desk) -> Outcome:
    return _off(-4)(desk.cited(), desk)


_NULLS: tuple[tuple[str, Make, Spoil, dict], ...] = (
    ("cited", _CITED, _plain, {}),
    ("called", _CALLED, _plain, {}),
    ("coded", _CODED, _plain, {}),
    ("data", _DATA, _plain, _STRICT),
    ("the same data, its keys in another order", _DATA, _reordered, _STRICT),
    ("both cite beside the place", _both_off, _plain, {}),
    ("both break the schema", lambda d: d.data(status="lost"), _plain, _STRICT),
    ("both refuse, in other words", _REFUSED, _with(refusals=("That I cannot do.",)), {}),
    ("both fail, told otherwise", _FAILED, _with(error="invalid_prompt: it was refused"), {}),
    ("both are cut off", _CUT, _said(lambda t, _: t[:-9]), {}),
    (
        "the same letters, otherwise composed",
        lambda d: d.whole("Der schöne Käse über den Dächern von Zürich schmeckt vorzüglich dazu."),
        _decomposed,
        {},
    ),
    ("typographic signs", _CALLED, _said(_typographic), {}),
    (
        "a friendly opening",
        _CALLED,
        _said(lambda t, d: d.draw.choice(("Sure! ", "Of course: ")) + t),
        {},
    ),
    (
        "an offer at the end",
        _CALLED,
        _said(lambda t, _: f"{t} Let me know if you need more help."),
        {},
    ),
    (
        "synonyms",
        _CALLED,
        _said(lambda t, _: t.replace("return", "send back").replace("pay back", "refund")),
        {},
    ),
    (
        "a number written otherwise",
        _CALLED,
        _arguments(0, lambda v: {**v, "order": {"year": 2026.0, "number": 17}}),
        {},
    ),
    (
        "a little slower",
        _CALLED,
        lambda o, _: o.model_copy(update={"seconds": o.seconds * 1.25}),
        {},
    ),
    ("a few tokens more", _CALLED, _usage(1.1, 1.2), {}),
    (
        "a recording that tells little",
        lambda d: d.called().model_copy(
            update={
                "events": (),
                "usage": None,
                "seconds": None,
                "first_token": None,
                "unknown": frozenset({"events", "usage", "seconds", "first_token"}),
            }
        ),
        lambda o, d: d.called(),
        {},
    ),
    (
        "a short answer in other words",
        lambda d: d.whole("Yes, it is."),
        _said(lambda t, _: "Yes, that is so."),
        {},
    ),
)


def wider_faults(seed: int, rounds: int) -> Iterator[Wider]:
    """Each fault as often as there are rounds, by other draws."""
    for number in range(rounds):
        for fault in _FAULTS:
            yield _seeded(fault, {}, seed + number)
        for fault in _SCHEMAS:
            yield _seeded(fault, _STRICT, seed + number)
        loose = (
            "prose for an object",
            "schema_diff",
            WORSE,
            _DATA,
            _said(lambda _, d: "It is open."),
        )
        yield _seeded(loose, _LOOSE, seed + number)


def wider_nulls(seed: int, rounds: int) -> Iterator[Wider]:
    """Each pair in which nothing is wrong, as often as there are rounds."""
    for number in range(rounds):
        for name, make, change, params in _NULLS:
            yield _seeded((name, "", "", make, change), params, seed + number)


def _seeded(fault: Fault, params: dict, seed: int) -> Wider:
    name, kinds, direction, make, spoil = fault
    desk = _Desk(random.Random(f"{seed} {name}"))
    first, second, third = make(desk), make(desk), make(desk)
    turn = Turn(number=0, asked=({"role": "user", "content": "The lamp?"},), params=params)
    case = Case(id=name, assistant={"model": "gpt-4o"}, turns=(turn,))
    spoilt = spoil(third, desk)
    return Wider(name, frozenset(kinds.split()), direction, (first, second), spoilt, turn, case)
