"""What is not shim's goes to the upstream as it is, and comes back as it is."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading

import httpx
import pytest
from server_program import BETA, KEY, wait_until
from starlette.responses import Response, StreamingResponse


@pytest.fixture
def passing(make_world, echo):
    """A server before an upstream that tells what it was asked."""
    return make_world(upstream_url=echo.url)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_is_passed_on_as_it_is(passing, method):
    """Method, path, query, headers and body arrive as they were sent."""
    path = "/v1/models/org%2Fname:x?order=asc&include%5B%5D=a+b&empty="
    headers = {"x-custom": "1", "user-agent": "mine/1", "openai-organization": "org-1"}

    answer = passing.http.request(method, path, content=b"\x00body", headers=headers)

    seen = answer.json()
    assert (seen["method"], seen["body"]) == (method, "\x00body")
    assert seen["path"] == "/models/org%2Fname:x"
    assert seen["query"] == "order=asc&include%5B%5D=a+b&empty="
    assert {**seen["headers"], **headers, **KEY} == seen["headers"]


def test_a_header_beyond_ascii_is_passed_on(passing):
    """HTTP lets a header have any bytes, and so do servers."""
    answer = passing.http.get("/v1/models", headers=[(b"x-custom", b"\xc3\xbc\xff")])

    assert answer.json()["headers"]["x-custom"].encode("latin-1") == b"\xc3\xbc\xff"


def test_what_is_of_one_connection_stays_on_it(passing, echo):
    """Hop-by-hop headers, those that `connection` names, and cookies go no further."""
    dropped = {"connection": "close, x-mine", "x-mine": "1", "te": "trailers", "cookie": "a=b"}
    dropped["keep-alive"] = "timeout=5"

    passing.http.get("/v1/models", headers=dropped)

    sent = echo.seen[0]["headers"]
    assert not {"x-mine", "te", "cookie", "keep-alive"} & sent.keys()
    assert sent["host"] == httpx.URL(echo.url).netloc.decode()


def test_the_answer_comes_back_as_it_is(passing, echo):
    """Status, headers and the encoded body are the upstream's, its request id among them."""

    async def teapot(_):
        headers = {"content-encoding": "gzip", "retry-after": "7", "x-request-id": "req_up"}
        return Response(gzip.compress(b'{"error": {}}'), 418, {**headers, "set-cookie": "a=b"})

    echo.answers["/odd"] = teapot

    answer = passing.http.post("/v1/odd", json={})

    assert (answer.status_code, answer.json()) == (418, {"error": {}})
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["x-request-id"] == "req_up"
    assert answer.headers["content-encoding"] == "gzip"
    assert "set-cookie" not in answer.headers
    assert len(answer.headers.get_list("date")) == 1


def test_a_redirect_is_the_callers_to_follow(passing, echo):
    """Nothing is followed on behalf of the caller."""

    async def elsewhere(_):
        return Response(status_code=302, headers={"location": "https://files.invalid/x"})

    echo.answers["/files/file-1/content"] = elsewhere

    answer = passing.http.get("/v1/files/file-1/content")

    assert (answer.status_code, answer.headers["location"]) == (302, "https://files.invalid/x")


def test_events_are_passed_on_as_they_come(passing, echo):
    """A piece arrives before the next one is made."""
    proceed = threading.Event()

    async def stream(_):
        def pieces():
            yield b"data: 1\n\n"
            proceed.wait(10)
            yield b"data: 2\n\n"

        return StreamingResponse(pieces(), media_type="text/event-stream")

    echo.answers["/responses"] = stream

    with passing.http.stream("POST", "/v1/responses", json={"stream": True}) as answer:
        pieces = answer.iter_raw()
        first = next(pieces)
        proceed.set()
        rest = b"".join(pieces)

    assert (first, rest) == (b"data: 1\n\n", b"data: 2\n\n")


def test_an_upload_is_passed_on_as_it_comes(passing, echo):
    """The first piece is at the upstream before the last one is sent."""
    arrived = threading.Event()

    async def read(request):
        size = 0
        async for piece in request.stream():
            size += len(piece)
            arrived.set()
        return Response(str(size))

    echo.answers["/files"] = read

    def pieces():
        yield b"x" * 100_000
        assert arrived.wait(10)
        yield b"x" * 100_000

    answer = passing.http.post("/v1/files", content=pieces())

    assert answer.text == "200000"


def test_a_caller_who_leaves_lets_the_upstream_go(passing, echo):
    """The upstream sees that nobody waits for its answer any more."""
    left = threading.Event()

    async def endless(_):
        async def pieces():
            try:
                while True:
                    yield b"x" * 1000
                    await asyncio.sleep(0.01)
            finally:
                left.set()

        return StreamingResponse(pieces())

    echo.answers["/endless"] = endless

    with passing.http.stream("GET", "/v1/endless") as answer:
        next(answer.iter_raw())

    assert left.wait(10)


def test_an_answer_that_breaks_off_breaks_off_for_the_caller(passing, echo, caplog):
    """It is never ended as if it were whole, and the log has one line of it."""

    async def half(_):
        async def pieces():
            yield b"half"
            raise ConnectionError

        return StreamingResponse(pieces())

    echo.answers["/half"] = half

    with pytest.raises(httpx.RemoteProtocolError):
        passing.http.get("/v1/half")

    warned = [record.getMessage() for record in caplog.records if record.name == "shim"]
    assert warned[-1].startswith("the upstream's answer broke off: RemoteProtocolError")
    assert passing.http.get("/v1/models").status_code == 200


def test_an_upload_that_is_given_up_does_no_harm(passing, echo):
    """The upstream never gets the whole of it, and the server goes on."""

    async def read(request):
        await request.body()
        return Response("whole")

    echo.answers["/files"] = read

    def pieces():
        yield b"x" * 1000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        passing.http.post("/v1/files", content=pieces())

    assert passing.http.get("/v1/models").status_code == 200


@pytest.mark.parametrize("path", ["/models", "/responses", "/", "/v1", "/v2/models"])
def test_the_root_passes_nothing_on(passing, echo, path):
    """Only what is under `/v1` is the upstream's; elsewhere shim alone answers."""
    answer = passing.http.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL (GET {path})"
    assert echo.seen == []


@pytest.mark.parametrize(
    "path",
    ["/v1/../admin", "/v1/files/%2e%2e/x", "/v1//x", "/v1/a%2f..%2f..%2fx", "/v1/a%5c..%5cx"],
)
def test_no_path_leads_out_of_the_upstreams_base(passing, echo, path):
    """What a server might read as the folder above is not passed on."""
    port = httpx.URL(passing.url).port
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 404")
    assert echo.seen == []


def test_an_upstream_that_is_down_is_said_in_the_envelope(make_world):
    """502, as a gateway says it, so that SDKs try again."""
    world = make_world(upstream_url="http://127.0.0.1:9/v1")

    answer = world.http.get("/v1/models")

    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "server_error"


def test_keys_are_those_of_the_caller_or_of_the_server(make_world, echo):
    """A key that is set goes upstream; else the caller's own."""
    set_here = make_world(upstream_url=echo.url, upstream_key="sk-server")
    open_to_all = make_world(upstream_url=echo.url)

    for world in (set_here, open_to_all):
        world.http.get("/v1/models", headers={"openai-project": "proj-1"})

    first, second = (seen["headers"] for seen in echo.seen)
    assert first["authorization"] == "Bearer sk-server"
    assert "openai-project" not in first
    assert (second["authorization"], second["openai-project"]) == ("Bearer sk-caller", "proj-1")


def test_no_key_is_lent_to_pages_of_other_sites(make_world, echo):
    """A page that is open in a browser on this machine cannot spend on the server's key."""
    world = make_world(upstream_url=echo.url, upstream_key="sk-server")
    keyless = {"authorization": "", "content-type": "text/plain"}

    answers = [
        world.http.post("/v1/responses", content="{}", headers={**keyless, "sec-fetch-site": site})
        for site in ("cross-site", "same-site", "same-origin", "none")
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 200, 200]


def test_runs_go_upstream_with_the_callers_key(passing, echo):
    """The engine's own calls are made in the name of whoever asks for them."""
    assistant, thread = passing.scene()

    passing.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant})

    wait_until(lambda: [seen for seen in echo.seen if seen["path"] == "/responses"])
    assert {seen["headers"]["authorization"] for seen in echo.seen} == {"Bearer sk-caller"}
    assert not [seen for seen in echo.seen if "openai-beta" in seen["headers"]]


def test_one_base_url_serves_a_whole_program(world):
    """The SDK's files, models and responses go through the server too."""
    with world.client() as client:
        made = client.files.create(file=("a.txt", b"hello"), purpose="assistants")
        named = client.files.retrieve(made.id).filename
        models = [model.id for model in client.models.list()]
        answer = client.responses.create(model="gpt-4o", input="Hi")

    assert named == "a.txt"
    assert models
    assert answer.output_text


def test_proxied_calls_need_no_beta_header(passing):
    """The header belongs to the Assistants API alone, and is passed on as it is."""
    answers = [passing.http.get("/v1/vector_stores", headers=headers) for headers in ({}, BETA)]

    assert [answer.json()["headers"].get("openai-beta") for answer in answers] == [
        None,
        "assistants=v2",
    ]
