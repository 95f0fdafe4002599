"""The Assistants API through the server, over real sockets."""

from __future__ import annotations

import asyncio

import openai
import pytest
from server_place import BETA, events_of, wait_until

from shim.core.routes import ROUTES

STREAM = {"stream": True}


@pytest.mark.parametrize("path", ["/v1", ""])
def test_a_run_is_polled_to_its_end(world, path):
    """Every endpoint is at `/v1/...` and at `/...`."""
    assistant, thread = world.scene(path=path)
    body = {"assistant_id": assistant}

    run = world.ask("POST", f"{path}/threads/{thread}/runs", body).json()

    at = f"{path}/threads/{thread}/runs/{run['id']}"
    wait_until(lambda: world.ask("GET", at).json()["status"] == "completed")
    said = world.ask("GET", f"{path}/threads/{thread}/messages").json()["data"]
    assert run["status"] == "queued"
    assert [message["role"] for message in said] == ["assistant", "user"]


def test_a_run_is_streamed_event_by_event(world):
    """Events are sent as the original framed them, and the body ends after `done`."""
    assistant, thread = world.scene()
    body = {"assistant_id": assistant, **STREAM}

    with world.http.stream("POST", f"/v1/threads/{thread}/runs", json=body, headers=BETA) as answer:
        events = list(events_of(answer.iter_lines()))

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert events[0][0] == "thread.run.created"
    assert [name for name, _ in events[-2:]] == ["thread.run.completed", "done"]


def test_answers_look_like_the_originals(world):
    """Pretty JSON, and the headers that real answers had."""
    answer = world.ask("POST", "/v1/threads", {})

    assert answer.text.startswith('{\n  "id": "thread_')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["openai-version"] == "2020-10-01"
    assert answer.headers["openai-processing-ms"].isdecimal()


@pytest.mark.parametrize("path", ["/v1/threads/a%0Ab", "/threads/%0D%0A/runs", "/a%0Ab"])
def test_no_path_is_without_an_answer_in_the_envelope(world, path):
    """A path with the end of a line in it is refused like any other that leads nowhere."""
    answer = world.ask("GET", path)

    assert answer.status_code in (400, 404)
    assert list(answer.json()["error"]) == ["message", "type", "param", "code"]


def test_every_route_is_answered_by_the_engine(make_world):
    """None of the endpoints reaches the upstream as a path of its own."""
    world = make_world(conversations="local")
    ids = {"assistant_id": "asst_1", "thread_id": "thread_1", "message_id": "msg_1"}
    ids |= {"run_id": "run_1", "step_id": "step_1", "file_id": f"file-shim{'0' * 20}"}

    answers = [
        world.ask(route.method, base + route.path.format(**ids), {})
        for route in ROUTES
        for base in ("/v1", "")
    ]

    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    assert world.offline.log == []


def test_the_sdk_runs_on_the_server(world):
    """A stock client needs nothing but the base URL."""
    with world.client() as client:
        assistant = client.beta.assistants.create(model="gpt-4o")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
        ids = {"thread_id": thread.id, "assistant_id": assistant.id}

        polled = client.beta.threads.runs.create_and_poll(**ids, poll_interval_ms=50)
        with client.beta.threads.runs.stream(**ids) as stream:
            stream.until_done()
        listed = [run.status for run in client.beta.threads.runs.list(thread.id)]

    assert polled.status == "completed"
    assert listed == ["completed", "completed"]


def test_the_async_sdk_runs_on_the_server(world):
    """The same in the other colour."""

    async def use():
        async with world.async_client() as client:
            assistant = await client.beta.assistants.create(model="gpt-4o")
            stream = client.beta.threads.create_and_run_stream(
                assistant_id=assistant.id,
                thread={"messages": [{"role": "user", "content": "Hello"}]},
            )
            async with stream as events:
                return [event.event async for event in events]

    names = asyncio.run(use())

    assert names[0] == "thread.created"
    assert "thread.message.delta" in names
    assert "thread.run.completed" in names


def test_errors_are_the_originals(world):
    """An unknown id is the SDK's NotFoundError, in the original's words."""
    with world.client() as client, pytest.raises(openai.NotFoundError) as caught:
        client.beta.threads.retrieve("thread_abc")

    assert caught.value.body["message"] == "No thread found with id 'thread_abc'."


def test_without_a_key_nothing_is_answered(world):
    """No key at all is a 401 in the original's words."""
    answer = world.http.request("GET", "/v1/assistants", headers={**BETA, "authorization": ""})

    assert answer.status_code == 401
    assert answer.json()["error"]["message"].startswith("You didn't provide an API key.")


def test_a_caller_who_leaves_does_not_end_the_run(world):
    """The stream is dropped in its middle, and the run goes on to its end."""
    world.offline.script.say("A long answer. " * 200)
    assistant, thread = world.scene()
    body = {"assistant_id": assistant, **STREAM}

    with world.http.stream("POST", f"/v1/threads/{thread}/runs", json=body, headers=BETA) as answer:
        first = next(events_of(answer.iter_lines()))

    at = f"/v1/threads/{thread}/runs/{first[1]['id']}"
    wait_until(lambda: world.ask("GET", at).json()["status"] == "completed")


def test_an_answer_does_not_wait_for_the_callers_acknowledgement(world):
    """On a connection that is used again too: what is written is sent at once."""
    world.ask("POST", "/v1/threads", {})

    seconds = [world.ask("GET", "/v1/assistants").elapsed.total_seconds() for _ in range(30)]

    assert min(seconds) < 0.03  # an acknowledgement is held back for 40 ms
