"""What an upstream may answer when it is asked how far a response is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from odd_upstream import Api, call, ended, message, page, plain, response, sse

TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


def polled(api: Api, *answers: Any) -> tuple[str, dict[str, Any]]:
    path, body = api.begun(tools=TOOLS)
    api.odd.posts.append(plain(response(status="queued", usage=None)))
    api.odd.gets.extend(answers)
    return path, api.polled(path, body)


@pytest.mark.parametrize(
    "odd",
    [
        {"completed_at": "2026-11-01T00:00:00Z"},
        {"completed_at": 0.5, "created_at": 0.25},
        {"completed_at": 1.7e12, "created_at": 1.7e12},
        {"output": [None, message("ok")]},
        {"output": [{**message("ok"), "content": "ok"}]},
        {"output": [{**message("ok"), "content": [None, {"type": "output_text", "text": "ok"}]}]},
        {"usage": {"input_tokens": "7", "output_tokens": 5.0}},
        {"usage": None},
        {"id": "resp_other"},
    ],
    ids=str,
)
def test_odd_answers_are_read_as_well_as_can_be(api: Api, odd: dict[str, Any]) -> None:
    """Types that are not as documented do not keep a run from its end, or bend its times."""
    before = int(time.time())

    path, run = polled(api, plain({**response(message("ok")), **odd}))

    assert run["status"] == "completed"
    assert api.messages(path)[1]["content"][0]["text"]["value"] == "ok"
    for name in ("started_at", "completed_at"):
        assert isinstance(run[name], int)
        assert before <= run[name] <= time.time()
    assert all(isinstance(count, int) for count in list(run["usage"].values())[:3])


def test_an_answer_that_cannot_be_read_fails_the_run(api: Api) -> None:
    """Else every look at the run would be a 500, and its thread locked for ever."""
    nameless = {"type": "function_call", "arguments": "{}"}

    path, run = polled(api, plain(response(nameless)))

    assert run["status"] == "failed"
    assert run["last_error"]["code"] == "server_error"
    assert "could not be read" in run["last_error"]["message"]
    assert api.ok("POST", f"{path}/messages", {"role": "user", "content": "again"})


def test_a_call_without_a_call_id_goes_by_its_own(api: Api) -> None:
    """There is a name to answer it by."""
    item = call()
    del item["call_id"]

    _, run = polled(api, plain(response(item)))

    (asked,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert asked["id"] == "fc_call_a"


def test_a_server_that_answers_every_other_time_is_asked_again(api: Api) -> None:
    """500, then 200."""
    _, run = polled(api, plain({}, 500), plain(response(message("ok"))))

    assert run["status"] == "completed"


@pytest.mark.parametrize(
    "answer",
    [
        plain({"id": "resp_1", "status": "paused", "output": []}),
        plain({}),
        page("<html>moved</html>", 307, location="http://elsewhere.test/"),
        plain({"error": {"message": "no"}}, 401),
        page("<html>Bad gateway</html>", 502),
    ],
)
def test_nothing_is_stuck_past_its_time(api: Api, answer: Any) -> None:
    """Whatever the upstream goes on saying, a run is over when its time is."""
    path, run = polled(api, answer, answer)
    assert run["status"] == "queued"
    _pass(api, 601.0)
    api.odd.gets.extend([answer, answer])

    late = api.ok("GET", f"{path}/runs/{run['id']}")

    assert late["status"] == "expired"
    assert api.ok("POST", f"{path}/messages", {"role": "user", "content": "again"})


def test_an_end_in_time_that_is_seen_late_counts(api: Api) -> None:
    """The upstream's own end before `expires_at` wins over ours (design section 6)."""
    path, run = polled(api, plain(response(status="in_progress")))
    finished = response(message("ok"), completed_at=int(time.time()) + 1)
    _pass(api, 601.0)
    api.odd.gets.append(plain(finished))

    late = api.ok("GET", f"{path}/runs/{run['id']}")

    assert late["status"] == "completed"
    assert late["completed_at"] < run["expires_at"]


def _pass(api: Api, seconds: float) -> None:
    """Let time pass for the engine."""
    engine: Any = api.handler._handler
    for endpoint in engine._endpoints.values():
        for part in (endpoint.__self__, *vars(endpoint.__self__).values()):
            if hasattr(part, "_world"):
                part._world = replace(part._world, now=lambda: time.time() + seconds)


@pytest.mark.parametrize("streamless", [{}, {"background": False}])
def test_a_whole_answer_to_a_background_request_is_taken(api: Api, streamless: Any) -> None:
    """Servers that have no background mode ignore it: there is nothing left to ask for."""
    path, body = api.begun()
    api.odd.posts.append(plain(response(message("ok"), **streamless)))

    run = api.ok("POST", f"{path}/runs", body)
    later = api.ok("GET", f"{path}/runs/{run['id']}")

    assert (run["status"], later["status"]) == ("queued", "completed")
    assert api.messages(path)[1]["content"][0]["text"]["value"] == "ok"
    assert [method for method, where, _ in api.odd.log if "/responses" in where] == ["POST"]


@pytest.mark.parametrize(
    "refusal",
    [
        {"message": "Unsupported parameter: 'background'", "param": "background"},
        {"message": "Background mode is not allowed for this project", "param": "background"},
        {"message": "this server does not support 'background'"},
    ],
    ids=str,
)
def test_where_background_mode_is_refused_the_run_goes_on_without(
    api: Api, refusal: dict[str, Any]
) -> None:
    """A dialect is corrected by what the server answers (design section 7), and that is kept."""
    path, body = api.begun(tools=TOOLS)
    finish = [sse(ended(call())), sse(ended(message("ok")))]
    api.odd.posts.extend([plain({"error": refusal}, 400), *finish])

    run = api.polled(path, {**body, "tool_choice": "required"})
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "1"}]}
    api.ok("POST", f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)
    api.workers.flush(10)

    assert run["status"] == "requires_action"
    assert api.ok("GET", f"{path}/runs/{run['id']}")["status"] == "completed"
    asked = [("background" in sent, sent["stream"], "tool_choice" in sent) for sent in api.posted()]
    assert asked == [(True, False, True), (False, True, True), (False, True, False)]


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_a_run_that_failed_keeps_its_notes(dialect: str) -> None:
    """What was left out before the failure may be its cause."""
    api = Api(dialect=dialect)
    path, body = api.begun(temperature=0.5)
    refusal = {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}
    other = {"message": "The model is tired", "code": "model_error"}
    api.odd.posts.extend([plain({"error": refusal}, 400), plain({"error": other}, 400)])

    run = api.polled(path, body)
    reply = api.ask("GET", f"{path}/runs/{run['id']}")
    api.close()

    assert run["status"] == "failed"
    assert reply.headers["x-shim-notes"] == "temperature was left out: gpt-4o does not take it"


@pytest.mark.parametrize("answer", ["cancelled", "in_progress"])
def test_a_cancelled_poll_keeps_what_the_answer_to_cancelling_shows(api: Api, answer: str) -> None:
    """As a stream would: what was said is there, and what was being said is incomplete."""
    output = [message("Let me see."), message("It is", id="msg_v", status="incomplete")]
    going = plain(response(status="in_progress", usage=None))
    path, body = api.begun()
    api.odd.posts.append(going)
    api.odd.gets.extend([going, plain(response(*output, status=answer, usage=None)), *[going] * 9])
    run = api.ok("POST", f"{path}/runs", body)

    api.ok("POST", f"{path}/runs/{run['id']}/cancel")
    api.workers.flush(10)

    run = api.ok("GET", f"{path}/runs/{run['id']}")
    said = [(each["content"][0]["text"]["value"], each["status"]) for each in api.messages(path)]
    assert run["status"] == "cancelled"
    assert said[1:] == [("Let me see.", "completed"), ("It is", "incomplete")]
    assert [step["status"] for step in api.steps(run)] == ["completed", "cancelled"]
