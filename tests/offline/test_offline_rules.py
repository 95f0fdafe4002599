"""The rules of request shapes, in the real service's words and codes."""

from __future__ import annotations

import json

import openai
import pytest

from shim.offline import Offline

NESTED = {"type": "function", "function": {"name": "f"}}
FLAT = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
LONG = "x" * 513


def post(body, path="/responses", offline=None):
    """The error of a request that must be refused."""
    request = {"model": "m", "input": "Hi", **body} if path == "/responses" else body
    request = {key: value for key, value in request.items() if value != "absent"}
    raw = json.dumps(request).encode()
    response = (offline or Offline()).handle("POST", path, "", {"api-key": "x"}, raw)
    assert response.status == 400, response.json()
    return response.json()["error"]


@pytest.mark.parametrize(
    ("body", "message", "param", "code"),
    [
        (
            {"assistant_id": "a"},
            "Unknown parameter: 'assistant_id'.",
            "assistant_id",
            "unknown_parameter",
        ),
        (
            {"model": "absent"},
            "Missing required parameter: 'model'.",
            "model",
            "missing_required_parameter",
        ),
        (
            {"model": "no-such-model"},
            "The requested model 'no-such-model' does not exist.",
            "model",
            "model_not_found",
        ),
        (
            {"temperature": -1},
            (
                "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but "
                "got -1 instead."
            ),
            "temperature",
            "decimal_below_min_value",
        ),
        (
            {"temperature": 2.5},
            (
                "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but "
                "got 2.5 instead."
            ),
            "temperature",
            "decimal_above_max_value",
        ),
        (
            {"top_p": 1.5},
            (
                "Invalid 'top_p': decimal above maximum value. Expected a value <= 1, but got "
                "1.5 instead."
            ),
            "top_p",
            "decimal_above_max_value",
        ),
        (
            {"max_output_tokens": 15},
            (
                "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
                "16, but got 15 instead."
            ),
            "max_output_tokens",
            "integer_below_min_value",
        ),
        (
            {"temperature": "hot"},
            "Invalid type for 'temperature': expected a decimal, but got a string instead.",
            "temperature",
            "invalid_type",
        ),
        (
            {"stream": 1},
            "Invalid type for 'stream': expected a boolean, but got an integer instead.",
            "stream",
            "invalid_type",
        ),
        (
            {"max_output_tokens": True},
            "Invalid type for 'max_output_tokens': expected an integer, but got a boolean instead.",
            "max_output_tokens",
            "invalid_type",
        ),
        (
            {"input": 3},
            (
                "Invalid type for 'input': expected one of a string or array of objects, but got "
                "an integer instead."
            ),
            "input",
            "invalid_type",
        ),
        (
            {"input": "absent"},
            (
                "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' "
                "must be provided."
            ),
            None,
            "missing_required_parameter",
        ),
        (
            {"conversation": "conv_a", "previous_response_id": "resp_a"},
            (
                "Mutually exclusive parameters. Ensure you are only providing one of: "
                "'previous_response_id' or 'conversation'."
            ),
            None,
            "mutually_exclusive_parameters",
        ),
        (
            {"previous_response_id": "resp_a"},
            "Previous response with id 'resp_a' not found.",
            "previous_response_id",
            "previous_response_not_found",
        ),
        (
            {"background": True, "store": False},
            "Background mode requires 'store' to be true.",
            "background",
            None,
        ),
        (
            {"truncation": "last"},
            "Invalid value: 'last'. Supported values are: 'auto' and 'disabled'.",
            "truncation",
            "invalid_value",
        ),
        ({"metadata": {"k": LONG}}, None, "metadata.k", "string_above_max_length"),
        ({"metadata": {"k" * 65: "v"}}, None, "metadata", "string_above_max_length"),
        ({"metadata": {"k": 1}}, None, "metadata.k", "invalid_type"),
        (
            {"metadata": {str(n): "" for n in range(17)}},
            None,
            "metadata",
            "object_above_max_properties",
        ),
        ({"include": ["everything"]}, None, "include[0]", "invalid_value"),
        ({"max_tokens": 20}, None, "max_tokens", "unsupported_parameter"),
        ({"response_format": {"type": "text"}}, None, "response_format", "unsupported_parameter"),
    ],
)
def test_parameters(body, message, param, code):
    """Parameters are refused in the words of the real service."""
    error = post(body)

    assert message is None or error["message"] == message
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("name", ["temperature", "top_p"])
@pytest.mark.parametrize("model", ["o3-mini", "gpt-5", "gpt-5.6-sol", "gpt-6-luna"])
def test_reasoning_models_refuse_sampling(model, name):
    """Reasoning models do not have temperature and top_p; the code is null."""
    error = post({"model": model, name: 1})

    assert error["message"] == f"Unsupported parameter: '{name}' is not supported with this model."
    assert (error["param"], error["code"]) == (name, None)


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-4o", "temperature": 1},
        {"model": "gpt-5.1", "temperature": 1, "reasoning": {"effort": "none"}},
        {"model": "gpt-5", "temperature": None},
        {"model": "gpt-5-chat-latest", "temperature": 1},
    ],
)
def test_other_models_sample(body, client):
    """Models that do not reason, or not now, take sampling parameters."""
    assert client.responses.create(input="Hi", **body).status == "completed"


def test_plain_models_refuse_effort():
    """Models that never reason refuse an effort."""
    assert post({"model": "gpt-4o", "reasoning": {"effort": "low"}})["param"] == "reasoning.effort"


@pytest.mark.parametrize(
    ("tools", "message", "param"),
    [
        ([NESTED], "Missing required parameter: 'tools[0].name'.", "tools[0].name"),
        (
            [FLAT, {**FLAT, "name": "a b"}],
            (
                "Invalid 'tools[1].name': string does not match pattern. "
                "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            ),
            "tools[1].name",
        ),
        ([{**FLAT, "name": "f" * 129}], None, "tools[0].name"),
        ([{**FLAT, "extra": 1}], "Unknown parameter: 'tools[0].extra'.", "tools[0].extra"),
        ([{**FLAT, "parameters": []}], None, "tools[0].parameters"),
        ([{**FLAT, "description": 1}], None, "tools[0].description"),
        (
            [{**FLAT, "parameters": {"type": "string"}}],
            (
                "Invalid schema for function 'f': "
                "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'."
            ),
            "tools[0].parameters",
        ),
        (
            [{**FLAT, "parameters": {"type": "object", "properties": {"a": []}}}],
            "Invalid schema for function 'f': [] is not of type 'object', 'boolean'.",
            "tools[0].parameters",
        ),
        (
            [{**FLAT, "parameters": {"type": "object", "required": "a"}}],
            "Invalid schema for function 'f': 'a' is not of type 'array'.",
            "tools[0].parameters",
        ),
        ([{"type": "file_search", "vector_store_ids": "a"}], None, "tools[0].vector_store_ids"),
        ([{"type": "retrieval"}], None, "tools[0].type"),
        ([{"name": "f"}], "Missing required parameter: 'tools[0].type'.", "tools[0].type"),
        (
            [{"type": "code_interpreter"}],
            "Missing required parameter: 'tools[0].container'.",
            "tools[0].container",
        ),
        (
            [{"type": "file_search"}],
            "Missing required parameter: 'tools[0].vector_store_ids'.",
            "tools[0].vector_store_ids",
        ),
        (
            [{"type": "file_search", "vector_store_ids": ["a", "b", "c"]}],
            "Invalid input: maximum of 2 vector stores allowed.",
            "tools",
        ),
        (
            [{**FLAT, "strict": True}],
            (
                "Invalid schema for function 'f': In context=(), "
                "'additionalProperties' is required to be supplied and to be false."
            ),
            "tools[0].parameters",
        ),
    ],
)
def test_tools(tools, message, param):
    """Tools are flat, named by a pattern, and complete."""
    error = post({"tools": tools})

    assert message is None or error["message"] == message
    assert error["param"] == param


@pytest.mark.parametrize(
    ("choice", "tools", "message"),
    [
        (
            "any",
            [FLAT],
            "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        ),
        (NESTED, [FLAT], "Missing required parameter: 'tool_choice.name'."),
        (
            {"type": "function", "name": "g"},
            [FLAT],
            "Tool choice 'g' not found in 'tools' parameter.",
        ),
        ("required", [], "Tool choice 'required' must be specified with 'tools' parameter."),
        ({"name": "f"}, [FLAT], "Missing required parameter: 'tool_choice.type'."),
        (
            {"type": "file_search"},
            [FLAT],
            "Tool choice 'file_search' not found in 'tools' parameter.",
        ),
    ],
)
def test_tool_choice(choice, tools, message):
    """The tool choice is flat, and names a tool that is there."""
    assert post({"tool_choice": choice, "tools": tools})["message"] == message


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}, "text.format.name"),
        ({"type": "json_schema", "name": "a"}, "text.format.schema"),
        ({"type": "json_schema", "name": "a", "schema": {}, "extra": 1}, "text.format.extra"),
        ({"type": "yaml"}, "text.format.type"),
        ({}, "text.format.type"),
        (
            {"type": "json_schema", "name": "a", "strict": True, "schema": {"type": "object"}},
            "text.format.schema",
        ),
    ],
)
def test_text_format(given, param):
    """A JSON schema stands flat in the format."""
    assert post({"text": {"format": given}})["param"] == param


def test_json_mode_wants_the_word():
    """JSON mode is refused unless a message has the word; instructions do not count."""
    text = {"format": {"type": "json_object"}}

    error = post({"text": text, "instructions": "Answer in JSON."})

    assert error["message"] == (
        "Response input messages must contain the word 'json' in some form to use "
        "'text.format' of type 'json_object'."
    )
    assert (error["param"], error["code"]) == ("input", None)


@pytest.mark.parametrize(
    ("item", "message", "param"),
    [
        (
            {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]},
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
            "input[0].content[0]",
        ),
        (
            {"role": "user", "content": [{"type": "image_file", "image_file": {"file_id": "f"}}]},
            (
                "Invalid value: 'image_file'. "
                "Supported values are: 'input_text', 'input_image', and 'input_file'."
            ),
            "input[0].content[0]",
        ),
        (
            {"role": "tool", "content": "x"},
            (
                "Invalid value: 'tool'. Supported values are: 'assistant', 'system', "
                "'developer', and 'user'."
            ),
            "input[0]",
        ),
        (
            {"role": "user", "content": "x", "metadata": {}},
            "Unknown parameter: 'input[0].metadata'.",
            "input[0].metadata",
        ),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "x", "annotations": []}]},
            "Unknown parameter: 'input[0].content[0].annotations'.",
            "input[0].content[0].annotations",
        ),
        (
            {"role": "user", "content": [{"type": "input_text"}]},
            "Missing required parameter: 'input[0].content[0].text'.",
            "input[0].content[0].text",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "detail": "auto"}]},
            "Missing required parameter: 'input[0].content[0].image_url'.",
            "input[0].content[0].image_url",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": {"url": "u"}}]},
            (
                "Invalid type for 'input[0].content[0].image_url': expected a string, but got an "
                "object instead."
            ),
            "input[0].content[0].image_url",
        ),
        (
            {"type": "code_interpreter_call", "code": "1", "container_id": "c"},
            "Missing required parameter: 'input[0].id'.",
            "input[0].id",
        ),
        (
            {"type": "function_call", "name": "f", "arguments": "{}"},
            "Missing required parameter: 'input[0].call_id'.",
            "input[0].call_id",
        ),
        (
            {"type": "function_call_output", "call_id": "call_a", "output": None},
            "Missing required parameter: 'input[0].output'.",
            "input[0].output",
        ),
        ({"type": "thought"}, None, "input[0]"),
        ({"id": "msg_x", "content": "x"}, None, "input[0].type"),
        ({"role": "user", "content": 1}, None, "input[0].content"),
        ({"role": "user", "content": ["x"]}, None, "input[0].content[0]"),
        ({"role": "user", "content": [{"text": "x"}]}, None, "input[0].content[0].type"),
        (
            {"role": "user", "content": [{"type": "input_text", "text": 1}]},
            None,
            "input[0].content[0].text",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "f", "detail": "x"}]},
            None,
            "input[0].content[0].detail",
        ),
        (
            {"role": "assistant", "content": [{"type": "output_text", "text": "", "logprobs": 1}]},
            None,
            "input[0].content[0].logprobs",
        ),
        (
            {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": {}},
            None,
            "input[0].arguments",
        ),
        (
            {"type": "function_call_output", "call_id": 1, "output": "x"},
            None,
            "input[0].call_id",
        ),
        ({"type": "item_reference", "id": 1}, None, "input[0].id"),
        (
            {"role": "user", "content": "x", "id": "item_a"},
            "Invalid 'input[0].id': 'item_a'. Expected an ID that begins with 'msg'.",
            "input[0].id",
        ),
        ({"type": "reasoning", "summary": []}, "Invalid item", "item"),
        (
            {"type": "reasoning", "id": "rs_a", "summary": [], "status": None},
            "Unknown parameter: 'input[0].status'.",
            "input[0].status",
        ),
        ("text", None, "input[0]"),
    ],
)
def test_items(item, message, param):
    """Items are refused for what they are, wherever they stand."""
    error = post({"input": [item]})

    assert message is None or error["message"] == message
    assert error["param"] == param


def test_context_window():
    """A tiny context window overflows with the real text, unless truncation is asked for."""
    offline = Offline()
    body = {"model": "tiny-context", "input": "word " * 250}

    error = post(body, offline=offline)

    assert error == {
        "message": "Your input exceeds the context window of this model. "
        "Please adjust your input and try again.",
        "type": "invalid_request_error",
        "param": "input",
        "code": "context_length_exceeded",
    }
    raw = json.dumps({**body, "truncation": "auto"}).encode()
    assert offline.handle("POST", "/responses", "", {"api-key": "x"}, raw).status == 200


def test_broken_json(offline):
    """A body that is no JSON is refused, and one that is no object."""
    for body in (b"{", b"[]"):
        answer = offline.handle("POST", "/responses", "", {"api-key": "x"}, body)
        assert answer.status == 400


def test_echo_of_what_was_omitted(client):
    """A response shows the defaults of what a request left out, as the live one does."""
    store = client.vector_stores.create()
    search = {"type": "file_search", "vector_store_ids": [store.id]}
    tools = [{"type": "function", "name": "f"}, search]
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}

    response = client.responses.create(
        model="m", input="Hi", tools=tools, text={"format": schema}
    ).model_dump()

    function, search = response["tools"]
    assert function["strict"] is True
    assert function["parameters"] == {"type": "object", "properties": {}}
    assert search["max_num_results"] == 20
    assert response["text"]["format"]["strict"] is True
    assert (response["temperature"], response["top_p"]) == (1.0, 1.0)
    assert (response["truncation"], response["service_tier"]) == ("disabled", "default")


def test_no_request_breaks_the_upstream(client):
    """All kinds of parts are answered."""
    content = [
        {"type": "input_text", "text": "x"},
        {"type": "input_file", "file_id": "file-a", "filename": None},
        {"type": "input_image", "file_id": "file-b"},
    ]

    assert client.responses.create(
        model="m",
        input=[
            {"role": "user", "content": content},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]},
            {"role": "developer", "content": "Be kind."},
        ],
    ).output_text.startswith("You said: x")


@pytest.mark.parametrize("nothing", [[], ""])
def test_an_empty_input_is_refused(client, nothing):
    """As the service does, in its words, without a param."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="m", input=nothing)

    assert refused.value.code == "missing_required_parameter"
    assert refused.value.param is None
