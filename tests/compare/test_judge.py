"""A model that judges: blind, in both orders, kept, and off unless asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from driven_place import asked, case_of

from shim.compare.judge import counted, foretold, judged
from shim.errors import SettingsError
from shim.native.cases import Outcome, Pair
from shim.offline import Offline, Say
from shim.settings import Settings

GOOD, POOR = "Oslo is the capital of Norway.", "I would not know, sorry."


class Judge:
    """Prefers the answer that names Oslo; or, where it is biased, whatever comes first."""

    def __init__(self, *, biased=False):
        self.biased = biased
        self.told = []

    def reply(self, view):
        self.told.append(view.text)
        first = view.text.split("FIRST ANSWER\n")[1].startswith(GOOD) or self.biased
        return [Say(json.dumps({"better": "first" if first else "second", "reason": "so"}))]


def pair(number, a, b, **more):
    case = case_of(asked("What is the capital of Norway?"), id=f"case {number}")
    outcomes = [Outcome(status="completed", texts=(text,)) for text in (a, b)]
    return Pair(case=case, turn=case.turns[0], a=outcomes[:1], b=outcomes[1:], **more)


def judge(model, pairs, folder):
    offline = Offline(model=model)
    with offline.serve() as served:
        settings = Settings(upstream_url=served.url, upstream_key="none", dialect="openai")
        return judged("judge-1", pairs, settings, Path(folder) / "judge.jsonl")


def test_both_orders_agree(tmp_path):
    """The better answer is found whichever lane gave it; nobody tells the judge which that was."""
    model = Judge()

    preferred = judge(model, [pair(1, GOOD, POOR), pair(2, POOR, GOOD)], tmp_path)

    assert preferred == {"case 1/0": "a", "case 2/0": "b"}
    assert len(model.told) == 2  # the second pair is the first one turned round
    assert "What is the capital of Norway?" in model.told[0]
    assert not any(word in text for text in model.told for word in ("lane", "case 1"))


def test_a_judge_that_goes_by_the_place_says_nothing(tmp_path):
    """Where the orders disagree it is a tie."""
    assert judge(Judge(biased=True), [pair(1, GOOD, POOR)], tmp_path) == {"case 1/0": "tie"}


def test_what_it_said_is_kept(tmp_path):
    """A second report asks nothing, and equal texts are never judged."""
    first, second = Judge(), Judge()
    pairs = [pair(1, GOOD, POOR), pair(2, GOOD, GOOD), pair(3, GOOD, POOR, why="no answer")]

    before = judge(first, pairs, tmp_path)
    after = judge(second, pairs, tmp_path)

    assert before == after == {"case 1/0": "a"}
    assert (len(first.told), len(second.told)) == (2, 0)


def test_a_judge_that_cannot_be_asked_is_an_error(tmp_path):
    """Nothing is made up where the model does not answer."""
    settings = Settings(upstream_url="http://127.0.0.1:9/v1", upstream_key="none")

    with pytest.raises(SettingsError, match="judge-1"):
        judged("judge-1", [pair(1, GOOD, POOR)], settings, tmp_path / "judge.jsonl")


def test_what_a_judge_costs_is_told_before():
    """Both orders of each turn whose texts differ, at the price of its model; then what it said."""
    pairs = [pair(1, GOOD, POOR), pair(2, GOOD, GOOD), pair(3, GOOD, POOR, why="no answer")]

    estimate = foretold("judge-1", pairs, {"judge-1": (10.0, 100.0)})
    unpriced = foretold("judge-2", pairs)

    assert (estimate.runs, estimate.completion_tokens) == (2, 160)
    assert estimate.dollars == pytest.approx((estimate.prompt_tokens * 10 + 160 * 100) / 1e6)
    assert "no price known for judge-2" in unpriced.told()
    assert "B in 1, A in 2, neither in 0" in counted({"1": "a", "2": "b", "3": "a"})
