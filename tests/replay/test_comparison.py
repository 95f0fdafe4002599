"""What the comparison of answers notices, on answers made for the purpose."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from comparison import Comparison
from recordings import Exchange, read_events

HEADERS = {
    "content-type": "application/json",
    "openai-version": "2020-10-01",
    "x-request-id": "req_1",
    "openai-processing-ms": "1",
}
STREAM_HEADERS = {**HEADERS, "content-type": "text/event-stream; charset=utf-8"}


def name_of(prefix, letter):
    """An id that is easy to tell apart."""
    return f"{prefix}_{letter * 24}"


RUN = {
    "id": name_of("run", "a"),
    "object": "thread.run",
    "created_at": 100,
    "thread_id": name_of("thread", "a"),
    "status": "queued",
    "started_at": None,
    "expires_at": 700,
    "temperature": 1.0,
    "usage": {"prompt_tokens": 3},
    "tools": [],
}
OUR_RUN = {
    **RUN,
    "id": name_of("run", "b"),
    "created_at": 200,
    "thread_id": name_of("thread", "b"),
    "expires_at": 800,
}


def exchange(answer, status=200, headers=HEADERS, raw=None):
    """A recorded exchange with an answer."""
    return Exchange("GET", "/threads", {}, "", status, headers, answer, raw)


def compared(recorded, made):
    """The differences between two answers."""
    comparison = Comparison()
    comparison.answer(exchange(recorded), 200, HEADERS, json.dumps(made))
    return list(comparison.differences)


def changed(**changes):
    """Our run with other values."""
    return {**deepcopy(OUR_RUN), **changes}


def without(key):
    """Our run without a key."""
    return {k: v for k, v in OUR_RUN.items() if k != key}


def test_other_ids_and_times_make_no_difference():
    """An answer that differs by ids and the time it was made at is the same."""
    found = compared(RUN, OUR_RUN)

    assert found == []


@pytest.mark.parametrize(
    ("made", "difference"),
    [
        (without("usage"), "thread.run.usage is missing"),
        (changed(notes=[]), "thread.run.notes is extra"),
        (dict(reversed(OUR_RUN.items())), "thread.run: the keys are in another order"),
        (changed(usage=None), 'thread.run.usage: {"prompt_tokens": 3}, null'),
        (changed(usage={"prompt_tokens": 4}), "thread.run.usage.prompt_tokens: 3, 4"),
        (changed(started_at=1), "thread.run.started_at: null, 1"),
        (changed(created_at="200"), 'thread.run.created_at: 100, "200"'),
        (changed(expires_at=801), "thread.run.expires_at: 600 seconds, 601"),
        (changed(temperature=1), "thread.run.temperature: 1.0, 1"),
        (changed(tools=[{}]), "thread.run.tools: 0 entries, 1"),
        (changed(status="completed"), 'thread.run.status: "queued", "completed"'),
        (changed(id="run-1"), f'thread.run.id: "{RUN["id"]}", "run-1"'),
        (changed(id=name_of("msg", "b")), f'thread.run.id: "{RUN["id"]}", "{name_of("msg", "b")}"'),
    ],
)
def test_every_other_difference_is_named(made, difference):
    """A missing, extra, moved, null, mistyped or other value is a difference."""
    found = compared(RUN, made)

    assert difference in found


def test_the_keys_that_types_require_may_be_added_to_messages_and_steps_alone():
    """A message may have a status that was not recorded; a thread may not."""
    message = {"object": "thread.message", "role": "user"}
    thread = {"object": "thread", "metadata": {}}

    assert compared(message, {"object": "thread.message", "status": "x", "role": "user"}) == []
    assert compared(thread, {**thread, "status": "x"}) == ["thread.status is extra"]


def test_an_id_stands_for_one_object():
    """Two recorded ids must not be one of ours, nor one recorded id two of ours."""
    thread, other = name_of("thread", "a"), name_of("thread", "c")

    ours, more = name_of("thread", "b"), name_of("thread", "d")

    assert compared({"ids": [thread, other]}, {"ids": [ours, more]}) == []
    assert compared({"ids": [thread, other]}, {"ids": [ours, ours]}) != []
    assert compared({"ids": [thread, thread]}, {"ids": [ours, more]}) != []


def test_a_time_changes_when_the_recorded_one_does():
    """A `created_at` that moves between two answers is a difference, where the recorded stays."""
    comparison = Comparison()
    comparison.answer(exchange(RUN), 200, HEADERS, json.dumps(OUR_RUN))

    later = changed(created_at=201, expires_at=801)
    comparison.answer(exchange(RUN), 200, HEADERS, json.dumps(later))

    assert "thread.run.created_at: moves, the recorded one does not" in comparison.differences


def test_ids_in_texts_are_ours():
    """An error's text names our id where the recorded one named its own."""
    comparison = Comparison()
    comparison.ids[name_of("run", "a")] = name_of("run", "b")
    recorded = {"error": {"message": f"No run found with id '{name_of('run', 'a')}'."}}

    ours = json.dumps(recorded).replace("a" * 24, "b" * 24)
    comparison.answer(exchange(recorded, 404), 404, HEADERS, ours)
    comparison.answer(exchange(recorded, 404), 404, HEADERS, json.dumps(recorded))

    assert len(comparison.differences) == 1


def test_another_status_or_header_is_a_difference():
    """The status code and the type of the content are compared."""
    comparison = Comparison()
    refused = json.dumps({"error": {"code": "invalid_thread"}})

    comparison.answer(exchange(RUN), 400, {**HEADERS, "content-type": "text/plain"}, refused)

    assert list(comparison.differences) == [
        "header content-type: application/json, text/plain",
        "status: 200, 400 invalid_thread",
    ]


def test_events_are_compared_one_by_one():
    """Names, order and number of events count, and what they carry."""
    recorded = 'event: thread.run.queued\ndata: {"id":1}\n\nevent: done\ndata: [DONE]\n\n'
    made = 'event: thread.run.created\ndata: {"id":2}\n\n'
    comparison = Comparison()

    streamed = exchange(read_events(recorded), headers=STREAM_HEADERS, raw=recorded)
    comparison.answer(streamed, 200, STREAM_HEADERS, made)

    assert list(comparison.differences) == [
        "event thread.run.queued: thread.run.created",
        "events: 2, 1",
        "thread.run.queued.id: 1, 2",
    ]


def test_a_stream_in_another_framing_is_no_stream():
    """An event needs its name, one line of data and an empty line."""
    with pytest.raises(ValueError, match="no frame"):
        read_events('data: {"id":1}\n\n')


def test_the_layout_of_the_json_counts_where_it_was_kept():
    """An answer recorded in lines with two spaces is not the same in one line."""
    comparison = Comparison()
    recorded = exchange(RUN, raw=json.dumps(RUN, indent=2))

    comparison.answer(recorded, 200, HEADERS, json.dumps(OUR_RUN))

    assert list(comparison.differences) == ["the JSON is laid out in another way"]


def usage(prompt, completion):
    """A usage as steps show it."""
    counted = {"prompt_tokens": prompt, "completion_tokens": completion}
    details = {"prompt_token_details": {"cached_tokens": 0}}
    return {**counted, "total_tokens": prompt + completion, **details}


def steps_of(whose, *usages):
    """Answers that show the steps of a run, one each."""
    keys = [name_of("step", f"{whose}{place}"[-1]) for place in range(len(usages))]
    run = name_of("run", whose)
    return [
        {"object": "thread.run.step", "id": key, "run_id": run, "usage": used}
        for key, used in zip(keys, usages, strict=True)
    ]


def compared_steps(recorded, made):
    """The comparison of answers that show steps, one after another."""
    comparison = Comparison()
    for one, other in zip(recorded, made, strict=True):
        comparison.answer(exchange(one), 200, HEADERS, json.dumps(other))
    comparison.finish()
    return comparison


def test_the_usage_of_steps_may_stand_on_others_if_the_sum_is_right():
    """Steps whose tokens are shared out in another way are the same, and it is remarked."""
    recorded = steps_of("a", usage(5, 1), usage(7, 2))

    moved = compared_steps(recorded, steps_of("b", usage(0, 0), usage(12, 3)))
    equal = compared_steps(recorded, steps_of("b", usage(5, 1), usage(7, 2)))

    assert (list(moved.differences), moved.remarks) == ([], ["usage compared as the run's sum"])
    assert (list(equal.differences), equal.remarks) == ([], [])


@pytest.mark.parametrize(
    ("made", "difference"),
    [
        (
            [usage(0, 0), usage(12, 4)],
            "usage.completion_tokens, the sum of a run's steps: 3, 4",
        ),
        (
            [usage(5, 1), usage(7, 1)],
            "usage.completion_tokens, the sum of a run's steps: 3, 2",
        ),
        (
            [usage(0, 0), {**usage(12, 3), "prompt_token_details": {"cached_tokens": 1}}],
            "usage.prompt_token_details.cached_tokens, the sum of a run's steps: 0, 1",
        ),
        (
            [{**usage(0, 0), "total_tokens": 15}, {**usage(12, 3), "total_tokens": 0}],
            "usage: the total is not that of prompt and completion",
        ),
        ([usage(-1, 0), usage(13, 3)], "usage.prompt_tokens: 5, -1"),
        ([usage(0, 0), usage(12.0, 3)], "usage.prompt_tokens: 7, 12.0"),
        ([usage(0, 0), {**usage(12, 3), "more": 1}], "usage.more is extra"),
        ([{"prompt_tokens": 0}, usage(12, 3)], "usage.completion_tokens is missing"),
        ([None, usage(12, 3)], f"usage: {json.dumps(usage(5, 1))}, null"),
        (
            [dict(reversed(usage(0, 0).items())), usage(12, 3)],
            "usage: the keys are in another order",
        ),
    ],
)
def test_a_wrong_sum_or_shape_of_the_usage_of_steps_is_a_difference(made, difference):
    """The sum over a run's steps is the recorded one, and each usage has the recorded shape."""
    recorded = steps_of("a", usage(5, 1), usage(7, 2))

    comparison = compared_steps(recorded, steps_of("b", *made))

    assert f"thread.run.step.{difference}" in comparison.differences


def test_a_step_without_usage_must_have_none():
    """Tokens on a step that showed none are a difference, whatever the sum."""
    recorded = steps_of("a", None, usage(7, 2))

    comparison = compared_steps(recorded, steps_of("b", usage(0, 0), usage(7, 2)))

    assert list(comparison.differences) == [
        f"thread.run.step.usage: null, {json.dumps(usage(0, 0))}"
    ]


def test_the_sum_is_that_of_one_run():
    """What is missing in one run is not made up for by another."""
    recorded = [*steps_of("a", usage(5, 1)), *steps_of("c", usage(7, 2))]
    recorded[1]["id"] = name_of("step", "9")
    made = [*steps_of("b", usage(7, 2)), *steps_of("d", usage(5, 1))]
    made[1]["id"] = name_of("step", "8")

    comparison = compared_steps(recorded, made)

    assert "thread.run.step.usage.prompt_tokens, the sum of a run's steps: 5, 7" in (
        comparison.differences
    )


def test_the_usage_of_a_step_stays_what_it_was():
    """A step that was told with other tokens before is a difference, though the last are right."""
    recorded = steps_of("a", usage(5, 1))

    comparison = compared_steps(
        recorded * 2, [*steps_of("b", usage(0, 0)), *steps_of("b", usage(5, 1))]
    )

    assert list(comparison.differences) == [
        "thread.run.step.usage: moves, the recorded one does not"
    ]


def test_the_usage_of_a_run_is_compared_as_it_is():
    """The rule is for steps alone."""
    found = compared({**RUN, "usage": usage(5, 1)}, changed(usage=usage(6, 0)))

    assert found == [
        "thread.run.usage.prompt_tokens: 5, 6",
        "thread.run.usage.completion_tokens: 1, 0",
    ]
