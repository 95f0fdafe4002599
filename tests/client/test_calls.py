"""Assistants requests become calls, and replies become the SDK's answers."""

from __future__ import annotations

import gc
import logging
import re
import threading
import warnings

import openai
import pytest

from shim.client import mount
from shim.core.ports import Request
from shim.core.wire import Reply
from shim.errors import ApiError, SettingsError, Unreachable
from shim.settings import Settings
from shim.upstream.dialect import OPENAI

pytestmark = [
    pytest.mark.filterwarnings("ignore:The Assistants API is deprecated"),
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
]

RUNS = "/threads/thread_1/runs"


def stream(client, **options):
    """A streamed run."""
    return client.beta.threads.runs.create(
        thread_id="thread_1", assistant_id="asst_1", stream=True, **options
    )


def test_a_request_becomes_a_call(lane):
    """Method, path, query, body and headers arrive; nothing goes to the server."""
    client = lane.client()

    lane.run(
        client.beta.threads.messages.create(
            "thread_1",
            role="user",
            content="héllo",
            extra_query={"include[]": ["a", "b"], "x": "é &"},
            extra_headers={"X-Team": "blue"},
        )
    )

    call = lane.engine.calls[0]
    assert (call.method, call.path, call.tenant) == ("POST", "/threads/thread_1/messages", "")
    assert ("x", "é &") in call.query
    assert {name for name, _ in call.query} == {"include[]", "include[][]", "x"} - {
        "include[]" if ("include[][]", "a") in call.query else "include[][]"
    }
    assert b"h\xc3\xa9llo" in call.body or b"h\\u00e9llo" in call.body
    assert call.headers["x-team"] == "blue"
    assert call.headers["openai-beta"] == "assistants=v2"
    assert lane.server.requests == []


def test_a_reply_becomes_an_answer(lane):
    """The body is printed as the original did, under the original's headers."""
    lane.engine.answers["/threads"] = Reply(
        body={"id": "thread_2", "object": "thread"}, headers={"x-shim-notes": "one"}
    )

    raw = lane.run(lane.client().beta.threads.with_raw_response.create())

    assert raw.parse().id == "thread_2"
    assert raw.content == b'{\n  "id": "thread_2",\n  "object": "thread"\n}'
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["openai-processing-ms"].isdigit()
    assert re.fullmatch("req_[0-9a-f]{32}", raw.headers["x-request-id"])
    assert raw.headers["x-shim-notes"] == "one"


def test_a_streamed_reply_becomes_events(lane):
    """Events arrive typed and in order, under the content type of a stream."""
    client = lane.client()

    names = lane.read(stream(client))

    assert names == [f"thread.run.{n}" for n in ("created", "queued", "in_progress", "completed")]


def test_a_streamed_reply_is_framed_as_the_original(lane):
    """The bytes on the wire are those of the original's streams."""
    client = lane.client()
    request = client._client.build_request(
        "POST", f"https://api.openai.com/v1{RUNS}", json={"stream": True}
    )

    response = lane.run(client._client.send(request))

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.content.startswith(
        b'event: thread.run.created\ndata: {"id":"run_1","object":"thread.run","status":"created",'
        b'"model":"\xc3\xa9"}\n\n'
    )
    assert response.content.endswith(b"event: done\ndata: [DONE]\n\n")


def test_streaming_response_views_work(lane):
    """`with_streaming_response` reads a JSON answer."""
    manager = lane.client().beta.threads.with_streaming_response.create()

    async def read():
        async with manager as response:
            return await response.parse()

    if lane.blocking:
        with manager as response:
            thread = response.parse()
    else:
        thread = lane.run(read())

    assert thread.id == "thread_1"


def test_a_stream_closed_early_runs_on(lane):
    """The caller's close does not end the run."""
    events = lane.run(stream(lane.client()))

    async def first():
        await events.__anext__()
        await events.close()

    if lane.blocking:
        next(iter(events))
        events.close()
    else:
        lane.run(first())

    assert lane.flush()
    assert lane.engine.seen[-1] == "done"


def test_a_stream_let_go_runs_on(lane):
    """A loop that is left with `break` does not end the run either."""
    lane.read(stream(lane.client()), 1)
    gc.collect()

    assert lane.flush()
    assert lane.engine.seen[-1] == "done"


def test_an_error_has_the_originals_words(lane):
    """An ApiError becomes the SDK's exception of that status."""
    lane.engine.answers["/threads/thread_9"] = ApiError(404, "No thread found with id 'thread_9'.")

    with pytest.raises(openai.NotFoundError, match="No thread found") as caught:
        lane.run(lane.client().beta.threads.retrieve("thread_9"))

    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id.startswith("req_")


def test_an_error_before_a_stream_is_an_answer(lane):
    """A streamed create that is refused raises at once."""
    lane.engine.answers[RUNS] = ApiError(400, "Thread thread_1 already has an active run run_2.")

    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        lane.run(stream(lane.client()))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SettingsError("SHIM_STORE is neither true nor false"), "SHIM_STORE is neither"),
        (KeyError("oops"), "shim failed: KeyError: 'oops'"),
    ],
)
def test_a_failure_of_shim_is_told_and_not_repeated(lane, error, words, caplog):
    """What goes wrong in shim itself is an error answer with its reason, sent once."""
    lane.engine.answers["/threads"] = error

    with caplog.at_level(logging.CRITICAL), pytest.raises(openai.InternalServerError, match=words):
        lane.run(lane.client(max_retries=2).beta.threads.create())

    assert len(lane.engine.calls) == 1


@pytest.mark.parametrize("sent", [True, False])
def test_an_unreachable_upstream_is_a_connection_error(lane, sent):
    """Where the original could not be reached, the SDK says so."""
    lane.engine.answers["/threads"] = Unreachable("no route", sent=sent)

    with pytest.raises(openai.APIConnectionError) as caught:
        lane.run(lane.client(max_retries=0).beta.threads.create())

    assert "no route" in str(caught.value.__cause__)


def test_the_sdk_retries_as_ever(lane):
    """A 500 of the handler is retried by the SDK as it would have been."""
    answers = [ApiError(500, "again", headers={"retry-after-ms": "1"}), None]

    async def answer(call):
        if error := answers.pop(0):
            raise error
        return Reply(body={"id": "thread_3"})

    lane.engine.answers["/threads"] = answer

    assert lane.run(lane.client(max_retries=1).beta.threads.create()).id == "thread_3"


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1"),
        ("http://localhost:1234", "http://localhost:1234"),
        ("https://gateway.example/a/openai/v1", "https://gateway.example/a/openai/v1"),
        ("https://me.openai.azure.com/openai/v1", "https://me.openai.azure.com/openai/v1"),
        ("https://me.openai.azure.com", "https://me.openai.azure.com/openai/v1"),
        (
            "https://me.services.ai.azure.com/api/projects/p",
            "https://me.services.ai.azure.com/api/projects/p/openai/v1",
        ),
    ],
)
def test_the_upstream_is_where_the_client_points(lane, base_url, expected):
    """Upstream calls go to the client's own server."""
    lane.run(lane.client(base_url=base_url).beta.assistants.list())

    call = lane.engine.calls[0]
    assert (call.path, call.target.base_url) == ("/assistants", expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "https://me.openai.azure.com/openai/v1"),
        ({"azure_deployment": "gpt"}, "https://me.openai.azure.com/openai/v1"),
        ({"azure_endpoint": "https://apim.example/x/"}, "https://apim.example/x/openai/v1"),
    ],
)
def test_azure_goes_to_its_v1_api(lane, options, expected):
    """An Azure client's upstream is the v1 API, without the dated version."""
    lane.run(lane.azure(**options).beta.threads.create())

    call = lane.engine.calls[0]
    assert (call.path, call.target.base_url) == ("/threads", expected)
    assert call.query == ()
    assert call.target.headers["api-key"] == "sk-1"


def test_a_deployment_in_the_base_url_is_left_out(lane):
    """A base URL that ends in a deployment leads to the same v1 API."""
    client = lane.client(
        "AzureOpenAI",
        base_url="https://me.openai.azure.com/openai/deployments/gpt",
        api_version="2024-05-01-preview",
    )

    lane.run(client.beta.threads.create())

    assert lane.engine.calls[0].target.base_url == "https://me.openai.azure.com/openai/v1"


def test_the_upstream_gets_the_senders_own_headers(lane):
    """Credentials and gateway headers go on; the SDK's and the connection's stay behind."""
    client = lane.client(
        organization="org-1",
        project="proj-1",
        default_headers={"x-portkey-config": "c", "helicone-auth": "h", "X-Stainless-Lang": "x"},
    )

    lane.run(client.beta.threads.create(extra_headers={"Idempotency-Key": "i"}))

    headers = dict(lane.engine.calls[0].target.headers)
    assert headers.pop("user-agent")
    assert headers == {
        "authorization": "Bearer sk-1",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
        "x-portkey-config": "c",
        "helicone-auth": "h",
    }


def test_settings_may_send_the_upstream_elsewhere(lane):
    """A configured upstream and key replace the client's own."""
    settings = Settings(
        upstream_url="https://up.example/v1/", upstream_key="sk-up", dialect="openai"
    )
    client = mount(lane.stock(organization="org-1"), settings, wiring=lane.engine)

    lane.run(client.beta.threads.create())

    target = lane.engine.calls[0].target
    assert target.base_url == "https://up.example/v1"
    assert target.headers["authorization"] == "Bearer sk-up"
    assert "openai-organization" not in target.headers
    assert lane.engine.upstream.dialect(target) is OPENAI


def test_a_request_timeout_goes_with_the_call(lane):
    """The timeout of one request is that of its upstream calls."""
    lane.run(lane.client().beta.threads.create(timeout=7))

    assert lane.engine.calls[0].target.timeout["read"] == 7


def test_the_upstream_goes_through_the_given_client(lane):
    """Upstream calls pass the user's hooks, auth, cookies, headers and parameters."""
    seen = []

    def hook(request):
        seen.append(request.headers["x-mine"])

    async def ahook(request):
        seen.append(request.headers["x-mine"])

    given = lane.given(
        headers={"x-mine": "1"},
        params={"p": "1"},
        cookies={"c": "1"},
        event_hooks={"request": [hook if lane.blocking else ahook]},
    )
    client = lane.client(http_client=given)

    async def ask(call):
        answer = await lane.engine.upstream.send(
            Request("POST", "/responses", call.target, body={"a": 1})
        )
        return Reply(body={"id": answer.body["path"]})

    lane.engine.answers["/threads"] = ask

    assert lane.run(client.beta.threads.create()).id == "/v1/responses"
    sent = lane.server.requests[0]
    assert seen == ["1"]
    assert sent.headers["cookie"] == "c=1"
    assert sent.url.params["p"] == "1"
    assert sent.headers["authorization"] == "Bearer sk-1"


def test_an_engine_is_wired_once_for_many_threads(blocking_lane):
    """Concurrent first calls wire one handler."""
    client = blocking_lane.client()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        threads = [threading.Thread(target=client.beta.threads.create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(blocking_lane.engine.calls) == 8
    assert len(blocking_lane.engine.wired) == 1


def test_a_wiring_that_fails_is_tried_again(lane):
    """A wrong setting is told at each call until it is put right."""
    broken = [SettingsError("no database")]

    def wiring(*ports):
        if broken:
            raise broken.pop()
        return lane.engine(*ports)

    client = mount(lane.stock(), wiring=wiring)

    with pytest.raises(openai.InternalServerError, match="no database"):
        lane.run(client.beta.threads.create())
    assert lane.run(client.beta.threads.create()).id == "thread_1"


def test_closing_waits_for_what_goes_on(lane):
    """Close lets background work end, then closes the given client."""
    client, ended = lane.client(), []
    lane.run(client.beta.threads.create())

    async def work():
        await lane.engine.workers.sleep(0.05)
        ended.append(client._client.given.is_closed)

    async def close():
        lane.engine.workers.spawn(work())
        await client.close()

    if lane.blocking:
        lane.engine.workers.spawn(work())
        client.close()
    else:
        lane.run(close())

    assert ended == [False]
    assert client._client.given.is_closed
    assert client.is_closed()


def test_closing_does_not_cut_off_what_takes_longer(lane, monkeypatch):
    """After the grace the client is closed, and the connections once the work has ended."""
    monkeypatch.setattr("shim.transport.GRACE", 0.01)
    client = lane.client()
    lane.run(client.beta.threads.create())
    given, closed = client._client.given, []

    async def work():
        await lane.engine.workers.sleep(0.2)
        closed.append(given.is_closed)

    async def close():
        lane.engine.workers.spawn(work())
        await client.close()
        closed.append(client.is_closed())

    if lane.blocking:
        lane.engine.workers.spawn(work())
        client.close()
        closed.append(client.is_closed())
    else:
        lane.run(close())

    assert lane.flush()
    assert closed == [True, False]
    assert given.is_closed
