"""Pass-through: what a door is asked goes to a native server as it is, and so does its answer."""

from __future__ import annotations

import asyncio

import httpx
import openai
import pytest
from server_place import Running, events_of
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

import shim
from shim import drive
from shim.core.ids import FILE
from shim.core.wire import Call, Target
from shim.errors import ApiError, SettingsError
from shim.native.forward import Forward
from shim.server.app import asgi
from shim.settings import Settings
from shim.upstream.http import BlockingUpstream
from shim.workers import BlockingWorkers

BETA = {"openai-beta": "assistants=v2"}
BORDER = 1787702400  # 2026-08-26T00:00:00Z


def settings_for(url, **more):
    """Settings that pass on to a server."""
    return Settings(mode="native", native_url=url, database_url="sqlite:///:memory:", **more)


def mounted(url, kind=openai.OpenAI, **more):
    """A stock client whose Assistants calls are passed on to a server."""
    client = kind(api_key="sk-caller", base_url="http://127.0.0.1:9/v1", max_retries=0)
    return shim.mount(client, settings_for(url, **more))


@pytest.fixture
def front(native):
    """A server in front of the native one."""
    running = Running(asgi(settings_for(native.url)))
    yield running
    running.close()


def forward(url="https://api.openai.com/v1", **options):
    """A pass-through over an HTTP client that reaches nobody."""

    def lost(request):
        raise AssertionError(request.url)

    client = httpx.Client(transport=httpx.MockTransport(lost))
    return Forward(BlockingUpstream(client, BlockingWorkers().sleep), url, **options)


def asked(handler, call):
    """What a handler answers to a call."""

    async def ask():
        return await handler(call)

    return drive.run(ask())


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
def test_a_client_passes_on_all_of_a_conversation(native, kind):
    """Assistant, thread, run, messages and a stream are the native server's, in both colours."""
    client = mounted(native.url, kind)
    loop = asyncio.new_event_loop()

    def do(work):
        return loop.run_until_complete(work) if asyncio.iscoroutine(work) else work

    async def names(stream):
        return [event.event async for event in await stream]

    assistant = do(client.beta.assistants.create(model="gpt-4o", name="Ada"))
    thread = do(client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}]))
    run = do(
        client.beta.threads.runs.create_and_poll(
            thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=50
        )
    )
    streamed = client.beta.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    seen = do(names(streamed)) if kind is openai.AsyncOpenAI else [e.event for e in streamed]
    stored = native.client().beta.threads.messages.list(thread.id).data
    do(client.close())
    loop.close()

    assert run.status == "completed"
    assert seen[0] == "thread.run.created"
    assert seen[-1] == "thread.run.completed"
    assert [message.role for message in stored] == ["assistant", "assistant", "user"]


def test_a_server_passes_on_events_with_their_names(native, front):
    """A stream comes event by event as the native server names them, its end included."""
    assistant, thread = native.scene()
    body = {"assistant_id": assistant, "stream": True}
    path = f"{front.url}/threads/{thread}/runs"

    with httpx.stream("POST", path, json=body, headers={**BETA, "api-key": "k"}) as answer:
        seen = list(events_of(answer.iter_lines()))

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-shim-lane"] == "native"
    assert seen[0][0] == "thread.run.created"
    assert seen[-1] == ("done", "[DONE]")


def test_functions_pass_on(native, monkeypatch):
    """LiteLLM's functions reach the native server that the environment names."""
    monkeypatch.setenv("SHIM_MODE", "native")
    monkeypatch.setenv("SHIM_NATIVE_URL", native.url)

    thread = shim.create_thread("openai", api_key="sk-1", api_base="http://127.0.0.1:9/v1")

    assert native.client().beta.threads.retrieve(thread.id).id == thread.id


def test_what_is_sent_is_what_was_asked(echo):
    """Method, path, query, body and headers arrive as sent, with the caller's own key."""
    client = mounted(echo.url, native_key="")

    client.post(
        "/threads/thread_1/messages",
        cast_to=object,
        body={"role": "user", "content": "Grüße", "odd": [1, None]},
        options={"params": {"limit": "3", "include[]": "a b"}, "headers": {**BETA, "x-mine": "1"}},
    )

    (seen,) = echo.seen
    assert (seen["method"], seen["path"]) == ("POST", "/threads/thread_1/messages")
    assert httpx.QueryParams(seen["query"]).multi_items() == [("limit", "3"), ("include[]", "a b")]
    assert '"odd"' in seen["body"]
    assert seen["headers"]["authorization"] == "Bearer sk-caller"
    assert seen["headers"]["openai-beta"] == "assistants=v2"
    assert seen["headers"]["x-mine"] == "1"
    assert seen["headers"]["x-stainless-lang"] == "python"


def test_a_layout_of_azures_keeps_its_version_and_key(echo):
    """Path layout and version of the URL, or the caller's version, and `api-key` are sent."""
    client = mounted(f"{echo.url}/openai?api-version=2024-05-01-preview", native_key="azure-key")
    azure = shim.mount(
        openai.AzureOpenAI(
            azure_endpoint="http://127.0.0.1:9", api_version="2024-02-15-preview", api_key="mine"
        ),
        settings_for(f"{echo.url}/openai"),
    )

    client.get("/threads/thread_1", cast_to=object)
    azure.get("/threads/thread_2", cast_to=object)

    first, second = echo.seen
    assert first["path"] == "/openai/threads/thread_1"
    assert first["query"] == "api-version=2024-05-01-preview"
    assert first["headers"]["api-key"] == "azure-key"
    assert "authorization" not in first["headers"]
    assert second["query"] == "api-version=2024-02-15-preview"
    assert second["headers"]["api-key"] == "mine"


def test_errors_and_ids_of_requests_come_back_as_they_are(native, front, echo):
    """A 404 about an id, its words, and the native server's request id reach the caller."""

    async def limited(request):
        body = {"error": {"message": "Slow down", "type": "requests", "param": None, "code": "x"}}
        return JSONResponse(body, 429, {"x-request-id": "req_theirs", "retry-after": "7"})

    echo.answers["/threads/thread_1"] = limited
    server = Running(asgi(settings_for(echo.url)))

    unknown = httpx.get(f"{front.url}/threads/thread_none", headers={**BETA, "api-key": "k"})
    slow = httpx.get(f"{server.url}/threads/thread_1", headers={**BETA, "api-key": "k"})
    server.close()

    assert unknown.status_code == 404
    assert unknown.json()["error"]["message"] == "No thread found with id 'thread_none'."
    assert (slow.status_code, slow.headers["retry-after"]) == (429, "7")
    assert slow.headers["x-request-id"] == "req_theirs"
    assert slow.json()["error"]["message"] == "Slow down"


def test_bytes_and_pages_come_back_as_they_are(echo):
    """Contents of files, and errors that are no JSON, pass with their status and type."""
    png = b"\x89PNG\r\n\x1a\n\x00\xff"
    path = f"/files/{FILE}{'a' * 20}/content"

    async def content(request):
        return Response(png, media_type="image/png")

    async def broken(request):
        return PlainTextResponse("bad gateway", 502)

    server = Running(asgi(settings_for(echo.url)))
    echo.answers[path] = content
    echo.answers["/threads/thread_1"] = broken

    got = httpx.get(f"{server.url}{path}", headers={"api-key": "k"})
    page = httpx.get(f"{server.url}/threads/thread_1", headers={**BETA, "api-key": "k"})
    server.close()

    assert (got.content, got.headers["content-type"]) == (png, "image/png")
    assert (page.status_code, page.text) == (502, "bad gateway")
    assert page.headers["content-type"].startswith("text/plain")


def test_no_answer_is_told_as_such(echo):
    """Where nobody listens, a caller over HTTP gets a 502, and the SDK its connection error."""
    server = Running(asgi(settings_for("http://127.0.0.1:9/v1")))

    answer = httpx.post(f"{server.url}/threads", json={}, headers={**BETA, "api-key": "k"})
    server.close()

    assert answer.status_code == 502
    with pytest.raises(openai.APIConnectionError):
        mounted("http://127.0.0.1:9/v1").beta.threads.create()


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://API.OpenAI.com/v1",
        "https://api.openai.com./v1",
        "https://api.openai.com:8443/v1",
        "https://me:secret@api.openai.com/v1",
        "https://example.com@api.openai.com/v1",
        "https://eu.api.openai.com/v1",
        "https://us.api.openai.com/v1",
        "https://ae.api.openai.com./v1",
        "https://api%2Eopenai.com/v1",
        "https://\uff41\uff50\uff49.openai.com/v1",
    ],
)
def test_openais_hosts_are_refused_from_the_day_on(url):
    """One second before the end OpenAI's hosts are allowed, from it on refused when made."""
    forward(url, now=lambda: BORDER - 1)

    with pytest.raises(SettingsError, match=r"2026-08-26.*Unset SHIM_MODE"):
        forward(url, now=lambda: BORDER)
    with pytest.raises(SettingsError, match="2026-08-26"):
        settings_for(url)


def test_a_program_that_runs_over_the_border_is_told():
    """A pass-through made before the end refuses its calls after it, with the way out."""
    clock = [BORDER - 1.0]
    handler = forward(now=lambda: clock[0])
    call = Call("POST", "/threads", Target("https://api.openai.com/v1"), headers=BETA)

    with pytest.raises(AssertionError, match=r"api\.openai\.com"):
        asked(handler, call)
    clock[0] = BORDER
    with pytest.raises(ApiError, match=r"2026-08-26.*Unset SHIM_MODE") as refused:
        asked(handler, call)

    assert refused.value.status == 410


@pytest.mark.parametrize("url", ["https://api.openai.com.example.org", "https://notapi.openai.com"])
def test_other_hosts_are_not_refused(url):
    """A host that only looks like OpenAI's is another's."""
    forward(url, now=lambda: BORDER)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Invalid URL (POST /v1/threads)", "type": "invalid_request_error"}},
        {"error": {"code": "404", "message": "Resource not found"}},
        {"detail": "Not Found"},
    ],
)
def test_the_404_of_a_dead_api_is_explained(echo, body):
    """A 404 about the address becomes a 410 that says since when, and what to do."""

    async def dead(request):
        return JSONResponse(body, 404)

    echo.answers["/threads"] = echo.answers["/threads/thread_abcdefgh"] = dead
    client = mounted(echo.url)

    for ask in (
        client.beta.threads.create,
        lambda: client.beta.threads.retrieve("thread_abcdefgh"),
    ):
        with pytest.raises(openai.APIStatusError, match=r"2026-08-26.*unset SHIM_MODE") as error:
            ask()
        assert error.value.status_code == 410


def test_redirections_are_not_followed(echo):
    """Who redirects does not get to choose where calls and keys go."""

    async def moved(request):
        return RedirectResponse("https://api.openai.com/v1/threads")

    echo.answers["/threads"] = moved

    with pytest.raises(openai.APIStatusError, match="redirection") as error:
        mounted(echo.url).beta.threads.create()
    assert error.value.status_code == 502


def test_no_path_leads_out_of_the_base(echo):
    """Dots in a path are refused, and nothing is sent."""
    call = Call("GET", "/threads/../admin", Target("http://x"), headers=BETA)

    with pytest.raises(ApiError, match="Invalid URL"):
        asked(forward(echo.url), call)
    assert echo.seen == []


def test_a_key_of_another_server_is_not_sent(echo):
    """Where upstream calls go by another key than the caller's, the native server needs its own."""
    client = mounted(echo.url, upstream_key="sk-upstream")

    with pytest.raises(openai.InternalServerError, match="SHIM_NATIVE_KEY"):
        client.beta.threads.create()
    assert echo.seen == []


def test_tenants_do_not_share_a_native_key(echo):
    """A server with keys of its own does not let its tenants see each other's threads."""
    keys = {"one": {"key": "shim-key-one-11111111", "tenant": "t1"}}
    given = settings_for(echo.url, keys=keys, native_key="n", upstream_key="u")
    server = Running(asgi(given))
    headers = {**BETA, "authorization": "Bearer shim-key-one-11111111"}

    answer = httpx.get(f"{server.url}/threads/thread_1", headers=headers)
    server.close()

    assert answer.status_code == 403
    assert echo.seen == []


def test_native_needs_a_server():
    """The mode without an address is refused when settings are built."""
    with pytest.raises(SettingsError, match="SHIM_NATIVE_URL"):
        Settings(mode="native")


def test_a_conversation_named_as_a_thread_is_the_servers_matter(native):
    """It is passed on as it is: another shim may know it as a shared thread."""
    client = mounted(native.url)
    there = openai.OpenAI(api_key="sk-1", base_url=native.url)
    conversation = there.conversations.create(items=[{"role": "user", "content": "Hello"}]).id

    listed = client.beta.threads.messages.list(conversation).data

    assert [each.content[0].text.value for each in listed] == ["Hello"]
