"""The parameters of a request: which exist, of what type, in what range. Knows no state."""

from __future__ import annotations

import re
from typing import Any

from shim.offline import refusals, tools
from shim.offline.wire import Json, Refused

__all__ = [
    "check_count",
    "check_create",
    "check_metadata",
    "check_names",
    "check_shape",
]

_COUNT: dict[str, str] = {
    "conversation": "reference",
    "input": "any",
    "instructions": "a string",
    "model": "a string",
    "parallel_tool_calls": "a boolean",
    "personality": "a string",
    "previous_response_id": "a string",
    "reasoning": "an object",
    "text": "an object",
    "tool_choice": "choice",
    "tools": "an array",
    "truncation": "a string",
}

_CREATE: dict[str, str] = {
    **{name: kind for name, kind in _COUNT.items() if name != "personality"},
    "access_programs": "an array",
    "background": "a boolean",
    "background_options": "an object",
    "context_management": "an array",
    "image": "an object",
    "include": "an array",
    "max_output_tokens": "an integer",
    "max_tool_calls": "an integer",
    "metadata": "an object",
    "moderation": "an object",
    "prompt": "an object",
    "prompt_cache_key": "a string",
    "prompt_cache_options": "an object",
    "prompt_cache_retention": "a string",
    "safety_identifier": "a string",
    "service_tier": "a string",
    "store": "a boolean",
    "stream": "a boolean",
    "stream_options": "an object",
    "temperature": "a decimal",
    "top_logprobs": "an integer",
    "top_p": "a decimal",
    "user": "a string",
}

_MOVED = {
    "messages": "input",
    "response_format": "text.format",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
}
"""Names of Chat Completions that the real service knows, and refuses with the new one."""

_ACCEPTS: dict[str, tuple[type, ...]] = {
    "a string": (str,),
    "a boolean": (bool,),
    "an integer": (int,),
    "a decimal": (int, float),
    "an object": (dict,),
    "an array": (list,),
    "reference": (str, dict),
    "choice": (str, dict),
    "query": (str, list),
}

_WORDS = {
    "reference": "one of a string or an object",
    "choice": "one of a string or an object",
    "query": "one of a string or an array of strings",
}

_RANGES: tuple[tuple[str, str, float, float | None], ...] = (
    ("temperature", "decimal", 0, 2),
    ("top_p", "decimal", 0, 1),
    ("top_logprobs", "integer", 0, 20),
    ("max_output_tokens", "integer", 16, None),
    ("max_tool_calls", "integer", 1, None),
)

_ENUMERATIONS: dict[str, tuple[str, ...]] = {
    "truncation": ("auto", "disabled"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
}

_INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)

_REASONING_MODEL = re.compile(r"^(o\d|gpt-[5-9])(?!.*chat)")
_SAMPLING_WITHOUT_EFFORT = re.compile(r"^gpt-5\.\d")
_PLAIN_MODEL = re.compile(r"^gpt-(3|4)")


def check_create(body: Json) -> None:
    """Refuse what POST /responses refuses without looking at any state (spec 2.1-2.3)."""
    check_names(body, _CREATE)
    if body.get("model") is None:
        raise refusals.missing("model")
    _check_types(body, _CREATE)
    _check_model(body["model"])
    _check_ranges(body)
    _check_sampling(body)
    _check_combinations(body)
    check_metadata(body.get("metadata"))
    for index, value in enumerate(body.get("include") or []):
        if value not in _INCLUDABLE:
            raise refusals.unsupported_value(f"include[{index}]", value, _INCLUDABLE)
    _check_tools_and_text(body)


def check_count(body: Json) -> None:
    """Refuse what POST /responses/input_tokens refuses."""
    check_names(body, _COUNT)
    _check_types(body, _COUNT)
    _check_model(body.get("model") or "")
    _check_combinations(body)
    _check_tools_and_text(body)


def check_names(body: Json, known: dict[str, str]) -> None:
    """Refuse the first parameter that does not exist."""
    for name in body:
        if name in _MOVED and known is _CREATE:
            raise _moved(name)
        if name not in known:
            raise refusals.unknown(name)


def check_shape(body: Json, known: dict[str, str]) -> None:
    """Refuse parameters that do not exist or are of another type; `known` names the types."""
    check_names(body, known)
    _check_types(body, known)


def _moved(name: str) -> Refused:
    text = (
        f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to "
        f"'{_MOVED[name]}'. Try again with the new parameter. See the API documentation for more "
        "information: https://platform.openai.com/docs/api-reference/responses/create."
    )
    return Refused(text, param=name, code="unsupported_parameter")


def _check_types(body: Json, known: dict[str, str]) -> None:
    for name, value in body.items():
        kind = known[name]
        if kind == "any" or value is None:
            continue
        stray = isinstance(value, bool) and kind != "a boolean"
        if stray or not isinstance(value, _ACCEPTS[kind]):
            raise refusals.wrong_type(name, _WORDS.get(kind, kind), value)


def _check_model(model: str) -> None:
    if model == "no-such-model":
        text = f"The requested model '{model}' does not exist."
        raise Refused(text, param="model", code="model_not_found")


def _check_ranges(body: Json) -> None:
    for name, kind, least, most in _RANGES:
        value = body.get(name)
        if value is None:
            continue
        if value < least:
            raise refusals.below(name, kind, least, value)
        if most is not None and value > most:
            raise refusals.above(name, kind, most, value)
    for name, supported in _ENUMERATIONS.items():
        if body.get(name) is not None and body[name] not in supported:
            raise refusals.unsupported_value(name, body[name], supported)


def _check_sampling(body: Json) -> None:
    """Reasoning models refuse sampling, some only while they reason (spec 2.7)."""
    model, effort = body["model"], (body.get("reasoning") or {}).get("effort")
    if _PLAIN_MODEL.match(model) and effort is not None:
        raise refusals.unsupported_for_model("reasoning.effort")
    if not _REASONING_MODEL.match(model):
        return
    if effort == "none" and _SAMPLING_WITHOUT_EFFORT.match(model):
        return
    for name in ("temperature", "top_p"):
        if body.get(name) is not None:
            raise refusals.unsupported_for_model(name)


def _check_combinations(body: Json) -> None:
    if body.get("conversation") is not None and body.get("previous_response_id") is not None:
        text = (
            "Mutually exclusive parameters. Ensure you are only providing one of: "
            "'previous_response_id' or 'conversation'."
        )
        raise Refused(text, code="mutually_exclusive_parameters")
    if body.get("background") and body.get("store") is False:
        text = "Background mode requires 'store' to be true."
        raise Refused(text, param="background")
    sources = ("input", "previous_response_id", "prompt", "conversation")
    if all(body.get(name) in (None, "", []) for name in sources):
        text = (
            'One of "input" or "previous_response_id" or \'prompt\' or '
            "'conversation_id' must be provided."
        )
        raise Refused(text, code="missing_required_parameter")


def _check_tools_and_text(body: Json) -> None:
    given = body.get("tools") or []
    tools.check_tools(given)
    if body.get("tool_choice") is not None:
        tools.check_choice(body["tool_choice"], given)
    text = body.get("text") or {}
    for key in text:
        if key not in ("format", "verbosity"):
            raise refusals.unknown(f"text.{key}")
    if text.get("format") is not None:
        tools.check_format(text["format"])


def check_metadata(metadata: Any) -> None:
    """Refuse metadata that is too much (spec 1.1)."""
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise refusals.wrong_type("metadata", "an object", metadata)
    if len(metadata) > 16:
        raise refusals.too_many_properties("metadata", 16, len(metadata))
    for key, value in metadata.items():
        if len(key) > 64:
            raise refusals.too_long("metadata", 64, len(key))
        if not isinstance(value, str):
            raise refusals.wrong_type(f"metadata.{key}", "a string", value)
        if len(value) > 512:
            raise refusals.too_long(f"metadata.{key}", 512, len(value))
