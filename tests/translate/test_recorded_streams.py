"""Live Responses traffic, read from the recordings folder, through the translator."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import pytest
from order_rules import check_order
from recorded_responses import ENDED, FOLDER, Body, Recording, bodies, files_with_streams, streams

from shim.core.records import Message, Run, Step
from shim.translate.changes import Change, usage_of
from shim.translate.events import RunTranslator
from shim.translate.failures import error_of, last_error

ABSENT = "SHIM_RECORDINGS names no folder with recordings in `responses`"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)

RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=1)
STREAMS = streams() if FOLDER.is_dir() else []
BODIES = bodies() if FOLDER.is_dir() else []
WHOLE = [each for each in BODIES if each.is_response and each.body["status"] in ENDED]
PENDING = [each for each in BODIES if each.is_response and each not in WHOLE]
REFUSALS = [each for each in BODIES if not each.is_response]

CUTS = 25
"""At so many places, at most, a stream is cut."""


def finals(changes: list[Change]) -> list[Message | Step]:
    """The messages and steps as they were last, in the order in which they began."""
    last = {change.record.id: change.record for change in changes if change.record is not None}
    return list(last.values())


def texts(changes: list[Change]) -> list[Any]:
    return [
        record.content if isinstance(record, Message) else record.step_details.get("tool_calls")
        for record in finals(changes)
    ]


def check_citations(changes: list[Change]) -> None:
    """Each annotation's text stands in the text where the annotation says."""
    for record in finals(changes):
        for part in record.content if isinstance(record, Message) else ():
            for note in part.get("text", {}).get("annotations", ()):
                value = part["text"]["value"]
                assert value[note["start_index"] : note["end_index"]] == note["text"]


def check_usage(changes: list[Change], response: dict[str, Any]) -> None:
    """The tokens of the response are those of its steps together, if it made any."""
    used = [each.usage for each in finals(changes) if isinstance(each, Step)]
    assert None not in used
    if used:
        assert sum((each for each in used if each), start=usage_of({})) == usage_of(response)


def said(record: Message) -> str:
    """What a message says, without the markers of its citations."""
    pieces = []
    for part in record.content:
        text = part.get("text") or {"value": "", "annotations": []}
        value = text["value"]
        for note in sorted(text["annotations"], key=lambda note: -note["start_index"]):
            if note["type"] == "file_citation":
                value = value[: note["start_index"]] + value[note["end_index"] :]
        pieces.append(value)
    return "".join(pieces)


def done(record: Message | Step) -> Any:
    """A message or step as `doings` has it; None for the step of a message."""
    if isinstance(record, Message):
        return said(record)
    calls = record.step_details.get("tool_calls") or ()
    return [_call(call) for call in calls] or None


def _call(call: dict[str, Any]) -> tuple[str, Any]:
    match call["type"]:
        case "function":
            return call["id"], call["function"]["arguments"]
        case "code_interpreter":
            return "code", call["code_interpreter"]["input"]
        case _:
            return "search", [one["file_name"] for one in call["file_search"]["results"]]


def doings(output: list[dict[str, Any]]) -> list[Any]:
    """What the items of a response must come out as: calls of functions share a step."""
    told = [each for item in output if (each := _doing(item)) is not None]
    parted = groupby(enumerate(told), key=lambda each: _is_function(each[1]) or each[0])
    return [_joined([each for _, each in group]) for _, group in parted]


def _doing(item: dict[str, Any]) -> Any:
    match item["type"]:
        case "message":
            return "".join(part["text"] for part in item["content"])
        case "function_call":
            return _functions(item)
        case "code_interpreter_call":
            return [("code", item["code"] or "")]
        case "file_search_call":
            return [("search", [one["filename"] for one in item.get("results") or ()])]
        case _:
            return None


def _functions(item: dict[str, Any]) -> list[tuple[str, str]]:
    """The call, or those in the one that models wrap several into."""
    if item["name"] not in ("parallel", "multi_tool_use.parallel"):
        return [(item["call_id"], item["arguments"])]
    uses = [use["parameters"] for use in json.loads(item["arguments"])["tool_uses"]]
    return [(f"{item['call_id']}p{n}", json.dumps(given)) for n, given in enumerate(uses)]


def _is_function(told: Any) -> str:
    return "functions" if isinstance(told, list) and told[0][0] not in ("code", "search") else ""


def _joined(group: list[Any]) -> Any:
    return [call for calls in group for call in calls] if len(group) > 1 else group[0]


def ending(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The last event, with all items; one stream was written by hand, and has none in it."""
    response = events[-1]["response"]
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    return {**events[-1], "response": {**response, "output": response["output"] or items}}


def named(recordings: list[Any]) -> Any:
    return pytest.mark.parametrize("recorded", recordings, ids=[each.name for each in recordings])


def test_every_recorded_stream_is_read() -> None:
    """Whatever file has an event in it gives a stream; none of them lacks its end."""
    read = {each.name.rpartition("#")[0] for each in STREAMS}

    assert read == files_with_streams() != set()
    assert [each.name for each in STREAMS if each.last is None] == []


@named(STREAMS)
def test_a_live_stream_obeys_the_order_and_ends_as_its_whole_response(recorded: Recording) -> None:
    """Every recorded stream passes the order checker, and equals its last event fed alone."""
    events = recorded.events
    translator, whole = RunTranslator(RUN), RunTranslator(RUN)

    changes = [change for event in events for change in translator.feed(event, 200.0)]
    alone = whole.feed(ending(events), 200.0)

    assert translator.outcome is not None
    if translator.outcome.kind == "failed":
        changes += translator.abort("failed", 200.0)
    check_order(changes)
    check_citations(changes)
    assert translator.outcome.usage == usage_of(events[-1]["response"])
    if translator.outcome.kind != "failed":
        check_usage(changes, events[-1]["response"])
        assert texts(changes) == texts(alone)


@named(STREAMS)
@pytest.mark.parametrize("ending", ["cancelled", "failed", "expired"])
def test_a_live_stream_may_stop_anywhere(recorded: Recording, ending: str) -> None:
    """Cut after any event, and ended because the run is, it obeys the order as well."""
    events = recorded.events

    for cut in range(0, len(events), max(1, len(events) // CUTS)):
        translator = RunTranslator(RUN)
        changes = [each for event in events[:cut] for each in translator.feed(event, 200.0)]
        changes += translator.abort(ending, 200.0)

        check_order(changes)
        check_citations(changes)
        assert all(each.status != "in_progress" for each in finals(changes))


@named(WHOLE)
def test_a_live_response_that_was_polled_is_carried_over_in_full(recorded: Body) -> None:
    """Every message, call and token of it is there, in order; each citation is where it says."""
    response = recorded.body
    translator = RunTranslator(RUN)

    changes = translator.feed({"type": f"response.{response['status']}", "response": response}, 200)

    outcome = translator.outcome
    assert outcome is not None
    check_order(changes)
    check_citations(changes)
    assert outcome.kind in (response["status"], "calls")
    if outcome.kind != "cancelled":
        check_usage(changes, response)
        assert [done(each) for each in finals(changes) if done(each)] == doings(response["output"])
    called = [item for item in response["output"] if item["type"] == "function_call"]
    waiting = [call_id for item in called for call_id, _ in _functions(item)]
    assert [call["id"] for call in outcome.calls] == waiting


@named(PENDING)
def test_a_live_response_that_has_not_ended_changes_nothing(recorded: Body) -> None:
    """Queued and in progress say nothing yet, and nor does a status that nobody documents."""
    translator = RunTranslator(RUN)

    event = {"type": f"response.{recorded.body['status']}", "response": recorded.body}

    assert translator.feed(event, 200.0) == []
    assert translator.outcome is None


@named(REFUSALS)
def test_a_live_refusal_becomes_the_error_of_a_run(recorded: Body) -> None:
    """The words stay; the code is one that runs know."""
    error = last_error(error_of(recorded.body), recorded.status)

    assert error["message"] == recorded.body["error"]["message"]
    assert error["code"] in ("server_error", "rate_limit_exceeded", "invalid_prompt")
