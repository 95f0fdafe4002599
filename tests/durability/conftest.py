"""A place for each test, an old program's assistant and thread in it, and what must hold after."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from durability_place import FINAL, WEATHER, assert_consistent, opened, until

from shim.offline import Offline


@pytest.fixture
def dialect():
    """The dialect in which the upstream is spoken to; tests that try several say so."""
    return "openai"


@pytest.fixture
def delay():
    """The seconds a response takes; tests that need time say so."""
    return 0.3


@pytest.fixture
def kind():
    """The kind of database; tests that are for both say so, SHIM_TEST_DATABASE for the others."""
    return os.environ.get("SHIM_TEST_DATABASE", "sqlite")


@pytest.fixture
def place(request, tmp_path, dialect, delay, kind):
    """A database and an upstream for processes to share."""
    server = request.getfixturevalue("postgres").schema() if kind == "postgres" else None
    with opened(Offline(delay=delay), tmp_path / "shim.db", dialect, server) as place:
        yield place


@pytest.fixture
def client(place):
    """A client of this process: the one that comes after those that were killed."""
    with place.client() as client:
        yield client


@pytest.fixture
def chat(client):
    """A thread with a question that needs no tool, and its assistant."""
    return talk(client, "Please count to 30")


@pytest.fixture
def errand(client):
    """A thread with a question that needs a tool, and its assistant."""
    return talk(client, "What is the weather in Paris?")


@pytest.fixture
def finished(client):
    """Poll a run to its end, or where it waits for outputs."""

    def poll(run_id, thread_id):
        def ended():
            run = client.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
            return run if run.status in (*FINAL, "requires_action") else None

        return until(ended)

    return poll


@pytest.fixture
def sound(place, client):
    """Nothing is open, double or lost on a thread, and it can be gone on with."""

    def check(thread_id, assistant_id):
        assert_consistent(place, client, thread_id)
        place.offline.script.say("Hello", delay=0.0)
        client.beta.threads.messages.create(thread_id, role="user", content="Say hello")
        run = client.beta.threads.runs.create_and_poll(
            thread_id=thread_id, assistant_id=assistant_id, poll_interval_ms=20
        )
        assert run.status == "completed", run.last_error
        assert_consistent(place, client, thread_id)

    return check


def talk(client, text):
    """An assistant that knows the weather, and a thread with one message."""
    assistant = client.beta.assistants.create(
        model="gpt-4o", instructions="Be brief", tools=[WEATHER]
    )
    thread = client.beta.threads.create(messages=[{"role": "user", "content": text}])
    return SimpleNamespace(thread=thread.id, assistant=assistant.id)
