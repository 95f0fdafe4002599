"""A LiteLLM proxy's config file and the commands of its page on assistants, as they are printed."""

from __future__ import annotations

import httpx
import pytest
from server_place import Running, events_of, wait_until

from shim.offline import Offline
from shim.server.app import asgi
from shim.settings import Settings

CONFIG = """
assistant_settings:
  custom_llm_provider: openai
  litellm_params:
    api_key: os.environ/ASTRA_API_KEY
    api_base: os.environ/ASTRA_API_BASE
"""
# what the page's curl commands send: neither OpenAI-Beta nor a key of the upstream's
PRINTED = {"content-type": "application/json", "authorization": "Bearer sk-1234"}
ASSISTANT = {
    "instructions": "You are a personal math tutor.",
    "name": "Math Tutor",
    "tools": [{"type": "code_interpreter"}],
    "model": "openai/my-astra-model",
}
MESSAGE = {"role": "user", "content": "How does AI work? Explain it in simple terms."}


@pytest.fixture
def offline():
    """The upstream that the config file names."""
    offline = Offline()
    yield offline
    offline.close()


@pytest.fixture
def page(offline, tmp_path):
    """The server of such a file, as the page's commands reach it."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    with offline.serve() as upstream:
        environ = {"ASTRA_API_KEY": "sk-astra", "ASTRA_API_BASE": upstream.url}
        database = f"sqlite:///{tmp_path}/shim.db"
        settings = Settings.load(environ, config=config, database_url=database, dialect="openai")
        running = Running(asgi(settings))
        with httpx.Client(base_url=running.root, headers=PRINTED, timeout=20) as client:
            yield client
        running.close()


def test_the_commands_of_the_page_work(page, offline):
    """Assistant, list, thread of an empty body, message, run: each as it is printed."""
    assistant = page.post("/v1/assistants", json=ASSISTANT).json()
    listed = page.get("/v1/assistants?order=desc&limit=20").json()
    thread = page.post("/v1/threads", content="").json()
    found = page.get(f"/v1/threads/{thread['id']}").json()
    message = page.post(f"/v1/threads/{thread['id']}/messages", json=MESSAGE).json()
    runs = f"/v1/threads/{thread['id']}/runs"
    run = page.post(runs, json={"assistant_id": assistant["id"]}).json()

    wait_until(lambda: page.get(f"{runs}/{run['id']}").json()["status"] == "completed")
    said = page.get(f"/v1/threads/{thread['id']}/messages").json()["data"]
    deleted = page.delete(f"/v1/assistants/{assistant['id']}").json()

    assert [each["id"] for each in listed["data"]] == [assistant["id"]]
    assert found["id"] == thread["id"]
    assert said[-1]["id"] == message["id"]
    assert said[0]["role"] == "assistant"
    assert deleted["deleted"] is True
    assert {post.body["model"] for post in offline.posts()} == {"my-astra-model"}


def test_a_run_is_streamed_at_the_root(page):
    """The page's command for a stream has no `/v1`."""
    assistant = page.post("/v1/assistants", json=ASSISTANT).json()["id"]
    thread = page.post("/threads", json={"messages": [MESSAGE]}).json()["id"]
    body = {"assistant_id": assistant, "stream": True}

    with page.stream("POST", f"/threads/{thread}/runs", json=body) as answer:
        names = [name for name, _ in events_of(answer.iter_lines())]

    assert names[0] == "thread.run.created"
    assert names[-2:] == ["thread.run.completed", "done"]
