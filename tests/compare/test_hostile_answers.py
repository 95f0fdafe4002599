"""What models may write, and what people may write of it: no text breaks a comparison."""

from __future__ import annotations

import json

import jinja2
import pytest
import yaml
from driven_place import asked, case_of

from shim.compare.differences import differences
from shim.compare.expectations import check_expectations
from shim.compare.formats import broken_schema
from shim.compare.report.page import as_html
from shim.compare.report.plain import as_markdown
from shim.compare.running import read_answers
from shim.compare.summary import Summary
from shim.compare.written import write_baseline, write_promptfoo, write_report
from shim.errors import SettingsError
from shim.native.cases import Answer, Case, FunctionCall, Outcome, Pair, as_line
from shim.signs import visible

HALF = "a\ud800b"
DEEP = '{"a":' * 3000 + "1" + "}" * 3000


def calls(*arguments):
    made = tuple(FunctionCall(name="f", arguments=each, output="x") for each in arguments)
    return Outcome(status="completed", rounds=(made,))


def told(a, b, **turn):
    made = asked("?", **turn)
    return [each.told for each in differences(a, b, made, case_of(made))]


def test_half_a_surrogate_pair_is_kept_as_a_sign(tmp_path):
    """What is no text is written as a question mark, and read again."""
    outcome = Outcome(status="completed", texts=(HALF,))
    case = case_of(asked(HALF), id="x")
    pair = Pair(case=case, turn=case.turns[0], a=(outcome,), b=(outcome,))

    write_report(tmp_path, Summary.of(("a", "b"), [pair]))
    write_baseline(tmp_path / "base.jsonl", [pair])
    line = as_line(Answer(case="x", turn=0, lane="a", outcome=outcome))

    assert [one.outcome.text for one in read_answers(tmp_path / "base.jsonl")] == ["a?b"]
    assert Answer.model_validate_json(line).outcome.text == "a?b"
    assert Case.model_validate_json(as_line(case)).turns[0].asked[0]["content"] == "a?b"


def test_arguments_of_any_depth_and_length_are_compared():
    """What is nested too deeply is compared as a text; what is long is told in short."""
    assert told(calls(DEEP), calls(DEEP)) == []
    assert len(told(calls(DEEP), calls("{}"))) == 1
    (long,) = told(calls(json.dumps({"a": "x" * 10**6})), calls(json.dumps({"a": "y" * 10**6})))
    assert len(long) < 1000
    assert "letters" in long
    (many,) = told(calls(json.dumps(dict.fromkeys("abcdefghijkl", 1))), calls("{}"))
    assert "and 4 more" in many


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"$ref": "http://127.0.0.1:9/schema"}, "names what it does not have"),
        ({"$ref": "#/nothing"}, "names what it does not have"),
        ({"type": "strange"}, "the schema itself is wrong"),
        (5, "the schema itself is wrong"),
        ({"type": "object"}, "is not of type 'object'"),
        ({"$defs": {"t": {"type": "string"}}, "$ref": "#/$defs/t"}, ""),
    ],
)
def test_a_schema_fetches_nothing_and_breaks_nothing(schema, problem):
    """What is wrong with it is said in a sentence."""
    assert problem in broken_schema('"text"', schema)
    assert bool(problem) == bool(broken_schema('"text"', schema))
    assert "deeply" in broken_schema("[" * 10**5, True) or "no JSON" in broken_schema("[" * 9, True)


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"matches": "("}, "no regular expression"),
        ({"matches": 5}, "give a regular expression"),
        ({"max_seconds": "soon"}, "no number"),
        ({"max_tokens": True}, "no number"),
        ({"calls": [{"nme": "f"}]}, "neither a name"),
        ({"json_schema": {"type": "strange"}}, "json_schema"),
        ({"contains": None}, "give a text"),
        ({"status": [{}]}, "give a text"),
    ],
)
def test_what_cannot_be_checked_is_refused_before_anything_is_asked(expect, said):
    """The error names the place, the key and the fault."""
    with pytest.raises(SettingsError, match=said) as error:
        check_expectations(expect, "cases.yaml: case 1")

    assert str(error.value).startswith(f"cases.yaml: case 1: expect.{next(iter(expect))}: ")


def test_signs_that_hide_or_steer_are_shown():
    """Terminal escapes, reversed writing, tags and zero-width signs; Persian and emoji stay."""
    assert visible("\x1b[31m \u202e \u061c \U000e0041 \ud800") == (
        r"\u001b[31m \u202e \u061c \ue0041 \ud800"
    )
    kept = "می\u200cخواهم 👩\u200d🔬 two\nlines\tand\u00ada hyphen"  # noqa: RUF001
    assert visible(kept) == kept


def test_markdown_calls_nobody():
    """A model's words name no person, no issue and no address, and steer no reader."""
    text = "ask @maintainer or #12, see https://x.example/ and www.example.com \u202e\x1b[31m"
    case = case_of(asked("?"), id=text)
    one = calls("{}")
    pair = Pair(case=case, turn=case.turns[0], a=(one,), b=(one.model_copy(update={"rounds": ()}),))

    markdown = as_markdown(Summary.of((text, text), [pair]))

    for found in ("@maintainer", "#12", "https://", "www.", "\u202e", "\x1b"):
        assert found not in markdown
    assert "maintainer" in markdown


def test_markdown_fits_into_a_comment():
    """It ends with a whole line below GitHub's 65,536 letters."""
    case = case_of(asked("?"), id="x" * 9000)
    pair = Pair(case=case, turn=case.turns[0], a=(calls("{}"),), b=(Outcome(status="completed"),))

    markdown = as_markdown(Summary.of(("a", "b"), [pair] * 20))

    assert len(markdown) <= 60_000
    assert markdown.endswith("|\n")


def test_the_page_marks_what_differs_in_calls_and_says_what_it_leaves_out():
    """Arguments by their words, calls of one side alone, and the rest of a very long text."""
    a = calls('{"city": "Oslo", "days": 1}', '{"gone": 1}')
    b = calls('{"days": 1, "city": "Rome"}')
    b = b.model_copy(update={"texts": ("word " * 10_000,)})
    case = case_of(asked("?", expect={"contains": "Oslo"}), id="x")
    pair = Pair(case=case, turn=case.turns[0], a=(a,), b=(b,))

    page = as_html(Summary.of(("a", "b"), [pair]))

    assert "<del>Oslo</del>" in page
    assert "<ins>Rome</ins>" in page
    assert "A alone" in page
    assert "30000 letters more are in report.json" in page
    assert "expected: <code>{&#34;contains&#34;:&#34;Oslo&#34;}</code>" in page


def test_what_promptfoo_reads_is_no_template(tmp_path):
    """Texts with braces stay what they are, though promptfoo renders all that it reads."""
    text = 'Use {{ env.HOME }} and {% raw %} and {# so #}, or {"a": 1}'
    case = case_of(asked(text), id="x")
    one = Outcome(status="completed", texts=(f"file://{text}",))
    pair = Pair(case=case, turn=case.turns[0], a=(one,), b=(one,))
    template = jinja2.Environment(autoescape=False).from_string

    write_promptfoo(tmp_path / "p.yaml", Summary.of(("a", "b"), [pair]), "gpt-4.1")

    (made,) = yaml.safe_load((tmp_path / "p.yaml").read_text())["tests"]
    (check,) = made["assert"]
    assert json.loads(template(made["vars"]["messages"]).render())[-1]["content"] == text
    assert not check["value"].startswith("file:")
    assert template(check["value"]).render() == f"file://{text}"
