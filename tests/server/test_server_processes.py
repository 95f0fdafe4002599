"""`shim serve` as processes: how it starts, is stopped, and hands over what it cannot finish."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from server_place import events_of, wait_until
from server_program import Served, answers

from shim.offline import Offline


@pytest.fixture
def offline(request):
    """An upstream whose responses take as many seconds as the test asks for."""
    with closing(Offline(delay=getattr(request, "param", 0.0))) as offline:
        yield offline


@pytest.fixture
def upstream(offline):
    """Its address."""
    with offline.serve() as served:
        yield served.url


@pytest.fixture
def begin(upstream, tmp_path):
    """Begin servers on one database; what is left of them ends with the test."""
    begun = []

    def begin(*arguments, **environment):
        begun.append(
            Served(upstream, f"sqlite:///{tmp_path / 'shim.db'}", *arguments, **environment)
        )
        return begun[-1]

    yield begin
    for served in begun:
        served.kill()


def scene(client):
    """The path of the runs of a new thread, and the body that begins one."""
    assistant = client.post("/v1/assistants", json={"model": "gpt-4o"}).json()["id"]
    said = {"messages": [{"role": "user", "content": "Hello"}]}
    thread = client.post("/v1/threads", json=said).json()["id"]
    return f"/v1/threads/{thread}/runs", {"assistant_id": assistant, "stream": True}


def test_it_says_where_and_with_what_it_serves(begin, upstream, tmp_path):
    """One line at the start names address, mode, database and upstream; the log has no key."""
    served = begin()

    with closing(served.ready()) as client:
        client.post("/v1/threads", json={}, headers={"x-request-id": "mine-1"})
    status = served.stop()

    assert status == 0
    first = served.lines[0]
    for part in ("http://127.0.0.1:", "mode responses", str(tmp_path / "shim.db"), upstream):
        assert part in first
    assert re.search(r"shim\.access INFO POST /v1/threads 200 \d+ ms mine-1\n", served.output)
    assert "sk-caller" not in served.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 is no loopback address"),
        (["--host", "::"], ":: is no loopback address"),
        (["--host", "example.com"], "example.com is no loopback address"),
        (["--workers", "0"], "SHIM_WORKERS=0 is no number of processes"),
        (["--port", "70000"], "SHIM_PORT=70000 is no port"),
    ],
)
def test_what_it_may_not_do_is_refused_with_the_reason(begin, arguments, words):
    """A public address without keys is one of these."""
    served = begin(*arguments)

    assert served.ended() == 1
    assert words in served.output


def test_processes_do_not_each_keep_threads_of_their_own(begin):
    """What one of them stores in its memory the others would not have."""
    served = begin("--workers", "2", SHIM_DATABASE_URL="sqlite:///:memory:")

    assert served.ended() == 1
    assert "cannot share a database in memory" in served.output


def test_an_address_in_use_is_named(begin):
    """The message says which, without a traceback."""
    served = begin()
    with closing(served.ready()) as client:
        port = client.base_url.port

        second = begin("--port", str(port))

        assert second.ended() == 1
        assert f"cannot listen at 127.0.0.1:{port}" in second.output
        assert "Traceback" not in second.output


def test_a_database_that_cannot_be_opened_is_said_at_the_start(begin, tmp_path):
    """Nobody is let in to be refused one by one."""
    (tmp_path / "shim.db").write_text("no database, but long enough to be looked into" * 50)

    served = begin()

    assert served.ended() == 1
    assert "cannot be used" in served.output
    assert "Traceback" not in served.output


@pytest.mark.parametrize("offline", [1.0], indirect=True)
def test_what_goes_on_is_finished_before_it_stops(begin, offline):
    """A stream in hand comes to its end, while no new caller is let in."""
    served = begin()
    with closing(served.ready()) as client:
        path, body = scene(client)
        with client.stream("POST", path, json=body) as answer:
            events = events_of(answer.iter_lines())
            next(events)
            served.process.terminate()
            names = [name for name, _ in events]

    assert names[-2:] == ["thread.run.completed", "done"]
    assert served.ended() == 0


@pytest.mark.parametrize("offline", [4.0], indirect=True)
def test_what_cannot_be_finished_is_handed_over(begin, offline):
    """After the time to finish the stream says so, and the next server takes the run over."""
    served = begin("--grace", "0.3")
    with closing(served.ready()) as client:
        path, body = scene(client)
        with client.stream("POST", path, json=body) as answer:
            events = events_of(answer.iter_lines())
            run = next(events)[1]["id"]
            for name, _ in events:
                if name == "thread.message.delta":
                    break
            served.process.terminate()
            rest = list(events)
    assert served.ended() == 0
    assert rest[-1][0] == "error"
    assert "retrieve it" in rest[-1][1]["error"]["message"]

    with closing(begin().ready()) as client:
        seen = client.get(f"{path}/{run}").json()["status"]
        wait_until(lambda: client.get(f"{path}/{run}").json()["status"] == "completed")

    assert seen in ("in_progress", "completed")


def test_several_processes_share_an_address_and_their_counts(begin):
    """Each answers, one that dies is replaced, and any of them tells the counts of all."""
    served = begin("--workers", "2")
    with closing(served.ready()) as client:
        path, body = scene(client)
        for _ in range(3):
            with client.stream("POST", path, json=body) as answer:
                assert list(events_of(answer.iter_lines()))[-1][0] == "done"

        def counted():
            with httpx.Client(base_url=client.base_url) as fresh:
                return fresh.get("/metrics").text

        texts = [counted() for _ in range(8)]
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        workers = children.read_text().split() if children.exists() else []
        if workers:
            os.kill(int(workers[-1]), signal.SIGKILL)
        wait_until(lambda: "ended with status" in served.output or not workers)
        time.sleep(0.5)
        again = client.get("/readyz").status_code

    assert all('shim_runs_ended_total{status="completed"} 3.0' in text for text in texts)
    assert again == 200
    assert served.stop() == 0


def test_processes_end_with_the_one_that_began_them(begin):
    """Where the first process is killed, the address is free again."""
    served = begin("--workers", "2")
    with closing(served.ready()) as client:
        served.stop(signal.SIGKILL)

        wait_until(lambda: not answers(client))


def test_an_idle_connection_is_not_closed_by_the_server(begin):
    """SDKs give up theirs after five seconds; one that is closed then could lose a request."""
    served = begin()
    served.ready().close()
    connection = HTTPConnection(served.root.removeprefix("http://"), timeout=20)
    connection.connect()

    sockets, statuses = [], []
    for pause in (0.0, 5.6):
        time.sleep(pause)
        sockets.append(connection.sock)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()

    assert statuses == [200, 200]
    assert sockets[0] is sockets[1]
