"""Cases run through two lanes: what each is given, what is kept, and how a run goes on."""

from __future__ import annotations

import threading

import pytest
from driven_place import asked, case_of

from shim.compare.lanes import Recorded
from shim.compare.running import Kept, Plan, identity, pairs_in, read_answers, run
from shim.errors import SettingsError
from shim.native.cases import ERROR, Answer, Case, FunctionCall, Outcome

OSLO = FunctionCall(name="get_weather", arguments='{"city":"Oslo"}', output="rain")


class Told:
    """A lane that answers as it is told, and notes what it was given."""

    asks = True

    def __init__(self, name="told", say=lambda turn, repeat: f"{turn.number}.{repeat}"):
        self.name = name
        self.say = say
        self.given = []
        self._lock = threading.Lock()

    def answer(self, case, turn, history, repeat):
        with self._lock:
            self.given.append((case.id, turn.number, repeat, history, turn.outputs))
        said = self.say(turn, repeat)
        return said if isinstance(said, Outcome) else Outcome(status="completed", texts=(said,))

    def close(self):
        pass


def cases(count=3):
    return [case_of(asked("One?"), asked("Two?", number=1), id=f"case {n}") for n in range(count)]


def kept(folder, some, **options):
    return Kept(folder, identity([{"kind": "told"}], some), **options)


def ignore(_):
    pass


def test_b_stands_upon_what_a_said(tmp_path):
    """Later turns of both lanes have A's answer before them, never B's, and A's outputs."""
    some = cases(1)
    calling = Outcome(status="completed", texts=("A",), rounds=((OSLO,),))
    a, b = Told("a", lambda *_: calling), Told("b")

    pairs = run(Plan(a, b), some, kept(tmp_path, some), ignore)

    second = b.given[1]
    assert [each.get("content", "call") for each in second[3]] == ["One?", "call", "A"]
    assert second[4] == (OSLO,)
    assert [pair.b[0].texts for pair in pairs] == [("0.0",), ("1.0",)]


def test_repeats_are_a_noise_floor(tmp_path):
    """Each lane answers as often as the plan says; the order of the cases is kept."""
    some = cases(5)
    a, b = Told("a"), Told("b")

    pairs = run(Plan(a, b, times_a=3, times_b=2, jobs=4), some, kept(tmp_path, some), ignore)

    assert [pair.case.id for pair in pairs] == [case.id for case in some for _ in case.turns]
    assert [len(pair.a) for pair in pairs] == [3] * 10
    assert [outcome.text for outcome in pairs[1].b] == ["1.0", "1.1"]


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    """What was answered is not asked again; an error is, and so is a line that was torn."""
    some = cases(3)

    def interrupt(turn, repeat):
        if turn.number == 1:
            raise KeyboardInterrupt
        return Outcome(status=ERROR, error="for a moment")

    with pytest.raises(KeyboardInterrupt):
        run(Plan(Told("a"), Told("b", interrupt), jobs=1), some, kept(tmp_path, some), ignore)
    with (tmp_path / "answers.jsonl").open("a") as file:
        file.write('{"case": "case 0", "turn": 1, "la')
    a, b = Told("a"), Told("b")
    pairs = run(Plan(a, b, jobs=1), some, kept(tmp_path, some), ignore)

    assert all(pair.b[0].status == "completed" for pair in pairs)
    assert [given[:2] for given in a.given] == [
        *(("case 1", 0), ("case 1", 1), ("case 2", 0), ("case 2", 1)),
    ]
    assert len(list(read_answers(tmp_path / "answers.jsonl"))) == 13


@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_that_a_kill_left_is_read_as_it_is(tmp_path, whole):
    """A last line without its end stops no report and is left alone; a later run begins anew."""
    some = cases(1)
    folder = kept(tmp_path, some)
    folder.remember(some)
    run(Plan(Told(), Told()), some, folder, ignore)
    answers = tmp_path / "answers.jsonl"
    torn = answers.read_bytes()[: -1 if whole else -9]
    answers.write_bytes(torn)

    pairs = pairs_in(tmp_path)
    left = answers.read_bytes()
    run(Plan(Told(), Told()), some, kept(tmp_path, some), ignore)

    assert [len(pair.b) for pair in pairs] == [1, int(whole)]
    assert left == torn
    assert len(list(read_answers(answers))) == 4


def test_answers_of_another_comparison_are_not_mixed_in(tmp_path):
    """A folder belongs to its lanes and cases; --fresh begins anew."""
    run(Plan(Told(), Told()), cases(1), kept(tmp_path, cases(1)), ignore)

    with pytest.raises(SettingsError, match="cases differ"):
        kept(tmp_path, cases(2))
    assert kept(tmp_path, cases(2), fresh=True).found == 0


def test_a_recording_answers_what_it_has(tmp_path):
    """A recorded lane answers once; a turn that it does not have is not comparable."""
    answer = Answer(case="case 0", turn=0, lane="b", outcome=Outcome(status="completed"))
    some = cases(1)
    plan = Plan(Recorded("then", [answer]), Told(), times_a=2)

    pairs = run(plan, some, kept(tmp_path, some), ignore)

    assert [(len(pair.a), bool(pair.why)) for pair in pairs] == [(1, False), (0, True)]
    assert "lane A (then)" in pairs[1].why


def test_the_digest_of_a_case_is_the_same_everywhere():
    """What is unknown of an outcome is written in one order, whatever a set's is."""
    unknown = frozenset({"usage", "events", "files", "steps"})

    dumped = Case(
        id="x", turns=(asked("?", recorded=Outcome(status="x", unknown=unknown)),)
    ).model_dump_json()

    assert '["events","files","steps","usage"]' in dumped
