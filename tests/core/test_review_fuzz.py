"""Whatever an upstream leaves out, repeats, mixes up or misnames, what is told holds together.

Streams are made of whole responses, then damaged; the whole response at the end says what is true.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from odd_upstream import added, arguments, call, created, done, ended, message, text

from shim.core.records import Message, Run, Step
from shim.translate.changes import Change
from shim.translate.events import RunTranslator

RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=1)
REASONING = {"type": "reasoning", "id": "rs", "summary": []}


def items_of(kinds: list[str]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for n, kind in enumerate(kinds):
        if kind == "message":
            made.append(message(f"text {n} 😀", id=f"msg_{n}"))
        elif kind == "call":
            made.append(call(f"call_{n}", arguments=f'{{"n":{n}}}'))
        else:
            made.append({**REASONING, "id": f"rs_{n}"})
    return made


def pieces_of(item: dict[str, Any], index: int) -> list[dict[str, Any]]:
    """The events of one item, as the service sends them."""
    if item["type"] == "message":
        whole = item["content"][0]["text"]
        empty = {**item, "content": [], "status": "in_progress"}
        middle = [
            text(whole[at : at + 3], index, item_id=item["id"], content_index=0)
            for at in range(0, len(whole), 3)
        ]
    elif item["type"] == "function_call":
        whole, empty = item["arguments"], {**item, "arguments": ""}
        middle = [
            arguments(whole[at : at + 3], output_index=index, item_id=item["id"])
            for at in range(0, len(whole), 3)
        ]
    else:
        empty, middle = item, []
    return [added(empty, index), *middle, done(item, index)]


def mixed(streams: list[list[dict[str, Any]]], chance: random.Random) -> list[dict[str, Any]]:
    """Several streams as one, each in its own order."""
    left = [list(stream) for stream in streams if stream]
    events: list[dict[str, Any]] = []
    while left:
        stream = chance.choice(left)
        events.append(stream.pop(0))
        left = [each for each in left if each]
    return events


def held_together(changes: list[Change]) -> None:
    """What SDKs need of the events of messages and steps (Assistants spec 6.6)."""
    open_messages: dict[str, str] = {}
    ended_messages: set[str] = set()
    steps: set[str] = set()
    for change in changes:
        name, record = change.name or "", change.record
        if name == "thread.message.created":
            assert isinstance(record, Message)
            assert not open_messages, "a message begins before the last has ended"
            assert record.id not in ended_messages
            open_messages[record.id] = ""
        elif name == "thread.message.delta":
            assert change.delta is not None and change.delta["id"] in open_messages
            entry = change.delta["delta"]["content"][0]
            open_messages[change.delta["id"]] += entry["text"]["value"]
        elif name in ("thread.message.completed", "thread.message.incomplete"):
            assert isinstance(record, Message)
            told = open_messages.pop(record.id)
            assert not told or record.content
            ended_messages.add(record.id)
        elif name == "thread.run.step.created":
            assert isinstance(record, Step) and record.id not in steps
            steps.add(record.id)
        elif name == "thread.run.step.delta":
            assert change.delta is not None and change.delta["id"] in steps
    assert not open_messages


def results(changes: list[Change], translator: RunTranslator) -> tuple[list[str], list[Any]]:
    latest = {c.record.id: c.record for c in changes if c.record is not None}
    said = [record for record in latest.values() if isinstance(record, Message)]
    texts = ["".join(part["text"]["value"] for part in each.content) for each in said]
    assert translator.outcome is not None
    asked = [(one["id"], one["function"]["arguments"]) for one in translator.outcome.calls]
    return texts, asked


_kinds = st.lists(st.sampled_from(["message", "call", "reasoning"]), min_size=1, max_size=5)


@given(
    kinds=_kinds,
    seed=st.integers(),
    interleave=st.booleans(),
    lost=st.sets(st.sampled_from(["added", "done", "delta", "created"])),
    names=st.sampled_from(["good", "no ids", "no places", "one place", "nothing", "new ids"]),
    whole=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_damaged_streams_end_in_what_the_response_says(  # noqa: PLR0917
    kinds: list[str],
    seed: int,
    interleave: bool,
    lost: set[str],
    names: str,
    whole: bool,
) -> None:
    """The same messages and calls, once each, in events an SDK can follow."""
    chance, items = random.Random(seed), items_of(kinds)
    streams = [pieces_of(item, n) for n, item in enumerate(items)]
    if interleave and names == "good":
        events = mixed(streams, chance)
        lost = lost - {"done"}  # without ends nobody can tell which of two messages is which
    else:
        events = [event for stream in streams for event in stream]
    events = [e for e in events if not any(word in e["type"] for word in lost)]
    events = [_renamed(event, names, chance) for event in events]
    silent = not (whole or lost)  # the end may say nothing where all else was said
    end = ended() if silent else ended(*items)
    translator = RunTranslator(RUN)

    changes = [c for e in [created(), *events, end] for c in translator.feed(e, 200.0)]

    held_together(changes)
    texts, asked = results(changes, translator)
    assert sorted(texts) == sorted(i["content"][0]["text"] for i in items if i["type"] == "message")
    wanted = [(i["call_id"], i["arguments"]) for i in items if i["type"] == "function_call"]
    assert sorted(asked) == sorted(wanted)
    if not interleave:
        assert texts == [i["content"][0]["text"] for i in items if i["type"] == "message"]


def _renamed(event: dict[str, Any], names: str, chance: random.Random) -> dict[str, Any]:
    event = {**event, "item": {**event["item"]}} if "item" in event else {**event}
    if names in ("no places", "nothing"):
        event.pop("output_index", None)
    if names == "one place":
        event["output_index"] = 0
    if names in ("no ids", "nothing"):
        event.pop("item_id", None)
        event.get("item", {}).pop("id", None)
    if names == "new ids":
        fresh = f"x_{chance.random()}"
        if "item_id" in event:
            event["item_id"] = fresh
        if "item" in event:
            event["item"]["id"] = fresh
    return event


@given(
    kinds=_kinds,
    seed=st.integers(),
    cut=st.integers(0, 60),
    ending=st.sampled_from(["failed", "cancelled", "expired"]),
)
@settings(max_examples=200, deadline=None)
def test_a_stream_that_stops_anywhere_is_closed(
    kinds: list[str], seed: int, cut: int, ending: str
) -> None:
    """Every message and step that was begun is ended, once."""
    streams = [pieces_of(item, n) for n, item in enumerate(items_of(kinds))]
    events = mixed(streams, random.Random(seed))[:cut]
    translator = RunTranslator(RUN)

    changes = [c for e in [created(), *events] for c in translator.feed(e, 200.0)]
    changes += translator.abort(ending, 201.0)

    held_together(changes)
    latest = {c.record.id: c.record for c in changes if c.record is not None}
    assert all(record.status != "in_progress" for record in latest.values())
