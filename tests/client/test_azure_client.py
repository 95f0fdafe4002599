"""Azure's clients of the SDK on a resource of Azure's: keys, tokens, old arguments, its errors."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys

import openai
import pytest

import shim
from shim.client import http_module
from shim.errors import SettingsError
from shim.offline import Offline
from shim.offline.wire import Response
from shim.settings import Settings
from shim.upstream.entra import current, scope_of

ENDPOINT = "https://me.openai.azure.com"
VERSION = "2024-05-01-preview"
BASE = re.compile(r"(?:/api/projects/[^/]+)?/openai(?:/v1|/deployments/[^/]+)?")
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FILTERED = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {
            "hate": {"filtered": True, "severity": "high"},
            "jailbreak": {"filtered": True, "detected": True},
            "violence": {"filtered": False, "severity": "safe"},
        },
    },
}
WORDS = f"{FILTERED['message']} Filtered: hate (high), jailbreak."


class Resource(Offline):
    """The embedded upstream, laid out as a resource of Azure's; remembers what was sent to it."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.places = []
        self.errors = []

    def handle(self, method, path, query, headers, body):
        """Answer a request, first with the errors that a test has put there."""
        self.places.append((path, query))  # without the base path of the v1 API
        path = BASE.sub("", path, count=1)
        self.seen.append((method, path, query, dict(headers), body))
        if path == "/responses" and self.errors:
            error = json.dumps({"error": self.errors.pop(0)}).encode()
            return Response(400, {"content-type": "application/json"}, error)
        return super().handle(method, path, query, headers, body)

    def of(self, path):
        """The headers of the requests to a path."""
        return [headers for _, asked, _, headers, _ in self.seen if asked == path]

    def client(self, *, settings=None, **options):
        """A client of shim's on the resource, its threads in memory."""
        http = http_module()
        inner = http.Client(transport=self.transport(http))
        return self._made(shim.AzureOpenAI, inner, settings, options)

    def async_client(self, *, settings=None, **options):
        """The same in the other colour."""
        http = http_module()
        inner = http.AsyncClient(transport=self.async_transport(http))
        return self._made(shim.AsyncAzureOpenAI, inner, settings, options)

    def _made(self, kind, inner, settings, options):
        given = {"api_version": VERSION, "http_client": inner, "max_retries": 0}
        if not {"azure_ad_token", "azure_ad_token_provider"} & options.keys():
            given["api_key"] = "azure-key-1"
        if "base_url" not in options:
            given["azure_endpoint"] = ENDPOINT
        settings = settings or Settings(database_url="sqlite:///:memory:")
        return shim.mount(kind(**{**given, **options}), settings)


@pytest.fixture
def resource():
    """A resource of Azure's."""
    resource = Resource()
    yield resource
    resource.close()


def run_of(client, content="Hello"):
    """A run on a new thread that was waited for."""
    assistant = client.beta.assistants.create(model="my-deployment")
    said = {"messages": [{"role": "user", "content": content}]}
    return client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread=said, poll_interval_ms=20
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"azure_deployment": "my-deployment"},
        {"base_url": f"{ENDPOINT}/openai/deployments/my-deployment"},
        {"base_url": f"{ENDPOINT}/openai"},
        {"base_url": f"{ENDPOINT}/openai/v1"},
        {"azure_endpoint": "https://me.services.ai.azure.com/api/projects/p"},
    ],
    ids=str,
)
def test_old_arguments_lead_to_the_v1_api(resource, options):
    """However the client was made: polled, streamed, with the deployment for a model."""
    with resource.client(**options) as client:
        run = run_of(client)
        ids = {"thread_id": run.thread_id, "assistant_id": run.assistant_id}
        with client.beta.threads.runs.stream(**ids) as stream:
            stream.until_done()
        file = client.files.create(file=("a.txt", b"abc"), purpose="assistants")
        deleted = client.files.delete(file.id)

    assert (run.status, run.model, deleted.deleted) == ("completed", "my-deployment", True)
    asked = [
        (query, json.loads(body))
        for _, path, query, _, body in resource.seen
        if path == "/responses"
    ]
    assert [(query, body["model"]) for query, body in asked] == [("", "my-deployment")] * 2
    assert {headers["api-key"] for headers in resource.of("/responses")} == {"azure-key-1"}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_files_and_stores_are_the_v1_apis(resource, asynchronous):
    """Where Responses looks for them; the rest stays with its version."""

    async def use():
        async with resource.async_client(azure_deployment="d") as client:
            file = await client.files.create(file=("a.txt", b"abc"), purpose="assistants")
            return await client.beta.vector_stores.create(file_ids=[file.id])

    if asynchronous:
        asyncio.run(use())
    else:
        with resource.client() as client:
            file = client.files.create(file=("a.txt", b"abc"), purpose="assistants")
            client.beta.vector_stores.create(file_ids=[file.id])
            client.files.list(extra_query={"order": "asc"})
            client.models.list()

    assert resource.places[:2] == [("/files", ""), ("/vector_stores", "")]
    assert asynchronous or resource.places[2:] == [
        ("/files", "order=asc"),
        ("/openai/models", f"api-version={VERSION}"),
    ]


def test_a_version_without_a_date_is_kept(resource):
    """`preview` opens parts of the v1 API."""
    with resource.client(base_url=f"{ENDPOINT}/openai/v1", api_version="preview") as client:
        run = run_of(client)

    queries = [query for _, path, query, _, _ in resource.seen if path == "/responses"]
    assert (run.status, queries) == ("completed", ["api-version=preview"])


def test_a_token_is_sent_as_one(resource):
    """As the SDK sends it, a bearer."""
    with resource.client(azure_ad_token="token-1") as client:
        run = run_of(client)

    sent = {headers["authorization"] for headers in resource.of("/responses")}
    assert (run.status, sent) == ("completed", {"Bearer token-1"})


def test_a_token_provider_is_asked_for_each_request(resource):
    """What goes upstream for a request goes with the token of that request."""
    tokens = iter(f"token-{number}" for number in range(100))

    with resource.client(azure_ad_token_provider=lambda: next(tokens)) as client:
        assistant = client.beta.assistants.create(model="d", instructions="Greet.")
        for _ in range(2):
            run = {"assistant_id": assistant.id, "thread": {}, "stream": True}
            list(client.beta.threads.create_and_run(**run))

    sent = [headers["authorization"] for headers in resource.of("/responses")]
    assert sent == ["Bearer token-1", "Bearer token-2"]


def test_async_clients_work(resource):
    """With an async token provider, polled and streamed."""

    async def token():
        return "token-1"

    async def use():
        async with resource.async_client(azure_ad_token_provider=token) as client:
            assistant = await client.beta.assistants.create(model="d", instructions="Greet.")
            said = {"messages": [{"role": "user", "content": "Hello"}]}
            run = await client.beta.threads.create_and_run_poll(
                assistant_id=assistant.id, thread=said, poll_interval_ms=20
            )
            ids = {"thread_id": run.thread_id, "assistant_id": assistant.id}
            async with client.beta.threads.runs.stream(**ids) as stream:
                await stream.until_done()
            return run

    run = asyncio.run(use())

    sent = {headers["authorization"] for headers in resource.of("/responses")}
    assert (run.status, sent) == ("completed", {"Bearer token-1"})


def test_a_filtered_prompt_is_the_runs_last_error(resource):
    """With Azure's code, and with what its filters found."""
    resource.errors += [FILTERED] * 2
    with resource.client() as client:
        run = run_of(client)
        ids = {"thread_id": run.thread_id, "assistant_id": run.assistant_id}
        events = list(client.beta.threads.runs.create(**ids, stream=True))

    failed = next(event.data for event in events if event.event == "thread.run.failed")
    for each in (run, failed):
        assert (each.status, each.last_error.code) == ("failed", "content_filter")
        assert each.last_error.message == WORDS


def test_a_filtered_answer_fails_as_a_filtered_prompt_does(resource):
    """In the midst of a stream there are no details."""
    resource.script.fail("content_filter", "The response was filtered.", partial="As far")
    with resource.client() as client:
        run = run_of(client)

    assert (run.status, run.last_error.code) == ("failed", "content_filter")
    assert run.last_error.message == "The response was filtered."


@pytest.mark.parametrize(("purpose", "kept"), [("vision", True), ("assistants", False)])
def test_an_uploaded_image_is_sent_itself(resource, purpose, kept):
    """Azure takes no id of an image; where it does not give the file, the id is all there is."""
    with resource.client() as client:
        file = client.files.create(file=("a.png", PIXEL), purpose=purpose)
        run_of(client, [{"type": "image_file", "image_file": {"file_id": file.id}}])

    body = next(json.loads(body) for _, path, _, _, body in resource.seen if path == "/responses")
    (part,) = body["input"][0]["content"]
    image = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    assert part.get("image_url") == (image if kept else None)
    assert part.get("file_id") == (None if kept else file.id)


def test_a_key_for_another_server_goes_where_that_looks_for_it(resource):
    """`SHIM_UPSTREAM_URL` may lead an Azure client to OpenAI, and the other way."""
    memory = {"database_url": "sqlite:///:memory:"}
    elsewhere = Settings(upstream_url="https://api.openai.com/v1", **memory)
    with resource.client(settings=elsewhere) as client:
        run_of(client)
    http = http_module()
    inner = http.Client(transport=resource.transport(http))
    plain = shim.OpenAI(api_key="azure-key-2", http_client=inner)
    back = Settings(upstream_url=f"{ENDPOINT}/openai/v1?api-version=preview", **memory)
    with shim.mount(plain, back) as client:
        run_of(client)

    first, second = resource.of("/responses")
    assert (first["authorization"], first.get("api-key")) == ("Bearer azure-key-1", None)
    assert (second.get("authorization"), second["api-key"]) == (None, "azure-key-2")
    assert resource.seen[-1][2] == "api-version=preview"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_key_may_be_a_token_of_entra_id(resource, identity, asynchronous):
    """`SHIM_UPSTREAM_KEY=entra`: a token for each request, in the place of the client's own key."""
    key = f"entra:https://scope-{asynchronous}/.default"
    settings = Settings(upstream_key=key, database_url="sqlite:///:memory:")

    async def use():
        async with resource.async_client(settings=settings) as client:
            assistant = await client.beta.assistants.create(model="d", instructions="Greet.")
            stream = await client.beta.threads.create_and_run(
                assistant_id=assistant.id, thread={}, stream=True
            )
            return [event.event async for event in stream][-1]

    if asynchronous:
        last = asyncio.run(use())
    else:
        with resource.client(settings=settings) as client:
            last = f"thread.run.{run_of(client).status}"

    assert last == "thread.run.completed"
    (sent,) = resource.of("/responses")
    assert sent["authorization"].startswith("Bearer default.token.")
    assert "api-key" not in sent
    assert set(identity.scopes) == {f"https://scope-{asynchronous}/.default"}


def test_without_a_token_the_reason_is_told(resource, identity):
    """The first line of what azure-identity says, as an error of the SDK's."""
    identity.problem = "DefaultAzureCredential failed.\nAttempted credentials:\n..."
    settings = Settings(upstream_key="entra:s-none", database_url="sqlite:///:memory:")
    wrong = pytest.raises(openai.InternalServerError)
    with resource.client(settings=settings) as client, wrong as caught:
        client.beta.threads.create()

    assert "no token of Entra ID: DefaultAzureCredential failed." in caught.value.message
    assert "Attempted" not in caught.value.message


def test_azure_identity_is_asked_for_where_it_is_missing(monkeypatch):
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "azure.identity", None)

    with pytest.raises(SettingsError, match=r"assistants-shim\[azure\]"):
        current("entra:s-missing", "")


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        ("https://me.openai.azure.com/openai/v1", "https://cognitiveservices.azure.com/.default"),
        ("https://me.openai.azure.us/openai/v1", "https://cognitiveservices.azure.us/.default"),
        ("https://me.services.ai.azure.com/api/projects/p", "https://ai.azure.com/.default"),
        ("https://apim.example/x", "https://cognitiveservices.azure.com/.default"),
        ("", "https://cognitiveservices.azure.com/.default"),
    ],
)
def test_each_service_and_cloud_has_a_scope(url, scope):
    """What a token is asked for goes by the host."""
    assert scope_of(url) == scope
