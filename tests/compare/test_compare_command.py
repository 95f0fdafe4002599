"""`shim compare` as a person runs it: lanes, cases, resuming, what is made of a comparison."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from shim.cli import main
from shim.offline import Offline, Say

CASES = """
assistant: {model: gpt-4o, instructions: Be brief.}
lanes:
  loud: {where: URL, key: none, instructions: Be loud.}
cases:
  - ask: Hello
  - id: two
    turns: [Good morning, And now]
"""
ALIKE = ("--cases", "cases.yaml", "--a", "shim", "--b", "shim")
NATIVE = """
def answer(asked):
    return "You said: " + asked.messages[-1]["content"]

async def later(asked):
    return {"texts": [f"{len(asked.messages)} messages"]}

def uses_a_tool(asked):
    return asked.tool("find", {"x": 1})
"""


class Echo:
    """A model that says what it was told, louder where it shall."""

    def reply(self, view):
        text = f"You said: {view.text}"
        return [Say(text.upper() + "!" * 60 if "loud" in view.instructions else text)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with cases and native code, and a server; `shim compare` in it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SHIM_")]:
        if not name.startswith(("SHIM_TEST", "SHIM_RECORDINGS")):
            monkeypatch.delenv(name)
    with Offline(model=Echo()).serve() as served:
        Path("cases.yaml").write_text(CASES.replace("URL", json.dumps(served.url)))
        Path("native.py").write_text(NATIVE)
        monkeypatch.setenv("SHIM_UPSTREAM_URL", served.url)
        monkeypatch.setenv("SHIM_UPSTREAM_KEY", "none")
        yield tmp_path


def compare(*words):
    return CliRunner().invoke(main, ["compare", *words])


def run(*words):
    return compare("--cases", "cases.yaml", "--a", "shim", *words)


def report(folder="shim-compare"):
    return json.loads((Path(folder) / "report.json").read_text())


def test_the_same_lane_is_the_same(place):
    """The verdict, the files, and what it says of few turns."""
    done = run("--b", "shim,model=gpt-4.1", "--repeat", "2")

    assert done.exit_code == 0, done.output
    assert "SAME: nothing worse or other beyond the noise in 3 turns" in done.output
    assert "about $" in done.output
    names = {path.name for path in Path("shim-compare").iterdir()}
    assert {"report.html", "report.json", "junit.xml", "summary.md"} <= names
    assert [turn["id"] for turn in report()["turns"]] == ["1/0", "two/0", "two/1"]


def test_a_named_lane_that_differs_and_a_condition(place):
    """A lane of the file of cases, found to differ; --fail-on makes it an exit code."""
    done = run("--b", "loud", "--fail-on", "length_diff>50%", "--json")

    assert done.exit_code == 1
    assert report()["lanes"]["b"] == "loud"
    assert {d["kind"] for d in report()["turns"][0]["differences"]} >= {"length_diff"}


def test_a_run_goes_on_and_a_dry_one_asks_nothing(place):
    """Answers that are there are not asked for again; other cases need another folder."""
    dry = run("--b", "shim", "--dry-run")
    first = run("--b", "shim")
    again = run("--b", "shim")
    Path("cases.yaml").write_text(Path("cases.yaml").read_text().replace("Hello", "Hi"))
    other = run("--b", "shim")
    fresh = run("--b", "shim", "--fresh")

    assert "3 runs" in dry.output
    assert "already" not in first.output
    assert "6 answers are there already" in again.output
    assert (other.exit_code, fresh.exit_code) == (1, 0)
    assert "cases differ" in other.output


def test_native_code_is_a_lane(place):
    """A function of the user's, plain or async; a call without a known output ends its turn."""
    plain = run("--b", "python:native.py:answer", "--out", "plain")
    later = run("--b", "python:native.py:later", "--out", "later")
    tool = run("--b", "python:native.py:uses_a_tool", "--out", "tool")
    none = run("--b", "python:native.py:nothing", "--out", "none")

    assert plain.exit_code == later.exit_code == tool.exit_code == 0
    assert report("plain")["verdict"] == "same"
    assert report("later")["turns"][2]["b"][0]["texts"] == ["3 messages"]
    assert report("tool")["turns"][0]["b"][0]["status"] == "unanswered"
    assert (none.exit_code, "cannot be loaded" in none.output) == (1, True)


def test_what_is_made_of_a_comparison(place):
    """A baseline that is a lane, a report with other limits, promptfoo's file and a dataset."""
    run("--b", "loud")

    accepted = compare("accept", "shim-compare", "--to", "base.jsonl")
    against = compare(
        *("--cases", "cases.yaml", "--a", "recording:base.jsonl", "--b", "loud", "--out", "o")
    )
    anew = compare("report", "shim-compare", "--limit", "length_ratio=90", "--json")
    made = compare("export", "shim-compare", "--promptfoo", "p.yaml", "--jsonl", "d.jsonl")

    assert "3 answers" in accepted.output
    assert report("o")["verdict"] == "same", against.output
    assert "length_diff" not in {kind["kind"] for kind in json.loads(anew.stdout)["kinds"]}
    assert made.exit_code == 0
    assert "openai:responses:" in Path("p.yaml").read_text()
    assert len(Path("d.jsonl").read_text().splitlines()) == 3


def test_a_server_that_is_not_there_is_an_error_and_no_regression(place):
    """Nothing could be compared: the exit code says so, and the words say why."""
    done = run("--b", "shim:http://127.0.0.1:9/v1")

    assert done.exit_code == 2
    assert "Nothing could be compared" in done.output
    assert report()["counts"]["error"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--a", "shim"), "give two lanes"),
        (("--a", "shim", "--b", "shim"), "say where the turns come from"),
        (("--cases", "cases.yaml", "--a", "shim", "--b", "teapot"), "is none of"),
        (("--cases", "cases.yaml", "--a", "shim", "--b", "shim,modle=x"), "modle"),
        (("--cases", "cases.yaml", "--a", "shim", "--b", "native"), "needs an address"),
        ((*ALIKE, "--fail-on", "tool_dif>2%"), "tool_diff"),
        ((*ALIKE, "--limit", "patience=3"), "latency_ratio"),
        ((*ALIKE, "--similarity", "embeddings"), "embeddings:MODEL"),
    ],
)
def test_what_cannot_be_run_is_said(place, words, said):
    """The error names what is missing or wrong."""
    done = compare(*words)

    assert done.exit_code in {1, 2}
    assert said in done.output
    assert not Path("shim-compare/answers.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases: []", "no cases"),
        ("cases: [{ask: Hello, tuns: []}]", "tuns"),
        ("cases: [{id: x}]", "either ask or turns"),
        ("cases: [Hello]", "an assistant is needed"),
        ("assistant: {model: m}\ncases: [{id: 1, ask: a}, {id: 1, ask: b}]", "2 cases"),
        ("assistant: {model: m}\ncases: [{ask: a, expect: {cntains: b}}]", "cntains"),
        ("- a", "no mapping"),
        ("a: [", "cases.yaml"),
    ],
)
def test_a_file_of_cases_that_is_wrong_names_the_place(place, text, said):
    """What is misspelt is not passed over."""
    Path("cases.yaml").write_text(text)

    done = run("--b", "shim")

    assert done.exit_code == 1
    assert said in done.output


@pytest.mark.skipif("SHIM_RECORDINGS" not in os.environ, reason="SHIM_RECORDINGS names no folder")
def test_the_recordings_are_a_lane(place):
    """Every recorded run is in the report: compared, or with the reason why it cannot be."""
    folder = Path(os.environ["SHIM_RECORDINGS"]) / "native"

    done = compare("--a", f"recording:{folder}", "--b", "shim", "--yes", "--out", "r")

    told = report("r")
    assert done.exit_code == 0, done.output
    assert told["compared"] >= 9
    assert all(turn["why"] for turn in told["turns"] if turn["verdict"] == "not comparable")
    assert "get_favorite_food_for_day_of_week" in (Path("r") / "report.html").read_text()
