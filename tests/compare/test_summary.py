"""What a comparison comes to: noise, verdicts, conditions, reports."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from driven_place import asked, case_of

from shim.compare.gates import parsed_gate
from shim.compare.noise import Rate, sign_test
from shim.compare.report.page import as_html
from shim.compare.report.plain import as_json, as_junit, as_markdown
from shim.compare.report.words import word_diff
from shim.compare.summary import Summary
from shim.errors import SettingsError
from shim.native.cases import ERROR, UNANSWERED, FunctionCall, Outcome, Pair

CALL = FunctionCall(name="f", arguments="{}", output="x")
GOOD = Outcome(status="completed", texts=("Oslo is the capital of Norway.",), seconds=1.0)
OTHER = GOOD.model_copy(update={"texts": ("Quite another thing was said here today.",)})
CALLS = GOOD.model_copy(update={"rounds": ((CALL,),)})
SLOW = GOOD.model_copy(update={"seconds": 9.0})


def pair(number, a, b, **more):
    case = case_of(asked(f"Question {number}?"), id=f"case {number}")
    return Pair(case=case, turn=case.turns[0], a=tuple(a), b=tuple(b), **more)


def summary(*pairs, **more):
    return Summary.of(("old", "new"), pairs, **more)


def test_equal_answers_are_the_same_and_few_say_little():
    """The verdict tells how little a handful of turns shows."""
    few = summary(*(pair(n, [GOOD, GOOD], [GOOD]) for n in range(3)))
    many = summary(*(pair(n, [GOOD, GOOD], [GOOD]) for n in range(30)))

    assert (few.verdict, many.verdict) == ("same", "same")
    assert "few" in few.reason
    assert "few" not in many.reason


def test_what_a_differs_from_itself_in_is_noise():
    """A lane that words each answer anew does not regress for other words of B's."""
    pairs = [pair(n, [GOOD, OTHER], [GOOD if n % 2 else OTHER]) for n in range(20)]

    told = summary(*pairs)

    assert told.verdict == "same"
    assert all(not kind.beyond_noise for kind in told.kinds)


def test_a_loss_beyond_the_noise_is_a_regression():
    """A call that A always makes and B does not is found among noisy words."""
    pairs = [
        pair(
            n, [CALLS, CALLS], [GOOD if n < 5 else CALLS.model_copy(update={"texts": OTHER.texts})]
        )
        for n in range(20)
    ]

    told = summary(*pairs)

    assert (told.verdict, told.counts["regressed"]) == ("different", 5)
    assert told.worst_first()[0].counted[0].kind == "tool_diff"
    assert "B wins 0" in told.wins


def test_errors_and_what_cannot_be_compared_stand_apart():
    """A broken connection is no answer, and a missing output is no one's fault."""
    broken = Outcome(status=ERROR, error="refused")
    waiting = Outcome(status=UNANSWERED, unmatched=(CALL,))
    told = summary(
        pair(1, [GOOD], [broken]),
        pair(2, [waiting], [GOOD]),
        pair(3, [], [GOOD], why="lane A has no answer"),
    )

    assert told.compared == 0
    assert (told.counts["error"], told.counts["not comparable"]) == (1, 2)
    assert [turn.why for turn in told.turns][:1] == ["B: refused"]
    assert "give it under tools" in told.turns[1].why


def test_a_judge_decides_what_rules_leave_open():
    """Other words alone are a change; a judge's preference makes them a win or a loss."""
    pairs = [pair(1, [GOOD], [GOOD]), pair(2, [GOOD], [GOOD])]

    told = summary(*pairs, judged={"case 1/0": "b", "case 2/0": "a"})

    assert [turn.verdict for turn in told.turns] == ["improved", "regressed"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("tool_diff>2%", True),
        ("tool_diff>50%", False),
        ("tool_diff>=5", True),
        ("regressed>0", True),
        ("latency_diff>0", False),
        ("verdict=different", True),
        ("verdict=same", False),
    ],
)
def test_conditions(text, holds):
    """A condition holds by count, by share, or by the verdict."""
    told = summary(*(pair(n, [CALLS], [GOOD if n < 5 else CALLS]) for n in range(20)))

    assert parsed_gate(text).holds(told) == holds


@pytest.mark.parametrize("text", ["tool_dif>2%", "tool_diff", "tool_diff>two", "verdict=good", ""])
def test_a_condition_that_says_nothing_is_refused(text):
    """The error names what there is."""
    with pytest.raises(SettingsError, match="tool_diff"):
        parsed_gate(text)


def test_the_numbers():
    """Wilson's interval and the sign test, against values from tables."""
    low, high = Rate(5, 100).interval

    assert (round(low, 3), round(high, 3)) == (0.022, 0.112)
    assert Rate().interval == (0.0, 1.0)
    assert sign_test(1, 9) == pytest.approx(0.0215, abs=1e-3)
    assert sign_test(0, 0) == 1.0


HOSTILE = "</script><script>alert(1)</script> \u202egnp.exe \x1b[31m | `x` <img src=x> ]]>"


def hostile():
    one = GOOD.model_copy(update={"texts": (HOSTILE,), "rounds": ((CALL,),)})
    other = one.model_copy(update={"texts": ("other " + HOSTILE,), "rounds": ()})
    return summary(pair(1, [one], [other]), pair(HOSTILE, [SLOW], [GOOD]), notes=[HOSTILE])


def test_the_page_escapes_all_of_it():
    """Nothing of a text becomes markup, nothing is hidden, nothing is fetched."""
    page = as_html(hostile())

    assert page.count("<script>") == page.count("</script>") == 1
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<h1>" in page
    assert "does not call f({})" in page


def test_junit_is_xml_that_counts():
    """Regressed turns are failures; the counts are the suite's."""
    root = ET.fromstring(as_junit(hostile()))

    suite = root.find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "tool_diff" in suite.find("testcase/failure").text


def test_markdown_and_json():
    """Markdown keeps to its table; JSON has all of it."""
    told = hostile()

    markdown = as_markdown(told)
    whole = json.loads(json.dumps(as_json(told)))

    assert "<script>" not in markdown
    assert whole["verdict"] == told.verdict
    assert whole["turns"][0]["a"][0]["texts"] == [HOSTILE]


def test_a_large_comparison_stays_readable():
    """Beyond some hundred turns the page shows rows, and it does not grow without end."""
    page = as_html(summary(*(pair(n, [CALLS], [GOOD]) for n in range(1500))))

    assert page.count('<details class="turn"') == 200
    assert "case 1499/0" in page
    assert len(page) < 3_000_000


def test_words_that_differ():
    """Both texts in parts which put together are the texts."""
    left, right = word_diff("The office is open", "The shop is open today")

    assert "".join(text for _, text in left) == "The office is open"
    assert "".join(text for _, text in right) == "The shop is open today"
    assert ("gone", "office ") in left
    assert ("new", "shop ") in right
