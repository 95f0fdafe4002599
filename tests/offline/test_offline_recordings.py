"""The upstream against recordings of the live service: event order, keys, key order.

The recordings are not part of the project; SHIM_RECORDINGS names their folder.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
import yaml

from shim.offline import Call, Offline, Raw, Refuse, Say, Think

FOLDER = Path(os.environ.get("SHIM_RECORDINGS", "absent")) / "responses"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="SHIM_RECORDINGS names no folder with recordings"
)

AUTH = {"authorization": "Bearer x"}
FOREIGN = ("azure", "openrouter", "moderation", "parallel-tool-call-wrapper", "apply_patch")
"""Recordings of other servers, or of features the upstream does not have."""

UNRECORDED = {"tool_usage", "moderation", "frequency_penalty", "presence_penalty"} | {
    "completed_at",
    "prompt_cache_retention",
    "conversation",
    "billing",
}
"""Keys that older recordings lack."""


def exchanges():
    """(name, request, answer) of every recorded exchange; a streamed answer is its text."""
    for path in sorted(FOLDER.glob("dn/*/*.json")):
        for entry in dotnet(path):
            yield path.stem, entry.get("RequestBody"), entry["ResponseBody"]
    for path in sorted(FOLDER.glob("pyd/*.yaml")):
        for exchange in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["interactions"]:
            response = exchange["response"]
            body = response.get("parsed_body") or (response.get("body") or {}).get("string")
            yield path.stem, exchange["request"].get("parsed_body"), body
    for path in sorted(FOLDER.glob("vf/*.chunks.txt")):
        yield path.stem, None, "".join(f"data: {x}\n" for x in path.read_text("utf-8").splitlines())


def dotnet(path):
    """The exchanges of a recording of the .NET tests."""
    text = path.read_text("utf-8-sig")
    try:
        entries = json.loads(text)["Entries"]
    except ValueError:  # some recordings were cut
        return []
    for entry in entries:
        if isinstance(entry["ResponseBody"], list):
            entry["ResponseBody"] = "".join(entry["ResponseBody"])
    return entries


def events_of(text):
    """The payloads of server-sent events."""
    lines = (line for line in text.splitlines() if line.startswith("data: {"))
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def streams():
    """The recorded streams that run from the beginning to a terminal event."""
    for name, request, answer in exchanges():
        if any(word in name for word in FOREIGN) or not isinstance(answer, str):
            continue
        for events in runs(events_of(answer)):
            begun = events[0].get("response", {}) if events[0]["type"] == "response.created" else {}
            if "background" in begun and "response" in events[-1]:
                yield name, request or {}, events


def runs(events):
    """A recording split where a response begins; some hold several."""
    found = []
    for event in events:
        if not found or event["type"] == "response.created":
            found.append([])
        found[-1].append(event)
    return found


def steps(events):
    """The event types, repetitions in a row counted once."""
    return [kind for kind, _ in itertools.groupby(event["type"] for event in events)]


def output_of(item):
    """The output that makes an item like a recorded one."""
    match item["type"]:
        case "message":
            part = item["content"][0]
            if part["type"] == "refusal":
                return Refuse(part["refusal"])
            return Say(part["text"], annotations=part["annotations"], phase=item.get("phase"))
        case "function_call":
            return Call(item["name"], item["arguments"], item["call_id"])
        case "reasoning":
            return Think([part["text"] for part in item["summary"]])
        case _:
            return Raw({key: value for key, value in item.items() if key != "id"})


def play(events, offline=None):
    """What the upstream streams for the same outcome."""
    offline = offline or Offline()
    final, begun = events[-1]["response"], events[0]["response"]
    body = {"model": final["model"], "input": "Hi", "stream": True}
    body |= {"background": begun["background"], "store": True}
    body["include"] = included(final)
    if final["status"] == "failed":
        error = final["error"]
        offline.script.stream_error(error["code"], error["message"])
    else:
        offline.script.mixed([output_of(item) for item in final["output"]])
    raw = json.dumps(body).encode()
    answer = offline.handle("POST", "/responses", "", AUTH, raw)
    return events_of(b"".join(answer.body).decode())


def included(final):
    """What to ask for so that the items have the recorded keys."""
    encrypted = any("encrypted_content" in item for item in final["output"])
    return ["reasoning.encrypted_content"] if encrypted else []


def test_event_order():
    """Every recorded stream is reproduced step by step, from its final output alone."""
    compared = 0
    for name, _, events in streams():
        expected, played = steps(events), steps(play(events))
        assert played == expected, name
        compared += 1

    assert compared > 15


def shape(event):
    """Where a key set belongs: the event, and the kind of thing in it."""
    inner = event.get("item") or event.get("part") or event.get("annotation") or {}
    return event["type"], inner.get("type")


def inner_of(event):
    """The thing an event is about."""
    return event.get("response") or event.get("item") or event.get("part") or {}


def test_event_keys():
    """No recorded key is missing from any event, item, part or response."""
    for name, _, events in streams():
        ours = {shape(event): event for event in play(events)}
        for event in events:
            mine = ours[shape(event)]
            missing = set(event) - set(mine) - {"obfuscation"}
            lacking = set(inner_of(event)) - set(inner_of(mine)) - {"conversation", "billing"}
            assert not missing, (name, event["type"])
            assert not lacking, (name, event["type"])


def test_no_made_up_keys():
    """Events and items have no key that the newest recording of their kind lacks."""
    newest = {}
    for name, _, events in sorted(streams(), key=begun_at):
        if not events[0]["response"]["background"]:
            newest |= {shape(event): (name, event, events) for event in events}
    for name, event, events in newest.values():
        mine = {shape(each): each for each in play(events)}[shape(event)]
        assert set(mine) - set(event) - {"obfuscation"} == set(), (name, event["type"])
        extra = set(inner_of(mine)) - set(inner_of(event)) - UNRECORDED
        assert extra == set(), (name, event["type"])


def begun_at(stream):
    """When a recorded response began."""
    return stream[2][0]["response"]["created_at"]


def test_key_order_of_the_newest_stream():
    """Key order is that of the newest recorded synchronous stream."""
    found = [each for each in streams() if not each[2][0]["response"]["background"]]
    _, _, events = max(found, key=begun_at)
    mine = {shape(event): event for event in play(events)}

    for event in events:
        assert list(mine[shape(event)]) == list(event), event["type"]
        assert list(inner_of(mine[shape(event)])) == list(inner_of(event)), event["type"]


def whole_answers():
    """The recorded answers that are no streams."""
    for name, request, answer in exchanges():
        if isinstance(answer, dict) and answer.get("object") == "response" and request:
            yield name, request, answer


def test_response_keys():
    """A whole answer has the keys, in their order, of the newest live ones with a conversation."""
    recorded = next(a for n, _, a in whole_answers() if n == "ResponseUsingConversations")
    offline = Offline()
    key = offline.handle("POST", "/conversations", "", AUTH, b"").json()["id"]
    raw = json.dumps({"model": "m", "input": "Hi", "conversation": key}).encode()

    mine = offline.handle("POST", "/responses", "", AUTH, raw).json()

    assert list(mine) == list(recorded)
    for name in ("usage", "text", "reasoning", "tool_usage", "conversation", "billing"):
        assert list(mine[name]) == list(recorded[name])
    assert mine["output"][0].keys() == recorded["output"][0].keys()


def at_hand(offline, tool):
    """A recorded tool, with stores and containers that are there."""
    if tool["type"] == "file_search":
        made = offline.handle("POST", "/vector_stores", "", AUTH, b"{}").json()
        return {**tool, "vector_store_ids": [made["id"]]}
    if tool["type"] == "code_interpreter":
        return {**tool, "container": {"type": "auto"}}
    return tool


def test_recorded_requests_are_accepted():
    """What the live service accepted is accepted, as far as it stands alone."""
    accepted = 0
    for name, request, _ in whole_answers():
        stateful = {"conversation", "previous_response_id", "prompt"} & request.keys()
        ids = any("id" in item for item in request["input"] if isinstance(item, dict))
        if stateful or ids or any(word in name for word in FOREIGN):
            continue
        body = {key: value for key, value in request.items() if key != "stream"}
        offline = Offline()
        body["tools"] = [at_hand(offline, tool) for tool in body.get("tools") or []]
        answer = offline.handle("POST", "/responses", "", AUTH, json.dumps(body).encode())
        assert answer.status == 200, (name, answer.json())
        accepted += 1

    assert accepted > 50


def test_recorded_lists():
    """A recorded page of conversation items has our keys, in our order."""
    answers = [a for _, _, a in exchanges() if isinstance(a, dict) and a.get("object") == "list"]
    recorded = next(a for a in answers if a["data"] and a["data"][0].get("type") == "message")
    offline = Offline()
    raw = json.dumps({"items": [{"role": "user", "content": "Hi"}]}).encode()
    key = offline.handle("POST", "/conversations", "", AUTH, raw).json()["id"]

    mine = offline.handle("GET", f"/conversations/{key}/items", "", AUTH, b"").json()

    assert list(mine) == list(recorded)
    assert list(mine["data"][0]) == list(recorded["data"][0])
