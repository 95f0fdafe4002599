"""A shadow over a server that still speaks Assistants, and in the server, on a real lane."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import openai
import pytest
from server_place import Running

import shim
from shim.offline import Offline, Say
from shim.server.app import asgi
from shim.settings import Settings
from shim.trials import read_trials


class Parrot:
    """Lane B's model."""

    def reply(self, view):
        return [Say(f"B heard: {view.text}")]


@pytest.fixture
def lane(tmp_path):
    """A shadow's setting: all runs on a lane of its own, and the file."""
    with Offline(model=Parrot()).serve() as served:
        where = f"shim:{served.url},key=none,dialect=openai"
        yield {"lane": where, "file": str(tmp_path / "shadow.jsonl")}


def tried(lane, count):
    """The trials, once there are so many."""
    path, end = Path(lane["file"]), time.monotonic() + 30
    while not path.exists() or len(read_trials(path)) < count:
        assert time.monotonic() < end, "not tried within 30 s"
        time.sleep(0.05)
    return read_trials(path)


def talk(client, *, stream):
    assistant = client.beta.assistants.create(model="gpt-4o", instructions="Be brief.")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Echo this"}])
    ask = {"thread_id": thread.id, "assistant_id": assistant.id}
    if stream:
        return [event.event for event in client.beta.threads.runs.create(**ask, stream=True)]
    return client.beta.threads.runs.create_and_poll(**ask, poll_interval_ms=20).status


@pytest.mark.parametrize("stream", [True, False])
def test_a_native_server_answers_and_the_lane_is_tried(native, lane, stream):
    """The stream passes as bytes and is read all the same; the native thread is left alone."""
    settings = Settings(
        mode="native", native_url=native.url, database_url="sqlite:///:memory:", shadow=lane
    )
    client = openai.OpenAI(api_key="sk-caller", base_url="http://127.0.0.1:9/v1", max_retries=0)

    with shim.mount(client, settings):
        answered = talk(client, stream=stream)
        (pair,) = tried(lane, 1)

    assert answered == "completed" or answered[-1] == "thread.run.completed"
    assert pair.b[0].texts == ("B heard: Echo this",)
    assert pair.a[0].status == "completed"
    assert pair.a[0].texts[0].startswith("You said: Echo this")
    assert ("done" in pair.a[0].events) == stream
    assert pair.case.assistant["instructions"] == "Be brief."


def test_the_server_tries_what_its_callers_asked(lane, tmp_path):
    """Behind the server as well, and what callers are answered is as without a shadow."""
    with Offline().serve() as upstream:
        plain = Settings(
            upstream_url=upstream.url,
            upstream_key="none",
            dialect="openai",
            database_url=f"sqlite:///{tmp_path}/shim.db",
            shadow=lane,
        )
        running = Running(asgi(plain))
        try:
            client = openai.OpenAI(api_key="sk-caller", base_url=running.url, max_retries=0)
            names, status = talk(client, stream=True), talk(client, stream=False)
            pairs = tried(lane, 2)
            listed = httpx.get(
                f"{running.url}/assistants",
                headers={"openai-beta": "assistants=v2", "authorization": "Bearer sk-caller"},
            ).json()
        finally:
            running.close()

    assert (names[-1], status) == ("thread.run.completed", "completed")
    assert len(listed["data"]) == 2  # those of the lane are in its own store
    assert {pair.b[0].texts for pair in pairs} == {("B heard: Echo this",)}
