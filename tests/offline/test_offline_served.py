"""The upstream over real HTTP: in this process, and as its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest

from shim.offline import MODEL, Offline

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(offline):
    """The upstream over HTTP."""
    with offline.serve() as served:
        yield served


@pytest.fixture
def remote(served):
    """The SDK's client on the upstream over HTTP."""
    with openai.OpenAI(api_key="x", base_url=served.url, max_retries=0) as client:
        yield client


@pytest.fixture
def process(tmp_path):
    """The upstream as its own process, its URL and its log."""
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-m", "shim.offline", "--delay", "0.1", "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        yield running, running.stdout.readline().strip(), log
        running.kill()


def test_answers_and_streams(remote):
    """Plain answers and streams arrive over one kept connection."""
    for _ in range(3):
        assert remote.responses.create(model=MODEL, input="Hi").output_text == "You said: Hi"
        events = list(remote.responses.create(model=MODEL, input="Hi", stream=True))
        assert events[-1].type == "response.completed"


def test_streams_flow(offline, remote):
    """Events arrive as they happen, not all at the end."""
    offline.script.say("a b c d e f", delay=0.5)
    begun = time.monotonic()

    times = [
        time.monotonic() - begun
        for _ in remote.responses.create(model=MODEL, input="Hi", stream=True)
    ]

    assert times[0] < times[-1] / 2
    assert times[-1] >= 0.45


def test_a_client_that_leaves(offline, remote):
    """A disconnected reader neither stops the response nor disturbs the server."""
    offline.script.say("a b c d e f", delay=0.3)
    stream = remote.responses.create(model=MODEL, input="Hi", stream=True)
    key = next(iter(stream)).response.id
    stream.close()

    time.sleep(0.4)

    assert remote.responses.retrieve(key).output_text == "a b c d e f"


def test_raw_http(served):
    """Streams are chunked, carry no [DONE], and the connection stays usable."""
    body = json.dumps({"model": MODEL, "input": "Hi", "stream": True})
    request = (
        f"POST /v1/responses HTTP/1.1\r\nhost: x\r\napi-key: x\r\nconnection: close\r\n"
        f"transfer-encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "transfer-encoding: chunked" in answer
    assert "content-type: text/event-stream" in answer
    assert "[DONE]" not in answer
    assert answer.endswith("0\r\n\r\n")


def test_closing_ends_what_hangs(offline):
    """A server that closes lets nobody wait."""
    with offline.serve() as served:
        offline.faults.add("/responses", kind="hang")
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\n\r\n")
            while not offline.log:
                time.sleep(0.01)
            begun = time.monotonic()
            served.close()
            assert connection.recv(10) == b""

    assert time.monotonic() - begun < 2


def test_a_port_can_be_asked_for():
    """A server takes the port it is given."""
    with Offline().serve() as first:
        port = first.port
    with Offline().serve(port) as second:
        assert second.url == f"http://127.0.0.1:{port}/v1"


def test_as_a_process(process):
    """The process prints its URL, serves several clients, and logs each request as it happens."""
    running, url, log = process
    with (
        openai.OpenAI(api_key="sk-secret", base_url=url, max_retries=0) as one,
        openai.OpenAI(api_key="sk-secret", base_url=url, max_retries=0) as two,
    ):
        key = one.responses.create(model=MODEL, input="Hi", background=True).id
        while two.responses.retrieve(key).status != "completed":
            time.sleep(0.02)
        lines = [json.loads(line) for line in log.read_text().splitlines()]

    assert (lines[0]["method"], lines[0]["path"]) == ("POST", "/responses")
    assert lines[0]["body"]["input"] == "Hi"
    assert "sk-secret" not in log.read_text()
    running.send_signal(signal.SIGTERM)
    assert running.wait(5) == 0


def test_kill_leaves_a_log_without_gaps(process):
    """A process that is killed has logged what it accepted."""
    running, url, log = process
    with openai.OpenAI(api_key="x", base_url=url, max_retries=0) as client:
        client.responses.create(model=MODEL, input="Hi", background=True)
        running.send_signal(signal.SIGKILL)
        running.wait(5)
        with pytest.raises(openai.APIConnectionError):
            client.responses.create(model=MODEL, input="Hi")

    assert len(log.read_text().splitlines()) == 1
