"""What a run sends to the upstream: the mapping of Responses spec section 10, fed records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shim.core.ports import Dialect
from shim.core.records import Message, Run, Step, Usage
from shim.translate.failures import droppable, is_overflow, last_error
from shim.translate.items import message_item, pair_items, replayed
from shim.translate.requests import draft, halved, input_groups
from shim.upstream.dialect import GENERIC, OPENAI

RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o")
WEATHER = {
    "type": "function",
    "function": {"name": "get-weather", "parameters": {"type": "object"}},
}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": []}}


def said(role: str, *content: dict[str, Any], place: int = 0, run_id: str | None = None) -> Message:
    return Message(f"msg_{place}", 100, "thread_1", role, content, position=place, run_id=run_id)


def called(output: str | None, place: int = 0) -> Step:
    function = {"name": "get-weather", "arguments": "{}", "output": output}
    calls = [{"id": f"call_{place}", "type": "function", "function": function}]
    details = {"type": "tool_calls", "tool_calls": calls}
    return Step(
        f"step_{place}", 100, "run_0", "asst_1", "thread_1", "tool_calls", 700,
        step_details=details, position=place,
    )  # fmt: skip


GREETING = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def body(run: Run, dialect: Dialect = OPENAI, **more: Any) -> dict[str, Any]:
    groups = [(GREETING,)]
    return draft(run, groups, [], dialect, store=more.pop("store", True), **more).body


def test_what_is_not_set_is_not_sent() -> None:
    """A plain run asks for its model and input alone, on a server of unknown abilities."""
    assert body(RUN, GENERIC) == {"model": "gpt-4o", "input": [GREETING]}


def test_every_setting_is_carried() -> None:
    """Sampling, format, limits and instructions reach their Responses names."""
    schema = {"name": "answer", "schema": {"type": "object"}, "description": "d"}
    run = replace(
        RUN,
        instructions="Be brief",
        temperature=0.2,
        top_p=0.5,
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": schema},
        max_completion_tokens=100,
        used=Usage(10, 30),
        metadata={"customer": "7"},
    )

    sent = body(run)

    assert sent["instructions"] == "Be brief"
    assert (sent["temperature"], sent["top_p"]) == (0.2, 0.5)
    assert sent["reasoning"] == {"effort": "low"}
    assert sent["text"] == {
        "format": {
            "type": "json_schema",
            "name": "answer",
            "strict": False,
            "schema": {"type": "object"},
            "description": "d",
        }
    }
    assert sent["max_output_tokens"] == 70
    assert sent["metadata"] == {
        "customer": "7",
        "shim_run": "run_1",
        "shim_thread": "thread_1",
    }
    assert sent["prompt_cache_key"] == "thread_1"


def test_metadata_of_the_caller_has_the_room() -> None:
    """Sixteen pairs of the caller's leave none for ours."""
    pairs = {f"k{n}": "v" for n in range(16)}

    assert body(replace(RUN, metadata=pairs))["metadata"] == pairs


@pytest.mark.parametrize(("given", "sent"), [(None, False), (False, False), (True, True)])
def test_strict_is_always_sent(given: bool | None, sent: bool) -> None:
    """Left out it would mean something else to the upstream than it did to Assistants."""
    tool = {"type": "function", "function": {"name": "f", "strict": given}}

    assert body(replace(RUN, tools=(tool,)))["tools"] == [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object", "properties": {}},
            "strict": sent,
        }
    ]


def test_a_forced_tool_choice_is_for_the_first_response() -> None:
    """A forced choice would call for ever; `none` and `auto` stay."""
    forced = {"type": "function", "function": {"name": "get-weather"}}
    run = replace(RUN, tools=(WEATHER,), tool_choice=forced, parallel_tool_calls=False)

    first, second = body(run), body(replace(run, sent=1))

    assert first["tool_choice"] == {"type": "function", "name": "get-weather"}
    assert "tool_choice" not in second
    assert second["parallel_tool_calls"] is False
    assert body(replace(run, tool_choice="none", sent=1))["tool_choice"] == "none"


def test_hosted_tools_are_passed_on() -> None:
    """Stores and files go with their tools; a container that is there is named alone."""
    tools = (
        {"type": "file_search", "file_search": {"max_num_results": 3}},
        {"type": "code_interpreter"},
    )
    resources = {
        "file_search": {"vector_store_ids": ["vs_1"]},
        "code_interpreter": {"file_ids": ["file-1"]},
    }
    drafted = draft(replace(RUN, tools=tools, tool_resources=resources), [], [], OPENAI, store=True)

    assert drafted.body["tools"] == [
        {"type": "file_search", "vector_store_ids": ["vs_1"], "max_num_results": 3},
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}},
    ]
    assert drafted.body["include"] == [
        "file_search_call.results",
        "code_interpreter_call.outputs",
    ]
    assert drafted.notes == ()
    again = draft(
        replace(RUN, tools=tools, tool_resources=resources),
        [],
        [],
        OPENAI,
        store=True,
        container="cntr_1",
    )
    assert again.body["tools"][1] == {"type": "code_interpreter", "container": "cntr_1"}


def test_file_search_without_a_store_is_left_out_and_noted() -> None:
    """The upstream refuses the tool without stores; a plain run must not fail for it."""
    run = replace(RUN, tools=({"type": "file_search"},), tool_choice={"type": "file_search"})
    drafted = draft(run, [], [], OPENAI, store=True)

    assert "tools" not in drafted.body
    assert "tool_choice" not in drafted.body
    assert drafted.notes == (
        "file_search was left out: no vector store is attached",
        "tool_choice was left out: the upstream was given no such tool",
    )


def test_a_refused_parameter_is_left_out_and_noted() -> None:
    """What a model is known to refuse is not sent again, and the run says so."""
    run = replace(RUN, temperature=0.1)
    drafted = draft(run, [], [], OPENAI, store=True, refused=frozenset({"temperature"}))

    assert "temperature" not in drafted.body
    assert drafted.notes == ("temperature was left out: gpt-4o does not take it",)


def test_json_asked_for_by_instructions_alone_is_repeated_in_a_message() -> None:
    """The upstream looks for the word in messages; the old API was content with instructions."""
    run = replace(RUN, response_format={"type": "json_object"}, instructions="Answer in JSON")

    assert body(run)["input"][0]["role"] == "developer"
    assert body(replace(run, instructions="Answer"))["input"] == [GREETING]


def test_an_empty_thread_begins_with_the_instructions() -> None:
    """The upstream refuses a request without input; the old API ran on instructions alone."""
    drafted = draft(replace(RUN, instructions="Greet"), [], [], OPENAI, store=True)

    content = [{"type": "input_text", "text": "Greet"}]
    assert drafted.body["input"] == [{"type": "message", "role": "system", "content": content}]
    assert "instructions" not in drafted.body


def test_user_messages_become_input_parts() -> None:
    """Text, image_url and image_file keep their order and detail."""
    message = said(
        "user",
        text("Look"),
        {"type": "image_url", "image_url": {"url": "https://e.x/a.png", "detail": "low"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
    )

    assert message_item(message) == {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Look"},
            {"type": "input_image", "image_url": "https://e.x/a.png", "detail": "low"},
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        ],
    }


def test_assistant_messages_are_sent_without_ids() -> None:
    """As output parts where the server stores, as a string where it may not know them."""
    message = said("assistant", text("Hi"), {"type": "refusal", "refusal": "no"})

    item = message_item(message)
    assert item is not None
    assert "id" not in item
    assert item["content"] == [
        {"type": "output_text", "text": "Hi", "annotations": []},
        {"type": "refusal", "refusal": "no"},
    ]
    assert message_item(message, plain=True) == {
        "type": "message",
        "role": "assistant",
        "content": "Hino",
    }
    assert message_item(said("assistant")) is None


def test_open_calls_are_never_replayed() -> None:
    """A call that was never answered leaves the history; an empty answer counts."""
    assert pair_items(called(None)) == []
    assert [item["type"] for item in pair_items(called(""))] == [
        "function_call",
        "function_call_output",
    ]


def test_last_messages_counts_messages_and_keeps_the_calls_between() -> None:
    """truncation_strategy.last_messages: N messages, with the pairs among them."""
    history = [
        said("user", text("1"), place=1),
        called("a", place=2),
        said("assistant", text("2"), place=3),
        said("user", text("3"), place=4),
        called("b", place=5),
        said("assistant", text("4"), place=6),
    ]
    run = replace(RUN, truncation_strategy={"type": "last_messages", "last_messages": 2})

    groups = input_groups(run, history, plain=False, pairs=True)
    bare = input_groups(run, history, plain=False, pairs=False)

    assert [group[0]["type"] for group in groups] == ["message", "function_call", "message"]
    assert len(bare) == 2


def test_the_runs_own_records_are_not_history() -> None:
    """The current run's messages come back as the items that the upstream gave."""
    history = [said("user", text("1"), place=1), said("assistant", text("2"), run_id=RUN.id)]

    assert len(input_groups(RUN, history, plain=False, pairs=True)) == 1


def test_halving_keeps_the_newest_message() -> None:
    """The oldest half of the messages goes, with the calls in it; the last one stays."""
    groups = [({"type": "message", "n": n},) for n in range(5)]

    half = halved(groups)

    assert half is not None
    assert [group[0]["n"] for group in half] == [2, 3, 4]
    assert halved(groups[-1:]) is None


REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
CALL = {
    "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f",
    "arguments": "{}", "status": "completed",
}  # fmt: skip
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "x"}


def test_items_of_the_run_are_replayed_as_the_server_can_take_them() -> None:
    """Verbatim where stored; without ids and unencrypted reasoning where not; bare where plain."""
    items = [REASONING, CALL, OUTPUT]

    assert replayed(items, stored=True, plain=False) == items
    assert replayed(items, stored=False, plain=False) == [
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        OUTPUT,
    ]
    assert replayed(items, stored=False, plain=True) == replayed(items, stored=False, plain=False)
    assert replayed(items[:2], stored=True, plain=False) == [REASONING]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"code": "rate_limit_exceeded", "message": "m"}, 429, "rate_limit_exceeded"),
        ({"code": "insufficient_quota", "message": "m"}, None, "rate_limit_exceeded"),
        ({"code": None, "message": "m"}, 400, "invalid_prompt"),
        ({"code": "invalid_prompt", "message": "m"}, None, "invalid_prompt"),
        ({"code": "server_error", "message": "m"}, None, "server_error"),
        ({"code": None, "message": "m"}, 502, "server_error"),
        ({"code": "invalid_api_key", "message": "m"}, 401, "server_error"),
        ({"code": "content_filter", "message": "m"}, 400, "content_filter"),
        ({"code": "content_filter", "message": "m", "innererror": None}, 400, "content_filter"),
    ],
)
def test_errors_keep_their_text_and_get_one_of_the_known_codes(
    error: dict[str, Any], status: int | None, code: str
) -> None:
    """last_error has one of three codes (Assistants spec 4.10), or Azure's own."""
    assert last_error(error, status) == {"code": code, "message": "m"}


@pytest.mark.parametrize(
    "details",
    [
        {"innererror": {"content_filter_result": {"hate": {"filtered": True, "severity": "low"}}}},
        {
            "content_filters": [
                {"content_filter_results": {"hate": {"filtered": True, "severity": "low"}}},
                {"content_filter_results": {"violence": {"filtered": False}}},
                None,
            ]
        },
    ],
)
def test_what_azure_filtered_is_told(details: dict[str, Any]) -> None:
    """Behind the text, from wherever the details stand."""
    error = {"code": "content_filter", "message": "Filtered out.", **details}

    assert last_error(error, 400)["message"] == "Filtered out. Filtered: hate (low)."


def refusal(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


def test_only_a_refused_parameter_is_droppable() -> None:
    """A parameter the model does not have is dropped; a bad value of one it has is not."""
    sent = {"temperature": 3, "reasoning": {"effort": "minimal"}, "model": "m"}
    unsupported = "Unsupported parameter: 'temperature' is not supported with this model."

    assert droppable(refusal(unsupported, param="temperature"), sent) == "temperature"
    assert droppable(refusal(unsupported), sent) == "temperature"
    effort = refusal("Unsupported value", param="reasoning.effort", code="unsupported_value")
    assert droppable(effort, sent) == "reasoning"
    too_high = refusal("Invalid 'temperature': decimal above maximum value.", param="temperature")
    assert droppable(too_high, sent) is None
    assert droppable(refusal("Unknown parameter: 'model'."), sent) is None
    assert droppable(refusal(unsupported), {"model": "m"}) is None


def test_a_full_context_is_known_by_code_or_text() -> None:
    """Servers say it in different ways."""
    assert is_overflow(refusal("too long", code="context_length_exceeded"))
    assert is_overflow(refusal("This model's maximum context length is 8192 tokens."))
    assert not is_overflow(refusal("Rate limit reached"))
