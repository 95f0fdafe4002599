"""Bodies and queries of requests: what passes, and the words of every refusal."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.core import params
from shim.core.params import (
    CreateAssistant,
    CreateMessage,
    CreateRun,
    CreateThread,
    CreateThreadAndRun,
    ListParams,
    SubmitToolOutputs,
    UpdateAssistant,
    UpdateMessage,
    UpdateRun,
    UpdateThread,
    check_id,
    includes,
    list_params,
    parse_body,
    validate,
)
from shim.errors import ApiError

MODELS = [
    CreateAssistant,
    CreateMessage,
    CreateRun,
    CreateThread,
    CreateThreadAndRun,
    SubmitToolOutputs,
    UpdateAssistant,
    UpdateMessage,
    UpdateRun,
    UpdateThread,
]
CONTENT = "step_details.tool_calls[*].file_search.results[*].content"

SCHEMA = {
    "type": "object",
    "title": "Order",
    "properties": {"count": {"type": "integer", "default": 1}, "at": {"anyOf": [{}, None]}},
    "required": [],
}
TOOLS = [
    {"type": "code_interpreter"},
    {"type": "file_search"},
    {"type": "file_search", "file_search": None},
    {"type": "file_search", "file_search": {}},
    {
        "type": "file_search",
        "file_search": {
            "max_num_results": 50,
            "ranking_options": {
                "ranker": "default_2024_08_21",
                "score_threshold": 0.0,
                "hybrid_search": None,
            },
        },
    },
    {"type": "file_search", "file_search": {"ranking_options": {"score_threshold": 1}}},
    {"type": "function", "function": {"name": "Menu-price"}},
    {
        "type": "function",
        "function": {"name": "f", "description": None, "parameters": SCHEMA, "strict": None},
    },
    {"type": "function", "function": {"name": "f" * 64, "parameters": None, "strict": True}},
]
NEW_STORE = {
    "file_ids": ["file-1"],
    "chunking_strategy": {
        "type": "static",
        "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
    },
    "metadata": {"k": "v"},
}
ATTACHMENTS = [
    {"file_id": "file-1", "tools": [{"type": "code_interpreter"}, {"type": "file_search"}]},
    {"file_id": "file-1", "tools": None},
    {"file_id": "file-1"},
]
PARTS = [
    {"type": "text", "text": "Hello"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    {"type": "image_file", "image_file": {"file_id": "file-1", "detail": None}},
]
MESSAGE = {"role": "user", "content": "Hello"}
STEERING = {
    "instructions": "Be kind.",
    "reasoning_effort": "xhigh",
    "temperature": 0,
    "top_p": 1,
    "response_format": {"type": "json_object"},
    "metadata": {},
}
RUN = {
    "assistant_id": "asst_1",
    **STEERING,
    "model": "gpt-5",
    "tools": TOOLS,
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "max_prompt_tokens": 256,
    "max_completion_tokens": 16,
    "truncation_strategy": {"type": "last_messages", "last_messages": 1},
    "stream": True,
}
ID_RESOURCES = {
    "code_interpreter": {"file_ids": ["file-1"]},
    "file_search": {"vector_store_ids": ["vs_1"]},
}
NEW_RESOURCES = {"code_interpreter": {}, "file_search": {"vector_stores": [NEW_STORE]}}

FULL: list[tuple[Any, dict[str, Any]]] = [
    (
        CreateAssistant,
        {
            "model": "gpt-5",
            "name": "n" * 256,
            "description": "d" * 512,
            "tools": TOOLS,
            "tool_resources": NEW_RESOURCES,
            **STEERING,
        },
    ),
    (UpdateAssistant, {"model": "gpt-5", "name": "n", "tool_resources": ID_RESOURCES, **STEERING}),
    (CreateThread, {"messages": [MESSAGE], "tool_resources": NEW_RESOURCES, "metadata": {}}),
    (UpdateThread, {"tool_resources": ID_RESOURCES, "metadata": {"a": "b"}}),
    (
        CreateMessage,
        {"role": "user", "content": PARTS, "attachments": ATTACHMENTS, "metadata": {}},
    ),
    (UpdateMessage, {"metadata": {"k" * 64: "v" * 512}}),
    (CreateRun, {**RUN, "additional_instructions": "More.", "additional_messages": [MESSAGE]}),
    (UpdateRun, {"metadata": {str(n): "" for n in range(16)}}),
    (
        CreateThreadAndRun,
        {**RUN, "thread": {"messages": [MESSAGE]}, "tool_resources": ID_RESOURCES},
    ),
    (
        SubmitToolOutputs,
        {"tool_outputs": [{"tool_call_id": "call_1", "output": "42"}], "stream": False},
    ),
]
REQUIRED = {
    CreateAssistant: {"model": "gpt-5"},
    CreateMessage: MESSAGE,
    CreateRun: {"assistant_id": "asst_1"},
    CreateThreadAndRun: {"assistant_id": "asst_1"},
    SubmitToolOutputs: {"tool_outputs": []},
}
NEVER_NULL = {"model", "role", "content", "assistant_id", "tool_outputs"}


def refusal(model: Any, body: dict[str, Any]) -> ApiError:
    """The error a body is refused with."""
    with pytest.raises(ApiError) as caught:
        validate(model, body)
    assert caught.value.status == 400
    assert caught.value.type == "invalid_request_error"
    return caught.value


def check(model: Any, body: dict[str, Any], param: str | None, code: str | None, text: str) -> None:
    """Assert that a body is refused in exactly these words."""
    error = refusal(model, body)
    assert (error.message, error.param, error.code) == (text, param, code)


@pytest.mark.parametrize("raw", [b"", b"  \r\n", b'""', b"null", b"{}", b" {} "])
def test_nothing_sent_is_an_empty_body(raw):
    """Programs send no body, an empty string, null or an empty object to POST /threads."""
    assert parse_body(raw) == {}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"\\uDC00": 1}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a": ' + b"1" * 5000 + b"}",
        b"{} {}",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_malformed_json_is_refused(raw):
    """What is no JSON text is refused in the original's words."""
    with pytest.raises(ApiError) as caught:
        parse_body(raw)

    error = caught.value
    assert error.status == 400
    assert error.message.startswith("We could not parse the JSON body of your request. (HINT: ")
    assert error.message.endswith("please contact us through our help center at help.openai.com.)")
    assert (error.type, error.param, error.code) == ("invalid_request_error", None, None)


@pytest.mark.parametrize(
    ("raw", "got"),
    [
        (b"[]", "an array"),
        (b'"x"', "a string"),
        (b"1", "an integer"),
        (b"1.5", "a decimal number"),
        (b"true", "a boolean"),
    ],
)
def test_a_body_that_is_no_object_is_refused(raw, got):
    """A body is an object."""
    with pytest.raises(ApiError) as caught:
        parse_body(raw)

    assert (
        caught.value.message == f"Invalid type for '': expected an object, but got {got} instead."
    )
    assert (caught.value.param, caught.value.code) == (None, "invalid_type")


def test_a_body_is_parsed_as_json():
    """Escaped pairs are joined, and of two equal keys the last counts."""
    body = parse_body(b'{"a": 1, "a": 2.0, "b": "\\ud83d\\ude00 \xc3\xa9"}')

    assert body == {"a": 2.0, "b": "\U0001f600 \u00e9"}


@pytest.mark.parametrize(("model", "body"), FULL, ids=[model.__name__ for model, _ in FULL])
def test_a_full_body_passes_as_it_was_sent(model, body):
    """Nothing is coerced, completed, dropped or reordered."""
    sent = copy.deepcopy(body)

    result = validate(model, sent)

    assert json.dumps(result) == json.dumps(body)
    assert result is not sent


@pytest.mark.parametrize("model", MODELS)
def test_a_least_body_passes_as_it_was_sent(model):
    """No default is added to what was not sent."""
    least = REQUIRED.get(model, {})

    assert validate(model, dict(least)) == least


@pytest.mark.parametrize(
    ("model", "key"),
    [(model, key) for model, body in FULL for key in body if key not in NEVER_NULL],
)
def test_every_optional_key_may_be_null(model, key):
    """An explicit null passes and is kept."""
    body = {**REQUIRED.get(model, {}), key: None}

    assert validate(model, body) == body


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CreateThread, {"messages": []}),
        (CreateThread, {"messages": [MESSAGE] * 1000}),
        (CreateThread, {"tool_resources": {}}),
        (CreateThread, {"tool_resources": {"file_search": None, "code_interpreter": None}}),
        (CreateThread, {"tool_resources": {"code_interpreter": {"file_ids": None}}}),
        (
            CreateThread,
            {"tool_resources": {"file_search": {"vector_store_ids": None, "vector_stores": [{}]}}},
        ),
        (
            CreateThread,
            {
                "tool_resources": {
                    "file_search": {"vector_stores": [{"chunking_strategy": {"type": "auto"}}]}
                }
            },
        ),
        (CreateRun, {"assistant_id": "a", "model": None, "tool_choice": "none"}),
        (CreateRun, {"assistant_id": "a", "tool_choice": {"type": "file_search"}}),
        (
            CreateRun,
            {"assistant_id": "a", "tool_choice": {"type": "code_interpreter", "function": None}},
        ),
        (CreateRun, {"assistant_id": "a", "response_format": "auto"}),
        (CreateRun, {"assistant_id": "a", "response_format": {"type": "text"}}),
        (
            CreateRun,
            {
                "assistant_id": "a",
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "a-b_C",
                        "schema": SCHEMA,
                        "strict": None,
                        "description": "d",
                    },
                },
            },
        ),
        (CreateRun, {"assistant_id": "a", "truncation_strategy": {"type": "auto"}}),
        (
            CreateRun,
            {"assistant_id": "a", "truncation_strategy": {"type": "auto", "last_messages": None}},
        ),
        (CreateRun, {"assistant_id": "a", "stream": False}),
        (CreateMessage, {"role": "assistant", "content": "Hello"}),
        (CreateMessage, {"role": "assistant", "content": [{"type": "text", "text": ""}]}),
        (CreateMessage, {"role": "user", "content": "x" * 256_000}),
        (CreateMessage, {"role": "user", "content": "Hello", "attachments": []}),
        (CreateAssistant, {"model": "gpt-5", "temperature": 2, "top_p": 0.5}),
        (CreateAssistant, {"model": "gpt-5", "tools": [TOOLS[0]] * 128}),
        (CreateRun, {"assistant_id": "a", "tools": [TOOLS[0]] * 20}),
        (
            CreateThreadAndRun,
            {
                "assistant_id": "a",
                "thread": {
                    "id": "thread_1",
                    "object": "thread",
                    "created_at": 1,
                    "metadata": {},
                    "tool_resources": {},
                },
            },
        ),
        (
            SubmitToolOutputs,
            {
                "tool_outputs": [
                    {"tool_call_id": "call_1"},
                    {"tool_call_id": "call_2", "output": None},
                    {"tool_call_id": "call_3", "output": ""},
                ]
            },
        ),
    ],
)
def test_what_real_programs_send_passes(model, body):
    """Odd but legal bodies pass unchanged."""
    assert validate(model, copy.deepcopy(body)) == body


@pytest.mark.parametrize(
    ("model", "body", "path"),
    [
        (CreateAssistant, {}, "model"),
        (CreateMessage, {}, "role"),
        (CreateMessage, {"role": "user"}, "content"),
        (CreateMessage, {"content": "x"}, "role"),
        (CreateRun, {}, "assistant_id"),
        (CreateThreadAndRun, {"thread": {}}, "assistant_id"),
        (SubmitToolOutputs, {}, "tool_outputs"),
        (SubmitToolOutputs, {"tool_outputs": [{"output": "x"}]}, "tool_outputs[0].tool_call_id"),
        (CreateThread, {"messages": [{"content": "x"}]}, "messages[0].role"),
        (
            CreateThreadAndRun,
            {"assistant_id": "a", "thread": {"messages": [MESSAGE, {"role": "user"}]}},
            "thread.messages[1].content",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "additional_messages": [{"role": "user"}]},
            "additional_messages[0].content",
        ),
        (UpdateAssistant, {"tools": [{}]}, "tools[0].type"),
        (UpdateAssistant, {"tools": [{"type": "function"}]}, "tools[0].function"),
        (UpdateAssistant, {"tools": [{"type": "function", "function": None}]}, "tools[0].function"),
        (
            UpdateAssistant,
            {"tools": [{"type": "code_interpreter"}, {"type": "function", "function": {}}]},
            "tools[1].function.name",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "file_search", "file_search": {"ranking_options": {}}}]},
            "tools[0].file_search.ranking_options.score_threshold",
        ),
        (CreateMessage, {"role": "user", "content": [{}]}, "content[0].type"),
        (CreateMessage, {"role": "user", "content": [{"type": "text"}]}, "content[0].text"),
        (
            CreateMessage,
            {"role": "user", "content": [PARTS[0], {"type": "image_url", "image_url": {}}]},
            "content[1].image_url.url",
        ),
        (
            CreateMessage,
            {"role": "user", "content": [{"type": "image_file", "image_file": {}}]},
            "content[0].image_file.file_id",
        ),
        (
            CreateMessage,
            {"role": "user", "content": "x", "attachments": [{}]},
            "attachments[0].file_id",
        ),
        (
            CreateMessage,
            {"role": "user", "content": "x", "attachments": [{"file_id": "f", "tools": [{}]}]},
            "attachments[0].tools[0].type",
        ),
        (CreateRun, {"assistant_id": "a", "tool_choice": {}}, "tool_choice.type"),
        (
            CreateRun,
            {"assistant_id": "a", "tool_choice": {"type": "function"}},
            "tool_choice.function",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "tool_choice": {"type": "function", "function": {}}},
            "tool_choice.function.name",
        ),
        (CreateRun, {"assistant_id": "a", "response_format": {}}, "response_format.type"),
        (
            CreateRun,
            {"assistant_id": "a", "response_format": {"type": "json_schema"}},
            "response_format.json_schema",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "truncation_strategy": {}},
            "truncation_strategy.type",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "truncation_strategy": {"type": "last_messages"}},
            "truncation_strategy.last_messages",
        ),
        (
            CreateRun,
            {
                "assistant_id": "a",
                "truncation_strategy": {"type": "last_messages", "last_messages": None},
            },
            "truncation_strategy.last_messages",
        ),
        (
            CreateThread,
            {
                "tool_resources": {
                    "file_search": {"vector_stores": [{"chunking_strategy": {"type": "static"}}]}
                }
            },
            "tool_resources.file_search.vector_stores[0].chunking_strategy.static",
        ),
    ],
)
def test_a_missing_parameter_is_named(model, body, path):
    """What must be there is asked for by its whole path."""
    check(
        model,
        body,
        path,
        "missing_required_parameter",
        f"Missing required parameter: '{path}'.",
    )


@pytest.mark.parametrize("model", MODELS)
def test_an_unknown_key_is_refused_in_every_body(model):
    """No body takes keys it does not know, such as those of version 1."""
    body = {**REQUIRED.get(model, {}), "file_ids": []}

    check(model, body, "file_ids", "unknown_parameter", "Unknown parameter: 'file_ids'.")


@pytest.mark.parametrize(
    ("model", "body", "path"),
    [
        (CreateThread, {"messages": [{**MESSAGE, "foo": 1}]}, "messages[0].foo"),
        (CreateThread, {"id": "thread_1"}, "id"),
        (UpdateThread, {"messages": []}, "messages"),
        (UpdateMessage, {"content": "x"}, "content"),
        (UpdateRun, {"status": "completed"}, "status"),
        (CreateRun, {"assistant_id": "a", "tool_resources": {}}, "tool_resources"),
        (
            CreateThreadAndRun,
            {"assistant_id": "a", "additional_messages": []},
            "additional_messages",
        ),
        (CreateThreadAndRun, {"assistant_id": "a", "thread": {"foo": 1}}, "thread.foo"),
        (
            UpdateAssistant,
            {"tool_resources": {"file_search": {"vector_stores": []}}},
            "tool_resources.file_search.vector_stores",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "code_interpreter", "function": {"name": "f"}}]},
            "tools[0].function",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "function", "name": "f", "function": {"name": "f"}}]},
            "tools[0].name",
        ),
        (
            CreateRun,
            {
                "assistant_id": "a",
                "tool_choice": {"type": "function", "function": {"name": "f", "x": 1}},
            },
            "tool_choice.function.x",
        ),
        (
            CreateRun,
            {
                "assistant_id": "a",
                "tool_choice": {"type": "file_search", "function": {"name": "f"}},
            },
            "tool_choice.function",
        ),
        (
            CreateRun,
            {
                "assistant_id": "a",
                "response_format": {"type": "json_schema", "json_schema": {"name": "a", "b": 1}},
            },
            "response_format.json_schema.b",
        ),
        (
            CreateMessage,
            {"role": "user", "content": [{**PARTS[0], "image_file": {"file_id": "f"}}]},
            "content[0].image_file",
        ),
        (CreateMessage, {"role": "user", "content": [{**PARTS[0], "x.y": 1}]}, "content[0].x.y"),
        (CreateMessage, {"role": "user", "content": "x", "[string]": 1}, "[string]"),
        (SubmitToolOutputs, {"tool_outputs": [{"tool_call_id": "a", "b": 1}]}, "tool_outputs[0].b"),
    ],
)
def test_an_unknown_key_is_named_by_its_path(model, body, path):
    """A key that does not belong where it is sent is refused."""
    check(model, body, path, "unknown_parameter", f"Unknown parameter: '{path}'.")


KINDS = "one of a string or array of objects"
CHOICES = "one of one of 'none', 'auto', or 'required' or object"


@pytest.mark.parametrize(
    ("model", "body", "path", "expected", "got"),
    [
        (UpdateRun, {"metadata": {"modified": True}}, "metadata.modified", "a string", "a boolean"),
        (UpdateRun, {"metadata": {"a.b": 1}}, "metadata.a.b", "a string", "an integer"),
        (UpdateRun, {"metadata": {"k": 1.5}}, "metadata.k", "a string", "a decimal number"),
        (UpdateRun, {"metadata": {"k": None}}, "metadata.k", "a string", "null"),
        (UpdateRun, {"metadata": {"k": {}}}, "metadata.k", "a string", "an object"),
        (UpdateRun, {"metadata": {"[key]": []}}, "metadata.[key]", "a string", "an array"),
        (UpdateRun, {"metadata": "x"}, "metadata", "an object", "a string"),
        (UpdateRun, {"metadata": []}, "metadata", "an object", "an array"),
        (UpdateAssistant, {"model": None}, "model", "a string", "null"),
        (CreateAssistant, {"model": 5}, "model", "a string", "an integer"),
        (UpdateAssistant, {"name": 5}, "name", "a string", "an integer"),
        (UpdateAssistant, {"temperature": "1"}, "temperature", "a decimal", "a string"),
        (UpdateAssistant, {"temperature": True}, "temperature", "a decimal", "a boolean"),
        (UpdateAssistant, {"top_p": []}, "top_p", "a decimal", "an array"),
        (UpdateAssistant, {"tools": {}}, "tools", "an array of objects", "an object"),
        (UpdateAssistant, {"tools": ["x"]}, "tools[0]", "an object", "a string"),
        (UpdateAssistant, {"tools": [None]}, "tools[0]", "an object", "null"),
        (
            UpdateAssistant,
            {"tools": [{"type": 1}]},
            "tools[0].type",
            "one of 'code_interpreter', 'file_search', or 'function'",
            "an integer",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "function", "function": "f"}]},
            "tools[0].function",
            "an object",
            "a string",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
            "an object",
            "an array",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "function", "function": {"name": "f", "strict": "true"}}]},
            "tools[0].function.strict",
            "a boolean",
            "a string",
        ),
        (UpdateAssistant, {"tool_resources": []}, "tool_resources", "an object", "an array"),
        (
            UpdateAssistant,
            {"tool_resources": {"code_interpreter": {"file_ids": "f"}}},
            "tool_resources.code_interpreter.file_ids",
            "an array of strings",
            "a string",
        ),
        (
            UpdateAssistant,
            {"tool_resources": {"file_search": {"vector_store_ids": [1]}}},
            "tool_resources.file_search.vector_store_ids[0]",
            "a string",
            "an integer",
        ),
        (
            CreateAssistant,
            {"model": "m", "tool_resources": {"file_search": {"vector_stores": {}}}},
            "tool_resources.file_search.vector_stores",
            "an array of objects",
            "an object",
        ),
        (CreateMessage, {"role": "user", "content": 7}, "content", KINDS, "an integer"),
        (CreateMessage, {"role": "user", "content": None}, "content", KINDS, "null"),
        (CreateMessage, {"role": "user", "content": {}}, "content", KINDS, "an object"),
        (
            CreateThread,
            {"messages": [{"role": "user", "content": True}]},
            "messages[0].content",
            KINDS,
            "a boolean",
        ),
        (CreateMessage, {"role": "user", "content": ["x"]}, "content[0]", "an object", "a string"),
        (
            CreateMessage,
            {"role": "user", "content": [{"type": "text", "text": {"value": "x"}}]},
            "content[0].text",
            "a string",
            "an object",
        ),
        (
            CreateMessage,
            {"role": "user", "content": [{"type": "image_url", "image_url": "https://a"}]},
            "content[0].image_url",
            "an object",
            "a string",
        ),
        (
            CreateMessage,
            {"role": None, "content": "x"},
            "role",
            "one of 'user' or 'assistant'",
            "null",
        ),
        (CreateThread, {"messages": "x"}, "messages", "an array of objects", "a string"),
        (CreateThread, {"messages": ["x"]}, "messages[0]", "an object", "a string"),
        (
            CreateThreadAndRun,
            {"assistant_id": "a", "thread": []},
            "thread",
            "an object",
            "an array",
        ),
        (CreateRun, {"assistant_id": None}, "assistant_id", "a string", "null"),
        (CreateRun, {"assistant_id": "a", "stream": "true"}, "stream", "a boolean", "a string"),
        (
            CreateRun,
            {"assistant_id": "a", "parallel_tool_calls": 1},
            "parallel_tool_calls",
            "a boolean",
            "an integer",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "max_completion_tokens": "16"},
            "max_completion_tokens",
            "an integer",
            "a string",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "max_completion_tokens": 1000.0},
            "max_completion_tokens",
            "an integer",
            "a decimal number",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "max_completion_tokens": True},
            "max_completion_tokens",
            "an integer",
            "a boolean",
        ),
        (CreateRun, {"assistant_id": "a", "tool_choice": 7}, "tool_choice", CHOICES, "an integer"),
        (
            CreateRun,
            {"assistant_id": "a", "response_format": 7},
            "response_format",
            "one of 'auto' or object",
            "an integer",
        ),
        (
            SubmitToolOutputs,
            {"tool_outputs": {}},
            "tool_outputs",
            "an array of objects",
            "an object",
        ),
        (SubmitToolOutputs, {"tool_outputs": None}, "tool_outputs", "an array of objects", "null"),
        (
            SubmitToolOutputs,
            {"tool_outputs": [{"tool_call_id": "a", "output": 42}]},
            "tool_outputs[0].output",
            "a string",
            "an integer",
        ),
    ],
)
def test_a_wrong_type_is_named(model, body, path, expected, got):
    """Both JSON types are said, and nothing is converted."""
    text = f"Invalid type for '{path}': expected {expected}, but got {got} instead."

    check(model, body, path, "invalid_type", text)


@pytest.mark.parametrize(
    ("model", "body", "path", "value", "supported"),
    [
        (
            CreateMessage,
            {"role": "human", "content": "x"},
            "role",
            "human",
            "'user' and 'assistant'",
        ),
        (
            CreateThread,
            {"messages": [{"role": "system", "content": "x"}]},
            "messages[0].role",
            "system",
            "'user' and 'assistant'",
        ),
        (
            CreateMessage,
            {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
            "content[0].type",
            "input_text",
            "'text', 'image_url', and 'image_file'",
        ),
        (
            CreateMessage,
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "http://a", "detail": "x"}}],
            },
            "content[0].image_url.detail",
            "x",
            "'auto', 'low', and 'high'",
        ),
        (
            CreateMessage,
            {
                "role": "user",
                "content": "x",
                "attachments": [{"file_id": "f", "tools": [{"type": "function"}]}],
            },
            "attachments[0].tools[0].type",
            "function",
            "'code_interpreter' and 'file_search'",
        ),
        (
            UpdateAssistant,
            {"tools": [{"type": "retrieval"}]},
            "tools[0].type",
            "retrieval",
            "'code_interpreter', 'file_search', and 'function'",
        ),
        (
            UpdateAssistant,
            {
                "tools": [
                    {
                        "type": "file_search",
                        "file_search": {"ranking_options": {"ranker": "x", "score_threshold": 0}},
                    }
                ]
            },
            "tools[0].file_search.ranking_options.ranker",
            "x",
            "'auto' and 'default_2024_08_21'",
        ),
        (
            UpdateAssistant,
            {"reasoning_effort": "huge"},
            "reasoning_effort",
            "huge",
            "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'",
        ),
        (UpdateAssistant, {"response_format": "json"}, "response_format", "json", "'auto'"),
        (
            UpdateAssistant,
            {"response_format": {"type": "xml"}},
            "response_format.type",
            "xml",
            "'text', 'json_object', and 'json_schema'",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "tool_choice": "any"},
            "tool_choice",
            "any",
            "'none', 'auto', and 'required'",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "tool_choice": {"type": "any"}},
            "tool_choice.type",
            "any",
            "'function', 'code_interpreter', and 'file_search'",
        ),
        (
            CreateRun,
            {"assistant_id": "a", "truncation_strategy": {"type": "disabled"}},
            "truncation_strategy.type",
            "disabled",
            "'auto' and 'last_messages'",
        ),
    ],
)
def test_a_value_outside_its_set_is_refused(model, body, path, value, supported):
    """The values there are, are listed."""
    text = f"Invalid value: '{value}'. Supported values are: {supported}."

    check(model, body, path, "invalid_value", text)


@pytest.mark.parametrize(
    ("model", "body", "path", "limit"),
    [
        (UpdateAssistant, {"name": "x" * 257}, "name", 256),
        (UpdateAssistant, {"description": "x" * 513}, "description", 512),
        (UpdateAssistant, {"instructions": "x" * 256_001}, "instructions", 256_000),
        (
            CreateRun,
            {"assistant_id": "a", "additional_instructions": "x" * 256_001},
            "additional_instructions",
            256_000,
        ),
        (CreateMessage, {"role": "user", "content": "x" * 256_001}, "content", 256_000),
        (
            CreateThread,
            {"messages": [{"role": "user", "content": "x" * 256_001}]},
            "messages[0].content",
            256_000,
        ),
        (UpdateRun, {"metadata": {"k": "x" * 513}}, "metadata.k", 512),
        (UpdateRun, {"metadata": {"[key]": "x" * 513}}, "metadata.[key]", 512),
        (
            UpdateAssistant,
            {"tools": [{"type": "function", "function": {"name": "x" * 65}}]},
            "tools[0].function.name",
            64,
        ),
        (
            UpdateAssistant,
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x" * 65}}},
            "response_format.json_schema.name",
            64,
        ),
    ],
)
def test_a_long_string_is_refused(model, body, path, limit):
    """The limit and the length are said."""
    text = (
        f"Invalid '{path}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {limit + 1} instead."
    )

    check(model, body, path, "string_above_max_length", text)


TOOL = {"type": "code_interpreter"}


@pytest.mark.parametrize(
    ("model", "body", "path", "limit"),
    [
        (CreateAssistant, {"model": "m", "tools": [TOOL] * 129}, "tools", 128),
        (UpdateAssistant, {"tools": [TOOL] * 129}, "tools", 128),
        (CreateRun, {"assistant_id": "a", "tools": [TOOL] * 21}, "tools", 20),
        (CreateThreadAndRun, {"assistant_id": "a", "tools": [TOOL] * 21}, "tools", 20),
        (
            UpdateThread,
            {"tool_resources": {"code_interpreter": {"file_ids": ["f"] * 21}}},
            "tool_resources.code_interpreter.file_ids",
            20,
        ),
        (
            UpdateThread,
            {"tool_resources": {"file_search": {"vector_store_ids": ["a", "b"]}}},
            "tool_resources.file_search.vector_store_ids",
            1,
        ),
        (
            CreateThread,
            {"tool_resources": {"file_search": {"vector_stores": [{}, {}]}}},
            "tool_resources.file_search.vector_stores",
            1,
        ),
    ],
)
def test_a_long_array_is_refused(model, body, path, limit):
    """The limit and the length are said."""
    text = (
        f"Invalid '{path}': array too long. Expected an array with maximum length {limit}, "
        f"but got an array with length {limit + 1} instead."
    )

    check(model, body, path, "array_above_max_length", text)


@pytest.mark.parametrize(
    ("body", "path", "kind", "bound", "value"),
    [
        ({"temperature": 3}, "temperature", "decimal", "<= 2", "3"),
        ({"temperature": 2.5}, "temperature", "decimal", "<= 2", "2.5"),
        ({"temperature": -1}, "temperature", "decimal", ">= 0", "-1"),
        ({"top_p": 1.1}, "top_p", "decimal", "<= 1", "1.1"),
        ({"top_p": -0.1}, "top_p", "decimal", ">= 0", "-0.1"),
        ({"max_completion_tokens": 15}, "max_completion_tokens", "integer", ">= 16", "15"),
        ({"max_prompt_tokens": 255}, "max_prompt_tokens", "integer", ">= 256", "255"),
        (
            {"truncation_strategy": {"type": "last_messages", "last_messages": 0}},
            "truncation_strategy.last_messages",
            "integer",
            ">= 1",
            "0",
        ),
        (
            {"tools": [{"type": "file_search", "file_search": {"max_num_results": 51}}]},
            "tools[0].file_search.max_num_results",
            "integer",
            "<= 50",
            "51",
        ),
        (
            {"tools": [{"type": "file_search", "file_search": {"max_num_results": 0}}]},
            "tools[0].file_search.max_num_results",
            "integer",
            ">= 1",
            "0",
        ),
        (
            {
                "tools": [
                    {
                        "type": "file_search",
                        "file_search": {"ranking_options": {"score_threshold": 1.5}},
                    }
                ]
            },
            "tools[0].file_search.ranking_options.score_threshold",
            "decimal",
            "<= 1",
            "1.5",
        ),
    ],
)
def test_a_number_out_of_range_is_refused(body, path, kind, bound, value):
    """The bound that is passed and the value as it was sent are said."""
    high = bound.startswith("<")
    fault = "above maximum" if high else "below minimum"
    wish = f"Expected a value {bound}, but got {value} instead."
    text = f"Invalid '{path}': {kind} {fault} value. {wish}"
    code = f"{kind}_above_max_value" if high else f"{kind}_below_min_value"

    check(CreateRun, {"assistant_id": "a", **body}, path, code, text)


def test_too_many_metadata_pairs_are_refused():
    """Metadata has at most 16 pairs."""
    check(
        UpdateRun,
        {"metadata": {str(n): "v" for n in range(17)}},
        "metadata",
        "object_above_max_properties",
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, "
        "but got an object with 17 properties instead.",
    )


def test_a_long_metadata_key_is_refused():
    """Keys of metadata have at most 64 characters; the refusal abbreviates the key."""
    check(
        CreateThread,
        {"messages": [{**MESSAGE, "metadata": {"abc" + "k" * 65 + "xyz": "v"}}]},
        "messages[0].metadata.abc" + "k" * 65 + "xyz",
        "property_name_above_max_length",
        "Invalid property name in 'messages[0].metadata': 'abc...xyz' is too long. "
        "Expected a string with maximum length 64, but got a string with length 71 instead.",
    )


@pytest.mark.parametrize("name", ["app.search", "a b", "caf\u00e9", "name\n"])
def test_a_function_name_of_other_characters_is_refused(name):
    """Names of functions and schemas are made of letters, digits, underscores and dashes."""
    pattern = (
        "string does not match pattern. "
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    )

    for body, path in [
        (
            {"tools": [{"type": "function", "function": {"name": name}}]},
            "tools[0].function.name",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": name}}},
            "response_format.json_schema.name",
        ),
    ]:
        check(UpdateAssistant, body, path, "invalid_value", f"Invalid '{path}': {pattern}")


def test_an_empty_function_name_is_refused():
    """A name has at least one character."""
    check(
        UpdateAssistant,
        {"tools": [{"type": "function", "function": {"name": ""}}]},
        "tools[0].function.name",
        "empty_string",
        "Invalid 'tools[0].function.name': empty string. Expected a string with minimum length 1, "
        "but got an empty string instead.",
    )


@pytest.mark.parametrize("content", ["", []])
def test_empty_content_is_refused(content):
    """A message says something, also one sent along with a thread."""
    message = {"role": "user", "content": content}
    text = "Message content must be non-empty."

    check(CreateMessage, message, "content", None, text)
    check(CreateThread, {"messages": [MESSAGE, message]}, "messages[1].content", None, text)


@pytest.mark.parametrize(
    "url", ["ftp://a/b.png", "file:///a.png", "a.png", "", "data:text/plain,x"]
)
def test_an_image_url_of_another_kind_is_refused(url):
    """Images are fetched over HTTP or carried in the URL."""
    check(
        CreateMessage,
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]},
        "content[0].image_url.url",
        "invalid_value",
        "Invalid 'content[0].image_url.url'. "
        "Expected a valid URL, but got a value with an invalid format.",
    )


@pytest.mark.parametrize(("part", "form"), [(PARTS[1], "URL"), (PARTS[3], "file")])
def test_images_of_the_assistant_are_refused(part, form):
    """Only user messages show images."""
    message = {"role": "assistant", "content": [PARTS[0], part]}
    text = (
        f"Image {form}s are only allowed for messages with role 'user', "
        f"but this message with role 'assistant' contains an image {form}."
    )

    check(CreateMessage, message, "content", "invalid_value", f"Invalid 'content'. {text}")
    check(
        CreateRun,
        {"assistant_id": "a", "additional_messages": [message]},
        "additional_messages[0]",
        "invalid_value",
        f"Invalid 'additional_messages[0]'. {text}",
    )


@pytest.mark.parametrize("model", [CreateAssistant, CreateThread])
def test_stores_are_named_or_made_but_not_both(model):
    """Of the two ways to give a vector store one is taken."""
    both = {"vector_store_ids": ["vs_1"], "vector_stores": [{}]}

    check(
        model,
        {**REQUIRED.get(model, {}), "tool_resources": {"file_search": both}},
        "tool_resources.file_search",
        "mutually_exclusive_parameters",
        "Mutually exclusive parameters: 'tool_resources.file_search'. "
        "Ensure you are only providing one of: 'vector_store_ids' or 'vector_stores'.",
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"foo": 1}, "assistant_id"),
        ({"temperature": "x"}, "assistant_id"),
        ({"assistant_id": 1, "foo": 1}, "foo"),
        ({"assistant_id": "a", "tools": [{}], "foo": 1}, "foo"),
        ({"assistant_id": "a", "temperature": 3, "top_p": 3}, "temperature"),
    ],
)
def test_the_first_fault_is_told_in_the_originals_order(body, path):
    """Missing keys come before unknown ones, and both before wrong values."""
    assert refusal(CreateRun, body).param == path


def test_a_lone_surrogate_is_refused():
    """Text that cannot be encoded is refused however it got past the parser."""
    for body in (
        {"role": "user", "content": "\ud800"},
        {"role": "\ud800", "content": "x"},
        {**MESSAGE, "\ud800": 1},
    ):
        assert refusal(CreateMessage, body).message.startswith("We could not parse the JSON body")


def test_an_error_without_words_of_its_own_still_names_the_parameter():
    """What pydantic may find that nobody thought of is a 400 like any other."""
    error = params.refusals.from_pydantic(
        [{"type": "novel", "loc": ("messages", 3, "role"), "msg": "", "input": 1}],
        {"messages": [MESSAGE] * 4},
    )

    assert error.message == "Invalid value for 'messages[3].role'."
    assert (error.status, error.param, error.code) == (400, "messages[3].role", "invalid_value")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ((), ListParams()),
        ((("limit", "1"), ("order", "asc")), ListParams(limit=1, order="asc")),
        ((("limit", "100"), ("after", "msg_1")), ListParams(limit=100, after="msg_1")),
        ((("before", "msg_1"), ("after", "")), ListParams(before="msg_1")),
        ((("limit", ""), ("order", ""), ("before", ""), ("run_id", "")), ListParams()),
        ((("limit", "5"), ("limit", "6"), ("unknown", "x")), ListParams(limit=6)),
        ((("run_id", "run_1"), ("include[]", CONTENT)), ListParams()),
    ],
)
def test_list_parameters(query, expected):
    """Empty values count as absent, unknown keys are passed over."""
    assert list_params(query) == expected


def test_lists_of_messages_take_a_run_id():
    """The run filter is for those who ask for it."""
    assert list_params((("run_id", "run_1"),), run_id=True) == ListParams(run_id="run_1")
    assert list_params((("run_id", ""),), run_id=True) == ListParams()


LIMIT_TEXT = "Invalid 'limit': integer {}imum value. Expected a value {}, but got {} instead."


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        ("limit", "101", "integer_above_max_value", LIMIT_TEXT.format("above max", "<= 100", 101)),
        ("limit", "0", "integer_below_min_value", LIMIT_TEXT.format("below min", ">= 1", 0)),
        ("limit", "-5", "integer_below_min_value", LIMIT_TEXT.format("below min", ">= 1", -5)),
        *(
            (
                "limit",
                value,
                "invalid_type",
                "Invalid type for 'limit': expected an integer, but got a string instead.",
            )
            for value in ("ten", "10.0", "1e2", " 5", "\u0665", "9" * 5000)
        ),
        (
            "order",
            "newest",
            "invalid_value",
            "Invalid value: 'newest'. Supported values are: 'asc' and 'desc'.",
        ),
    ],
)
def test_a_bad_list_parameter_is_refused(name, value, code, text):
    """Queries are refused in the words of bodies."""
    with pytest.raises(ApiError) as caught:
        list_params(((name, value),))

    error = caught.value
    assert (error.status, error.message, error.param, error.code) == (400, text, name, code)


@pytest.mark.parametrize(
    "name", ["include[]", "include", "include[0]", "include%5B%5D", "include%5b%5d"]
)
def test_what_to_include_is_read_in_every_spelling(name):
    """SDKs have spelled the array in several ways."""
    assert includes(((name, CONTENT), (name, CONTENT))) == {CONTENT}


def test_nothing_to_include():
    """An empty value asks for nothing, and other keys do not matter."""
    assert includes((("include[]", ""), ("included", "x"), ("limit", "1"))) == frozenset()


def test_an_unknown_thing_to_include_is_refused():
    """There is one thing that can be included."""
    with pytest.raises(ApiError) as caught:
        includes((("include[]", CONTENT), ("include[]", "usage")))

    error = caught.value
    assert error.message == f"Invalid value: 'usage'. Supported values are: '{CONTENT}'."
    assert (error.status, error.param, error.code) == (400, "include", "invalid_value")


@pytest.mark.parametrize(
    ("value", "param", "prefix"),
    [
        ("undefined", "thread_id", "thread"),
        ("xyz", "assistant_id", "asst"),
        ("", "run_id", "run"),
        ("run_1", "step_id", "step"),
    ],
)
def test_a_malformed_id_is_refused(value, param, prefix):
    """Clearly wrong ids get the original's hint."""
    with pytest.raises(ApiError) as caught:
        check_id(value, param=param, prefix=prefix)

    error = caught.value
    text = f"Invalid '{param}': '{value}'. Expected an ID that begins with '{prefix}'."
    assert (error.status, error.message, error.param) == (400, text, param)
    assert error.code == "invalid_value"


def test_a_plausible_id_passes():
    """Whether it exists is another question."""
    check_id("thread_abc", param="thread_id", prefix="thread")


def test_models_built_by_many_threads_at_once_work():
    """Models are built on first use, also when that is made by several threads."""
    code = """if True:
        import sys, threading
        sys.setswitchinterval(1e-6)
        from shim.core import params
        ready, passed = threading.Barrier(8), []
        def use():
            ready.wait()
            passed.append(params.validate(params.CreateThread, {"messages": []}))
        threads = [threading.Thread(target=use) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(len(passed))
    """

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "8", done.stderr


TEXT = st.text(st.characters(codec="utf-16"), max_size=5) | st.sampled_from(["[key]", "[string]"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
DEEP_KEYS = ["type", "function", "name", "text", "url", "image_url", "file_search", "static"]
KEYS = st.sampled_from([*sorted({key for _, body in FULL for key in body}), *DEEP_KEYS])
WORDS = st.sampled_from(["user", "function", "text", "auto", "json_schema", "last_messages"])
JSON = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=4),
    max_leaves=12,
)


def passes_or_is_refused(model: Any, body: dict[str, Any]) -> None:
    """Assert that a body comes out as it went in, or is refused with words."""
    result = before = copy.deepcopy(body)
    refused = None
    try:
        result = validate(model, body)
    except ApiError as error:
        refused = error

    assert result == body == before
    assert refused is None or (refused.status == 400 and refused.message)


@given(st.sampled_from(MODELS), st.dictionaries(KEYS | TEXT, JSON, max_size=5))
def test_any_body_passes_or_is_refused(model, body):
    """No JSON object raises anything but a 400 with words."""
    passes_or_is_refused(model, body)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


@given(st.sampled_from(FULL), st.data())
def test_any_change_to_a_good_body_passes_or_is_refused(case, data):
    """Faults deep inside an otherwise good body are found and put into words as well."""
    model, body = case[0], copy.deepcopy(case[1])
    *way, last = data.draw(st.sampled_from(_places(body)[1:]))
    inner: Any = body
    for step in way:
        inner = inner[step]

    inner[last] = data.draw(JSON)
    if isinstance(inner, dict):
        inner[data.draw(KEYS | TEXT)] = data.draw(JSON)

    passes_or_is_refused(model, body)


@given(st.binary() | JSON.map(json.dumps).map(str.encode))
def test_any_bytes_are_parsed_or_refused(raw):
    """No body raises anything but a 400."""
    status, body = 400, {}
    try:
        body = parse_body(raw)
    except ApiError as error:
        status = error.status

    assert isinstance(body, dict)
    assert status == 400
