"""The aids for users' tests, used as users use them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shim.offline import Offline
from shim.testing import connect, connect_async

ROOT = Path(__file__).resolve().parent.parent

USERS_TEST = """
import asyncio


def answer(client):
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20
    )
    return client.beta.threads.messages.list(thread.id).data[0].content[0].text.value


def test_sync(shim_offline, shim_client):
    shim_offline.script.say("Hello from the script.")

    assert answer(shim_client) == "Hello from the script."
    assert shim_offline.posts()[0].body["model"] == "m"


def test_nothing_is_shared(shim_offline, shim_client):
    assert shim_client.beta.assistants.list().data == []
    assert shim_offline.log == []


def test_async(shim_offline, shim_async_client):
    async def work():
        async with shim_async_client as client:
            return (await client.beta.threads.create()).id

    assert asyncio.run(work()).startswith("thread_")
"""


def test_the_fixtures_work_in_a_users_project(tmp_path):
    """A test file that imports nothing of shim gets an upstream, a client and an async client."""
    (tmp_path / "test_users.py").write_text(USERS_TEST)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "shim.testing", "-p", "no:cacheprovider"),
            *("-W", "error", "-W", "ignore::DeprecationWarning", "test_users.py"),
        ],
        cwd=tmp_path,
        # as where shim is installed, whose entry point names the same plugin
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_a_client_can_share_an_upstream():
    """Two clients on one upstream are two programs: their threads are their own."""
    offline = Offline()
    with connect(offline) as one, connect(offline) as other:
        one.beta.assistants.create(model="m")

        assert other.beta.assistants.list().data == []


def test_options_are_the_sdks():
    """What `OpenAI` takes, `connect` takes."""
    with connect(timeout=3.0, max_retries=7) as client:
        assert (client.timeout, client.max_retries) == (3.0, 7)

    assert connect_async(organization="org").organization == "org"
