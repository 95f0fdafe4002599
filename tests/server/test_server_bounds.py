"""How much a caller may ask for, how often, and from which pages."""

from __future__ import annotations

import httpx
import pytest
from server_place import BETA, Echo, Running

from shim.errors import SettingsError
from shim.server.app import asgi
from shim.server.serving import listening
from shim.settings import Settings

KEYS = {"a": "sk-of-a-0123456789", "b": "sk-of-b-0123456789"}
PAGE = "https://my.site"


def bearer(name):
    """The headers of a caller with a key."""
    return {**BETA, "authorization": f"Bearer {KEYS[name]}"}


def test_a_body_of_more_than_the_bound_is_refused(make_world):
    """With and without a length told; the connection serves on, and nothing is stored."""
    world = make_world(max_body_mb=1)
    body = b'{"metadata": {"a": "' + b"x" * 1_000_000 + b'"}}'

    told = world.http.post("/v1/threads", content=body, headers=BETA)
    pieces = world.http.post("/v1/threads", content=iter([body]), headers=BETA)
    small = world.http.post("/v1/threads", json={}, headers=BETA)

    assert [told.status_code, pieces.status_code, small.status_code] == [413, 413, 200]
    assert told.json()["error"] == {
        "message": f"Maximum content size limit (1000000) exceeded ({len(body)} bytes read)",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_a_body_that_is_passed_on_has_a_bound_of_its_own(make_world, monkeypatch):
    """An upload may be larger than what shim reads itself, and is refused where it is too large."""
    monkeypatch.setattr("shim.server.app.MOST_PASSED_ON", 3_000_000)
    world = make_world(max_body_mb=1)

    def upload(size):
        sent = {"file": ("a.txt", b"x" * size)}
        return world.http.post("/v1/files", files=sent, data={"purpose": "assistants"})

    answers = [upload(2_000_000), upload(4_000_000)]

    assert [answer.status_code for answer in answers] == [200, 413]


def test_each_caller_may_call_so_often(make_world):
    """One call too many gets a 429 that says when to come again; other callers are not held up."""
    world = make_world(keys=KEYS, upstream_key="sk-upstream-0123456789", rate="3/hour")

    answers = [world.http.get("/v1/assistants", headers=bearer("a")) for _ in range(4)]
    other = world.http.get("/v1/assistants", headers=bearer("b"))

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    error = answers[3].json()["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    assert error["message"].startswith("Rate limit reached for requests: Limit 3 per 1 hour.")
    assert 0 < int(answers[3].headers["retry-after"]) <= 3600
    assert other.status_code == 200


def test_what_tells_of_the_server_is_not_counted(make_world):
    """Health, counts and the document answer however often they are asked."""
    world = make_world(rate="1/hour")

    answers = [world.http.get(path) for path in ("/healthz", "/readyz", "/metrics") * 2]

    assert {answer.status_code for answer in answers} == {200}


def test_several_rates_hold_at_once(make_world):
    """The first that is met refuses."""
    world = make_world(rate="100/minute; 2/hour")

    answers = [world.http.get("/v1/assistants", headers=BETA) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_pages_of_named_sites_may_call(make_world):
    """Their preflight is answered without a key, and all answers are theirs to read."""
    world = make_world(cors=[PAGE], keys=KEYS, upstream_key="sk-upstream-0123456789")
    asked = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,openai-beta,content-type",
    }

    before = world.http.options("/v1/threads", headers=asked)
    answer = world.http.post("/v1/threads", json={}, headers={**bearer("a"), "origin": PAGE})
    refused = world.http.post("/v1/threads", json={}, headers={"origin": PAGE})

    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in before.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("cors", [[], ["https://other.site"]])
def test_pages_of_other_sites_may_not(make_world, cors):
    """No answer tells a browser that a site which is not named may read it."""
    world = make_world(cors=cors)

    answer = world.http.get("/v1/assistants", headers={**BETA, "origin": PAGE})

    assert "access-control-allow-origin" not in answer.headers


def test_what_is_passed_on_is_a_page_s_to_read_too():
    """The upstream's answers have the headers that the browser asks for."""
    echo = Echo()
    settings = Settings(
        upstream_url=echo.url, cors=["*"], database_url="sqlite:///:memory:", upstream_key="sk-0"
    )
    running = Running(asgi(settings))
    try:
        answer = httpx.get(f"{running.url}/models", headers={"origin": PAGE})
    finally:
        running.close()
        echo.running.close()

    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("rate", ["often", "60", "60/fortnight"])
def test_what_is_no_rate_is_told_before_anything_is_served(rate):
    """So it is for an application that is mounted."""
    settings = Settings(rate=rate, port=0)

    for begin in (listening, asgi):
        with pytest.raises(SettingsError, match=r"SHIM_RATE has .* which is no rate"):
            begin(settings)


@pytest.mark.parametrize("origin", ["my.site", "https://my.site/", "https://a b"])
def test_what_is_no_origin_is_refused(origin):
    """A browser names a scheme and a host, and no path."""
    with pytest.raises(SettingsError, match="SHIM_CORS has"):
        Settings.load({"SHIM_CORS": origin})


def test_origins_are_read_from_the_environment():
    """They are parted by commas."""
    settings = Settings.load({"SHIM_CORS": f"{PAGE}, http://localhost:5173"})

    assert list(settings.cors) == [PAGE, "http://localhost:5173"]
