"""The server as an application within another, whose lifespan knows nothing of it."""

from __future__ import annotations

import asyncio
import logging

import fastapi
import httpx
import openai
import pytest
from server_place import BETA, KEY, events_of, served
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import shim
from shim.offline import Offline
from shim.server.app import room_of


@pytest.fixture
def offline():
    """The embedded upstream, served."""
    offline = Offline()
    with offline.serve() as upstream:
        offline.url = upstream.url
        yield offline
    offline.close()


@pytest.fixture
def mounted(offline, tmp_path):
    """The application to mount."""
    return shim.asgi(
        shim.Settings(
            upstream_url=offline.url,
            database_url=f"sqlite:///{tmp_path / 'shim.db'}",
            dialect="openai",
            grace=1,
        )
    )


def _starlette(path, app):
    async def home(_):
        return PlainTextResponse("home")

    return Starlette(routes=[Route("/", home), Mount(path, app)])


def _fastapi(path, app):
    parent = fastapi.FastAPI()

    @parent.get("/")
    async def home():
        return "home"

    parent.mount(path, app)
    return parent


@pytest.mark.parametrize("parent", [_starlette, _fastapi])
@pytest.mark.parametrize(
    ("path", "base"), [("/v1", "/v1"), ("/a/b", "/a/b/v1"), ("/x/v1", "/x/v1")]
)
def test_programs_are_pointed_at_the_mount(mounted, parent, path, base):
    """Runs are streamed and polled there, and all else of the API is there too."""
    with served(parent(path, mounted)) as running:
        url = f"{running.root}{base}"
        with openai.OpenAI(base_url=url, api_key="sk-1", max_retries=0) as client:
            assistant = client.beta.assistants.create(model="gpt-4o")
            thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
            ids = {"thread_id": thread.id, "assistant_id": assistant.id}
            polled = client.beta.threads.runs.create_and_poll(**ids, poll_interval_ms=50)
            with client.beta.threads.runs.stream(**ids) as stream:
                stream.until_done()
            models = [model.id for model in client.models.list()]
        home = httpx.get(running.root)
        beside = httpx.get(f"{running.root}/models")

    assert polled.status == "completed"
    assert models
    assert (home.status_code, beside.status_code) == (200, 404)


def test_a_mount_under_another_name_passes_on_what_is_under_v1_alone(mounted, offline):
    """The root of the application passes nothing on, wherever it is mounted."""
    with served(_starlette("/assist", mounted)) as running:
        answers = [
            httpx.get(f"{running.root}/assist{path}", headers=KEY).status_code
            for path in ("/models", "/v1/models", "/assistants", "/v1/assistants")
        ]

    assert answers == [404, 200, 400, 400]
    assert [entry.path for entry in offline.log] == ["/models"]


def test_what_was_opened_is_closed_with_the_loop(mounted):
    """Though nobody tells it of the end: runs in hand are left to be taken over."""

    async def use():
        transport = httpx.ASGITransport(_starlette("/v1", mounted))
        options = {"base_url": "http://parent/v1", "headers": {**KEY, **BETA}}
        async with httpx.AsyncClient(transport=transport, **options) as client:
            await client.get("/models")
            return room_of(mounted).lines.client()

    client = asyncio.run(use())

    assert client.is_closed


def test_each_loop_has_a_client_of_its_own(mounted, caplog):
    """A test client runs each request on a new loop; what was stored is there for all of them."""
    caplog.set_level(logging.ERROR)
    client = TestClient(_fastapi("/v1", mounted), headers={**KEY, **BETA})

    assistant = client.post("/v1/assistants", json={"model": "gpt-4o"}).json()["id"]
    said = {"messages": [{"role": "user", "content": "Hello"}]}
    body = {"assistant_id": assistant, "thread": said, "stream": True}
    answer = client.post("/v1/threads/runs", json=body)

    assert list(events_of(answer.text.splitlines()))[-1][0] == "done"
    assert client.get("/v1/models").status_code == 200
    assert caplog.records == []


def test_threads_in_memory_outlast_a_loop(offline):
    """The database is the application's, not the loop's."""
    settings = shim.Settings(upstream_url=offline.url, database_url="sqlite:///:memory:")
    client = TestClient(_fastapi("/v1", shim.asgi(settings)), headers={**KEY, **BETA})

    thread = client.post("/v1/threads", json={}).json()["id"]

    assert client.get(f"/v1/threads/{thread}").status_code == 200


def test_an_application_can_be_started_again(mounted):
    """Its lifespan may be run more than once, as tests do."""
    for _ in range(2):
        with TestClient(mounted, headers={**KEY, **BETA}) as client:
            ready = client.get("/readyz")
            made = client.post("/v1/threads", json={})

        assert (ready.status_code, made.status_code) == (200, 200)


def test_settings_are_read_from_the_environment(tmp_path, monkeypatch):
    """`shim.asgi()` needs no argument."""
    monkeypatch.setenv("SHIM_DATABASE_URL", f"sqlite:///{tmp_path / 'mine.db'}")
    monkeypatch.setenv("SHIM_CONVERSATIONS", "local")

    with TestClient(shim.asgi(), headers={**KEY, **BETA}) as client:
        client.post("/v1/threads", json={})

    assert (tmp_path / "mine.db").exists()


def test_the_servers_own_key_is_used_where_the_caller_has_none(tmp_path, monkeypatch):
    """OPENAI_API_KEY of the environment it runs in, and never OPENAI_BASE_URL."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-server")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://shim.invalid/v1")
    app = shim.asgi(shim.Settings(database_url=f"sqlite:///{tmp_path / 'shim.db'}"))

    with TestClient(app, headers=BETA) as client:
        answer = client.get("/v1/assistants")

    assert answer.status_code == 200
