"""Requests to a Responses server over a given HTTP client, in both libraries and both colours."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from importlib import import_module
from itertools import product

import pytest

from shim import drive
from shim.core.ports import Request
from shim.core.wire import Target
from shim.errors import Unreachable
from shim.upstream.dialect import OPENAI
from shim.upstream.http import AsyncUpstream, BlockingUpstream, module_of

MODULES = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
TARGET = Target(
    "https://api.openai.com/v1",
    {"authorization": "Bearer k", "x-portkey-config": "c"},
    {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0},
)


class Lane:
    """An upstream of one library and colour before a server that is a function."""

    def __init__(self, module, colour):
        self.http = import_module(module)
        self.colour = colour
        self.requests = []
        self.closed = []

    def upstream(self, server, **options):
        """An upstream over a client of this lane."""

        def handle(request):
            self.requests.append(request)
            return server(request)

        transport = self.http.MockTransport(handle)
        if self.colour == "blocking":
            self.client = self.http.Client(transport=transport, **options)
            return BlockingUpstream(self.client, self.sleep)
        self.client = self.http.AsyncClient(transport=transport, **options)
        return AsyncUpstream(self.client, self.sleep)

    async def sleep(self, seconds):
        """Wait not at all."""

    def run(self, work):
        """The result of a coroutine."""
        return drive.run(work) if self.colour == "blocking" else asyncio.run(work)

    def answer(self, *chunks, status=200, broken=None, **headers):
        """A response whose body comes in chunks, then breaks or ends; its close is noted."""
        lane = self
        names = {name.replace("_", "-"): value for name, value in headers.items()}

        class Blocking(self.http.SyncByteStream):
            def __iter__(self):
                yield from chunks
                if broken is not None:
                    raise broken

            def close(self):
                lane.closed.append(True)

        class Async(self.http.AsyncByteStream):
            async def __aiter__(self):
                for chunk in chunks:
                    yield chunk
                if broken is not None:
                    raise broken

            async def aclose(self):
                lane.closed.append(True)

        stream = Blocking() if self.colour == "blocking" else Async()
        return self.http.Response(status, headers=names, stream=stream)


@pytest.fixture(params=list(product(MODULES, ["blocking", "async"])), ids="-".join)
def lane(request):
    """A lane of each HTTP library and colour."""
    return Lane(*request.param)


def post(body=None, **options):
    """A request to make a response."""
    return Request("POST", "/responses", TARGET, body={"x": 1} if body is None else body, **options)


async def events(upstream, request):
    """The payloads of a streamed answer."""
    stream = await upstream.open(request)
    return [payload async for payload in stream.events()]


def test_a_request_carries_what_it_was_given(lane):
    """Method, URL, query, the sender's headers, compact JSON and the timeout reach the server."""
    upstream = lane.upstream(lambda _: lane.http.Response(200, json={"id": "resp_1"}))
    request = Request("POST", "/responses", TARGET, body={"a": "é"}, query=(("q", "1"), ("q", "2")))

    answer = lane.run(upstream.send(request))

    sent = lane.requests[0]
    assert (answer.status, answer.body) == (200, {"id": "resp_1"})
    assert str(sent.url) == "https://api.openai.com/v1/responses?q=1&q=2"
    assert sent.content == '{"a":"é"}'.encode()
    assert sent.headers["content-type"] == sent.headers["accept"] == "application/json"
    assert sent.headers["authorization"] == "Bearer k"
    assert sent.headers["x-portkey-config"] == "c"
    assert sent.extensions["timeout"] == TARGET.timeout


def test_a_file_is_sent_in_a_form(lane):
    """With the body's keys as its other fields, and the target's credentials."""
    upstream = lane.upstream(lambda _: lane.answer(b'{"id": "file-1"}'))
    request = Request("POST", "/files", TARGET, {"purpose": "assistants"})

    answer = lane.run(upstream.upload(request, "Größe 1.csv", b"a,b\r\n1,2"))

    (sent,) = lane.requests
    content = sent.content
    assert answer.body == {"id": "file-1"}
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert sent.headers["authorization"] == "Bearer k"
    assert b'name="purpose"\r\n\r\nassistants\r\n' in content
    assert "Größe 1.csv".encode() in content
    assert b"\r\n\r\na,b\r\n1,2\r\n--" in content


def test_a_get_has_no_body(lane):
    """A request without a body has no content type either."""
    upstream = lane.upstream(lambda _: lane.http.Response(200, json={}))

    lane.run(upstream.send(Request("GET", "/responses/resp_1", TARGET)))

    assert lane.requests[0].content == b""
    assert "content-type" not in lane.requests[0].headers


def test_the_requests_own_timeout_comes_first(lane):
    """Seconds on the request beat the target's timeout; without either the client's counts."""
    upstream = lane.upstream(lambda _: lane.http.Response(200, json={}), timeout=9)

    lane.run(upstream.send(post(timeout=0.5)))
    lane.run(upstream.send(Request("GET", "/x", Target("https://h"))))
    lane.run(upstream.send(Request("GET", "/x", Target("https://h", timeout=lane.http.Timeout(3)))))

    reads = [request.extensions["timeout"]["read"] for request in lane.requests]
    assert reads == [0.5, 9, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"detail":[{"loc":["body"],"msg":"bad"}]}', '[{"loc": ["body"], "msg": "bad"}]'),
        (b'{"error":"model not found"}', "model not found"),
        (b'{"object":"error","message":"no such model"}', "no such model"),
        (b"<html><style>p{}</style><h1>502</h1>\n<p>Bad gateway", "502 Bad gateway"),
        (b"[1]", "[1]"),
        (b"", "HTTP 502"),
    ],
)
def test_an_error_in_another_form_gets_the_envelope(lane, content, message):
    """Pages, texts and other servers' errors become `{"error": {"message": ...}}`."""
    upstream = lane.upstream(lambda _: lane.answer(content, status=502))

    answer = lane.run(upstream.send(post()))

    assert (answer.status, answer.body) == (502, {"error": {"message": message}})
    assert lane.closed


def test_an_error_in_the_envelope_stays_as_it_is(lane):
    """What has the original's form is not touched."""
    body = {"error": {"message": "no", "type": "t", "param": None, "code": "c"}, "more": 1}
    upstream = lane.upstream(lambda _: lane.http.Response(400, json=body))

    assert lane.run(upstream.send(post())).body == body


def test_success_that_is_not_json_is_no_answer(lane):
    """A page with status 200 is not mistaken for a response."""
    upstream = lane.upstream(lambda _: lane.answer(b"<html>log in", status=200))

    with pytest.raises(Unreachable, match="not JSON") as caught:
        lane.run(upstream.send(post()))

    assert caught.value.sent


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        ("ConnectError", False),
        ("ConnectTimeout", False),
        ("PoolTimeout", False),
        ("ProxyError", False),
        ("UnsupportedProtocol", False),
        ("ReadTimeout", True),
        ("WriteError", True),
        ("RemoteProtocolError", True),
        ("TooManyRedirects", True),
    ],
)
def test_errors_say_whether_the_server_may_have_acted(lane, error, sent):
    """Only an error before the connection stands proves that nothing was sent."""

    def server(request):
        raise getattr(lane.http, error)("oops", request=request)

    upstream = lane.upstream(server)

    for work in (upstream.send(post()), upstream.open(post())):
        with pytest.raises(Unreachable, match=f"{error}: oops") as caught:
            lane.run(work)
        assert caught.value.sent is sent


def test_errors_of_the_network_itself_are_told_too(lane):
    """An OSError that the library lets through is as ambiguous as any."""

    def server(request):
        raise OSError("tls")

    with pytest.raises(Unreachable, match="OSError: tls") as caught:
        lane.run(lane.upstream(server).send(post()))

    assert caught.value.sent


def test_a_closed_client_sends_nothing(lane):
    """After the client's close the upstream is out of reach."""
    upstream = lane.upstream(lambda _: lane.http.Response(200, json={}))
    lane.run(upstream.send(post()))
    if lane.colour == "blocking":
        lane.client.close()
    else:
        asyncio.run(lane.client.aclose())

    with pytest.raises(Unreachable, match="closed") as caught:
        lane.run(upstream.send(post()))

    assert not caught.value.sent


def test_a_request_is_repeated_as_often_as_it_may(lane):
    """The retry policy applies to both ways of sending."""
    answers = [503, 429, 200, 503, 200]

    def server(request):
        return lane.http.Response(answers.pop(0), json={"status": "completed"})

    upstream = lane.upstream(server)

    assert lane.run(upstream.send(post(attempts=3))).status == 200
    assert lane.run(upstream.open(post(attempts=2))).status == 200
    assert len(lane.requests) == 5


def test_a_stream_gives_its_payloads_and_closes(lane):
    """Events arrive as payloads; at the end the connection is given back."""
    upstream = lane.upstream(
        lambda _: lane.answer(
            b'data: {"type":"a"}\n\nda', b'ta: {"type":"b"}\n\n', content_type="text/event-stream"
        )
    )

    assert lane.run(events(upstream, post())) == [{"type": "a"}, {"type": "b"}]
    assert lane.requests[0].headers["accept"] == "text/event-stream"
    assert lane.closed


def test_a_stream_left_early_closes(lane):
    """Closing an opened stream gives the connection back, also twice, also unread."""

    async def work(upstream):
        stream = await upstream.open(post())
        assert (stream.status, stream.body) == (200, {})
        await stream.aclose()
        await stream.aclose()

    lane.run(work(lane.upstream(lambda _: lane.answer(b"data: {}\n\n"))))

    assert lane.closed


def test_a_stream_closed_between_two_events_closes(lane):
    """Closing the events while they run closes the connection."""

    async def work(upstream):
        source = (await upstream.open(post())).events()
        assert await source.__anext__() == {"type": "a"}
        await source.aclose()

    lane.run(work(lane.upstream(lambda _: lane.answer(b'data: {"type":"a"}\n\n', b"more"))))

    assert lane.closed


def test_a_broken_stream_is_unreachable(lane):
    """A connection that breaks between events is told as one that was sent."""
    broken = lane.http.ReadError("reset")
    upstream = lane.upstream(lambda _: lane.answer(b'data: {"type":"a"}\n\n', broken=broken))
    got = []

    async def work():
        stream = await upstream.open(post())
        async for payload in stream.events():
            got.append(payload)

    with pytest.raises(Unreachable, match="reset") as caught:
        lane.run(work())

    assert caught.value.sent
    assert got == [{"type": "a"}]
    assert lane.closed


def test_a_refused_stream_has_its_error(lane):
    """A status of 400 or more comes with the body, and with no events."""
    error = {"error": {"message": "no", "code": None}}
    upstream = lane.upstream(lambda _: lane.answer(json.dumps(error).encode(), status=400))

    async def work():
        stream = await upstream.open(post())
        return stream.status, stream.body, [payload async for payload in stream.events()]

    assert lane.run(work()) == (400, error, [])
    assert lane.closed


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        ({"status": "incomplete"}, {"type": "response.incomplete"}),
        ({"output": []}, {"type": "response.completed"}),
        ({"error": {"message": "no"}}, {"type": "error", "error": {"message": "no"}}),
    ],
)
def test_a_server_that_does_not_stream_is_understood(lane, body, payload):
    """A plain JSON answer to a streamed request is one terminal event."""
    upstream = lane.upstream(lambda _: lane.http.Response(200, json=body))
    if payload["type"] != "error":
        payload = {**payload, "response": body}

    assert lane.run(events(upstream, post())) == [payload]


def test_half_a_surrogate_pair_can_be_sent(lane):
    """Text that has no UTF-8 is sent as an escape."""
    upstream = lane.upstream(lambda _: lane.http.Response(200, json={}))

    lane.run(upstream.send(post({"a": "\ud83d"})))

    assert lane.requests[0].content == b'{"a":"\\ud83d"}'


def test_the_dialect_is_the_hosts(lane):
    """An upstream knows what the target's server can do."""
    assert lane.upstream(lambda _: None).dialect(TARGET) is OPENAI


def test_only_a_client_of_a_known_library_is_taken():
    """Something else than an httpx client is refused at once."""
    with pytest.raises(TypeError, match="object is no client"):
        module_of(object())
