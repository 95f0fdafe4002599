"""The rule-driven model, and the arguments it finds."""

from __future__ import annotations

import json

import pytest

from shim.offline import Call, RuleModel, Say, View
from shim.offline.arguments import example, fill


def function(name, description="", **properties):
    """A function tool whose first property is required."""
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": list(properties)[:1],
        },
    }


STRING = {"type": "string"}
WEATHER = function("get_weather", "Weather of a city", city=STRING)
TIME = function("get_time", "The time in a time zone", zone=STRING)


def ask(words, *tools, items=(), **body):
    """What the model answers to a user's text."""
    said = {"id": "msg_1", "type": "message", "role": "user"}
    said["content"] = [{"type": "input_text", "text": words}]
    request = {"model": "m", "tools": list(tools), **body}
    return RuleModel().reply(View(request, (said, *items)))


def names(outputs):
    """The names of the functions that are called."""
    return [output.name for output in outputs if isinstance(output, Call)]


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("What is the weather in Oslo?", ["get_weather"]),
        ("weather and time in Oslo", ["get_weather", "get_time"]),
        ("Tell me a joke", []),
        ("Get it", []),
    ],
)
def test_functions_are_called_when_they_are_named(text, called):
    """A function is called when the user's words name it; idle words do not count."""
    assert names(ask(text, WEATHER, TIME)) == called


def test_descriptions_count():
    """Two words of a description name a function as well."""
    tool = function("lookup", "Exchange rate between currencies", pair=STRING)

    assert names(ask("What is the exchange rate now?", tool)) == ["lookup"]


def test_the_fullest_match_is_called():
    """Of functions that match the same words, the one that matches more is called."""
    forecast = function("get_weather_forecast", "", city=STRING)

    assert names(ask("weather forecast for Oslo", WEATHER, forecast)) == ["get_weather_forecast"]
    assert names(ask("weather for Oslo", WEATHER, forecast)) == ["get_weather"]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "function", "name": "get_time"}, ["get_time"]),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "get_time"}],
            },
            ["get_time"],
        ),
        ({"type": "file_search"}, []),
    ],
)
def test_tool_choice_is_obeyed(choice, called):
    """A choice that forces or forbids is obeyed, whatever the text."""
    assert names(ask("Hello", WEATHER, TIME, tool_choice=choice)) == called


def test_no_parallel_calls():
    """Without parallel calls, functions are called one response after another."""
    call = {"type": "function_call", "call_id": "call_a", "name": "get_weather", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_a", "output": "rain"}
    request = {"parallel_tool_calls": False}

    first = ask("weather and time in Oslo", WEATHER, TIME, **request)
    second = ask("weather and time in Oslo", WEATHER, TIME, items=[call, output], **request)

    assert (names(first), names(second)) == (["get_weather"], ["get_time"])


def test_outputs_are_quoted():
    """Once a function has answered, its output is quoted, text parts included."""
    call = {"type": "function_call", "call_id": "call_a", "name": "get_weather", "arguments": "{}"}
    parts = [{"type": "input_text", "text": "rain"}]
    output = {"type": "function_call_output", "call_id": "call_a", "output": parts}

    assert ask("weather in Oslo", WEATHER, items=[call, output]) == [
        Say("get_weather returned: rain")
    ]


def test_text_says_what_was_seen():
    """A text answer shows instructions, history, and images, and claims nothing else."""
    earlier = {
        "id": "msg_2",
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "And this?"},
            {"type": "input_image", "file_id": "file-a"},
        ],
    }

    [said] = ask("Hello", items=[earlier], instructions="x" * 80)

    assert said.text == (
        f'You said: And this? (I also saw the instructions "{"x" * 60}...", '
        "1 earlier message, 1 image.)"
    )
    assert ask("") == [Say("You said nothing in words.")]


def test_counting():
    """Asked to count it counts, for streams of any length."""
    assert ask("Please count to 4.") == [Say("1 2 3 4")]


def test_json_formats():
    """JSON formats give valid JSON of that format."""
    schema = {
        "type": "object",
        "properties": {
            "city": STRING,
            "days": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
            "place": {"$ref": "#/$defs/place"},
        },
        "$defs": {"place": {"type": "object", "properties": {"lat": {"type": "number"}}}},
    }
    json_schema = {"format": {"type": "json_schema", "name": "n", "schema": schema}}

    [plain] = ask("Hi in JSON", text={"format": {"type": "json_object"}})
    [formed] = ask("Trip to Oslo, 3 days", text=json_schema)

    assert json.loads(plain.text) == {"reply": "You said: Hi in JSON"}
    assert json.loads(formed.text) == {"city": "Oslo", "days": [3, 3], "place": {"lat": 3}}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (STRING, "What's the weather in San Francisco, CA?", "San Francisco, CA"),
        (STRING, 'Find "two words" please', "two words"),
        (STRING, "what about Berlin now", "Berlin"),
        (STRING, "say something funny", "funny"),
        (STRING, "", "text"),
        ({"type": "string", "enum": ["celsius", "fahrenheit"]}, "in Fahrenheit", "fahrenheit"),
        ({"type": "string", "enum": ["celsius", "fahrenheit"]}, "how warm", "celsius"),
        ({"type": "integer"}, "buy 12 eggs", 12),
        ({"type": "integer"}, "buy eggs", 1),
        ({"type": "integer", "maximum": 5}, "buy 12 eggs", 5),
        ({"type": "number"}, "a rate of 2.5", 2.5),
        ({"type": "boolean"}, "x", True),
        ({"type": "null"}, "x", None),
        ({"type": ["null", "string"]}, "to Oslo", "Oslo"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "7", 7),
        ({"type": "array", "items": STRING}, "to Oslo", ["Oslo"]),
        ({"const": "fixed"}, "x", "fixed"),
        ({"type": "string", "format": "date"}, "on 2026-03-04", "2026-03-04"),
        ({"type": "string", "format": "email"}, "x", "user@example.com"),
    ],
)
def test_arguments(schema, text, value):
    """Arguments come from the text, by type, and are the same every time."""
    arguments = {"type": "object", "properties": {"a": schema}, "required": ["a"]}

    assert fill(arguments, text) == {"a": value}


def test_several_arguments_share_the_text():
    """Each phrase and number is used once."""
    schema = {
        "type": "object",
        "properties": {
            "origin": STRING,
            "target": STRING,
            "adults": {"type": "integer"},
            "children": {"type": "integer"},
        },
        "required": ["origin", "target", "adults", "children"],
    }

    assert fill(schema, "Fly from Oslo to Rome with 2 adults and 3 children") == {
        "origin": "Oslo",
        "target": "Rome",
        "adults": 2,
        "children": 3,
    }


def test_only_what_is_required_or_named():
    """Properties that are neither required nor named in the text are left out."""
    schema = {
        "type": "object",
        "properties": {
            "city": STRING,
            "unit": {"type": "string", "enum": ["C", "F"]},
            "note": STRING,
        },
        "required": ["city"],
    }

    assert fill(schema, "the weather in Oslo") == {"city": "Oslo"}
    assert fill(schema, "the weather in Oslo in F") == {"city": "Oslo", "unit": "F"}
    assert fill({}, "anything") == {}
    assert set(example(schema, "x")) == {"city", "unit", "note"}


def test_recursive_schemas_end():
    """A schema that refers to itself is filled to a finite depth."""
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}}

    assert json.dumps(example(schema, "x"))
