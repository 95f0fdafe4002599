"""The translator, fed lists: what each kind of response becomes, streamed or whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.core.records import Message, Run, Step, Usage
from shim.translate.changes import Change
from shim.translate.events import RunTranslator
from shim.translate.wrapper import rewrapped

RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=1)
USED = {"input_tokens": 7, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 2}}


def text_item(text: str, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": "msg_u",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [part],
    }


def call_item(call_id: str, arguments: str = '{"city":"Rome"}') -> dict[str, Any]:
    return {
        "id": f"fc_{call_id}",
        "type": "function_call",
        "call_id": call_id,
        "name": "get_weather",
        "arguments": arguments,
        "status": "completed",
    }


def ended(status: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "status": status, "output": list(items), "usage": USED, **more}
    return {"type": f"response.{status}", "response": response}


def deltas(text: str, sizes: list[int], place: int = 0) -> list[dict[str, Any]]:
    events = [{"type": "response.output_item.added", "output_index": place, "item": text_item("")}]
    start = 0
    for size in [*sizes, len(text)]:
        piece = text[start : start + size]
        start += size
        events.append(
            {
                "type": "response.output_text.delta",
                "output_index": place,
                "item_id": "msg_u",
                "content_index": 0,
                "delta": piece,
            }
        )
    done = {"type": "response.output_item.done", "output_index": place, "item": text_item(text)}
    return [*events, done]


def fed(*events: dict[str, Any]) -> tuple[RunTranslator, list[Change]]:
    translator = RunTranslator(RUN)
    changes = [change for event in events for change in translator.feed(event, 200.0)]
    return translator, changes


def names(changes: list[Change]) -> list[str]:
    return [change.name for change in changes if change.name is not None]


def final_records(changes: list[Change]) -> dict[str, Message | Step]:
    kept: dict[str, Message | Step] = {}
    for change in changes:
        if change.record is not None:
            kept[change.record.id] = change.record
    return kept


def shapes(changes: list[Change]) -> list[Any]:
    """What is left in the store, without ids."""
    return [
        (r.role, r.status, r.content)
        if isinstance(r, Message)
        else (r.type, r.status, r.usage, r.step_details.get("tool_calls"))
        for r in final_records(changes).values()
    ]


def test_text_is_told_in_the_recorded_order() -> None:
    """Step events come before message events, and the message ends before its step."""
    _, changes = fed(*deltas("Hello there", [5]), ended("completed", text_item("Hello there")))

    assert names(changes) == [
        "thread.run.step.created",
        "thread.run.step.in_progress",
        "thread.message.created",
        "thread.message.in_progress",
        "thread.message.delta",
        "thread.message.delta",
        "thread.message.completed",
        "thread.run.step.completed",
    ]


def test_the_first_text_delta_alone_has_annotations() -> None:
    """Delta shapes are as recorded: annotations once, then bare values."""
    _, changes = fed(*deltas("Hello there", [5]))

    entries = [change.delta["delta"]["content"] for change in changes if change.delta]
    assert entries == [
        [{"index": 0, "type": "text", "text": {"value": "Hello", "annotations": []}}],
        [{"index": 0, "type": "text", "text": {"value": " there"}}],
    ]


def test_usage_goes_to_the_last_step() -> None:
    """Earlier steps of a response complete with zeros, so that the sum is exact."""
    first, second = text_item("One"), {**text_item("Two"), "id": "msg_v"}
    translator, changes = fed(ended("completed", first, second))

    steps = [r for r in final_records(changes).values() if isinstance(r, Step)]
    assert [step.usage for step in steps] == [Usage(), Usage(7, 5, 2, 0)]
    assert translator.outcome is not None
    assert translator.outcome.usage == Usage(7, 5, 2, 0)


def test_calls_wait_in_one_open_step() -> None:
    """Consecutive calls share a step, which stays in progress with null outputs."""
    translator, changes = fed(ended("completed", call_item("call_a"), call_item("call_b", "")))

    (step,) = final_records(changes).values()
    assert isinstance(step, Step)
    assert step.status == "in_progress"
    assert [call["function"] for call in step.step_details["tool_calls"]] == [
        {"name": "get_weather", "arguments": '{"city":"Rome"}', "output": None},
        {"name": "get_weather", "arguments": "{}", "output": None},
    ]
    assert translator.outcome is not None
    assert translator.outcome.kind == "calls"
    assert [call["id"] for call in translator.outcome.calls] == ["call_a", "call_b"]


def test_call_deltas_never_repeat_what_accumulates() -> None:
    """Only the first delta of a call has id, name and output; SDKs add strings up."""
    added = {
        "type": "response.output_item.added",
        "output_index": 3,
        "item": call_item("call_a", ""),
    }
    piece = {
        "type": "response.function_call_arguments.delta",
        "output_index": 3,
        "item_id": "fc_call_a",
    }
    _, changes = fed(
        added,
        {**piece, "delta": '{"city":'},
        {**piece, "delta": '"Rome"}'},
        {"type": "response.output_item.done", "output_index": 3, "item": call_item("call_a")},
        ended("completed", call_item("call_a")),
    )

    entries = [
        change.delta["delta"]["step_details"]["tool_calls"][0] for change in changes if change.delta
    ]
    assert entries == [
        {
            "index": 0,
            "id": "call_a",
            "type": "function",
            "function": {"name": "get_weather", "arguments": "", "output": None},
        },
        {"index": 0, "type": "function", "function": {"arguments": '{"city":'}},
        {"index": 0, "type": "function", "function": {"arguments": '"Rome"}'}},
    ]


def test_text_before_a_call_is_a_step_of_its_own() -> None:
    """A turn that writes and then calls gives a message step, done, and an open tool step."""
    _, changes = fed(ended("completed", text_item("Let me see"), call_item("call_a")))

    steps = [r for r in final_records(changes).values() if isinstance(r, Step)]
    assert [(step.type, step.status) for step in steps] == [
        ("message_creation", "completed"),
        ("tool_calls", "in_progress"),
    ]


def test_a_token_limit_leaves_the_message_incomplete_and_its_step_completed() -> None:
    """As recorded in 2024: the message says max_tokens, the step is completed."""
    cut = text_item("Once upon", "incomplete")
    short = {"incomplete_details": {"reason": "max_output_tokens"}}
    events = deltas("Once upon", [4])[:-1]
    translator, changes = fed(
        *events,
        {"type": "response.output_item.done", "output_index": 0, "item": cut},
        ended("incomplete", cut, **short),
    )

    assert names(changes)[-2:] == ["thread.message.incomplete", "thread.run.step.completed"]
    message = next(r for r in final_records(changes).values() if isinstance(r, Message))
    assert message.incomplete_details == {"reason": "max_tokens"}
    assert translator.outcome is not None
    assert (translator.outcome.kind, translator.outcome.reason) == (
        "incomplete",
        "max_output_tokens",
    )


def test_calls_of_an_incomplete_response_are_not_required() -> None:
    """A call that was cut off is never handed to the caller."""
    translator, changes = fed(ended("incomplete", call_item("call_a", '{"ci')))

    assert translator.outcome is not None
    assert (translator.outcome.kind, list(translator.outcome.calls)) == ("incomplete", [])
    assert names(changes)[-1] == "thread.run.step.completed"


def test_a_refusal_is_content_of_its_own_kind() -> None:
    """Refusal deltas and the final refusal part."""
    part = {"type": "refusal", "refusal": "I cannot help with that"}
    item = {**text_item(""), "content": [part]}
    _, changes = fed(ended("completed", item))

    message = next(r for r in final_records(changes).values() if isinstance(r, Message))
    assert message.content == (part,)


def test_unknown_items_make_no_step() -> None:
    """Reasoning and items shim does not know pass through to the response's items."""
    items = [{"type": "reasoning", "id": "rs_1", "summary": []}, {"type": "new_thing", "id": "x"}]
    translator, changes = fed(ended("completed", *items, text_item("Hi")))

    assert [r.type for r in final_records(changes).values() if isinstance(r, Step)] == [
        "message_creation"
    ]
    assert translator.outcome is not None
    assert [item["type"] for item in translator.outcome.items] == [
        "reasoning",
        "new_thing",
        "message",
    ]


@pytest.mark.parametrize("ending", ["failed", "cancelled", "expired"])
def test_an_aborted_message_stays_as_far_as_it_got(ending: str) -> None:
    """The message is incomplete with the run's reason, and its step ends as the run does."""
    translator, _ = fed(*deltas("Hello there", [5])[:2])

    changes = translator.abort(ending, 300.0)

    assert names(changes) == ["thread.message.incomplete", f"thread.run.step.{ending}"]
    message, step = (change.record for change in changes)
    assert isinstance(message, Message)
    assert isinstance(step, Step)
    assert message.content[0]["text"]["value"] == "Hello"
    assert message.incomplete_details == {"reason": f"run_{ending}"}
    assert (step.status, step.completed_at) == (ending, None)


def test_known_records_are_taken_up() -> None:
    """A second worker on the same response goes on with the first one's step and message."""
    first = RunTranslator(RUN)
    made = [c.record for e in deltas("Hello", [2])[:2] for c in first.feed(e, 200.0) if c.record]
    steps = [r for r in made if isinstance(r, Step)][:1]
    messages = [r for r in made if isinstance(r, Message)][:1]

    second = RunTranslator(RUN, steps, messages)
    changes = second.feed(ended("completed", text_item("Hello")), 300.0)

    assert set(final_records(changes)) == {steps[0].id, messages[0].id}
    assert not any(change.new for change in changes)


def test_skipped_output_indices_do_no_harm() -> None:
    """Indices of the stream may have holes that the whole response has not."""
    _, changes = fed(*deltas("Hello", [2], place=4), ended("completed", text_item("Hello")))

    assert names(changes).count("thread.message.created") == 1
    assert names(changes).count("thread.message.completed") == 1


@given(
    text=st.text(min_size=1),
    sizes=st.lists(st.integers(0, 5), max_size=6),
    drop=st.sets(st.integers(0, 9)),
    with_call=st.booleans(),
)
def test_streams_with_holes_and_whole_responses_end_alike(
    text: str, sizes: list[int], drop: set[int], with_call: bool
) -> None:
    """However a stream is cut, and whatever of its end is lost, the store is the same."""
    items = [text_item(text), *([call_item("call_a")] if with_call else [])]
    stream = deltas(text, sizes)
    prefix = stream[: max(0, len(stream) - len(drop))]

    _, whole = fed(ended("completed", *items))
    _, streamed = fed(*stream, ended("completed", *items))
    _, cut = fed(*prefix, ended("completed", *items))

    assert shapes(streamed) == shapes(whole)
    assert shapes(cut) == shapes(whole)


def test_a_wrapper_call_is_taken_apart_and_answered_as_one() -> None:
    """The slip `parallel` becomes its calls, and their outputs become the wrapper's output."""
    uses = [
        {"recipient_name": "functions.get_weather", "parameters": {"city": "Rome"}},
        {"recipient_name": "functions.get_time", "parameters": {}},
    ]
    arguments = json.dumps({"tool_uses": uses})
    item = {**call_item("call_w", arguments), "name": "multi_tool_use.parallel"}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}

    translator, _ = fed(added, ended("completed", item))

    assert translator.outcome is not None
    calls = {call["id"]: call["function"] for call in translator.outcome.calls}
    assert calls == {
        "call_wp0": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
        "call_wp1": {"name": "get_time", "arguments": "{}"},
    }
    assert rewrapped({"call_wp0": "sunny", "call_wp1": "noon"}, [item]) == {
        "call_w": '["sunny", "noon"]'
    }
