"""What is not for shim goes through the given client as if shim were not there."""

from __future__ import annotations

import pytest


def test_other_requests_reach_the_server(lane):
    """A request for another resource is sent by the given client, unchanged."""
    client = lane.client()

    lane.run(client.models.list(extra_headers={"x-a": "b"}, extra_query={"q": "1"}))

    sent = lane.server.requests[0]
    assert str(sent.url) == "https://api.openai.com/v1/models?q=1"
    assert sent.headers["authorization"] == "Bearer sk-1"
    assert sent.headers["x-a"] == "b"
    assert lane.engine.wired == []


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/assistants", True),
        ("/threads/thread_1", True),
        ("/threads/", True),
        ("/threads/runs", True),
        ("/chatkit/threads", False),
        ("/chatkit/threads/cthr_1/items", False),
        ("/conversations/conv_1/items", False),
        ("/threadsafe", False),
        ("/my-assistants", False),
        ("/files/file-1", False),
    ],
)
def test_the_path_says_whose_a_request_is(lane, path, ours):
    """Only assistants and threads are carried; ChatKit has threads of its own."""
    client = lane.client()

    response = lane.run(client._client.get(f"https://api.openai.com/v1{path}"))

    assert response.status_code == 200
    assert [call.path for call in lane.engine.calls] == ([path] if ours else [])
    assert len(lane.server.requests) == (0 if ours else 1)


def test_the_given_client_keeps_its_own(lane):
    """Its headers, parameters, cookies, hooks, auth and timeout apply as before."""
    seen = []

    def hook(request):
        seen.append("hook")

    async def ahook(request):
        seen.append("hook")

    given = lane.given(
        headers={"x-mine": "1", "user-agent": "me"},
        params={"p": "1"},
        cookies={"c": "1"},
        timeout=11,
        auth=("user", "pass"),
        event_hooks={"request": [hook if lane.blocking else ahook]},
    )
    client = lane.client(http_client=given)
    before = dict(given.__dict__)

    lane.run(client.models.list())

    sent = lane.server.requests[0]
    assert seen == ["hook"]
    assert sent.headers["x-mine"] == "1"
    assert sent.headers["cookie"] == "c=1"
    assert sent.headers["authorization"].startswith("Basic ")
    assert sent.url.params["p"] == "1"
    assert sent.extensions["timeout"]["read"] == 11
    assert {k: v for k, v in given.__dict__.items() if k != "_state"} == {
        k: v for k, v in before.items() if k != "_state"
    }
    assert given.cookies["seen"] == "yes"


def test_changes_to_either_client_are_seen_by_both(lane):
    """What is set on the HTTP client under the SDK's is set on the given one, and back."""
    given = lane.given()
    client = lane.client(http_client=given)

    client._client.headers["x-a"] = "1"
    given.headers["x-b"] = "2"
    client._client.timeout = 4
    client._client.params = {"q": "1"}
    lane.run(client._client.get("https://api.openai.com/v1/models"))

    sent = lane.server.requests[0]
    assert (sent.headers["x-a"], sent.headers["x-b"], sent.url.params["q"]) == ("1", "2", "1")
    assert given.timeout.read == 4
    assert client._client.timeout == given.timeout


def test_streamed_answers_pass_untouched(lane):
    """A streamed answer of another resource is the server's own response."""
    client = lane.client()

    manager = client.models.with_streaming_response.list()

    async def read():
        async with manager as response:
            return await response.read(), response.headers["x-server"]

    if lane.blocking:
        with manager as response:
            content, header = response.read(), response.headers["x-server"]
    else:
        content, header = lane.run(read())
    assert header == "real"
    assert b"/v1/models" in content


def test_redirects_are_followed_by_the_given_client(lane):
    """Whether redirects are followed is the given client's affair."""
    server = lane.server.__class__.__call__

    def redirecting(request):
        if request.url.path == "/v1/models":
            lane.server.requests.append(request)
            return lane.http.Response(307, headers={"location": "/v1/other"})
        return server(lane.server, request)

    kind = lane.http.Client if lane.blocking else lane.http.AsyncClient
    given = kind(transport=lane.http.MockTransport(redirecting), follow_redirects=True)
    lane.clients.append(given)
    client = lane.client(http_client=given)

    lane.run(client.models.list())

    assert [request.url.path for request in lane.server.requests] == ["/v1/models", "/v1/other"]
