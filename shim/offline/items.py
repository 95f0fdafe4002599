"""Input items: what may be sent, and how it is stored. Knows each item alone, never its neighbours.

Rules: Responses spec 1.2, 1.4, 7. Items of hosted tools pass through as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shim.offline import refusals
from shim.offline.ids import prefix_of
from shim.offline.wire import Json, Refused

__all__ = ["Mint", "Resolve", "read"]

Mint = Callable[[str], str]
"""Makes an id for an item type."""

Resolve = Callable[[str], Json | None]
"""Finds a stored item by its id."""

_ROLES = ("assistant", "system", "developer", "user")
_INPUT_PARTS = ("input_text", "input_image", "input_file")
_OUTPUT_PARTS = ("output_text", "refusal")

_KEYS: dict[str, frozenset[str]] = {
    "message": frozenset({"type", "role", "content", "id", "status", "phase"}),
    "function_call": frozenset(
        {"type", "id", "call_id", "name", "arguments", "status", "namespace", "caller", "async"}
    ),
    "function_call_output": frozenset(
        {"type", "id", "call_id", "output", "status", "name", "namespace", "caller"}
    ),
    "reasoning": frozenset({"type", "id", "summary", "content", "encrypted_content", "status"}),
    "item_reference": frozenset({"type", "id"}),
}

_REQUIRED: dict[str, tuple[str, ...]] = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "reasoning": ("summary",),
    "item_reference": ("id",),
}

_PART_KEYS: dict[str, frozenset[str]] = {
    "input_text": frozenset({"type", "text", "prompt_cache_breakpoint"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"}),
    "input_file": frozenset(
        {"type", "file_id", "file_data", "file_url", "filename", "detail"}
        | {"prompt_cache_breakpoint"}
    ),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
}

_NEEDS_ID = frozenset(
    {"file_search_call", "web_search_call", "computer_call", "code_interpreter_call"}
    | {"image_generation_call", "local_shell_call", "local_shell_call_output"}
    | {"mcp_list_tools", "mcp_approval_request", "mcp_call", "program", "program_output"}
)
"""Only the server can mint these (spec 1.4)."""

_OTHERS = frozenset(
    {"computer_call_output", "tool_search_call", "tool_search_output", "additional_tools"}
    | {"configuration_update", "compaction", "compaction_trigger", "shell_call"}
    | {"shell_call_output", "apply_patch_call", "apply_patch_call_output"}
    | {"mcp_approval_response", "custom_tool_call", "custom_tool_call_output"}
)

_TYPES = sorted({*_KEYS, *_NEEDS_ID, *_OTHERS})


def read(items: Any, param: str, mint: Mint, resolve: Resolve) -> list[Json]:
    """Check the items of a request and return them as the server stores them."""
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if not isinstance(items, list):
        expected = "one of a string or array of objects"
        raise refusals.wrong_type(param, expected, items)
    return [_read(item, f"{param}[{n}]", mint, resolve) for n, item in enumerate(items)]


def _read(item: Any, param: str, mint: Mint, resolve: Resolve) -> Json:
    if not isinstance(item, dict):
        raise refusals.wrong_type(param, "an object", item)
    kind = _type_of(item, param)
    _check_keys(item, kind, param)
    _check_id(item, kind, param)
    if kind == "item_reference":
        return _referenced(item["id"], resolve)
    if kind == "reasoning" and item.get("encrypted_content") is None:
        _check_persisted(item["id"], resolve)
    stored = _SHAPES.get(kind, _verbatim)(item, param)
    return {"id": item.get("id") or mint(kind), **stored}


def _type_of(item: Json, param: str) -> str:
    kind = item.get("type") or ("message" if "role" in item else None)
    if kind is None:
        if set(item) == {"id"}:
            return "item_reference"
        raise refusals.missing(f"{param}.type")
    if kind not in _TYPES:
        raise refusals.unsupported_value(param, kind, _TYPES)
    return str(kind)


def _check_keys(item: Json, kind: str, param: str) -> None:
    known = _KEYS.get(kind)
    for key in item:
        # SDK dumps put `status: null` on reasoning items, which is refused (spec 13.2)
        stray = kind == "reasoning" and key == "status" and item[key] is None
        if stray or (known is not None and key not in known):
            raise refusals.unknown(f"{param}.{key}")
    for key in _REQUIRED.get(kind, ()):
        if item.get(key) is None:
            raise refusals.missing(f"{param}.{key}")


def _check_id(item: Json, kind: str, param: str) -> None:
    key = item.get("id")
    if key is None and kind in _NEEDS_ID:
        raise refusals.missing(f"{param}.id")
    if kind == "reasoning" and key is None and item.get("encrypted_content") is None:
        raise Refused("Invalid item", param="item", code="invalid_item")
    if key is not None and not isinstance(key, str):
        raise refusals.wrong_type(f"{param}.id", "a string", key)
    if key is None or kind == "item_reference":
        return
    prefix = prefix_of(kind)
    if kind in _KEYS and not key.startswith(prefix):
        text = f"Invalid '{param}.id': '{key}'. Expected an ID that begins with '{prefix}'."
        raise Refused(text, param=f"{param}.id", code="invalid_value")


def _referenced(key: str, resolve: Resolve) -> Json:
    item = resolve(key)
    if item is None:
        raise refusals.not_found("Item", key)
    return item


def _check_persisted(key: str, resolve: Resolve) -> None:
    """Reasoning without its encrypted content is looked up (spec 4.2)."""
    if resolve(key) is None:
        text = (
            f"Item with id '{key}' not found. Items are not persisted when `store` is set to "
            "false. Try again with `store` set to true, or remove this item from your input."
        )
        raise Refused(text, status=404, param="input")


def _message(item: Json, param: str) -> Json:
    role = item["role"]
    if role not in _ROLES:
        raise refusals.unsupported_value(param, role, _ROLES)
    parts = _parts(item["content"], f"{param}.content", assistant=role == "assistant")
    stored = {"type": "message", "status": item.get("status") or "completed", "content": parts}
    if item.get("phase"):
        stored["phase"] = item["phase"]
    return {**stored, "role": role}


def _parts(content: Any, param: str, *, assistant: bool) -> list[Json]:
    kind = "output_text" if assistant else "input_text"
    if isinstance(content, str):
        content = [{"type": kind, "text": content}]
    if not isinstance(content, list):
        raise refusals.wrong_type(param, "one of a string or array of objects", content)
    allowed = _OUTPUT_PARTS if assistant else _INPUT_PARTS
    return [_part(part, f"{param}[{n}]", allowed) for n, part in enumerate(content)]


def _part(part: Any, param: str, allowed: tuple[str, ...]) -> Json:
    if not isinstance(part, dict):
        raise refusals.wrong_type(param, "an object", part)
    kind = part.get("type")
    if kind is None:
        raise refusals.missing(f"{param}.type")
    if kind not in allowed:
        raise refusals.unsupported_value(param, kind, allowed)
    for key in part:
        if key not in _PART_KEYS[kind]:
            raise refusals.unknown(f"{param}.{key}")
    _check_part(part, kind, param)
    return _stored_part(part, kind)


def _check_part(part: Json, kind: str, param: str) -> None:
    text_key = {"input_text": "text", "output_text": "text", "refusal": "refusal"}.get(kind)
    if text_key and not isinstance(part.get(text_key), str):
        if part.get(text_key) is None:
            raise refusals.missing(f"{param}.{text_key}")
        raise refusals.wrong_type(f"{param}.{text_key}", "a string", part[text_key])
    if kind == "input_image" and not (part.get("image_url") or part.get("file_id")):
        raise refusals.missing(f"{param}.image_url")
    image_url = part.get("image_url")
    if image_url is not None and not isinstance(image_url, str):
        raise refusals.wrong_type(f"{param}.image_url", "a string", image_url)
    for key in ("annotations", "logprobs"):
        if part.get(key) is not None and not isinstance(part[key], list):
            raise refusals.wrong_type(f"{param}.{key}", "an array", part[key])
    levels = ("low", "high", "auto", "original")
    if part.get("detail") is not None and part["detail"] not in levels:
        raise refusals.unsupported_value(f"{param}.detail", part["detail"], levels)


def _stored_part(part: Json, kind: str) -> Json:
    if kind == "output_text":
        annotations = list(part.get("annotations") or [])
        return {
            "type": kind,
            "annotations": annotations,
            "logprobs": list(part.get("logprobs") or []),
            "text": part["text"],
        }
    if kind == "input_image":
        return {"type": kind, "detail": part.get("detail") or "auto", **_given(part, "detail")}
    return _given(part)


def _given(part: Json, *but: str) -> Json:
    return {key: value for key, value in part.items() if value is not None and key not in but}


def _function_call(item: Json, param: str) -> Json:
    for key in ("call_id", "name", "arguments"):
        if not isinstance(item[key], str):
            raise refusals.wrong_type(f"{param}.{key}", "a string", item[key])
    return {
        "type": "function_call",
        "status": item.get("status") or "completed",
        "arguments": item["arguments"],
        "call_id": item["call_id"],
        "name": item["name"],
    }


def _function_call_output(item: Json, param: str) -> Json:
    output = item["output"]
    if not isinstance(item["call_id"], str):
        raise refusals.wrong_type(f"{param}.call_id", "a string", item["call_id"])
    if not isinstance(output, str):
        output = _parts(output, f"{param}.output", assistant=False)
    return {
        "type": "function_call_output",
        "status": item.get("status") or "completed",
        "call_id": item["call_id"],
        "output": output,
    }


def _verbatim(item: Json, param: str) -> Json:  # noqa: ARG001 - one signature for all shapes
    return {key: value for key, value in item.items() if key != "id"}


_SHAPES: Mapping[str, Callable[[Json, str], Json]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
}
