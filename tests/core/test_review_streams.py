"""Streams as other servers send them: holes, odd orders, odd names, odd ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from odd_upstream import (
    Api,
    added,
    arguments,
    call,
    created,
    done,
    ended,
    last_run,
    message,
    names,
    plain,
    response,
    sse,
    text,
)

TOOLS = [{"type": "function", "function": {"name": "f"}}]
EMPTY = message("", id="msg_g", content=[], status="in_progress")
MESSAGE = [
    "thread.run.step.created",
    "thread.run.step.in_progress",
    "thread.message.created",
    "thread.message.in_progress",
]
MESSAGE_END = ["thread.message.completed", "thread.run.step.completed"]
CALL = ["thread.run.step.created", "thread.run.step.in_progress", "thread.run.step.delta"]
BEGIN = ["thread.run.created", "thread.run.queued", "thread.run.in_progress"]


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api(dialect="generic")
    yield api
    api.close()


def streamed(api: Api, *events: dict[str, Any]) -> tuple[str, list[Any]]:
    path, body = api.begun(tools=TOOLS)
    api.odd.posts.append(sse(*events))
    return path, api.streamed(path, body)


def required(events: list[Any]) -> list[tuple[str, str]]:
    action = last_run(events)["required_action"]["submit_tool_outputs"]["tool_calls"]
    return [(each["id"], each["function"]["arguments"]) for each in action]


def texts(api: Api, path: str) -> list[str]:
    said = [part for each in api.messages(path)[1:] for part in each["content"]]
    return [part["text"]["value"] if part["type"] == "text" else part["refusal"] for part in said]


def test_a_message_announced_and_never_written_is_none(api: Api) -> None:
    """Servers that do not know yet announce a message before each call: nobody is told of it."""
    whole = call(arguments='{"a":1}')
    path, events = streamed(
        api,
        created(),
        added(EMPTY, 0),
        added(call(arguments=""), 1),
        arguments('{"a":', item_id="fc_call_a", output_index=1),
        arguments("1}", item_id="fc_call_a", output_index=1),
        done(message("", id="msg_g"), 0),
        done(whole, 1),
        ended(whole),
    )

    last = ["thread.run.step.delta"] * 2 + ["thread.run.requires_action", "done"]
    assert names(events) == [*BEGIN, *CALL, *last]
    assert required(events) == [("call_a", '{"a":1}')]
    assert texts(api, path) == []


def test_a_message_that_goes_on_after_a_call_began_is_told_first(api: Api) -> None:
    """One message, whole, then the call: SDKs know no message that goes on after its end."""
    path, events = streamed(
        api,
        created(),
        added(EMPTY, 0),
        text("Let me ", 0, item_id="msg_g"),
        added(call(arguments=""), 1),
        arguments("{}", item_id="fc_call_a", output_index=1),
        text("look", 0, item_id="msg_g"),
        done(message("Let me look", id="msg_g"), 0),
        done(call(), 1),
        ended(message("Let me look", id="msg_g"), call()),
    )

    said = [*MESSAGE, *["thread.message.delta"] * 2, *MESSAGE_END]
    called = [*CALL, "thread.run.step.delta", "thread.run.requires_action", "done"]
    assert names(events) == [*BEGIN, *said, *called]
    assert texts(api, path) == ["Let me look"]


def test_two_messages_written_at_once_are_told_one_after_the_other(api: Api) -> None:
    """Each keeps its own text."""
    first, second = message("ab", id="m1"), message("cd", id="m2")
    path, events = streamed(
        api,
        added({**EMPTY, "id": "m1"}, 0),
        added({**EMPTY, "id": "m2"}, 1),
        text("a", 0, item_id="m1"),
        text("c", 1, item_id="m2"),
        text("b", 0, item_id="m1"),
        text("d", 1, item_id="m2"),
        done(second, 1),
        done(first, 0),
        ended(first, second),
    )

    said = [*MESSAGE, *["thread.message.delta"] * 2, *MESSAGE_END]
    assert names(events) == [*BEGIN, *said, *said, "thread.run.completed", "done"]
    assert texts(api, path) == ["ab", "cd"]


@pytest.mark.parametrize("index", [None, 0])
def test_messages_whose_ends_are_not_told_are_parted_by_their_announcements(
    api: Api, index: int | None
) -> None:
    """Nothing but announcements and pieces: two messages, and the call after them."""
    first, second = {**EMPTY, "id": "m1"}, {**EMPTY, "id": "m2"}
    if index is None:
        first, second = {**EMPTY, "id": ""}, {**EMPTY, "id": ""}
    path, events = streamed(
        api,
        added(first, index),
        text("one", index, item_id=first["id"]),
        added(second, index),
        text("two", index, item_id=second["id"]),
        added(call(arguments=""), index),
        arguments("{}", item_id="fc_call_a"),
        ended(),
    )

    assert texts(api, path) == ["one", "two"]
    assert required(events) == [("call_a", "{}")]


def test_a_server_that_names_one_item_twice_is_followed(api: Api) -> None:
    """An id in the announcement and another in the pieces: still one message."""
    path, events = streamed(
        api,
        added({**EMPTY, "id": "item_1"}, 0),
        text("o", 0, item_id="chunk_1"),
        text("k", 0, item_id="chunk_2"),
        done(message("ok", id="item_9"), 0),
        ended(message("ok", id="item_0")),
    )

    said = [*MESSAGE, *["thread.message.delta"] * 2, *MESSAGE_END]
    assert names(events) == [*BEGIN, *said, "thread.run.completed", "done"]
    assert texts(api, path) == ["ok"]


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("ids", [True, False])
def test_calls_all_in_the_same_place_keep_their_own_arguments(
    api: Api, ids: bool, announced: bool
) -> None:
    """Some servers count no places: the ids tell the calls apart."""
    events: list[dict[str, Any]] = []
    for call_id, given in (("call_a", '{"x":1}'), ("call_b", '{"y":1}')):
        own = {} if ids else {"id": ""}
        if announced:
            events.append(added(call(call_id, arguments="", **own), 0))
            named = {"item_id": f"fc_{call_id}"} if ids else {}
            events.append(arguments(given, output_index=0, **named))
        events.append(done(call(call_id, arguments=given, **own), 0))

    _, told = streamed(api, *events, ended())

    assert required(told) == [("call_a", '{"x":1}'), ("call_b", '{"y":1}')]


@pytest.mark.parametrize(
    ("given", "shown"),
    [(None, "{}"), ("", "{}"), ({}, "{}"), ({"a": "ö"}, '{"a": "ö"}'), ("absent", "{}")],
)
@pytest.mark.parametrize("dialect", ["generic", "openai"])
def test_arguments_are_a_json_text_whatever_came(dialect: str, given: Any, shown: str) -> None:
    """Missing, null, empty or an object: programs parse the text, and the call is sent back."""
    api = Api(dialect=dialect)
    item = call(arguments=given)
    if given == "absent":
        del item["arguments"]
    path, body = api.begun(tools=TOOLS)
    api.odd.posts.extend([sse(added(item), done(item), ended(item)), sse(ended(message("ok")))])

    run = last_run(api.streamed(path, body))
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "1"}]}
    after = api.events(f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)

    (asked,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert asked["function"] == {"name": "f", "arguments": shown}
    assert last_run(after)["status"] == "completed"
    sent = api.posted()[1]["input"][1]
    assert (sent["call_id"], isinstance(sent["arguments"], str)) == ("call_a", True)
    api.close()


def test_a_call_seen_in_pieces_alone_is_sent_back_with_its_output(api: Api) -> None:
    """Neither its end nor the whole response holds it: what was told is what is sent."""
    path, body = api.begun(tools=TOOLS)
    pieces = [added(call(arguments="")), arguments('{"a":1}', output_index=0), ended()]
    api.odd.posts.extend([sse(*pieces), sse(ended(message("ok")))])

    run = last_run(api.streamed(path, body))
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "1"}]}
    api.events(f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)

    called = {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": '{"a":1}'}
    answered = {"type": "function_call_output", "call_id": "call_a", "output": "1"}
    assert api.posted()[1]["input"][1:] == [called, answered]


def test_text_and_refusal_are_parts_of_their_own(api: Api) -> None:
    """Also where the server gives both the same place."""
    refusal = {"type": "response.refusal.delta", "delta": "No."}
    path, events = streamed(api, created(), added(EMPTY), text("Well. "), refusal, ended())

    indices = [
        event.data["delta"]["content"][0]["index"]
        for event in events
        if event.name == "thread.message.delta"
    ]
    assert texts(api, path) == ["Well. ", "No."]
    assert indices == [0, 1]


@pytest.mark.parametrize("status", ["in_progress", None, "done"])
def test_the_event_says_how_a_response_ended_where_its_status_does_not(
    api: Api, status: str | None
) -> None:
    """Some servers forget to move the status on."""
    whole = {"type": "response.completed", "response": response(message("x"), status=status or "")}

    path, events = streamed(api, created(), whole)

    assert last_run(events)["status"] == "completed"
    assert texts(api, path) == ["x"]


@pytest.mark.parametrize("split", ["text", "arguments"])
def test_a_character_cut_in_two_is_told_whole(api: Api, split: str) -> None:
    """Servers that count in UTF-16 cut between surrogates; no piece may hold half of one."""
    if split == "text":
        pieces = [added(EMPTY), text("a\ud83d"), text("\ude00b"), ended()]
    else:
        pieces = [added(call(arguments=""))]
        pieces += [arguments("a\ud83d", output_index=0), arguments("\ude00b", output_index=0)]
        pieces += [ended()]

    _, events = streamed(api, *pieces)

    told = json.dumps([event.data for event in events], ensure_ascii=False)
    assert told.encode()
    assert '"a"' in told and '"😀b"' in told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "rate_limit_exceeded", "message": "m"}, "rate_limit_exceeded"),
        ({"code": 429, "message": "m"}, "rate_limit_exceeded"),
        ({"code": "invalid_image_url", "message": "m"}, "invalid_prompt"),
        ({"code": 400, "message": "m"}, "invalid_prompt"),
        ({"code": 500, "message": "m"}, "server_error"),
        ({"code": "something_new", "message": "m"}, "server_error"),
        ({"message": "m"}, "server_error"),
        ("m", "server_error"),
    ],
)
@pytest.mark.parametrize("form", ["nested", "flat", "failed", "json"])
def test_every_form_of_error_is_the_runs_last_error(
    api: Api, form: str, error: Any, code: str
) -> None:
    """Nested and flat events, a failed response in a stream or as plain JSON: one last_error."""
    failed = response(status="failed", error=error)
    flat = error if isinstance(error, dict) else {"message": error}
    answers = {
        "nested": sse(created(), {"type": "error", "error": error}),
        "flat": sse(created(), {"type": "error", **flat}),
        "failed": sse(created(), {"type": "response.failed", "response": failed}),
        "json": plain(failed),
    }
    path, body = api.begun()
    api.odd.posts.append(answers[form])

    run = last_run(api.streamed(path, body))

    assert run["status"] == "failed"
    assert run["last_error"] == {"code": code, "message": "m"}


def test_a_failed_run_counts_its_tokens_once(api: Api) -> None:
    """The run's usage is the sum of its steps', also where the response failed half-way."""
    failed = response(status="failed", error={"code": "server_error", "message": "m"})
    over = {"type": "response.failed", "response": failed}

    _, events = streamed(api, added(call()), done(call()), added(EMPTY, 1), text("half", 1), over)

    run = last_run(events)
    steps = api.steps(run)
    assert run["usage"]["total_tokens"] == 12
    assert sum(step["usage"]["total_tokens"] for step in steps) == 12
    assert {step["status"] for step in steps} == {"failed"}


def test_an_empty_answer_is_still_a_message(api: Api) -> None:
    """A model that has nothing to say ends its run with a message, as programs wait for one."""
    path, events = streamed(api, added(EMPTY), done(message("")), ended(message("")))

    assert names(events)[3:7] == MESSAGE
    assert last_run(events)["status"] == "completed"
    assert len(api.messages(path)) == 2
