"""Items that go on at the same time: whatever the mixture, the records are those of the whole."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from order_rules import check_order

from shim.core.records import File, Message, Run, Step
from shim.translate.changes import Change
from shim.translate.events import RunTranslator

INCLUDE = ("step_details.tool_calls[*].file_search.results[*].content",)
RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=1, include=INCLUDE)
USED = {"input_tokens": 7, "output_tokens": 5}
PIECE = 4


def url(n: int) -> str:
    return f"data:image/png;base64,{base64.b64encode(f'picture {n}'.encode()).decode()}"


def part(text: str, *annotations: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": list(annotations)}


def item(kind: str, n: int) -> dict[str, Any]:
    """The whole item in place `n`."""
    match kind:
        case "message":
            cited = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 5}
            content = [part(f"Word{n} 😀e\u0301. [{n}](sandbox:/mnt/data/{n}.csv)", cited)]
            return {"type": "message", "id": f"msg_{n}", "status": "completed", "content": content}
        case "call":
            call = {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "f"}
            return {**call, "arguments": f'{{"number":{n}}}', "status": "completed"}
        case "search":
            found = {"file_id": f"file-{n}", "filename": "a.txt", "score": 0.5, "text": f"text {n}"}
            search = {"type": "file_search_call", "id": f"fs_{n:032d}", "status": "completed"}
            return {**search, "results": [found]}
        case "code":
            outputs = [{"type": "logs", "logs": str(n)}, {"type": "image", "url": url(n)}]
            code = {"type": "code_interpreter_call", "id": f"ci_{n:032d}", "status": "completed"}
            return {**code, "code": f"print({n})", "container_id": "cntr_1", "outputs": outputs}
        case _:
            return {"type": "reasoning", "id": f"rs_{n}", "summary": []}


BARE = {"content": [], "arguments": "", "code": "", "outputs": None, "results": None}
PIECES = {
    "function_call": ("arguments", "response.function_call_arguments.delta"),
    "code_interpreter_call": ("code", "response.code_interpreter_call_code.delta"),
}


def cut(text: str, kind: str, at: dict[str, Any]) -> list[dict[str, Any]]:
    pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
    return [{"type": kind, "delta": piece, **at} for piece in pieces]


def middle(whole: dict[str, Any], at: dict[str, Any]) -> list[dict[str, Any]]:
    """What is streamed of an item between its announcement and its end."""
    if whole["type"] == "message":
        at = {**at, "content_index": 0}
        (said,) = whole["content"]
        first, second, *rest = cut(said["text"], "response.output_text.delta", at)
        kind = "response.output_text.annotation.added"
        noted = [{"type": kind, "annotation": note, **at} for note in said["annotations"]]
        # as on the live service: a citation is told when the text has come as far as its place
        head = {**second, "delta": second["delta"][:1]}
        tail = {**second, "delta": second["delta"][1:]}
        return [first, head, *noted, tail, *rest]
    key, kind = PIECES.get(whole["type"], (None, ""))
    return cut(whole[key], kind, at) if key else []


def streamed(whole: dict[str, Any], n: int) -> list[list[dict[str, Any]]]:
    """The events of one item; those in one list come together."""
    begun = {**whole, **{key: BARE[key] for key in BARE if key in whole}}
    added = {"type": "response.output_item.added", "output_index": n, "item": begun}
    done = {"type": "response.output_item.done", "output_index": n, "item": whole}
    pieces = middle(whole, {"output_index": n, "item_id": whole["id"]})
    if whole["type"] != "message":
        return [[one] for one in (added, *pieces, done)]
    return [[added, pieces[0]], *([one] for one in (*pieces[1:], done))]


def mixed(items: list[dict[str, Any]], choose: Any) -> list[dict[str, Any]]:
    """The streams of the items as one; items are announced in the order of their places."""
    streams = [streamed(whole, n) for n, whole in enumerate(items)]
    lengths = [len(stream) for stream in streams]
    events: list[dict[str, Any]] = []
    while any(streams):
        begun = sum(len(left) < length for left, length in zip(streams, lengths, strict=True))
        ready = [stream for stream in streams[: begun + 1] if stream]
        events += ready[choose(len(ready))].pop(0)
    return events


def ended(*items: Any, status: str = "completed") -> dict[str, Any]:
    response = {"id": "resp_1", "status": status, "output": list(items), "usage": USED}
    return {"type": f"response.{status}", "response": response}


def fed(*events: Any) -> tuple[RunTranslator, list[Change]]:
    translator = RunTranslator(RUN)
    return translator, [c for event in events for c in translator.feed(event, 200.0)]


def records(changes: list[Change]) -> list[Any]:
    """What is left in the store, in the order in which it began, without minted ids."""
    final = {one.record.id: one.record for one in changes if one.record is not None}
    return [
        (one.status, one.content)
        if isinstance(one, Message)
        else (one.status, one.type, one.usage, one.step_details.get("tool_calls"))
        for one in final.values()
    ]


def files(changes: list[Change]) -> list[File]:
    return [file for change in changes for file in change.files]


def built(changes: list[Change]) -> dict[str, list[Any]]:
    """What an SDK makes of the deltas of each step with hosted calls: code and outputs."""
    made: dict[str, list[Any]] = {}
    for change in changes:
        if change.name == "thread.run.step.delta" and change.delta is not None:
            (entry,) = change.delta["delta"]["step_details"]["tool_calls"]
            code = entry.get("code_interpreter")
            if code is not None:
                so_far = made.setdefault(change.delta["id"], ["", []])
                so_far[0] += code.get("input", "")
                so_far[1] += code.get("outputs", ())
    return made


KINDS = st.lists(
    st.sampled_from(["message", "call", "search", "code", "reasoning"]), min_size=2, max_size=6
)


@given(kinds=KINDS, data=st.data(), whole_at_end=st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_interleaving_ends_as_the_whole_response(
    kinds: list[str], data: st.DataObject, whole_at_end: bool
) -> None:
    """The same steps, messages and files in the same order, told in an order SDKs can follow."""
    items = [item(kind, n) for n, kind in enumerate(kinds)]
    events = mixed(items, lambda many: data.draw(st.integers(0, many - 1)))
    end = ended(*items) if whole_at_end else ended()

    translator, stream = fed(*events, end)
    alone, whole = fed(ended(*items))

    check_order(stream)
    check_order(whole)
    assert records(stream) == records(whole)
    assert {file.id for file in files(stream)} == {file.id for file in files(whole)}
    assert translator.outcome is not None
    assert alone.outcome is not None
    assert (translator.outcome.kind, translator.outcome.calls) == (
        alone.outcome.kind,
        alone.outcome.calls,
    )


@given(kinds=KINDS, data=st.data())
@settings(max_examples=100, deadline=None)
def test_each_hosted_call_keeps_its_own_deltas(kinds: list[str], data: st.DataObject) -> None:
    """What the deltas of a step add up to is the call in its record."""
    items = [item(kind, n) for n, kind in enumerate(kinds)]
    events = mixed(items, lambda many: data.draw(st.integers(0, many - 1)))

    _, changes = fed(*events, ended(*items))

    final = {one.record.id: one.record for one in changes if isinstance(one.record, Step)}
    for step_id, (code, outputs) in built(changes).items():
        (call,) = final[step_id].step_details["tool_calls"]
        bare = [{key: one[key] for key in one if key != "index"} for one in outputs]
        assert call["code_interpreter"] == {"input": code, "outputs": bare}


@given(kinds=KINDS, data=st.data(), lost=st.sampled_from(["done", "added", "delta"]))
@settings(max_examples=200, deadline=None)
def test_streams_with_holes_end_as_the_whole_response(
    kinds: list[str], data: st.DataObject, lost: str
) -> None:
    """Where one kind of event never comes, the whole response at the end fills the holes."""
    items = [item(kind, n) for n, kind in enumerate(kinds)]
    events = [
        event for n, whole in enumerate(items) for each in streamed(whole, n) for event in each
    ]
    events = [event for event in events if lost not in event["type"]]
    kept = data.draw(st.integers(0, len(events)))

    _, stream = fed(*events[:kept], ended(*items))
    _, whole = fed(ended(*items))

    check_order(stream)
    assert records(stream) == records(whole)


@given(kinds=KINDS, data=st.data(), ending=st.sampled_from(["failed", "cancelled", "expired"]))
@settings(max_examples=100, deadline=None)
def test_a_mixture_that_stops_anywhere_is_closed(
    kinds: list[str], data: st.DataObject, ending: str
) -> None:
    """Every step and message that was begun has ended."""
    items = [item(kind, n) for n, kind in enumerate(kinds)]
    events = mixed(items, lambda many: data.draw(st.integers(0, many - 1)))
    translator, changes = fed(*events[: data.draw(st.integers(0, len(events)))])

    changes += translator.abort(ending, 201.0)

    check_order(changes)
    assert all(one[0] != "in_progress" for one in records(changes))


@given(kinds=KINDS, data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_mixture_whose_ends_are_never_told_stays_as_it_came(
    kinds: list[str], data: st.DataObject
) -> None:
    """Neither ends of items nor the whole response: what has arrived is told, and done."""
    items = [item(kind, n) for n, kind in enumerate(kinds)]
    events = mixed(items, lambda many: data.draw(st.integers(0, many - 1)))
    events = [event for event in events if event["type"] != "response.output_item.done"]

    _, changes = fed(*events, ended())

    check_order(changes)
    final = {one.record.id: one.record for one in changes if one.record is not None}
    messages = [one for one in final.values() if isinstance(one, Message)]
    texts = [part["text"]["value"] for one in messages for part in one.content]
    wanted = [whole["content"][0]["text"] for whole in items if whole["type"] == "message"]
    assert [text.replace("【4:0†a.txt】", "") for text in texts] == wanted
    ran = sum(whole["type"] in {"file_search_call", "code_interpreter_call"} for whole in items)
    done = [one for one in final.values() if isinstance(one, Step) and one.status == "completed"]
    assert len(done) == ran + len(wanted)


def test_an_annotation_may_come_before_the_text_or_too_late() -> None:
    """One at the beginning of a text begins the message; one after its end changes nothing."""
    note = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 0}
    whole = {**item("message", 0), "content": [part("Hello", note)]}
    at = {"output_index": 0, "item_id": "msg_0", "content_index": 0}
    noted = {"type": "response.output_text.annotation.added", "annotation": note, **at}
    (added, text), *_, (done,) = streamed(item("message", 0), 0)
    events = [added, noted, {**text, "delta": "Hello"}, {**done, "item": whole}, noted]

    _, stream = fed(*events, ended(whole))
    _, alone = fed(ended(whole))

    check_order(stream)
    assert records(stream) == records(alone)
    told = [one.delta["delta"]["content"] for one in stream if one.delta is not None]
    assert [entry["text"]["value"] for (entry,) in told] == ["【4:0†a.txt】", "Hello"]


@pytest.mark.parametrize(
    ("between", "kinds"),
    [
        ("message", ["tool_calls", "tool_calls", "message_creation", "tool_calls"]),
        ("call", ["tool_calls", "tool_calls", "message_creation", "tool_calls", "tool_calls"]),
    ],
)
def test_searches_and_code_at_the_same_time_are_steps_of_their_own(
    between: str, kinds: list[str]
) -> None:
    """All announced at first and ended last first: told one after the other, by their places."""
    items = [item(kind, n) for n, kind in enumerate(["search", "code", between, "code"])]
    streams = [
        [event for each in streamed(one, n) for event in each] for n, one in enumerate(items)
    ]
    announced = [event for stream in streams for event in stream[:2]]
    rest = [event for stream in reversed(streams) for event in stream[2:]]

    _, changes = fed(*announced, *rest, ended(*items))

    check_order(changes)
    steps = [one.record for one in changes if one.name == "thread.run.step.created"]
    # the images of the last code have no message after them that could show them
    assert [one.type for one in steps if isinstance(one, Step)] == [*kinds, "message_creation"]
