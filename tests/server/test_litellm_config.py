"""`shim serve --config` with a LiteLLM proxy's file, as its callers reach it by curl with its key.

What the commands send is what LiteLLM's page on assistants prints: paths with and without `/v1`, no
OpenAI-Beta, the proxy's own key, an empty body for a thread.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing

import pytest
from server_program import Served, Upstream, wait_until

CONFIG = """
model_list:
  - model_name: gpt-4-turbo
    litellm_params: {model: openai/gpt-4-turbo}
assistant_settings:
  custom_llm_provider: openai
  litellm_params:
    api_key: os.environ/THEIR_API_KEY
    api_base: os.environ/THEIR_API_BASE
general_settings:
  master_key: sk-1234
"""
JSON = ["-H", "Content-Type: application/json"]
KEY = ["-H", "Authorization: Bearer sk-1234"]
TUTOR = {
    "name": "Math Tutor",
    "instructions": "You are a personal math tutor.",
    "tools": [{"type": "code_interpreter"}],
    "model": "openai/my-model",
}


@pytest.fixture
def upstream(tmp_path):
    """The upstream that the file names."""
    with closing(Upstream(tmp_path / "log", 0)) as upstream:
        yield upstream


@pytest.fixture
def curl(upstream, tmp_path):
    """Runs curl against a server of that file, in an empty folder; what it prints."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()
    served = Served(
        "",  # the file's
        f"sqlite:///{tmp_path}/shim.db",
        "--config",
        str(config),
        THEIR_API_KEY="sk-theirs",
        THEIR_API_BASE=upstream.url,
    )

    def curl(path, *arguments):
        command = ["curl", "--silent", "--show-error", f"{served.root}{path}", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    served.ready().close()
    yield curl
    served.stop()


def test_the_commands_of_the_proxy_work(curl, upstream):
    """Assistant, list, thread, message, run, stream, deletion; upstream goes the file's key."""
    made = json.loads(curl("/v1/assistants", *JSON, *KEY, "-d", json.dumps(TUTOR)))
    listed = json.loads(curl("/v1/assistants?order=desc&limit=20", *JSON, *KEY))
    thread = json.loads(curl("/v1/threads", *JSON, *KEY, "-d", ""))["id"]
    message = json.dumps({"role": "user", "content": "How does AI work?"})
    curl(f"/v1/threads/{thread}/messages", *JSON, *KEY, "-d", message)
    run = json.dumps({"assistant_id": made["id"]})
    begun = json.loads(curl(f"/v1/threads/{thread}/runs", *KEY, *JSON, "-d", run))

    def seen():
        return json.loads(curl(f"/v1/threads/{thread}/runs/{begun['id']}", *KEY))["status"]

    wait_until(lambda: seen() == "completed")
    streamed = json.dumps({"assistant_id": made["id"], "stream": True})
    events = curl(f"/threads/{thread}/runs", "-X", "POST", *KEY, *JSON, "-d", streamed)
    gone = json.loads(curl(f"/v1/assistants/{made['id']}", "-X", "DELETE", *KEY))

    assert [each["id"] for each in listed["data"]] == [made["id"]]
    assert begun["status"] == "queued"
    assert "event: thread.run.completed\n" in events
    assert gone["deleted"] is True
    assert {post["model"] for post in upstream.posts()} == {"my-model"}


def test_who_has_not_the_master_key_is_refused(curl):
    """With another key, and with none, the answer is a 401 in the envelope."""
    other = json.loads(curl("/v1/assistants", "-H", "Authorization: Bearer sk-other"))
    none = json.loads(curl("/v1/assistants"))

    assert other["error"]["code"] == "invalid_api_key"
    assert "You didn't provide an API key" in none["error"]["message"]


def test_a_body_that_curl_did_not_send_is_missed(curl):
    """The page's command for streams has `-D`, a file for headers, where `-d` is meant."""
    thread = json.loads(curl("/v1/threads", *JSON, *KEY, "-d", ""))["id"]

    told = curl(f"/threads/{thread}/runs", "-X", "POST", *KEY, *JSON, "-D", '{"stream": true}')

    assert json.loads(told)["error"]["message"] == "Missing required parameter: 'assistant_id'."
