"""Runs against the embedded upstream, asked for through the engine: limits, refusals, retries."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from shim import drive
from shim.core.wire import Call, Event, Reply, Target
from shim.offline import Offline
from shim.settings import Settings
from shim.upstream.http import BlockingUpstream
from shim.wiring import Wired, wire
from shim.workers import BlockingWorkers

BETA = {"openai-beta": "assistants=v2"}
TARGET = Target("http://upstream.test/v1", {"authorization": "Bearer k"})


class Api:
    """The engine behind a blocking door, without an SDK in front."""

    def __init__(self, offline: Offline, **settings: Any) -> None:
        self.offline = offline
        self.waits: list[float] = []
        self.workers = BlockingWorkers()
        self.workers.sleep = self._wait  # type: ignore[method-assign]
        client = httpx.Client(transport=offline.transport(httpx))
        given = {"database_url": "sqlite:///:memory:", "dialect": "openai", **settings}
        loaded = Settings.load({}, **given)
        upstream = BlockingUpstream(client, self.workers.sleep, loaded.dialect)
        self.client = client
        self.handler: Wired = wire(loaded, upstream, self.workers)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        raw = b"" if body is None else json.dumps(body).encode()
        call = Call(method, path, TARGET, body=raw, headers={**BETA, **headers})

        async def answered() -> Reply:
            return await self.handler(call)

        return drive.run(answered())

    def ok(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        reply = self.ask(method, path, body)
        assert reply.status == 200, reply.body
        return reply.body or {}

    def refused(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        reply = self.ask(method, path, body)
        assert reply.status == 400
        assert reply.body is not None
        error: dict[str, Any] = reply.body["error"]
        return error

    def begun(self, text: str = "Hello", /, **assistant: Any) -> tuple[str, dict[str, Any]]:
        made = self.ok("POST", "/assistants", {"model": "gpt-4o", **assistant})
        thread = self.ok("POST", "/threads", {"messages": [{"role": "user", "content": text}]})
        return f"/threads/{thread['id']}", {"assistant_id": made["id"]}

    def polled(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        run = self.ok("POST", f"{path}/runs", body)
        assert run["status"] == "queued"
        self.workers.flush(10)
        reply = self.ask("GET", f"{path}/runs/{run['id']}")
        assert reply.body is not None
        return reply.body, reply.headers.get("x-shim-notes", "")

    def rested(self, path: str, run_id: str) -> dict[str, Any]:
        """The run once it rests; the upstream is asked at most once a second."""
        self.workers.flush(10)
        for _ in range(30):
            run = self.ok("GET", f"{path}/runs/{run_id}")
            if run["status"] not in ("queued", "in_progress"):
                break
            time.sleep(0.1)
        return run

    def streamed(self, path: str, body: dict[str, Any]) -> list[Event]:
        reply = self.ask("POST", f"{path}/runs", {**body, "stream": True})
        assert reply.events is not None
        return list(drive.iterate(reply.events))

    def posted(self) -> list[dict[str, Any]]:
        return [entry.body for entry in self.offline.posts()]


@pytest.fixture
def api() -> Iterator[Api]:
    yield from made()


@pytest.fixture
def plain_api() -> Iterator[Api]:
    """A server of unknown abilities: no background mode, plain history."""
    yield from made(dialect="generic")


def made(**settings: Any) -> Iterator[Api]:
    api = Api(Offline(), **settings)
    yield api
    api.workers.flush(10)
    api.client.close()
    drive.run(api.handler.aclose())


def test_a_polled_run_is_one_background_post(api: Api) -> None:
    """One POST a model turn; the create answers queued whatever happens upstream."""
    path, body = api.begun()

    run, _ = api.polled(path, body)

    assert run["status"] == "completed"
    (sent,) = api.posted()
    assert (sent["background"], sent["store"], sent["stream"]) == (True, True, False)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_refused_sampling_parameter_is_dropped_noted_and_remembered(
    api: Api, streamed: bool
) -> None:
    """Temperature on a reasoning model: two POSTs the first time, one the next."""
    path, body = api.begun(model="gpt-5.1", temperature=0.5)

    if streamed:
        events = api.streamed(path, body)
        assert events[-2].name == "thread.run.completed"
    else:
        run, notes = api.polled(path, body)
        assert run["status"] == "completed"
        assert notes == "temperature was left out: gpt-5.1 does not take it"
    again, notes = api.polled(path, body)

    assert again["temperature"] == 0.5
    assert notes == "temperature was left out: gpt-5.1 does not take it"
    refused = [entry for entry in api.offline.log if entry.path == "/responses"]
    assert [entry.accepted for entry in refused] == [False, True, True]


def test_notes_known_at_once_are_in_the_answer_of_create(api: Api) -> None:
    """The first answer about a run carries what was already left out."""
    path, body = api.begun(tools=[{"type": "file_search"}])

    reply = api.ask("POST", f"{path}/runs", body)

    assert reply.headers["x-shim-notes"].startswith("file_search was left out")


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_a_model_failure_is_a_failed_run_and_never_an_error_of_create(dialect: str) -> None:
    """An unknown model, and a response that fails, show on the run."""
    for api in made(dialect=dialect):
        path, body = api.begun(model="no-such-model")
        run, _ = api.polled(path, body)
        api.offline.script.fail("server_error", "It broke")
        other, _ = api.polled(path, {**body, "model": "gpt-4o"})

        assert (run["status"], run["last_error"]["code"]) == ("failed", "invalid_prompt")
        assert "does not exist" in run["last_error"]["message"]
        assert other["last_error"] == {"code": "server_error", "message": "It broke"}
        assert other["failed_at"] is not None
        assert other["expires_at"] is None


def test_rate_limits_are_waited_for(plain_api: Api) -> None:
    """429 with Retry-After is repeated; the run completes after one accepted POST."""
    path, body = plain_api.begun()
    plain_api.offline.faults.add("/responses", status=429, headers={"retry-after": "7"}, times=2)

    run, _ = plain_api.polled(path, body)

    assert run["status"] == "completed"
    assert plain_api.waits.count(7.0) == 2
    assert len(plain_api.posted()) == 1


def test_a_background_post_refused_for_the_moment_is_sent_later(api: Api) -> None:
    """The create answers after one try; further tries are left to the background."""
    path, body = api.begun()
    api.offline.faults.add("/responses", method="POST", status=503, times=2)

    run, _ = api.polled(path, body)

    assert run["status"] == "completed"
    assert len(api.posted()) == 1


def test_a_spent_quota_is_not_retried(api: Api) -> None:
    """Billing errors fail the run at once, as a rate limit with the upstream's text."""
    path, body = api.begun()
    error = ("insufficient_quota", "You exceeded your current quota", "insufficient_quota")
    api.offline.faults.add("/responses", status=429, error=error)

    run, _ = api.polled(path, body)

    assert run["last_error"] == {
        "code": "rate_limit_exceeded",
        "message": "You exceeded your current quota",
    }


@pytest.mark.parametrize("status", [500, 502, 504, 408])
@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_an_ambiguous_answer_is_never_asked_again(status: int, dialect: str) -> None:
    """The request may have been carried out: the run fails, and nothing is sent twice."""
    for api in made(dialect=dialect):
        path, body = api.begun()
        api.offline.faults.add("/responses", method="POST", status=status, before=False)

        run, _ = api.polled(path, body)

        assert run["status"] == "failed"
        assert run["last_error"]["code"] == "server_error"
        assert len([e for e in api.offline.log if e.path == "/responses"]) == 1


def test_a_full_context_loses_its_oldest_half(api: Api) -> None:
    """Truncation auto trims instead of failing, keeps the newest message, and says so."""
    path, body = api.begun("word " * 90, model="tiny-context")
    for n in range(4):
        api.ok("POST", f"{path}/messages", {"role": "user", "content": f"{n} " + "word " * 60})

    run, notes = api.polled(path, body)

    assert run["status"] == "completed"
    assert "the model's context was full" in notes
    (sent,) = api.posted()
    assert sent["input"][-1]["content"][0]["text"].startswith("3 ")


def test_a_single_message_too_long_fails(api: Api) -> None:
    """There is nothing left to trim: the upstream's error is the run's."""
    path, body = api.begun("word " * 900, model="tiny-context")

    run, _ = api.polled(path, body)

    assert run["status"] == "failed"
    assert "context window" in run["last_error"]["message"]


def test_max_prompt_tokens_trims_and_at_last_stops_short(api: Api) -> None:
    """Older messages go first; what cannot fit ends incomplete without a POST."""
    path, body = api.begun("word " * 400)
    api.ok("POST", f"{path}/messages", {"role": "user", "content": "short"})

    run, notes = api.polled(path, {**body, "max_prompt_tokens": 256})
    api.ok("POST", f"{path}/messages", {"role": "user", "content": "word " * 900})
    stopped, _ = api.polled(path, {**body, "max_prompt_tokens": 256})

    assert run["status"] == "completed"
    assert "max_prompt_tokens" in notes
    assert stopped["status"] == "incomplete"
    assert stopped["incomplete_details"] == {"reason": "max_prompt_tokens"}
    assert len(api.posted()) == 1


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_max_completion_tokens_is_a_budget_of_the_whole_run(dialect: str) -> None:
    """The second response gets what the first has left; below the minimum the run stops short."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    for api in made(dialect=dialect):
        api.offline.script.call("f", {}, "call_a", usage=(10, 30)).call(
            "f", {}, "call_b", usage=(10, 10)
        )
        path, body = api.begun(tools=tools)
        run, _ = api.polled(path, {**body, "max_completion_tokens": 50})

        statuses = []
        for call_id in ("call_a", "call_b"):
            output = {"tool_call_id": call_id, "output": "x"}
            outputs = {"tool_outputs": [output]}
            api.ok("POST", f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)
            statuses.append(api.rested(path, run["id"]))

        assert [sent["max_output_tokens"] for sent in api.posted()] == [50, 20]
        assert [run["status"] for run in statuses] == ["requires_action", "incomplete"]
        assert statuses[1]["incomplete_details"] == {"reason": "max_completion_tokens"}
        assert statuses[1]["usage"]["completion_tokens"] == 40


def test_the_run_that_follows_open_calls_works(api: Api) -> None:
    """A cancelled run's call is never sent; its answered calls are."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    api.offline.script.call("f", {}, "call_a")
    path, body = api.begun(tools=tools)
    run, _ = api.polled(path, body)
    cancelled = api.ok("POST", f"{path}/runs/{run['id']}/cancel")

    again, _ = api.polled(path, {**body, "tool_choice": "none"})

    assert cancelled["status"] == "cancelling"
    assert api.ok("GET", f"{path}/runs/{run['id']}")["status"] == "cancelled"
    assert again["status"] == "completed"
    assert all(item["type"] == "message" for item in api.posted()[-1]["input"])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p, r: ("POST", f"{p}/messages", {"role": "user", "content": "x"}),
         "Can't add messages to {t} while a run {r} is active."),
        (lambda p, r: ("POST", f"{p}/runs/{r}/submit_tool_outputs", {"tool_outputs": []}),
         "Expected tool outputs for call_ids ['call_a'], got []"),
    ],
)  # fmt: skip
def test_state_errors_are_word_for_word(
    api: Api, make: Callable[[str, str], tuple[str, str, Any]], text: str
) -> None:
    """Programs cut ids out of these texts (Assistants spec 7.5)."""
    api.offline.script.call("f", {}, "call_a")
    path, body = api.begun(tools=[{"type": "function", "function": {"name": "f"}}])
    run, _ = api.polled(path, body)

    error = api.refused(*make(path, run["id"]))

    assert error == {
        "message": text.format(t=run["thread_id"], r=run["id"]),
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_a_second_run_and_late_moves_are_refused(api: Api) -> None:
    """The lock, and what a run that has ended no longer does."""
    api.offline.script.call("f", {}, "call_a")
    path, body = api.begun(tools=[{"type": "function", "function": {"name": "f"}}])
    run, _ = api.polled(path, body)
    own = f"{path}/runs/{run['id']}"

    locked = api.refused("POST", f"{path}/runs", body)
    api.ok("POST", f"{own}/cancel")
    cancelled = api.refused("POST", f"{own}/cancel")
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": ""}]}
    late = api.refused("POST", f"{own}/submit_tool_outputs", outputs)

    assert locked["message"] == f"Thread {run['thread_id']} already has an active run {run['id']}."
    assert cancelled["message"] == "Cannot cancel run with status 'cancelled'."
    assert late["message"] == 'Runs in status "cancelled" do not accept tool outputs.'


def test_nothing_to_run_is_refused(api: Api) -> None:
    """No user message and no instructions; instructions alone suffice (spec 4.11)."""
    made = api.ok("POST", "/assistants", {"model": "gpt-4o"})
    body = {"assistant_id": made["id"]}

    error = api.refused("POST", "/threads/runs", body)
    run = api.ok("POST", "/threads/runs", {**body, "instructions": "Greet"})

    assert error["code"] == "invalid_thread"
    assert run["status"] == "queued"


def test_a_whole_thread_object_is_accepted_and_noted(api: Api) -> None:
    """Clients post what they were given; the keys that cannot be taken are named."""
    made = api.ok("POST", "/assistants", {"model": "gpt-4o", "instructions": "Greet"})
    thread = api.ok("POST", "/threads", {"metadata": {"a": "b"}})

    reply = api.ask("POST", "/threads/runs", {"assistant_id": made["id"], "thread": thread})

    assert reply.status == 200
    assert reply.headers["x-shim-notes"].startswith(
        "thread.id, thread.object, thread.created_at: a new thread was made"
    )


@pytest.mark.parametrize(
    ("header", "start"),
    [
        ("", "You must provide the 'OpenAI-Beta' header"),
        ("assistants=v1", "The v1 Assistants API has been deprecated"),
    ],
)
def test_the_beta_header_is_asked_for(api: Api, header: str, start: str) -> None:
    """Missing and old headers get the original's text and code (spec 7.6)."""
    reply = api.ask("GET", "/assistants", **{"openai-beta": header})

    assert reply.status == 400
    assert reply.body is not None
    assert reply.body["error"]["message"].startswith(start)
    assert reply.body["error"]["code"] == "invalid_beta"


def test_unknown_paths_and_methods_answer_in_the_originals_shape(api: Api) -> None:
    """A path that is not in the table is a 404, a method that is not is a 405."""
    missing, wrong = api.ask("GET", "/threads/thread_1/nothing"), api.ask("GET", "/threads")

    assert (missing.status, wrong.status) == (404, 405)
    assert missing.body == {
        "error": {
            "message": "Invalid URL (GET /v1/threads/thread_1/nothing)",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


def test_the_model_map_is_applied_and_noted() -> None:
    """The run shows the model it was made with; the upstream is asked for the other."""
    for api in made(models={"gpt-4": "gpt-4o"}):
        path, body = api.begun(model="gpt-4")
        run, notes = api.polled(path, body)

        assert run["model"] == "gpt-4"
        assert api.posted()[0]["model"] == "gpt-4o"
        assert notes == "model gpt-4 was replaced by gpt-4o, as configured"


def test_without_storing_nothing_is_kept_at_the_upstream() -> None:
    """store=false: no background, no conversation, and tool rounds still work."""
    for api in made(store=False):
        api.offline.script.call("f", {}, "call_a")
        path, body = api.begun(tools=[{"type": "function", "function": {"name": "f"}}])
        run, _ = api.polled(path, body)
        outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "42"}]}
        api.ok("POST", f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)

        assert api.rested(path, run["id"])["status"] == "completed"
        assert {entry.path for entry in api.offline.log} == {"/responses"}
        assert all(sent["store"] is False for sent in api.posted())


def test_a_broken_stream_is_completed_by_its_id(api: Api) -> None:
    """The connection breaks after some events: the response is asked for, and told to its end."""
    path, body = api.begun()
    api.offline.script.say("One two three four five")
    api.offline.faults.add("/responses", method="POST", kind="reset_midstream", after_events=6)

    events = api.streamed(path, body)

    text = "".join(
        entry["text"]["value"]
        for event in events
        if event.name == "thread.message.delta" and isinstance(event.data, dict)
        for entry in event.data["delta"]["content"]
    )
    assert text == "One two three four five"
    assert [event.name for event in events[-2:]] == ["thread.run.completed", "done"]
    assert len(api.posted()) == 1
