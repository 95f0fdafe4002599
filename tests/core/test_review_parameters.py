"""Nothing is silently lost: what becomes of each parameter that is accepted."""

from __future__ import annotations

from typing import Any

import pytest
from odd_upstream import Api, call, ended, last_run, message, plain, response, sse

from shim import drive

FUNCTION = {"name": "f", "description": "Does f", "parameters": {"type": "object"}, "strict": True}
SENT_FUNCTION = {"type": "function", **FUNCTION}
STORE = {"file_search": {"vector_store_ids": ["vs_1"]}}
FILES = {"code_interpreter": {"file_ids": ["file-1"]}}
RANKING = {"ranker": "default_2024_08_21", "score_threshold": 0.5}
FORCED = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"name": "s", "schema": {"type": "object"}, "strict": True, "description": "d"}
TOOL = {"type": "function", "function": FUNCTION}

CARRIED: list[tuple[str, Any, str, Any]] = [
    ("model", "gpt-4.1", "model", "gpt-4.1"),
    ("instructions", "Be kind", "instructions", "Be kind"),
    ("temperature", 0.5, "temperature", 0.5),
    ("temperature", 1.0, "temperature", 1.0),
    ("top_p", 0.5, "top_p", 0.5),
    ("reasoning_effort", "low", "reasoning", {"effort": "low"}),
    ("response_format", {"type": "text"}, "text", {"format": {"type": "text"}}),
    (
        "response_format",
        {"type": "json_schema", "json_schema": SCHEMA},
        "text",
        {"format": {"type": "json_schema", **SCHEMA}},
    ),
    ("tools", [TOOL], "tools", [SENT_FUNCTION]),
    (
        "tools",
        [{"type": "function", "function": {"name": "f"}}],
        "tools",
        [
            {
                "type": "function",
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            }
        ],
    ),
]


def asked(api: Api, assistant: dict[str, Any], run: dict[str, Any]) -> tuple[Any, str]:
    """The one upstream request of a streamed run, and the notes of its first answer."""
    api.odd.posts.append(sse(ended(message("ok"))))
    path, body = api.begun(**assistant)
    reply = api.ask("POST", f"{path}/runs", {**body, **run, "stream": True})
    assert reply.events is not None, reply.body
    assert list(drive.iterate(reply.events))[-1].name == "done"
    api.close()
    (sent,) = api.posted()
    return sent, reply.headers.get("x-shim-notes", "")


@pytest.mark.parametrize("dialect", ["openai", "generic", "azure"])
@pytest.mark.parametrize("setting", CARRIED, ids=str)
@pytest.mark.parametrize("of", ["assistant", "run"])
def test_settings_of_assistant_and_run_are_carried(
    of: str, setting: tuple[str, Any, str, Any], dialect: str
) -> None:
    """Each reaches its Responses name, from either, on every server, without a note."""
    name, value, to, sent = setting
    given = {name: value}

    body, notes = asked(
        Api(dialect=dialect), given if of == "assistant" else {}, given if of == "run" else {}
    )

    assert body[to] == sent
    assert notes == ""


@pytest.mark.parametrize(
    ("run", "to", "sent"),
    [
        ({"additional_instructions": "More"}, "instructions", "Base\nMore"),
        ({"instructions": "New", "additional_instructions": "More"}, "instructions", "New\nMore"),
        ({"max_completion_tokens": 300}, "max_output_tokens", 300),
        ({"tool_choice": "none"}, "tool_choice", "none"),
        ({"tool_choice": "required"}, "tool_choice", "required"),
        ({"tool_choice": FORCED}, "tool_choice", {"type": "function", "name": "f"}),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", False),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", True),
    ],
    ids=str,
)
@pytest.mark.parametrize("dialect", ["openai", "generic", "azure"])
def test_settings_of_a_run_are_carried(
    run: dict[str, Any], to: str, sent: Any, dialect: str
) -> None:
    """What only a run can have."""
    assistant = {"instructions": "Base", "tools": [TOOL]}

    body, notes = asked(Api(dialect=dialect), assistant, run)

    assert body[to] == sent
    assert notes == ""


def test_hosted_tools_are_passed_on_with_all_they_were_given() -> None:
    """Stores, files, limits and ranking go upstream."""
    search = {"max_num_results": 7, "ranking_options": {**RANKING, "hybrid_search": {"a": 1}}}
    assistant = {
        "tools": [{"type": "file_search", "file_search": search}, {"type": "code_interpreter"}],
        "tool_resources": {**STORE, **FILES},
    }

    api = Api()
    api.odd.gets.append(plain({"id": "vs_1", "status": "completed"}))
    body, notes = asked(api, assistant, {"tool_choice": {"type": "file_search"}})

    ranking = {"ranker": "auto", "score_threshold": 0.5, "hybrid_search": {"a": 1}}
    assert body["tools"] == [
        {
            "type": "file_search",
            "vector_store_ids": ["vs_1"],
            "max_num_results": 7,
            "ranking_options": ranking,
        },
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}},
    ]
    assert body["tool_choice"] == {"type": "file_search"}
    assert notes == ""


@pytest.mark.parametrize(
    ("assistant", "run", "note"),
    [
        ({}, {"tool_choice": "required"}, "tool_choice was left out"),
        ({}, {"tool_choice": FORCED}, "tool_choice was left out"),
        ({"tools": [{"type": "file_search"}]}, {}, "file_search was left out"),
        ({"tools": [{"type": "code_interpreter"}]}, {}, "code_interpreter was left out"),
        (
            {"tools": [{"type": "file_search"}, TOOL]},
            {"tool_choice": {"type": "file_search"}},
            "tool_choice was left out",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("streamed", [True, False])
def test_what_is_left_out_is_noted_in_the_first_answer(
    assistant: dict[str, Any], run: dict[str, Any], note: str, streamed: bool
) -> None:
    """What is known at once is said at once, in a stream's headers too (design rule 1)."""
    api = Api(dialect="generic")
    api.odd.posts.append(sse(ended(message("ok"))))
    path, body = api.begun(**assistant)

    reply = api.ask("POST", f"{path}/runs", {**body, **run, "stream": streamed})
    if reply.events is not None:
        list(drive.iterate(reply.events))
    api.workers.flush(10)
    (listed,) = api.ok("GET", f"{path}/runs")["data"]
    later = api.ask("GET", f"{path}/runs/{listed['id']}")
    api.close()

    assert note in reply.headers["x-shim-notes"]
    assert note in later.headers["x-shim-notes"]


def test_a_parameter_the_model_is_known_to_refuse_is_noted_at_once() -> None:
    """The second stream says so before it begins."""
    api = Api(dialect="generic")
    refusal = {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}
    api.odd.posts.append(plain({"error": refusal}, 400))
    asked_twice = [api, api]
    path, body = api.begun(temperature=0.5)
    api.odd.posts.extend([sse(ended(message("ok"))) for _ in asked_twice])
    api.streamed(path, body)

    reply = api.ask("POST", f"{path}/runs", {**body, "stream": True})
    assert reply.events is not None
    list(drive.iterate(reply.events))
    api.close()

    assert reply.headers["x-shim-notes"] == "temperature was left out: gpt-4o does not take it"
    assert [("temperature" in sent) for sent in api.posted()] == [True, False, False]


@pytest.mark.parametrize(
    "refusal",
    [
        {"detail": "Unsupported fields in the request: {'temperature'}"},
        {"detail": "Unexpected keys in the request: {'temperature'}"},
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "temperature"], "msg": "Extra"}]},
        {"error": {"message": "Unknown parameter: 'temperature'.", "param": "temperature"}},
        {"error": {"message": "x", "code": "unsupported_parameter", "param": "temperature"}},
        {"message": "Unrecognized request argument supplied: `temperature`"},
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [400, 422])
def test_a_refusal_is_understood_in_the_words_of_many_servers(status: int, refusal: Any) -> None:
    """A 4xx that names a parameter the run can do without: left out, noted, sent again."""
    api = Api(dialect="generic")
    path, body = api.begun(temperature=0.5)
    api.odd.posts.extend([plain(refusal, status), sse(ended(message("ok")))])

    run = last_run(api.streamed(path, body))
    api.close()

    assert run["status"] == "completed"
    assert [("temperature" in sent) for sent in api.posted()] == [True, False]


def test_messages_are_carried_in_order_with_all_their_parts() -> None:
    """The thread's, the run's additional ones, text and images with their detail."""
    api = Api()
    api.odd.posts.append(sse(ended(message("ok"))))
    url, file = {"url": "https://e.x/a.png", "detail": "high"}, {"file_id": "file-1"}
    path, body = api.begun("One")
    api.ok("POST", f"{path}/messages", {"role": "assistant", "content": "Two"})
    content = [
        {"type": "text", "text": "Three"},
        {"type": "image_url", "image_url": url},
        {"type": "image_file", "image_file": file},
    ]
    more = [{"role": "user", "content": content, "metadata": {"a": "b"}}]

    api.streamed(path, {**body, "additional_messages": more})
    api.close()

    (sent,) = api.posted()
    user, assistant, last = sent["input"]
    assert user["content"] == [{"type": "input_text", "text": "One"}]
    two = {"type": "output_text", "text": "Two", "annotations": []}
    assert (assistant["role"], assistant["content"]) == ("assistant", [two])
    assert last["content"] == [
        {"type": "input_text", "text": "Three"},
        {"type": "input_image", "image_url": "https://e.x/a.png", "detail": "high"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
    ]


def test_an_empty_thread_runs_on_instructions_alone() -> None:
    """The upstream refuses an empty input: the instructions are what there is to send."""
    api = Api()
    api.odd.posts.append(plain(response(status="queued", usage=None)))
    made = api.ok("POST", "/assistants", {"model": "gpt-4o", "instructions": "Greet"})

    api.ok("POST", "/threads/runs", {"assistant_id": made["id"]})
    api.close()

    (sent,) = api.posted()
    (item,) = sent["input"]
    assert item["content"] == [{"type": "input_text", "text": "Greet"}]


def test_a_forced_choice_holds_for_the_first_response_alone() -> None:
    """After its outputs the model may answer; everything else is sent again."""
    api = Api()
    api.odd.posts.extend([sse(ended(call())), sse(ended(message("ok")))])
    path, body = api.begun(tools=[TOOL], instructions="Be kind", temperature=0.5)

    run = last_run(api.streamed(path, {**body, "tool_choice": "required"}))
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "1"}]}
    api.events(f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)
    api.close()

    first, second = api.posted()
    assert (first.pop("tool_choice"), second.get("tool_choice")) == ("required", None)
    assert {**first, "input": None} == {**second, "input": None}
    assert run["tool_choice"] == "required"
