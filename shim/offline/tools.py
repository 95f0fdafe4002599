"""Tools, the choice among them, and text formats: their shapes, and how they are echoed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from shim.offline import filters, refusals, schemas, shapes
from shim.offline.wire import Json, Refused

__all__ = ["check_choice", "check_format", "check_tools", "echo_format", "echo_tools"]

_NAME = re.compile(r"^[a-zA-Z0-9_-]+$")
_NAME_LENGTH = 128
_MAX_STORES = 2
_MAX_CONTAINER_FILES = 50
_MEMORY = ("1g", "4g", "16g", "64g")
_MODES = ("none", "auto", "required")
_FORMATS = ("json_object", "json_schema", "text")

_TYPES = (
    "function",
    "file_search",
    "code_interpreter",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "image_generation",
    "computer",
    "computer_use_preview",
    "mcp",
    "custom",
    "local_shell",
    "shell",
    "apply_patch",
    "namespace",
    "tool_search",
    "programmatic_tool_calling",
)

_FUNCTION_KEYS = frozenset(
    {"type", "name", "description", "parameters", "strict", "async"}
    | {"allowed_callers", "defer_loading", "output_schema"}
)

_REQUIRED = {"file_search": "vector_store_ids", "code_interpreter": "container"}


def check_tools(tools: list[Any]) -> None:
    """Refuse tools of a wrong shape (spec 2.3)."""
    for index, tool in enumerate(tools):
        param = f"tools[{index}]"
        if not isinstance(tool, dict):
            raise refusals.wrong_type(param, "an object", tool)
        if "type" not in tool:
            raise refusals.missing(f"{param}.type")
        if tool["type"] not in _TYPES:
            raise refusals.unsupported_value(f"{param}.type", tool["type"], _TYPES)
        if tool["type"] == "function":
            _check_function(tool, param)
        elif (key := _REQUIRED.get(tool["type"])) and tool.get(key) is None:
            raise refusals.missing(f"{param}.{key}")
        elif tool["type"] == "code_interpreter":
            _check_container(tool["container"], f"{param}.container")
    _check_stores(tools)


def _check_container(container: Any, param: str) -> None:
    if isinstance(container, str):
        return
    if not isinstance(container, dict):
        raise refusals.wrong_type(param, "one of a string or an object", container)
    if container.get("type") != "auto":
        raise refusals.unsupported_value(f"{param}.type", container.get("type"), ("auto",))
    for key in container:
        if key not in ("type", "file_ids", "memory_limit", "network_policy"):
            raise refusals.unknown(f"{param}.{key}")
    files = shapes.strings(container.get("file_ids"), f"{param}.file_ids")
    memory = container.get("memory_limit")
    if len(files) > _MAX_CONTAINER_FILES:
        raise refusals.too_many(f"{param}.file_ids", _MAX_CONTAINER_FILES, len(files))
    if memory is not None and memory not in _MEMORY:
        raise refusals.unsupported_value(f"{param}.memory_limit", memory, _MEMORY)


def _check_function(tool: Json, param: str) -> None:
    _check_name(tool.get("name"), f"{param}.name")
    for key in tool:
        if key not in _FUNCTION_KEYS:
            raise refusals.unknown(f"{param}.{key}")
    parameters = tool.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise refusals.wrong_type(f"{param}.parameters", "an object", parameters)
    description = tool.get("description")
    if description is not None and not isinstance(description, str):
        raise refusals.wrong_type(f"{param}.description", "a string", description)
    for fault in _faults(parameters or {"type": "object"}, strict=bool(tool.get("strict"))):
        text = f"Invalid schema for function '{tool['name']}': {fault}"
        code = "invalid_function_parameters"
        raise Refused(text, param=f"{param}.parameters", code=code)


def _faults(schema: Json, *, strict: bool) -> Iterator[str]:
    """What is wrong with a schema, the worst first."""
    if schema.get("type") != "object":
        got = schema.get("type")
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'."
    yield from schemas.malformed(schema)
    if strict:
        yield from schemas.loose(schema)


def _check_name(name: Any, param: str) -> None:
    if name is None:
        raise refusals.missing(param)
    if not isinstance(name, str):
        raise refusals.wrong_type(param, "a string", name)
    if len(name) > _NAME_LENGTH:
        raise refusals.too_long(param, _NAME_LENGTH, len(name))
    if not _NAME.match(name):
        text = (
            f"Invalid '{param}': string does not match pattern. "
            f"Expected a string that matches the pattern '{_NAME.pattern}'."
        )
        raise Refused(text, param=param, code="invalid_value")


def _check_stores(tools: list[Json]) -> None:
    for index, tool in enumerate(tools):
        stores = shapes.strings(tool.get("vector_store_ids"), f"tools[{index}].vector_store_ids")
        if len(stores) > _MAX_STORES:
            # as the live service was seen to word it in August 2026
            text = f"Invalid input: maximum of {_MAX_STORES} vector stores allowed."
            raise Refused(text, param="tools", code="integer_above_max_value")
        if tool["type"] == "file_search":
            filters.check_search(tool, f"tools[{index}].")


def check_choice(choice: Any, tools: list[Json]) -> None:
    """Refuse a tool choice of a wrong shape, or of a tool that is not there."""
    if isinstance(choice, str):
        if choice not in _MODES:
            raise refusals.unsupported_value("tool_choice", choice, _MODES)
        if choice == "required" and not tools:
            text = "Tool choice 'required' must be specified with 'tools' parameter."
            raise Refused(text, param="tool_choice")
        return
    if "type" not in choice:
        raise refusals.missing("tool_choice.type")
    if choice["type"] == "function":
        _check_function_choice(choice, tools)
    elif choice["type"] in ("file_search", "code_interpreter"):
        _check_present(choice["type"], [tool["type"] for tool in tools])


def _check_function_choice(choice: Json, tools: list[Json]) -> None:
    if "name" not in choice:
        raise refusals.missing("tool_choice.name")
    for key in choice:
        if key not in ("type", "name"):
            raise refusals.unknown(f"tool_choice.{key}")
    _check_present(choice["name"], [tool.get("name") for tool in tools])


def _check_present(name: str, present: list[str | None]) -> None:
    if name not in present:
        text = f"Tool choice '{name}' not found in 'tools' parameter."
        raise Refused(text, param="tool_choice")


def check_format(value: Any) -> None:
    """Refuse a text format of a wrong shape (spec 2.1)."""
    if not isinstance(value, dict):
        raise refusals.wrong_type("text.format", "an object", value)
    kind = value.get("type")
    if kind is None:
        raise refusals.missing("text.format.type")
    if kind not in _FORMATS:
        raise refusals.unsupported_value("text.format.type", kind, _FORMATS)
    if kind == "json_schema":
        _check_schema(value)


def _check_schema(value: Json) -> None:
    _check_name(value.get("name"), "text.format.name")
    if not isinstance(value.get("schema"), dict):
        raise refusals.missing("text.format.schema")
    for key in value:
        if key not in ("type", "name", "schema", "description", "strict"):
            raise refusals.unknown(f"text.format.{key}")
    for fault in _faults(value["schema"], strict=bool(value.get("strict"))):
        text = f"Invalid schema for response_format '{value['name']}': {fault}"
        raise Refused(text, param="text.format.schema", code="invalid_json_schema")


def echo_format(value: Json) -> Json:
    """A text format as a response carries it."""
    if value["type"] != "json_schema":
        return {"type": value["type"]}
    strict = value.get("strict")
    return {
        "type": "json_schema",
        "description": value.get("description"),
        "name": value["name"],
        "schema": value["schema"],
        "strict": True if strict is None else strict,
    }


def echo_tools(tools: list[Json]) -> list[Json]:
    """Tools as a response carries them."""
    return [_ECHOES.get(tool["type"], dict)(tool) for tool in tools]


def _echo_function(tool: Json) -> Json:
    strict = tool.get("strict")
    return {
        "type": "function",
        "description": tool.get("description"),
        "name": tool["name"],
        "parameters": tool.get("parameters") or {"type": "object", "properties": {}},
        "strict": True if strict is None else strict,
    }


def _echo_file_search(tool: Json) -> Json:
    return {
        "type": "file_search",
        "filters": tool.get("filters"),
        "max_num_results": tool.get("max_num_results") or 20,
        "ranking_options": tool.get("ranking_options")
        or {"ranker": "auto", "score_threshold": 0.0},
        "vector_store_ids": tool["vector_store_ids"],
    }


_ECHOES: dict[str, Any] = {"function": _echo_function, "file_search": _echo_file_search}
