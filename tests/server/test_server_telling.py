"""What the server tells of itself and of each request."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from server_place import BETA, events_of, wait_until


def counts(world):
    """The counters and gauges that are told, by their names with labels."""
    lines = world.http.get("/metrics").text.splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def test_it_lives_and_is_ready(world):
    """No key is needed to ask."""
    answers = [
        world.http.get(path, headers={"authorization": ""}) for path in ("/healthz", "/readyz")
    ]

    assert [(answer.status_code, answer.text) for answer in answers] == [
        (200, "alive\n"),
        (200, "ready\n"),
    ]


def test_it_is_not_ready_once_it_is_told_to_stop(world):
    """Whoever shares out requests sends them elsewhere, while those in hand are finished."""
    world.room.closing = True

    answer = world.http.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "shutting down\n")


def test_it_is_not_ready_without_its_database(world, tmp_path):
    """The reason is told, and nothing of where the database is."""
    for path in tmp_path.rglob("shim.db*"):
        path.write_bytes(b"no database" * 1000)
    asyncio.run(world.room.wired.aclose())

    answer = world.http.get("/readyz")

    assert answer.status_code == 503
    assert answer.text == "the database does not answer: SettingsError\n"


def test_the_document_and_its_page_are_served(world):
    """They need no key either."""
    document, page = (
        world.http.get(path, headers={"authorization": ""}) for path in ("/openapi.json", "/docs")
    )

    assert "/threads/{thread_id}/runs" in " ".join(document.json()["paths"])
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("given", ["abc-1.2:3_4", "x" * 128])
def test_a_request_id_that_is_given_comes_back(world, given):
    """So that a caller finds its requests in the log."""
    answer = world.ask("GET", "/v1/assistants", **{"x-request-id": given})

    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", 'a"b'])
def test_a_request_id_that_is_none_is_replaced(world, given):
    """What could break a line of the log does not get there."""
    answer = world.ask("GET", "/v1/assistants", **{"x-request-id": given.encode()})

    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])


def test_each_request_has_a_line_in_the_log(world, caplog):
    """Method, path, status, time and id; of what is passed on, the upstream's id as well."""
    caplog.set_level(logging.INFO, "shim.access")

    world.ask("POST", "/v1/threads?secret=1", {"metadata": {"a": "body"}}, **{"x-request-id": "me"})
    passed = world.http.get("/v1/models")

    wait_until(lambda: len(caplog.records) == 2)
    first, second = (record.getMessage() for record in caplog.records)
    assert re.fullmatch(r"POST /v1/threads 200 \d+ ms me", first)
    upstream = passed.headers["x-request-id"]
    assert re.fullmatch(rf"GET /v1/models 200 \d+ ms req_\w+ upstream={upstream}", second)


def test_the_log_tells_of_callers_who_left(world, caplog):
    """A stream that was not read to its end is marked."""
    caplog.set_level(logging.INFO, "shim.access")
    world.offline.script.say("A long answer. " * 2000)
    assistant, thread = world.scene()
    path, body = f"/v1/threads/{thread}/runs", {"assistant_id": assistant, "stream": True}

    with world.http.stream("POST", path, json=body, headers=BETA) as answer:
        next(events_of(answer.iter_lines()))

    wait_until(lambda: caplog.records[-1].getMessage().startswith(f"POST {path} 200"))
    assert caplog.records[-1].getMessage().endswith(" left")


def test_requests_runs_and_the_upstreams_answers_are_counted(world):
    """By route and not by path, so that there are few of them."""
    assistant, thread = world.scene()
    body = {"assistant_id": assistant, "stream": True}
    with world.http.stream("POST", f"/v1/threads/{thread}/runs", json=body, headers=BETA) as answer:
        list(events_of(answer.iter_lines()))
    world.http.get("/v1/models")
    world.http.get("/v1/unheard/of")
    world.http.get("/nowhere")
    world.ask("GET", "/v1/threads/thread_x")

    wait_until(lambda: counts(world)["shim_streams_active"] == 0)
    told = counts(world)
    runs = "/threads/{thread_id}/runs"
    assert told[f'shim_requests_total{{method="POST",route="{runs}",status="200"}}'] == 1
    assert told['shim_requests_total{method="GET",route="proxy",status="200"}'] == 1
    assert told['shim_requests_total{method="GET",route="unknown",status="404"}'] == 1
    assert told['shim_requests_total{method="GET",route="/threads/{thread_id}",status="404"}'] == 1
    assert told['shim_runs_ended_total{status="completed"}'] == 1
    assert told['shim_upstream_requests_total{resource="responses",status="200"}'] == 1
    assert told['shim_upstream_requests_total{resource="models",status="200"}'] == 1
    assert [name for name in told if 'resource="other"' in name]
    assert told[f'shim_request_duration_seconds_count{{method="POST",route="{runs}"}}'] == 1


def test_active_streams_are_counted(make_world):
    """While a caller reads, there is one."""
    world = make_world(delay=0.5)
    assistant, thread = world.scene()
    body = {"assistant_id": assistant, "stream": True}

    with world.http.stream("POST", f"/v1/threads/{thread}/runs", json=body, headers=BETA) as answer:
        events = events_of(answer.iter_lines())
        next(events)
        during = counts(world)["shim_streams_active"]
        list(events)

    assert during == 1
    wait_until(lambda: counts(world)["shim_streams_active"] == 0)


def test_an_upstream_that_is_down_is_counted(make_world):
    """As a status of its own."""
    world = make_world(upstream_url="http://127.0.0.1:9/v1")

    world.http.get("/v1/models")

    name = 'shim_upstream_requests_total{resource="models",status="unreachable"}'
    assert counts(world)[name] == 1
