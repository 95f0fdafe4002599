"""The parts of old messages and calls, as the ledger holds them. Knows which parts there are.

A part that is unknown, or not whole, raises Odd: it is never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shim.core.wire import Json

__all__ = ["Odd", "attachments", "content", "named", "renamed", "whole_call"]

_ANNOTATIONS = {"file_citation", "file_path", "url_citation"}
_OLD_TOOLS = {"retrieval": "file_search"}


class Odd(Exception):
    """Something that cannot be taken over as it is."""

    def __init__(self, object_id: str, problem: str) -> None:
        super().__init__(f"{object_id}: {problem}")
        self.object_id = object_id
        self.problem = problem


def content(object_id: str, given: Any) -> Sequence[Json]:
    """The parts of a message; raises Odd for one that is unknown or not whole."""
    if isinstance(given, str):
        return [{"type": "text", "text": {"value": given, "annotations": []}}]
    if not isinstance(given, list):
        raise Odd(object_id, "has no content")
    return [_part(object_id, number, part) for number, part in enumerate(given)]


def _part(object_id: str, number: int, part: Any) -> Json:
    kind = str(part.get("type") if isinstance(part, dict) else type(part).__name__)
    if kind not in _PARTS:
        raise Odd(object_id, f"content[{number}] is of the unknown type {kind!r}")
    try:
        return _PARTS[kind](part)
    except (KeyError, TypeError, ValueError) as error:
        raise Odd(object_id, f"content[{number}] is no whole {kind} ({error})") from error


def _text_part(part: Json) -> Json:
    if isinstance(part["text"], str):
        return {"type": "text", "text": {"value": part["text"], "annotations": []}}
    notes = part["text"].get("annotations") or []
    for note in notes:
        if note.get("type") not in _ANNOTATIONS:
            raise ValueError(f"an annotation of the unknown type {note.get('type')!r}")
    if not isinstance(part["text"]["value"], str):
        raise TypeError("the value is no text")
    return {**part, "text": {**part["text"], "annotations": notes}}


def _holding(kind: str, key: str) -> Callable[[Json], Json]:
    def checked(part: Json) -> Json:
        if not isinstance(part[kind][key], str):
            raise TypeError(f"{key} is no text")
        return part

    return checked


def _refusal(part: Json) -> Json:
    if not isinstance(part["refusal"], str):
        raise TypeError("the refusal is no text")
    return part


_PARTS: Mapping[str, Callable[[Json], Json]] = {
    "text": _text_part,
    "image_file": _holding("image_file", "file_id"),
    "image_url": _holding("image_url", "url"),
    "refusal": _refusal,
}


def attachments(object_id: str, given: Json) -> list[Json]:
    """What is attached; an old message's files were for both tools."""
    attached = given.get("attachments") or []
    if not attached and (old := given.get("file_ids")):
        tools = [{"type": "code_interpreter"}, {"type": "file_search"}]
        return [{"file_id": file_id, "tools": tools} for file_id in old]
    for number, one in enumerate(attached):
        if not isinstance(one, dict) or not isinstance(one.get("file_id"), str):
            raise Odd(object_id, f"attachments[{number}] names no file")
    return list(attached)


def whole_call(object_id: str, call: Json) -> Json:
    """A call that can be replayed: a function's has a name and its arguments."""
    function = call.get("function") or {}
    if call["type"] == "function" and not (
        named(function) and isinstance(function.get("arguments"), str) and call.get("id")
    ):
        raise Odd(object_id, "has a function call without id, name or arguments")
    return call


def named(function: Any) -> bool:
    """Whether it is a function with a name."""
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def renamed(tool: Any) -> Json:
    """A tool or call by its newer name."""
    if not isinstance(tool, dict):
        return {"type": type(tool).__name__}
    kind = tool.get("type")
    if kind not in _OLD_TOOLS:
        return tool
    renamed = {key: value for key, value in tool.items() if key not in ("type", kind)}
    return {**renamed, "type": _OLD_TOOLS[kind], _OLD_TOOLS[kind]: tool.get(kind) or {}}
