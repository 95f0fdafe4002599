"""What is answered about objects: parts that were not given, other threads' ids, windows, order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_upstream import Api, added, call, done, ended, last_run, message, sse, text


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api(dialect="generic")
    yield api
    api.close()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"file_search": {"vector_store_ids": None}}, {"file_search": {"vector_store_ids": []}}),
        ({"file_search": {"vector_stores": []}}, {"file_search": {"vector_store_ids": []}}),
        ({"file_search": {}}, {"file_search": {"vector_store_ids": []}}),
        ({"code_interpreter": {}}, {"code_interpreter": {"file_ids": []}}),
        ({"code_interpreter": {"file_ids": ["f"]}}, {"code_interpreter": {"file_ids": ["f"]}}),
        ({"code_interpreter": None, "file_search": None}, {}),
        (None, {}),
    ],
    ids=str,
)
def test_a_threads_resources_are_lists_and_show_no_helper(api: Api, sent: Any, shown: Any) -> None:
    """Programs index into them; the helper that makes stores is never echoed (spec 2.7)."""
    made = api.ok("POST", "/threads", {"tool_resources": sent})
    read = api.ok("GET", f"/threads/{made['id']}")

    assert made["tool_resources"] == shown
    assert read["tool_resources"] == (shown or {"code_interpreter": {"file_ids": []}})


@pytest.mark.parametrize("path", ["messages", "runs", "runs/run_no/steps"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        (("limit", "0"), "integer_below_min_value"),
        (("limit", "101"), "integer_above_max_value"),
        (("limit", "ten"), "invalid_type"),
        (("order", "up"), "invalid_value"),
    ],
)
def test_a_query_is_checked_before_anything_is_looked_up(
    api: Api, path: str, query: tuple[str, str], code: str
) -> None:
    """As a body is: what is malformed is a 400 wherever it points."""
    error = api.refused("GET", f"/threads/thread_no/{path}", query=[query])

    assert (error["code"], error["param"]) == (code, query[0])


def test_a_malformed_assistant_id_is_refused_before_the_thread_is_looked_up(api: Api) -> None:
    """A 400, not the thread's 404."""
    error = api.refused("POST", "/threads/thread_no/runs", {"assistant_id": "xyz"})

    assert error["message"] == (
        "Invalid 'assistant_id': 'xyz'. Expected an ID that begins with 'asst'."
    )


def test_what_belongs_to_another_thread_is_not_found(api: Api) -> None:
    """A 404 of the inner object, for reads, changes and cursors (spec 7.2)."""
    path, body = api.begun()
    api.odd.posts.append(sse(ended(message("ok"))))
    run = last_run(api.streamed(path, body))
    (step,) = api.steps(run)
    sent = api.messages(path)[0]
    other = f"/threads/{api.ok('POST', '/threads')['id']}"

    run_path, message_path = f"{other}/runs/{run['id']}", f"{other}/messages/{sent['id']}"
    asked: list[tuple[str, str, Any, str, str]] = [
        ("GET", run_path, None, "run", run["id"]),
        ("POST", run_path, {"metadata": {}}, "run", run["id"]),
        ("POST", f"{run_path}/cancel", None, "run", run["id"]),
        ("POST", f"{run_path}/submit_tool_outputs", {"tool_outputs": []}, "run", run["id"]),
        ("GET", f"{run_path}/steps", None, "run", run["id"]),
        ("GET", f"{run_path}/steps/{step['id']}", None, "run", run["id"]),
        ("GET", message_path, None, "message", sent["id"]),
        ("POST", message_path, {"metadata": {}}, "message", sent["id"]),
        ("DELETE", message_path, None, "message", sent["id"]),
    ]
    for method, where, content, kind, object_id in asked:
        error = api.refused(method, where, content)
        assert error["message"] == f"No {kind} found with id '{object_id}'."
        assert (error["param"], error["code"]) == (None, None)
    for cursor in ("after", "before"):
        error = api.refused("GET", f"{other}/messages", query=[(cursor, sent["id"])])
        assert error["message"] == f"No message found with id '{sent['id']}'."


@pytest.fixture(scope="module")
def five() -> Iterator[tuple[Api, str, list[str]]]:
    """A thread with five messages."""
    api = Api(dialect="generic")
    begin = [{"role": "user", "content": str(n)} for n in range(5)]
    path = f"/threads/{api.ok('POST', '/threads', {'messages': begin})['id']}"
    yield api, path, [each["id"] for each in api.messages(path)]
    api.close()


_window = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 6),
        "order": st.sampled_from(["asc", "desc"]),
        "after": st.none() | st.integers(0, 4),
        "before": st.none() | st.integers(0, 4),
    }
)


@given(window=_window)
@settings(max_examples=150, deadline=None)
def test_every_window_of_a_list_is_the_one_asked_for(
    five: tuple[Api, str, list[str]], window: dict[str, Any]
) -> None:
    """`after` begins right behind its cursor, `before` ends right before it, has_more is true."""
    api, path, ids = five
    ordered = ids if window["order"] == "asc" else ids[::-1]
    query = [("limit", str(window["limit"])), ("order", window["order"])]
    inside = ordered
    if window["after"] is not None:
        query.append(("after", ids[window["after"]]))
        inside = inside[inside.index(ids[window["after"]]) + 1 :]
    if window["before"] is not None:
        query.append(("before", ids[window["before"]]))
        cut = ids[window["before"]]
        inside = inside[: inside.index(cut)] if cut in inside else _before(ordered, inside, cut)
    backwards = window["before"] is not None and window["after"] is None
    limit = window["limit"]
    kept = inside[-limit:] if backwards else inside[:limit]

    found = api.ok("GET", f"{path}/messages", query=query)

    assert [each["id"] for each in found["data"]] == kept
    assert found["has_more"] == (len(inside) > limit)
    assert (found["first_id"], found["last_id"]) == ((kept or [None])[0], (kept or [None])[-1])


def _before(ordered: list[str], inside: list[str], cut: str) -> list[str]:
    return [each for each in inside if ordered.index(each) < ordered.index(cut)]


@pytest.mark.parametrize("answer", ["completed", "incomplete", "failed"])
def test_events_and_plain_answers_agree_but_for_what_the_server_told_apart(
    api: Api, answer: str
) -> None:
    """The last event of a run, step or message is what is read later (spec 2.4, 2.5)."""
    more: dict[str, Any] = {"status": answer}
    if answer == "failed":
        more["error"] = {"code": "server_error", "message": "m"}
    if answer == "incomplete":
        more["incomplete_details"] = {"reason": "max_output_tokens"}
    said = message("x", status="incomplete" if answer == "incomplete" else "completed")
    opening = [added(message("", content=[])), text("x")]
    finished = [done(said)] if answer == "completed" else []
    path, body = api.begun()
    api.odd.posts.append(sse(*opening, *finished, ended(said, **more)))

    events = api.streamed(path, body)
    told = {event.data["object"]: event.data for event in events if isinstance(event.data, dict)}
    run = api.ok("GET", f"{path}/runs/{told['thread.run']['id']}")
    (step,) = api.steps(run)

    assert list(run) == list(told["thread.run"])
    assert run == {**told["thread.run"], "tool_resources": {}}
    assert list(step) == list(told["thread.run.step"])
    assert step == {**told["thread.run.step"], "expires_at": None}
    assert api.messages(path)[1] == told["thread.message"]
    assert list(api.messages(path)[1]) == list(told["thread.message"])


def test_a_run_that_waits_tells_nothing_of_its_end(api: Api) -> None:
    """requires_action: usage, times and errors are null, and its step shows no output yet."""
    path, body = api.begun(tools=[{"type": "function", "function": {"name": "f"}}])
    api.odd.posts.append(sse(ended(call())))

    run = last_run(api.streamed(path, body))
    (step,) = api.steps(run)

    ends = (
        "cancelled_at",
        "failed_at",
        "completed_at",
        "last_error",
        "incomplete_details",
        "usage",
    )
    assert {run[name] for name in ends} == {None}
    assert run["expires_at"] == run["created_at"] + 600
    assert (step["status"], step["usage"]) == ("in_progress", None)
    assert step["step_details"]["tool_calls"][0]["function"]["output"] is None
