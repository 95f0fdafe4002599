"""Whether a conversation equals its thread: same roles, texts, images and pairs, in the same order.

Knows the ledger's records and the items of a conversation, and brings each to one form. Written
apart from `shim.conversation`, so that it cannot share its mistakes; it needs nothing of this
folder: `sys.path` and `from equality import differences` are enough.
"""

from __future__ import annotations

import difflib

from shim import drive
from shim.core.lifecycle import FINAL
from shim.core.records import Message

__all__ = ["conversation_items", "differences", "said_by_conversation", "said_by_thread"]


def differences(ledger, offline, thread_id):
    """The lines by which the conversation differs from its thread; none where they are equal."""
    thread = drive.run(ledger.thread("", thread_id))
    if thread.conversation_id is None:
        return [f"{thread_id} has no conversation"]
    wanted = said_by_thread(ledger, thread_id)
    found = said_by_conversation(conversation_items(offline, thread.conversation_id))
    lines = difflib.ndiff([repr(each) for each in wanted], [repr(each) for each in found])
    return [line for line in lines if not line.startswith("  ")]


def said_by_thread(ledger, thread_id):
    """What a conversation must say: messages and answered calls, of runs that have ended."""
    said = []
    for record in drive.run(ledger.history(thread_id)):
        run_id = record.run_id
        if run_id is not None and drive.run(ledger.run_status(run_id)) not in FINAL:
            continue
        said += _message(record) if isinstance(record, Message) else _pairs(record)
    return said


def _message(message):
    parts = [_part(part) for part in message.content]
    parts = [part for part in parts if part[1]]
    return [("message", message.role, *parts)] if parts else []


def _part(part):
    match part["type"]:
        case "text":
            return ("text", part["text"]["value"])
        case "refusal":
            return ("refusal", part["refusal"])
        case "image_url":
            return ("image", part["image_url"]["url"], part["image_url"]["detail"])
        case "image_file":
            return ("image", part["image_file"]["file_id"], part["image_file"]["detail"])


def _pairs(step):
    calls = [call for call in step.step_details["tool_calls"] if call["type"] == "function"]
    return [
        ("pair", call["id"], function["name"], function["arguments"], function["output"])
        for call in calls
        if (function := call["function"])["output"] is not None
    ]


def conversation_items(offline, conversation_id):
    """All items of a conversation, oldest first, as the upstream shows them."""
    items, query = [], {"order": "asc", "limit": "100"}
    while True:
        path = f"/conversations/{conversation_id}/items"
        answer = offline.handle("GET", path, query, {"authorization": "k"}, b"")
        assert answer.status == 200, answer.json()
        page = answer.json()
        items += page["data"]
        if not page["has_more"]:
            return items
        query["after"] = page["last_id"]


def said_by_conversation(items):
    """What the items say; a call without its output, or the other way round, stands out."""
    outputs = {i["call_id"]: i["output"] for i in items if i["type"] == "function_call_output"}
    calls = {item["call_id"] for item in items if item["type"] == "function_call"}
    return [each for item in items for each in _item(item, outputs, calls)]


def _item(item, outputs, calls):
    match item["type"]:
        case "message":
            return [("message", item["role"], *map(_content, item["content"]))]
        case "function_call":
            call = (item["call_id"], item["name"], item["arguments"])
            answered = item["call_id"] in outputs
            return [("pair", *call, outputs[item["call_id"]])] if answered else [("open", *call)]
        case "function_call_output":
            return [] if item["call_id"] in calls else [("orphan", item["call_id"])]
        case other:
            return [("item", other)]


def _content(part):
    match part["type"]:
        case "input_text" | "output_text":
            return ("text", part["text"])
        case "refusal":
            return ("refusal", part["refusal"])
        case "input_image":
            return ("image", part.get("image_url") or part["file_id"], part["detail"])
