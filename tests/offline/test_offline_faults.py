"""Injected failures, in memory and over HTTP."""

from __future__ import annotations

import asyncio

import httpx2
import openai
import pytest

from shim.offline import Offline


def ask(client, **request):
    """A plain request."""
    return client.responses.create(model="m", input="Hi", **request)


@pytest.fixture(params=["memory", "http"])
def door(request, offline, reconnect):
    """A client on the upstream, in memory or over a socket, with a short read timeout."""
    if request.param == "memory":
        with reconnect(offline, timeout=0.6) as client:
            yield client
        return
    with (
        offline.serve() as served,
        openai.OpenAI(api_key="x", base_url=served.url, max_retries=0, timeout=0.6) as client,
    ):
        yield client


def test_status_before(offline, door):
    """A status fault answers as told and carries nothing out."""
    error = ("rate_limit_exceeded", "Slow down.", "requests")
    offline.faults.add("/responses", status=429, error=error, headers={"retry-after": "7"})

    with pytest.raises(openai.RateLimitError) as caught:
        ask(door)

    assert caught.value.body["message"] == "Slow down."
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "7"
    assert offline.posts() == []
    assert ask(door).status == "completed"


def test_status_after(offline, door):
    """With before=False the request is carried out, and its answer lost."""
    offline.faults.add("/responses", status=500, before=False)

    with pytest.raises(openai.InternalServerError):
        ask(door)

    assert len(offline.posts()) == 1
    assert offline.log[0].fault == "status"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("kind", ["drop", "refuse"])
def test_lost_connections(offline, door, kind, before):
    """A dropped connection is a connection error; the log says whether the request ran."""
    offline.faults.add("/responses", kind=kind, before=before)

    with pytest.raises(openai.APIConnectionError):
        ask(door)

    assert len(offline.posts()) == (0 if before else 1)
    assert ask(door).status == "completed"


@pytest.mark.parametrize("kind", ["timeout", "hang"])
def test_timeouts(offline, door, kind):
    """A client waits for an answer that never comes until its own timeout."""
    offline.faults.add("/responses", kind=kind, before=False)

    with pytest.raises(openai.APITimeoutError):
        ask(door)

    assert len(offline.posts()) == 1


def test_reset_midstream(offline, door):
    """A stream breaks after some events; the response is completed all the same."""
    offline.faults.add("/responses", kind="reset_midstream", after_events=3)
    events = []

    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError, openai.APIConnectionError)):
        events.extend(iter_into(events, ask(door, stream=True)))

    assert len(events) == 3
    assert door.responses.retrieve(events[0].response.id).status == "completed"


def iter_into(events, stream):
    """Append each event as it comes, so that a break keeps what was there."""
    for event in stream:
        events.append(event)
    return []


def test_reset_of_a_plain_answer(offline, door):
    """Without a stream a reset loses the answer."""
    offline.faults.add("/responses", kind="reset_midstream")

    with pytest.raises(openai.APIConnectionError):
        ask(door)

    assert len(offline.posts()) == 1


def test_a_locked_conversation(offline, door):
    """The lock can be injected, with its exact body."""
    offline.faults.lock(times=2)

    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(door)
        assert caught.value.code == "conversation_locked"
        assert caught.value.param == "conversation"
    assert ask(door).status == "completed"


def test_faults_pick_method_and_path(offline, client):
    """A fault befalls only the method and the paths it is for, and can be taken back."""
    offline.faults.add("/responses/", method="GET", status=503)
    offline.faults.add("/conversations", status=500, times=9)

    created = ask(client)
    with pytest.raises(openai.InternalServerError):
        client.responses.retrieve(created.id)
    with pytest.raises(openai.InternalServerError):
        client.conversations.create()
    offline.faults.clear()

    assert client.conversations.create().id


def test_kinds_of_httpx_errors(offline):
    """In memory the errors are httpx's own: refused, dropped, timed out, reset."""
    expected = {
        "refuse": httpx2.ConnectError,
        "drop": httpx2.RemoteProtocolError,
        "timeout": httpx2.ReadTimeout,
        "reset_midstream": httpx2.ReadError,
    }
    with httpx2.Client(transport=offline.transport(httpx2), headers={"api-key": "x"}) as client:
        for kind, error in expected.items():
            offline.faults.add("/models", kind=kind)
            with pytest.raises(error):
                client.get("http://x/v1/models")


def test_async_faults():
    """The async transport breaks in the same ways."""
    offline = Offline()
    offline.faults.add("/responses", kind="reset_midstream", after_events=2)
    offline.faults.add("/responses", kind="hang")

    async def use():
        inner = httpx2.AsyncClient(transport=offline.async_transport(httpx2))
        async with openai.AsyncOpenAI(
            api_key="x", http_client=inner, max_retries=0, timeout=0.1
        ) as client:
            stream = await ask(client, stream=True)
            with pytest.raises((httpx2.ReadError, openai.APIConnectionError)):
                async for _ in stream:
                    pass
            with pytest.raises(openai.APITimeoutError):
                await ask(client)

    asyncio.run(use())
