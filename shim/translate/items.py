"""Messages and tool steps as items of a response's input or of a conversation. Pure.

No ids are sent on what is replayed (a replayed id unlinks the copy in a conversation, Responses
spec 1.5), and a call without its output is never sent (spec 4.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shim.core.ids import FILE
from shim.core.records import Message, Step
from shim.core.wire import Json
from shim.translate.ordering import parts_of

__all__ = ["message_item", "message_text", "outputs", "pair_items", "replayed"]

_NONE: Mapping[str, str] = MappingProxyType({})


def message_item(
    message: Message, *, plain: bool = False, images: Mapping[str, str] = _NONE
) -> Json | None:
    """The item for a message; None for one without anything to send.

    `images` are those of shim's own, as URLs by their ids; the rest of shim's own is left out.
    `plain` sends an assistant's text as a string, which every server takes. Images that an
    assistant made cannot be sent back (spec 10) and are left out.
    """
    content: str | list[Json]
    if message.role == "assistant" and (plain or message.native is None):
        content = _assistant_content(message, plain=plain)
    elif message.native is not None:
        content = [_with_image(part, images) for part in parts_of(message.native)]
        return {**message.native, "content": content} if content else None
    else:
        content = [
            _input_part(part, images)
            for part in message.content
            if not _is_empty(part) and not _is_missing(part, images)
        ]
    return {"type": "message", "role": message.role, "content": content} if content else None


def _with_image(part: Json, images: Mapping[str, str]) -> Json:
    """A part as it is, but for an image whose id the server at hand does not take."""
    if part.get("type") != "input_image" or part.get("file_id") not in images:
        return part
    rest = {key: value for key, value in part.items() if key != "file_id"}
    return {**rest, "image_url": images[part["file_id"]]}


def message_text(message: Message) -> str:
    """The text of a message, its refusals included."""
    return "".join(_part_text(part) for part in message.content)


def _part_text(part: Json) -> str:
    match part["type"]:
        case "text":
            return _unmarked(part["text"])
        case "refusal":
            return str(part["refusal"])
        case _:
            return ""


def _unmarked(text: Json) -> str:
    """The text without the markers of its citations: models imitate what they are shown."""
    value = str(text["value"])
    for note in reversed(text.get("annotations") or ()):
        start, end = note.get("start_index"), note.get("end_index")
        if note.get("type") == "file_citation" and value[start:end] == note.get("text"):
            value = value[:start] + value[end:]
    return value


def _assistant_content(message: Message, *, plain: bool) -> str | list[Json]:
    if plain:
        return message_text(message)
    parts: list[Json] = []
    for part in message.content:
        if part["type"] == "refusal":
            parts.append({"type": "refusal", "refusal": part["refusal"]})
        elif text := _part_text(part):
            parts.append({"type": "output_text", "text": text, "annotations": []})
    return parts


def _is_empty(part: Json) -> bool:
    """Whether a part says nothing; what servers make of those is unknown (Responses spec 7)."""
    return part["type"] == "text" and not part["text"]["value"]


def _is_missing(part: Json, images: Mapping[str, str]) -> bool:
    """Whether a part shows an image of shim's own that is not at hand."""
    if part["type"] != "image_file":
        return False
    file_id: str = part["image_file"]["file_id"]
    return file_id.startswith(FILE) and file_id not in images


def _input_part(part: Json, images: Mapping[str, str]) -> Json:
    match part["type"]:
        case "image_url":
            given = part["image_url"]
            url = {"type": "input_image", "image_url": given["url"]}
            return {**url, "detail": given.get("detail") or "auto"}
        case "image_file":
            given = part["image_file"]
            file = {"type": "input_image", "file_id": given["file_id"]}
            if given["file_id"] in images:
                file = {"type": "input_image", "image_url": images[given["file_id"]]}
            return {**file, "detail": given.get("detail") or "auto"}
        case _:
            return {"type": "input_text", "text": part["text"]["value"]}


def pair_items(step: Step) -> list[Json]:
    """The calls of a tool step that have outputs, then those outputs."""
    calls = [
        call
        for call in step.step_details["tool_calls"]
        if call["type"] == "function" and call["function"].get("output") is not None
    ]
    return [_call_item(call) for call in calls] + [
        _output_item(call["id"], call["function"]["output"]) for call in calls
    ]


def outputs(given: dict[str, str]) -> list[Json]:
    """The items that hand outputs, by call id, to the next response."""
    return [_output_item(call_id, output) for call_id, output in given.items()]


def _call_item(call: Json) -> Json:
    function = call["function"]
    return {
        "type": "function_call",
        "call_id": call["id"],
        "name": function["name"],
        "arguments": function["arguments"],
    }


def _output_item(call_id: str, output: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def replayed(items: Sequence[Json], *, stored: bool, plain: bool) -> list[Json]:
    """The items of the current run as the next response gets them.

    Verbatim where the upstream has stored them; else without ids, and without reasoning that is
    not carried in encrypted form, since unstored ids are refused (spec 4.2). Plain servers get
    bare calls and texts. A call whose output is missing is left out.
    """
    answered = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
    kept = [item for item in items if _is_whole(item, answered)]
    if plain:
        return [bare for item in kept if (bare := _bare(item)) is not None]
    return kept if stored else [_unstored(item) for item in kept if _is_portable(item)]


def _is_whole(item: Json, answered: set[str]) -> bool:
    return item.get("type") != "function_call" or item["call_id"] in answered


def _is_portable(item: Json) -> bool:
    """Whether an item means something to a server that has not stored it."""
    if item.get("type") == "reasoning":
        return bool(item.get("encrypted_content"))
    return item.get("type") in {"message", "function_call", "function_call_output"}


def _unstored(item: Json) -> Json:
    if item.get("type") == "reasoning":
        return item
    return {key: value for key, value in item.items() if key not in ("id", "status")}


def _bare(item: Json) -> Json | None:
    match item.get("type"):
        case "function_call":
            keys = ("type", "call_id", "name", "arguments")
            return {key: item[key] for key in keys}
        case "function_call_output":
            return item
        case "message":
            parts = parts_of(item)
            text = "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
            return {"type": "message", "role": "assistant", "content": text} if text else None
        case _:
            return None
