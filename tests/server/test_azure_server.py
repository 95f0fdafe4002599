"""Azure's layout of paths, its headers and its SDK's clients, before upstreams of both kinds."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest
from server_place import events_of

VERSION = "2024-05-01-preview"
KEY = {"api-key": "sk-caller"}
TOKEN = "aaaaaaaa.bbbbbbbb.cccccccc"
"""Of the form that tokens of Entra ID have."""

WORKSPACE = (
    "/agents/v1.0/subscriptions/s/resourceGroups/g/providers"
    "/Microsoft.MachineLearningServices/workspaces/w"
)
BASES = [
    "/openai",
    "/openai/v1",
    "/openai/deployments/gpt-4o",
    "/api/projects/mine/openai",
    "/api/projects/mine/openai/v1",
    "/api/projects/mine",
    WORKSPACE,
]


def azure(world, **options):
    """The SDK's client for Azure, pointed at the server."""
    given = {"api_version": VERSION, "max_retries": 0}
    if not {"api_key", "azure_ad_token", "azure_ad_token_provider"} & options.keys():
        given["api_key"] = "sk-caller"
    if "base_url" not in options:
        given["azure_endpoint"] = world.running.root
    kind = openai.AsyncAzureOpenAI if options.pop("asynchronous", False) else openai.AzureOpenAI
    return kind(**given, **options)


@pytest.fixture
def onward(make_world, echo):
    """Make a server before an upstream that tells what it was asked."""

    def make(path="/base/v1", **settings):
        return make_world(upstream_url=f"{echo.running.root}{path}", **settings)

    return make


@pytest.mark.parametrize("base", BASES)
def test_the_endpoints_are_where_azure_has_them(world, base):
    """With `api-key` and a version, and without the header that OpenAI wants."""

    def ask(method, path, body=None):
        url = f"{world.running.root}{base}{path}?api-version={VERSION}"
        return world.http.request(method, url, json=body, headers=KEY).json()

    assistant = ask("POST", "/assistants", {"model": "gpt-4o"})["id"]
    said = {"messages": [{"role": "user", "content": "Hello"}]}
    body = {"assistant_id": assistant, "thread": said}
    run = ask("POST", "/threads/runs", body)
    streamed = world.http.post(
        f"{base}/threads/runs?api-version={VERSION}", json={**body, "stream": True}, headers=KEY
    )

    found = ask("GET", f"/threads/{run['thread_id']}/runs/{run['id']}")
    assert (found["object"], found["assistant_id"]) == ("thread.run", assistant)
    assert [e for e, _ in events_of(streamed.text.splitlines())][-2:] == [
        "thread.run.completed",
        "done",
    ]
    assert [each["id"] for each in ask("GET", "/assistants")["data"]] == [assistant]


def test_openai_keeps_asking_for_its_header(world):
    """A version in the query makes no Azure of OpenAI's layout."""
    answer = world.http.get(f"/v1/assistants?api-version={VERSION}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_beta")


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"azure_deployment": "gpt-4o"},
        {"azure_ad_token": TOKEN},
        {"azure_ad_token_provider": lambda: TOKEN},
    ],
    ids=lambda options: next(iter(options), "key"),
)
def test_the_sdks_clients_for_azure_work(world, options, asynchronous):
    """Polled and streamed runs, files and stores: by key, token and token provider."""

    async def use():
        async with azure(world, asynchronous=True, **options) as client:
            assistant = await client.beta.assistants.create(model="gpt-4o")
            thread = await client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
            ids = {"thread_id": thread.id, "assistant_id": assistant.id}
            run = await client.beta.threads.runs.create_and_poll(**ids, poll_interval_ms=50)
            async with client.beta.threads.runs.stream(**ids) as stream:
                await stream.until_done()
            file = await client.files.create(file=("a.txt", b"abc"), purpose="assistants")
            return run.status, file.filename, await client.files.delete(file.id)

    def used():
        with azure(world, **options) as client:
            assistant = client.beta.assistants.create(model="gpt-4o")
            thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
            ids = {"thread_id": thread.id, "assistant_id": assistant.id}
            run = client.beta.threads.runs.create_and_poll(**ids, poll_interval_ms=50)
            with client.beta.threads.runs.stream(**ids) as stream:
                stream.until_done()
            file = client.files.create(file=("a.txt", b"abc"), purpose="assistants")
            return run.status, file.filename, client.files.delete(file.id)

    status, filename, deleted = asyncio.run(use()) if asynchronous else used()

    assert (status, filename, deleted.deleted) == ("completed", "a.txt", True)
    assert world.offline.log[0].headers.get("api-key") is None


def test_a_base_url_with_the_deployment_works(world):
    """As old programs wrote it, the deployment in the base URL."""
    base_url = f"{world.running.root}/openai/deployments/gpt-4o"
    with azure(world, base_url=base_url) as client:
        assistant = client.beta.assistants.create(model="gpt-4o")

        assert client.beta.assistants.retrieve(assistant.id).model == "gpt-4o"


def test_openai_is_sent_its_own_layout(onward, echo):
    """A deployment becomes the model if none is named; the key is a bearer, no version is sent."""
    world = onward(models={"mine": "gpt-6-luna"})
    path = f"/openai/deployments/mine/chat/completions?api-version={VERSION}&x=a%2Fb"

    world.http.post(path, json={"messages": []}, headers={**KEY, "authorization": ""})
    with azure(world, azure_deployment="mine") as client:
        client.chat.completions.with_raw_response.create(model="mine", messages=[])
        client.embeddings.with_raw_response.create(model="other", input="x")
        client.files.with_raw_response.list(extra_query={"limit": 3})

    seen = [(each["path"], each["query"]) for each in echo.seen]
    assert seen[0] == ("/chat/completions", "x=a%2Fb")
    assert seen[1:] == [("/chat/completions", ""), ("/embeddings", ""), ("/files", "limit=3")]
    assert {each["headers"]["authorization"] for each in echo.seen} == {"Bearer sk-caller"}
    assert not any("api-key" in each["headers"] for each in echo.seen)
    models = [json.loads(each["body"])["model"] for each in echo.seen if each["body"]]
    assert models == ["gpt-6-luna", "gpt-6-luna", "other"]


def test_a_form_is_given_the_model(onward, echo):
    """An upload to a deployment names it, if it names no model itself."""
    world = onward()
    files = {"file": ("a.wav", b"RIFF")}
    path = f"/openai/deployments/whisper-1/audio/transcriptions?api-version={VERSION}"

    world.http.post(path, files=files, headers=KEY)
    world.http.post(path, files=files, data={"model": "mine"}, headers=KEY)

    first, second = (each["body"] for each in echo.seen)
    assert 'name="model"\r\n\r\nwhisper-1\r\n' in first
    assert 'name="model"\r\n\r\nmine\r\n' in second
    assert "whisper-1" not in second
    assert first.count("RIFF") == second.count("RIFF") == 1


def test_azure_is_sent_deployments_as_they_are(onward, echo):
    """Path, version, body and key are the caller's; the rest goes to the v1 API."""
    world = onward("/openai/v1", dialect="azure")
    call = f"/openai/deployments/a%20b/chat/completions?api-version={VERSION}"
    headers = {**KEY, "authorization": ""}

    world.http.post(call, content=b'{"messages":  []}', headers=headers)
    world.http.get(f"/openai/files?api-version={VERSION}&limit=3", headers=headers)
    world.http.get("/openai/v1/models?api-version=preview", headers=headers)
    world.http.get("/v1/models", headers={"authorization": "Bearer sk-caller"})
    world.http.get("/v1/models", headers={"authorization": f"Bearer {TOKEN}"})

    asked = [f"{each['path']}?{each['query']}".rstrip("?") for each in echo.seen]
    assert asked == [
        call,
        "/openai/v1/files?limit=3",
        "/openai/v1/models?api-version=preview",
        "/openai/v1/models",
        "/openai/v1/models",
    ]
    assert echo.seen[0]["body"] == '{"messages":  []}'
    assert [each["headers"].get("api-key") for each in echo.seen] == ["sk-caller"] * 4 + [None]
    assert echo.seen[4]["headers"]["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("dialect", "base"), [("azure", "/openai/v1"), ("openai", "/base/v1"), ("generic", "/base/v1")]
)
def test_files_are_no_deployments(onward, echo, dialect, base):
    """Old clients that are made for a deployment ask for all below it."""
    world = onward(base, dialect=dialect)
    below = "/openai/deployments/gpt-4o"

    world.http.post(f"{below}/files?api-version=x", files={"file": ("a", b"a")}, headers=KEY)
    world.http.post(f"{below}/vector_stores?api-version={VERSION}", json={}, headers=KEY)

    seen = [each["path"].removeprefix(base) for each in echo.seen]
    assert seen == ["/files", "/vector_stores"]
    assert not any("gpt-4o" in each["body"] for each in echo.seen)


def test_deployments_of_a_project_are_those_of_its_resource(onward, echo):
    """Below a project there are none."""
    world = onward("/api/projects/p/openai/v1", dialect="azure")

    world.http.post("/openai/deployments/d/embeddings?api-version=v1", json={}, headers=KEY)
    world.http.get("/api/projects/other/vector_stores?api-version=v1", headers=KEY)

    assert [each["path"] for each in echo.seen] == [
        "/openai/deployments/d/embeddings",
        "/api/projects/p/openai/v1/vector_stores",
    ]


def test_a_query_of_the_upstream_goes_with_each_call(onward, echo):
    """`?api-version=preview` in its URL is sent with what shim asks and with what it passes on."""
    world = onward("/openai/v1?api-version=preview", dialect="azure", upstream_key="azure-key-1")
    assistant, thread = world.scene()

    world.http.get("/v1/models?limit=1")
    world.http.get("/openai/models?api-version=v1")
    world.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant, "stream": True})

    seen = [
        (each["path"], each["query"]) for each in echo.seen if "conversations" not in each["path"]
    ]
    assert seen[:2] == [
        ("/openai/v1/models", "limit=1&api-version=preview"),
        ("/openai/v1/models", "api-version=v1"),
    ]
    assert ("/openai/v1/responses", "api-version=preview") in seen
    assert {each["headers"].get("api-key") for each in echo.seen} == {"azure-key-1"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/projects/p/agents",
        "/api/projects/p/connections",
        f"{WORKSPACE}/indexes",
        "/api/projects/p",
        "/api/projects/p/threads2",
    ],
)
def test_what_is_no_part_of_the_api_is_refused(world, path):
    """Foundry has APIs of its own; what shim has of it is said."""
    answer = world.http.get(f"{path}?api-version=v1", headers=KEY)

    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith(f"Invalid URL (GET {path})")
    assert world.offline.log == []


@pytest.mark.parametrize(
    "path",
    [
        "/openai/deployments/%2e%2e/models",
        "/openai/deployments/a%2f..%2fb/models",
        "/openai/deployments/a%5cb/models",
        "/openai/../models",
        "/openai/v1//models",
        "/openai/deployments/a/b%2f..%2fc",
        "/openai",
        "/api/projects/p%2f..%2fx/other",
    ],
)
def test_no_path_leads_out_of_the_upstreams_own(onward, echo, path):
    """Neither dots nor slashes that are escaped."""
    world = onward("/openai/v1", dialect="azure")
    url = world.running.root + path

    answer = world.http.send(world.http.build_request("GET", url, headers=KEY))

    assert answer.status_code == 404
    assert echo.seen == []


@pytest.mark.parametrize(
    "kind", ["bing_grounding", "azure_ai_search", "openapi", "connected_agent"]
)
def test_tools_of_foundry_alone_are_refused(world, kind):
    """In the words for a tool that there is not."""
    body = {"model": "gpt-4o", "tools": [{"type": kind, kind: {}}]}
    answer = world.http.post("/api/projects/p/assistants?api-version=v1", json=body, headers=KEY)

    assert answer.status_code == 400
    assert kind in answer.json()["error"]["message"]


def test_the_servers_key_may_be_a_token_of_entra_id(onward, echo, identity):
    """One that holds at the time, for what is passed on and for what shim asks itself."""
    key = "entra:https://scope-of-the-server/.default"
    world = onward("/openai/v1", dialect="azure", upstream_key=key)
    assistant, thread = world.scene()

    world.http.get("/v1/models", headers=KEY)
    world.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant, "stream": True})

    sent = {each["path"]: each["headers"] for each in echo.seen}
    tokens = [sent[f"/openai/v1/{path}"]["authorization"] for path in ("models", "responses")]
    assert tokens[0] != tokens[1]
    assert all(token.startswith("Bearer default.token.") for token in tokens)
    assert not any("api-key" in headers for headers in sent.values())
    assert set(identity.scopes) == {"https://scope-of-the-server/.default"}


@pytest.mark.parametrize(
    "access", [{"access": "callers"}, {"keys": {"team": "shim-key-of-the-team-1"}}], ids=str
)
def test_azures_clients_are_let_in_by_their_key(make_world, access):
    """By `api-key` as by a bearer, in each mode of access; the upstream gets what it looks for."""
    key = access.get("keys", {}).get("team", "sk-caller")
    world = make_world(**access, **({"upstream_key": "sk-upstream"} if "keys" in access else {}))

    with azure(world, api_key=key) as client:
        assistant = client.beta.assistants.create(model="gpt-4o")
    with azure(world, azure_ad_token=key) as client:
        listed = [each.id for each in client.beta.assistants.list()]

    assert listed == [assistant.id]
    assert not any("api-key" in entry.headers for entry in world.offline.log)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b'{"model": 5}'),
        ("application/json", b'{"model":  "gpt-4o", "n": 1.0}'),
        ("multipart/form-data", b"no boundary"),
    ],
)
def test_what_needs_no_model_is_passed_on_byte_for_byte(onward, echo, kind, body):
    """What is wrong with a body is for the upstream to say."""
    world = onward()
    path = "/openai/deployments/mine/chat/completions"

    world.http.post(path, content=body, headers={**KEY, "content-type": kind})
    world.http.get(path, headers=KEY)

    assert [each["body"] for each in echo.seen] == [body.decode(), ""]
    assert echo.seen[0]["headers"]["content-length"] == str(len(body))
