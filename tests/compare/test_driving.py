"""A Handler is driven through a turn: what it is asked, and what is told of its answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from driven_place import Driven, asked, case_of

from shim import drive
from shim.lanes import Driven as LaneDriven
from shim.lanes import LaneSpec
from shim.native.cases import ERROR, UNANSWERED, FunctionCall, Outcome

OSLO = FunctionCall(name="get_weather", arguments='{ "city": "Oslo" }', output="rain")


@pytest.mark.parametrize("streamed", [True, False])
def test_calls_are_answered_from_what_is_known(streamed):
    """Function calls get the outputs recorded for their name and arguments; all of it is told."""
    driven = Driven(streamed=streamed)
    driven.offline.script.call("get_weather", {"city": "Oslo"}).say("It rains.", usage=(7, 3))

    outcome = driven.answer(case_of(asked("Weather?", OSLO)))

    assert (outcome.status, outcome.texts) == ("completed", ("It rains.",))
    assert [(c.name, json.loads(c.arguments), c.output) for c in outcome.calls] == [
        ("get_weather", {"city": "Oslo"}, "rain")
    ]
    assert outcome.steps == ("function", "message_creation")
    assert outcome.usage.total_tokens >= 10
    assert outcome.seconds > 0
    assert ("thread.message.completed" in outcome.events) == streamed
    assert ("events" in outcome.unknown) != streamed


def test_a_call_that_nobody_knows_ends_the_turn():
    """A call with other arguments than were recorded is told, and the run is not left open."""
    driven = Driven()
    driven.offline.script.call("get_weather", {"city": "Rome"})

    outcome = driven.answer(case_of(asked("Weather?", OSLO)))

    assert outcome.status == UNANSWERED
    assert [json.loads(call.arguments) for call in outcome.unmatched] == [{"city": "Rome"}]


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ("snow", "snow"),
        ({"degrees": 3}, '{"degrees":3}'),
        ([{"arguments": {"city": "Rome"}, "output": "sun"}], "sun"),
    ],
)
def test_a_case_may_answer_by_name(given, output):
    """What the case gives for a function answers calls that no turn has an output for."""
    driven = Driven()
    driven.offline.script.call("get_weather", {"city": "Rome"}).say("Done.")

    outcome = driven.answer(case_of(asked("Weather?"), tools={"get_weather": given}))

    assert [call.output for call in outcome.calls] == [output]


def test_a_call_that_is_made_again_later_gets_its_next_output():
    """A program that asks until something is ready is told what it was told then, in order."""
    outputs = [OSLO.model_copy(update={"output": each}) for each in ("wait", "wait", "ready")]
    driven = Driven()
    for _ in range(4):
        driven.offline.script.call("get_weather", {"city": "Oslo"})
    driven.offline.script.say("Done.")

    outcome = driven.answer(case_of(asked("Weather?", *outputs)))

    assert [call.output for call in outcome.calls] == ["wait", "wait", "ready", "ready"]


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ([{"type": "refusal", "refusal": "I will not."}], "I will not."),
        ([{"type": "image_file", "image_file": {"file_id": "file-a"}}], None),
        ([], None),
        ("", None),
    ],
)
def test_no_earlier_answer_keeps_a_turn_from_being_asked(content, sent):
    """Refusals are said again; charts and empty answers, which nobody may send, are left out."""
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}]
    driven = Driven()
    driven.offline.script.say("Yes.")

    outcome = driven.answer(case_of(asked("Sure?"), before=tuple(before)))

    assert (outcome.status, outcome.texts) == ("completed", ("Yes.",))
    assert (sent or "Sure?") in json.dumps(driven.offline.posts()[-1].body["input"])


def test_later_turns_get_the_recorded_history():
    """Before a turn stands what the reference said, whatever this lane said there."""
    recorded = Outcome(status="completed", texts=("It rained.",), rounds=((OSLO,),))
    first = asked("Weather?", OSLO, recorded=recorded)
    driven = Driven()
    driven.offline.script.say("Yes.")

    outcome = driven.answer(case_of(first, asked("Sure?", number=1)), 1)

    sent = driven.offline.posts()[-1].body["input"]
    assert [each.get("role") for each in sent][-3:] == ["user", "assistant", "user"]
    assert "It rained." in json.dumps(sent)
    assert outcome.texts == ("Yes.",)
    assert "1 earlier function call" in " ".join(outcome.notes)


def test_a_polled_answer_is_found_at_the_end_of_a_long_thread():
    """What a run made is read where more stands before it than one page holds."""
    said = [{"role": role, "content": "Hm."} for role in ("user", "assistant")] * 60
    driven = Driven(streamed=False)
    driven.offline.script.say("The answer.")

    outcome = driven.answer(case_of(asked("Now?"), before=tuple(said)))

    assert outcome.texts == ("The answer.",)


def test_a_lane_is_another_model():
    """Changes go over the assistant's definition and over what the run itself asked for."""
    driven = Driven(changes={"model": "gpt-4.1", "instructions": "Be long."})
    driven.offline.script.say("Hm.")

    driven.answer(case_of(asked("Hello", params={"instructions": "Be rude.", "top_p": 0.5})))

    sent = driven.offline.posts()[-1].body
    assert (sent["model"], sent["instructions"], sent["top_p"]) == ("gpt-4.1", "Be long.", 0.5)


def test_a_refusal_and_a_crash_are_outcomes():
    """A lane that refuses a call, or breaks, gives an outcome that says so."""
    driven, crashing = Driven(), Driven()

    async def crash(_):
        raise ZeroDivisionError("oh")

    broken = Driven(handler=crash)
    refused = driven.answer(case_of(asked("Hello", params={"temperature": 9})))
    crashed = broken.answer(case_of(asked("Hello")))
    crashing.offline.script.fail("server_error", "Sorry")
    failed = crashing.answer(case_of(asked("Hello")))

    assert (refused.status, crashed.status, failed.status) == (ERROR, ERROR, "failed")
    assert "400 to POST" in refused.error
    assert "oh" in crashed.error
    assert "Sorry" in failed.error


def test_nothing_is_left_behind():
    """Threads go after each turn, assistants when the driver is closed."""
    driven = Driven()
    driven.offline.script.say("Hm.")

    outcome = driven.answer(case_of(asked("Hello")))
    drive.run(driven.driver.close())

    with pytest.raises(Exception, match="No thread found"):
        drive.run(driven.driver.object("GET", f"/threads/{outcome.thread_id}"))
    assert drive.run(driven.driver.object("GET", "/assistants"))["data"] == []


def test_nothing_is_left_behind_on_the_key_of_a_caller():
    """What a lane makes with the key of each caller is deleted after each turn."""
    driven = Driven()
    sender = driven.way.target
    way = replace(driven.way, target=replace(sender, headers={}))
    lane = LaneDriven(LaneSpec.of("shim"), way, lambda: None)
    case = case_of(asked("Hello"))

    outcomes = [lane.answer(case, case.turns[0], [], sender) for _ in range(2)]
    left = drive.run(driven.driver.object("GET", "/assistants"))

    assert [each.status for each in outcomes] == ["completed", "completed"]
    assert left["data"] == []


def test_earlier_calls_are_laid_into_a_store_of_ours():
    """Where the lane's store can be reached, the model reads the reference's calls again."""
    recorded = Outcome(status="completed", texts=("It rained.",), rounds=((OSLO,),))
    first = asked("Weather?", OSLO, recorded=recorded)
    driven = Driven(seeds=True)
    driven.offline.script.say("Yes.")

    outcome = driven.answer(case_of(first, asked("Sure?", number=1)), 1)

    sent = driven.offline.posts()[-1].body["input"]
    kinds = [each.get("type", "message") for each in sent]
    assert kinds == ["message", "function_call", "function_call_output", "message", "message"]
    assert (sent[2]["output"], outcome.texts, outcome.notes) == ("rain", ("Yes.",), ())
