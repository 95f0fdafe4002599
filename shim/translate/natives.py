"""Items that native code put into a conversation, as records of the thread that shares it. Pure.

What a user or an assistant said becomes a message. All else is kept as it stands: of that, what the
system said, and function calls with their outputs, are sent to the model again as the calls of
earlier runs are; hosted tools and reasoning, which cannot be sent without their ids, are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shim.core.ids import file_id, mint
from shim.core.records import File, Message, Native, Step
from shim.core.wire import Json
from shim.translate.items import message_item
from shim.translate.ordering import parts_of
from shim.translate.writing import Writing

__all__ = ["groups", "lacks_address", "moment_of", "record_of", "unanswered", "unshown"]

_SPEAKERS = frozenset({"user", "assistant"})
_PROMPTERS = frozenset({"system", "developer"})
_OUTPUTS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
}
_KEYS = {
    "function_call": ("type", "call_id", "name", "arguments"),
    "function_call_output": ("type", "call_id", "output"),
    "custom_tool_call": ("type", "call_id", "name", "input"),
    "custom_tool_call_output": ("type", "call_id", "output"),
}
_TURN = 4
"""The number in the markers of citations, as recorded ones had it."""

_DETAILS = frozenset({"auto", "low", "high"})
_SHOWN = frozenset({"input_text", "output_text", "text", "refusal", "input_image", "summary_text"})


def record_of(
    item: Json, thread_id: str, created_at: int
) -> tuple[Message | Native, Sequence[File]]:
    """The record that an item becomes, and the files of containers that it names."""
    if item.get("type", "message") != "message" or item.get("role") not in _SPEAKERS:
        return Native(str(item["id"]), thread_id, item), ()
    files = _Cited(item, thread_id, created_at)
    bare = Message(
        id=mint("msg"),
        created_at=created_at,
        thread_id=thread_id,
        role=item["role"],
        content=(),
        **_status(item, created_at),
    )
    if item["role"] == "assistant":
        record = _written(bare, item, files)
    else:
        parts = _parts(item)
        record = replace(bare, content=_content(parts), attachments=_attachments(parts))
    said = _said(item)
    if message_item(record) != (said if said["content"] else None):
        record = replace(record, native=said)
    return record, files.made


def moment_of(item_id: str, earliest: int, latest: int) -> int | None:
    """When an item was made, as far as its id tells; items themselves have no time.

    The upstream's ids have it in hexadecimal, in one of two places (Responses spec 1.3). That is
    not documented: what lies outside of what can be is not believed.
    """
    digits = item_id.partition("_")[2]
    where = {48: 0, 50: 18}.get(len(digits))
    if where is None:
        return None
    try:
        moment = int(digits[where : where + 8], 16)
    except ValueError:
        return None
    near = earliest - 5 <= moment <= latest + 5
    return min(max(moment, earliest), latest) if near else None


def lacks_address(item: Json) -> bool:
    """Whether an image of the item has no address: lists leave that out unless it is asked for."""
    return any(
        part.get("type") == "input_image" and not (part.get("image_url") or part.get("file_id"))
        for part in parts_of(item)
    )


def unshown(message: Message) -> Sequence[str]:
    """What of a native message its content does not show, in words."""
    if message.native is None or message.role != "user":
        return ()
    parts = [part for part in parts_of(message.native) if not _is_shown(part)]
    return [
        f"message {message.id} has {part.get('filename') or 'a part'} ({part.get('type')}), which "
        "messages do not show; the model is given it"
        for part in parts
    ]


def groups(entries: Sequence[Message | Native | Step], *, plain: bool) -> Mapping[str, list[Json]]:
    """What is sent of native items, by the id of the item in whose place it stands.

    Calls made one after the other stay together, with their outputs behind them. A call that has no
    output is left out, as is whatever cannot be sent again.
    """
    answers = _answers(entries)
    made: dict[str, list[Native]] = {}
    block: list[Native] | None = None
    for entry in entries:
        kind = entry.data.get("type", "message") if isinstance(entry, Native) else None
        if isinstance(entry, Native) and kind in _OUTPUTS:
            block = made.setdefault(entry.id, []) if block is None else block
            block += [entry] if _key(entry.data) in answers else []
        elif kind is None or kind == "message" or kind in _OUTPUTS.values():
            block = None
    sent = {key: _pairs(calls, answers, plain=plain) for key, calls in made.items()}
    return {**sent, **_prompts(entries)}


def unanswered(entries: Iterable[Message | Native | Step]) -> Sequence[str]:
    """The names of functions that native code has yet to answer."""
    entries = list(entries)
    answers = _answers(entries)
    return [
        str(entry.data.get("name"))
        for entry in entries
        if isinstance(entry, Native)
        and entry.data.get("type") in _OUTPUTS
        and _key(entry.data) not in answers
    ]


def _answers(entries: Iterable[Message | Native | Step]) -> dict[tuple[str, str], Json]:
    """The outputs by what they answer, the first of each."""
    found: dict[tuple[str, str], Json] = {}
    for entry in entries:
        if isinstance(entry, Native) and entry.data.get("type") in _OUTPUTS.values():
            found.setdefault(_key(entry.data), entry.data)
    return found


def _key(item: Json) -> tuple[str, str]:
    """What a call and its output have in common."""
    return str(item.get("type")).removesuffix("_output"), str(item.get("call_id"))


def _pairs(
    calls: Sequence[Native], answers: Mapping[tuple[str, str], Json], *, plain: bool
) -> list[Json]:
    taken = {
        _key(call.data): call.data
        for call in calls
        if not plain or call.data["type"] == "function_call"
    }
    items = [*taken.values(), *(answers[key] for key in taken)]
    return [_bare(item) for item in items]


def _bare(item: Json) -> Json:
    return {key: item[key] for key in _KEYS[item["type"]] if key in item}


def _prompts(entries: Iterable[Message | Native | Step]) -> dict[str, list[Json]]:
    """What the system said between the messages."""
    return {
        entry.id: [_said(entry.data)]
        for entry in entries
        if isinstance(entry, Native)
        and entry.data.get("type", "message") == "message"
        and entry.data.get("role") in _PROMPTERS
        and parts_of(entry.data)
    }


# messages


def _status(item: Json, now: int) -> Json:
    if item.get("status") != "incomplete":
        return {"completed_at": now}
    reason = {"reason": "max_tokens"}
    return {"status": "incomplete", "incomplete_at": now, "incomplete_details": reason}


def _written(message: Message, item: Json, files: _Cited) -> Message:
    """An assistant's message, as one of a run would be written."""
    writing = Writing(message, _TURN, files)
    for index, part in enumerate(parts_of(item)):
        kind = "refusal" if part.get("type") == "refusal" else "text"
        whole = part.get("refusal" if kind == "refusal" else "text")
        if isinstance(whole, str):
            writing.settle(index, kind, whole, part.get("annotations") or ())
    return writing.written()


def _content(parts: Sequence[Json]) -> tuple[Json, ...]:
    return tuple(shown for part in parts if (shown := _part(part)) is not None)


def _part(part: Json) -> Json | None:
    """The part of a message's content for one of an item's; None for what it cannot have."""
    detail = part.get("detail") if part.get("detail") in _DETAILS else "auto"
    match part:
        case {"type": "input_image", "file_id": str(key)} if key:
            return {"type": "image_file", "image_file": {"file_id": key, "detail": detail}}
        case {"type": "input_image", "image_url": str(url)} if url:
            return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "refusal", "refusal": text}
        case {"type": kind, "text": str(text)} if kind in _SHOWN:
            return {"type": "text", "text": {"value": text, "annotations": []}}
        case _:
            return None


def _attachments(parts: Sequence[Json]) -> tuple[Json, ...]:
    """The files that are given to the model as they are: attached, though to no tool."""
    ids = [part.get("file_id") for part in parts if part.get("type") == "input_file"]
    return tuple({"file_id": key, "tools": []} for key in dict.fromkeys(ids) if key)


def _is_shown(part: Json) -> bool:
    if part.get("type") == "input_file":
        return bool(part.get("file_id"))
    return _part(part) is not None


_NOT_SENT = frozenset({"logprobs", "annotations", "id", "status"})


def _said(item: Json) -> Json:
    """The item as it is sent again: without its id, and without what only answers have."""
    sent: Json = {"type": "message", "role": item["role"]}
    sent["content"] = [_sent(part) for part in _parts(item) if not _is_void(part)]
    if item.get("phase") is not None:
        sent["phase"] = item["phase"]
    return sent


def _parts(item: Json) -> list[Json]:
    """The parts of an item; a text alone is of the kind that its role has."""
    kind = "output_text" if item.get("role") == "assistant" else "input_text"
    alone = isinstance(item.get("content"), str)
    return [{**part, "type": kind} if alone else part for part in parts_of(item)]


def _sent(part: Json) -> Json:
    sent = {k: v for k, v in part.items() if v is not None and k not in _NOT_SENT}
    if part.get("type") == "output_text":
        sent["annotations"] = []
    return sent


def _is_void(part: Json) -> bool:
    """Whether a part has nothing in it that could be sent."""
    match part.get("type"):
        case "input_image":
            return not (part.get("image_url") or part.get("file_id"))
        case "input_text" | "output_text" | "text":
            return not part.get("text")
        case _:
            return False


class _Cited:
    """Gives the files of containers that a native message names ids of shim's own."""

    def __init__(self, item: Json, thread_id: str, now: int) -> None:
        self._item_id = str(item["id"])
        self._thread_id = thread_id
        self._now = now
        self.made: list[File] = []

    def cited(self, citation: Json) -> str | None:
        """The id of a file that is to be copied from its container."""
        container_id, source_id = citation.get("container_id"), citation.get("file_id")
        if not container_id or not source_id:
            return None
        key = file_id(self._item_id, container_id, source_id)
        if all(file.id != key for file in self.made):
            name = str(citation.get("filename") or source_id)
            self.made.append(
                File(
                    *(key, self._now, name, self._thread_id, ""),
                    container_id=str(container_id),
                    source_id=str(source_id),
                )
            )
        return key

    def linked(self, path: str) -> str | None:
        """None: in which container the path is, the message does not say."""
        del path
        return None
