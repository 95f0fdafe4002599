"""What counts as a difference between two outcomes of one turn, and what does not."""

from __future__ import annotations

import json

import pytest
from driven_place import asked, case_of

from shim.compare.differences import BETTER, CHANGED, KINDS, WORSE, differences
from shim.compare.limits import Limits
from shim.errors import SettingsError
from shim.native.cases import UNANSWERED, Citation, FunctionCall, MadeFile, Outcome, Usage

TEXT = "The office is open from nine to five, and closed on Sundays【4:0†hours.pdf】."
MARK = "【4:0†hours.pdf】"
AT = TEXT.index(MARK)
CITED = Citation(type="file_citation", file_id="file-a", text=MARK, start=AT, end=AT + len(MARK))
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


def call(name="get_weather", **arguments):
    return FunctionCall(name=name, arguments=json.dumps(arguments), output="x")


def outcome(**more):
    return Outcome(
        **{
            "status": "completed",
            "texts": (TEXT,),
            "citations": (CITED,),
            "steps": ("file_search", "message_creation"),
            "retrieved": 3,
            "usage": Usage(prompt_tokens=200, completion_tokens=30, total_tokens=230),
            "seconds": 1.0,
            "first_token": 0.4,
            "events": ("thread.run.created", "thread.message.delta", "done"),
            **more,
        }
    )


def found(a, b, **turn):
    made = asked("When?", **turn)
    return [(d.kind, d.direction) for d in differences(a, b, made, case_of(made))]


def test_what_changes_from_time_to_time_is_no_difference():
    """Ids, spacing, key order, a marker's number, a little time and a few tokens."""
    text = TEXT.replace(MARK, "【7:2†hours.pdf】").replace("nine to", "nine  to")
    moved = text.index("【")
    cited = CITED.model_copy(
        update={
            "text": "【7:2†hours.pdf】",
            "file_id": "file-b",
            "start": moved,
            "end": moved + len(MARK),
        }
    )
    a = outcome(rounds=((call(city="Oslo", days=1),),))
    b = outcome(
        texts=(text,),
        citations=(cited,),
        rounds=((call(days=1.0, city="Oslo"),),),
        seconds=1.3,
        usage=Usage(prompt_tokens=240, completion_tokens=40, total_tokens=280),
        thread_id="thread_b",
        model="gpt-4.1",
    )

    assert found(a, b) == []


@pytest.mark.parametrize(
    ("b", "kind", "direction"),
    [
        (outcome(status="failed", error="server_error: no"), "status_diff", WORSE),
        (outcome(status="incomplete", reason="max_output_tokens"), "status_diff", WORSE),
        (outcome(rounds=()), "tool_diff", WORSE),
        (outcome(rounds=((call(city="Rome"),),)), "tool_diff", WORSE),
        (outcome(rounds=((call(city="Oslo"), call(city="Rome")),)), "tool_diff", CHANGED),
        (outcome(retrieved=0, rounds=((call(city="Oslo"),),)), "retrieval_diff", WORSE),
        (outcome(citations=(), rounds=((call(city="Oslo"),),)), "citation_diff", WORSE),
        (
            outcome(
                citations=(CITED.model_copy(update={"start": AT - 3, "quoted": False}),),
                rounds=((call(city="Oslo"),),),
            ),
            "citation_diff",
            WORSE,
        ),
        (
            outcome(files=(MadeFile(type="image_file"),), rounds=((call(city="Oslo"),),)),
            "file_diff",
            CHANGED,
        ),
        (outcome(refusals=("No.",), rounds=((call(city="Oslo"),),)), "refusal_diff", WORSE),
        (outcome(texts=("",), rounds=((call(city="Oslo"),),)), "text_diff", WORSE),
        (outcome(texts=("Yes, quite.",), rounds=((call(city="Oslo"),),)), "text_diff", CHANGED),
        (outcome(texts=(TEXT * 3,), rounds=((call(city="Oslo"),),)), "length_diff", CHANGED),
        (
            outcome(
                texts=(
                    "Das Büro ist von neun bis fünf Uhr geöffnet und am Sonntag geschlossen, " * 2,
                ),
                rounds=((call(city="Oslo"),),),
            ),
            "language_diff",
            WORSE,
        ),
        (
            outcome(events=("thread.run.created", "done"), rounds=((call(city="Oslo"),),)),
            "event_diff",
            CHANGED,
        ),
        (
            outcome(
                usage=Usage(prompt_tokens=900, completion_tokens=30, total_tokens=930),
                rounds=((call(city="Oslo"),),),
            ),
            "usage_diff",
            WORSE,
        ),
        (outcome(seconds=4.0, rounds=((call(city="Oslo"),),)), "latency_diff", WORSE),
        (outcome(seconds=0.1, rounds=((call(city="Oslo"),),)), "latency_diff", BETTER),
        (outcome(first_token=3.0, rounds=((call(city="Oslo"),),)), "first_token_diff", WORSE),
    ],
)
def test_a_difference_is_named(b, kind, direction):
    """Each kind is found by its name, with who is the worse for it."""
    a = outcome(rounds=((call(city="Oslo"),),))

    assert (kind, direction) in found(a, b)


def test_a_changed_argument_is_shown_by_its_path():
    """The sentence says which argument, what it is, and what it was."""
    a = outcome(rounds=((call(where={"city": "Oslo"}, days=1),),))
    b = outcome(rounds=((call(where={"city": "Rome"}, days=1),),))

    (difference,) = differences(a, b, asked("?"), case_of(asked("?")))

    assert difference.told == "calls get_weather with where.city 'Rome' for 'Oslo'"


def test_calls_in_another_order_are_a_change_alone():
    """Parallel calls have no order that matters to the program that answers them."""
    a = outcome(rounds=((call(city="Oslo"), call(city="Rome")),))
    b = outcome(rounds=((call(city="Rome"), call(city="Oslo")),))

    assert found(a, b) == [("tool_diff", CHANGED)]


def test_a_shifted_citation_is_told_where_the_texts_are_equal():
    """The same text with the marker's place told wrong by three letters."""
    shifted = CITED.model_copy(update={"start": AT - 3, "end": AT + len(MARK) - 3})

    (difference,) = differences(
        outcome(), outcome(citations=(shifted,)), asked("?"), case_of(asked("?"))
    )

    assert difference.kind == "citation_diff"
    assert "shifted" in difference.told


def test_a_call_that_a_did_not_make_is_told():
    """It ended the turn, since nobody knows its output."""
    b = outcome(status=UNANSWERED, rounds=((call(city="Rome"),),), unmatched=(call(city="Rome"),))

    kinds = [kind for kind, _ in found(outcome(rounds=((call(city="Oslo"),),)), b)]

    assert kinds == ["status_diff", "unmatched_call", "tool_diff"]


def test_the_format_that_was_asked_for():
    """An answer that breaks the schema which A's keeps is worse, and the other way round."""
    good, bad = outcome(texts=('{"n": 1}',)), outcome(texts=('{"n": "one"}',))
    params = {"response_format": FORMAT}

    assert ("schema_diff", WORSE) in found(good, bad, params=params)
    assert ("schema_diff", BETTER) in found(bad, good, params=params)
    assert found(good, good, params=params) == []


@pytest.mark.parametrize(
    ("expect", "b"),
    [
        ({"contains": "nine"}, {"texts": ("ten",)}),
        ({"not_contains": ["ten"]}, {"texts": ("nine to ten",)}),
        ({"matches": r"n\w+e"}, {"texts": ("ten",)}),
        ({"calls": ["get_weather"]}, {"rounds": ()}),
        ({"calls": {"name": "get_weather", "arguments": {"city": "Oslo"}}}, {"rounds": ()}),
        ({"max_seconds": 2}, {"seconds": 2.2}),
        ({"max_tokens": 240}, {"usage": Usage(total_tokens=250)}),
    ],
)
def test_what_a_case_expects(expect, b):
    """What A meets and B does not is worse, whatever else differs."""
    a = outcome(rounds=((call(city="Oslo"),),))

    assert ("expect_diff", WORSE) in found(a, a.model_copy(update=b), expect=expect)
    assert ("expect_diff", BETTER) in found(a.model_copy(update=b), a, expect=expect)


def test_what_a_recording_does_not_tell_is_not_compared():
    """A field that one outcome does not know is no difference."""
    unknown = frozenset({"events", "usage", "seconds", "first_token", "texts", "citations"})
    a = Outcome(status="completed", unknown=unknown, steps=outcome().steps, retrieved=3)

    assert found(a, outcome()) == []


def test_every_kind_has_a_meaning_and_limits_are_checked():
    """A limit that nobody knows is refused with the names there are."""
    assert all(KINDS.values())
    assert Limits().set("latency_ratio=3").latency_ratio == 3
    with pytest.raises(SettingsError, match="latency_ratio"):
        Limits().set("patience=3")


def cited(*names, ids=None, name="†{}】"):
    """An outcome that cites files by name, each marker after a word."""
    text, citations = "", []
    for number, one in enumerate(names):
        text += "words "
        mark = f"【4:{number}" + name.format(one)
        place = len(text), len(text) + len(mark)
        text += mark
        file_id = (ids or {}).get(one, f"file-{one}")
        citations.append(
            Citation(type="file_citation", file_id=file_id, text=mark, start=place[0], end=place[1])
        )
    return outcome(texts=(text,), citations=tuple(citations))


def citation_told(a, b):
    return [
        (d.direction, d.told)
        for d in differences(a, b, asked("?"), case_of(asked("?")))
        if d.kind == "citation_diff"
    ]


def test_a_cited_file_is_known_by_its_name():
    """Ids differ on two lanes; what the marker names does not."""
    other = {"a.pdf": "file-9", "b.pdf": "file-8"}

    same = citation_told(cited("a.pdf", "b.pdf"), cited("a.pdf", "b.pdf", ids=other))
    swapped = citation_told(cited("a.pdf", "b.pdf"), cited("b.pdf", "a.pdf"))
    wrong = citation_told(cited("a.pdf", "b.pdf"), cited("a.pdf", "c.pdf"))

    assert same == []
    assert swapped == [
        (WORSE, "cites b.pdf, a.pdf in the places in which A cites a.pdf, b.pdf"),
    ]
    assert wrong == [(WORSE, "cites c.pdf in the place of b.pdf")]


def test_a_cited_file_without_a_name_is_known_by_what_shares_it():
    """Markers of the old API say `source`: then two citations of one file stay of one."""
    a = cited("x", "y", "x", name="†source】")

    same = citation_told(a, cited("1", "2", "1"))
    merged = citation_told(a, cited("1", "1", "1"))

    assert same == []
    assert merged == [(WORSE, "citation 2 names another file than A's")]


def test_a_flaw_of_both_is_no_difference():
    """A citation beside its place on A as on B is not B's fault, and B may do better."""
    flaw = outcome(citations=(CITED.model_copy(update={"start": AT - 3, "quoted": False}),))

    assert citation_told(flaw, flaw) == []
    assert [direction for direction, _ in citation_told(flaw, outcome())] == [BETTER]


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ("It costs $22.90 in 3 days", "It costs $32.90 in 3 days", "32.9 for 22.9"),
        ("It costs 1,000 today", "It costs 1000 today", ""),
        ("It costs 5.50 today", "It costs 5.5 today", ""),
        ("It takes thirty days to come", "It takes 30 days to come", ""),
        ("It takes 30 days to come here", "It takes 30 days to come here, or 7", ""),
        ("The share is 0.125 of it", "The share is 125 of it", "125 for 0.125"),
    ],
)
def test_other_numbers_in_the_same_words(a, b, told):
    """A number in the place of another is told; one written otherwise, or besides, is not."""
    found = differences(
        outcome(texts=(a,), citations=()),
        outcome(texts=(b,), citations=()),
        asked("?"),
        case_of(asked("?")),
    )

    assert [d.told for d in found] == ([f"much the same text with {told}"] if told else [])


def test_tokens_that_were_written_count_for_themselves():
    """Much thought after a long prompt is a small part of the tokens, a large one of the bill."""
    used = Usage(prompt_tokens=5000, completion_tokens=100, total_tokens=5100)
    more = Usage(prompt_tokens=5000, completion_tokens=900, total_tokens=5900)

    (difference,) = differences(
        outcome(usage=used), outcome(usage=more), asked("?"), case_of(asked("?"))
    )

    assert (difference.kind, difference.told) == ("usage_diff", "wrote 900 tokens, A 100")
