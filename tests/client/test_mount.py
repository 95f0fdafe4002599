"""Mounting: which clients, how often, and what stays as it was."""

from __future__ import annotations

import inspect

import openai
import pytest

import shim.client
from shim.client import mount
from shim.errors import SettingsError
from shim.transport import _Mounted

AZURE = {"azure_endpoint": "https://me.openai.azure.com", "api_version": "2024-05-01-preview"}


def test_mounting_gives_back_the_same_client(lane):
    """A mounted client is the client in hand, with another HTTP client under it."""
    stock = lane.stock()

    assert mount(stock) is stock
    assert isinstance(stock._client, _Mounted)


def test_mounting_twice_is_mounting_once(lane):
    """A second mount changes nothing."""
    client = lane.client()
    under = client._client

    mount(client)
    mount(client, wiring=lane.engine)

    assert client._client is under
    lane.run(client.beta.threads.create())
    mount(client)
    assert client._client is under


def test_a_later_mount_may_bring_the_settings(lane):
    """Settings may come with the second mount, as long as no call was carried."""
    settings, client = object(), lane.stock()
    mount(client)

    mount(client, settings)
    mount(client, settings)

    assert client._client.door.settings is settings
    with pytest.raises(SettingsError, match="other settings"):
        mount(client, object())


def test_another_handler_comes_too_late_after_the_first_call(lane):
    """What carries calls is not exchanged under way."""
    client = lane.client()
    lane.run(client.beta.threads.create())

    with pytest.raises(SettingsError, match="mounted already"):
        mount(client, wiring=lambda *_: lane.engine.handle)


def test_a_subclass_is_mounted_like_its_base(lane):
    """Users' own subclasses of the SDK's clients can be mounted."""

    class Mine(lane.kind()):
        pass

    client = mount(Mine(api_key="k", http_client=lane.given()), wiring=lane.engine)

    assert lane.run(client.beta.threads.create()).id == "thread_1"
    assert type(client.with_options(timeout=1)) is Mine


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://eu.api.openai.com/v1"},
        {"api_key": "sk-2"},
        {"timeout": 3},
        {"max_retries": 0},
        {"default_headers": {"x-team": "blue"}},
        {"default_query": {"q": "1"}},
        {"organization": "org-1", "project": "proj-1"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_copies_share_what_is_mounted(lane, options):
    """`copy` and `with_options` keep the mounted HTTP client, whatever they change."""
    client = lane.client()

    copy = client.with_options(**options)
    copy = copy.copy(default_headers={"x-more": "1"})
    lane.run(copy.beta.threads.create())

    assert copy._client is client._client
    assert len(lane.engine.wired) == 1
    target = lane.engine.calls[0].target
    assert target.base_url == options.get("base_url", "https://api.openai.com/v1")
    assert target.headers["authorization"] == f"Bearer {options.get('api_key', 'sk-1')}"
    assert target.headers["x-more"] == "1"
    assert target.headers.get("x-team") == options.get("default_headers", {}).get("x-team")
    assert target.headers.get("openai-organization") == options.get("organization")
    assert target.timeout["read"] == options.get("timeout", 600)
    assert ("q", "1") in lane.engine.calls[0].query or "default_query" not in options


def test_azure_copies_stay_mounted(lane):
    """An Azure client's copies keep endpoint, version and mount."""
    client = lane.azure().with_options(max_retries=1)

    lane.run(client.beta.threads.create())

    assert lane.engine.calls[0].target.base_url == "https://me.openai.azure.com/openai/v1"


def test_a_copy_may_leave_by_another_http_client(lane):
    """A copy given another stock HTTP client is a stock client again; ours mounts it."""
    copy = lane.client().copy(http_client=lane.given())

    assert not isinstance(copy._client, _Mounted)


@pytest.mark.parametrize("name", ["OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"])
def test_shims_classes_are_the_sdks(name):
    """The clients of shim are subclasses with the SDK's own signature, mounted from the start."""
    ours, theirs = getattr(shim.client, name), getattr(openai, name)
    client = ours(api_key="k", **(AZURE if "Azure" in name else {}))
    azure_of = shim.client.AsyncOpenAI if "Async" in name else shim.client.OpenAI

    assert issubclass(ours, theirs)
    assert isinstance(client, azure_of)
    assert isinstance(client._client, _Mounted)
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert type(client.with_options(timeout=1)) is ours
    assert client.with_options(timeout=1)._client is client._client
    if "Async" not in name:
        client.close()


def test_shims_classes_take_an_http_client(lane):
    """The user's HTTP client ends up under ours."""
    name = "OpenAI" if lane.blocking else "AsyncOpenAI"
    given = lane.given()

    client = getattr(shim.client, name)(api_key="k", http_client=given)

    assert client._client.given is given
    assert lane.run(client.models.list()).data == []
    assert lane.server.requests[0].url.path == "/v1/models"


def test_two_clients_may_share_one_http_client(lane):
    """Mounting leaves the given HTTP client fit for others."""
    given = lane.given()
    first, second = lane.client(http_client=given), lane.client(http_client=given)

    lane.run(first.beta.threads.create())
    lane.run(second.beta.threads.create())

    assert lane.server.requests == []
    assert len(lane.engine.calls) == 2


def test_beta_has_its_vector_stores(lane):
    """`client.beta.vector_stores` is there on every SDK, in its raw and streamed views as well."""
    client = lane.client()

    page = lane.run(client.beta.vector_stores.list())
    raw = lane.run(client.beta.vector_stores.with_raw_response.list())
    lane.run(client.beta.with_raw_response.vector_stores.list())

    assert page.data == []
    assert raw.headers["x-server"] == "real"
    assert {request.url.path for request in lane.server.requests} == {"/v1/vector_stores"}
    assert client.beta.threads is client.beta.threads
    assert client.beta.with_streaming_response.vector_stores


def test_shims_classes_have_the_vector_stores_in_copies_too():
    """With shim's own classes the alias is in every copy."""
    with shim.client.OpenAI(api_key="k") as client:
        assert client.with_options(timeout=1).beta.vector_stores
        assert client.beta.vector_stores.file_batches
