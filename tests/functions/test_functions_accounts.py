"""Whom the functions call: arguments, module values, variables, clients in hand, Azure."""

from __future__ import annotations

import logging
import os
import sys
from types import SimpleNamespace

import openai
import pytest

import shim as litellm
from shim import acreate_thread, create_assistants, create_thread, get_thread, run_thread
from shim.functions.accounts import account
from shim.functions.clients import CLIENTS, MOST, Clients
from shim.providers import model_name
from shim.transport import _Mounted

VARIABLES = ("OPENAI_", "AZURE_")


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """An environment without keys, and a module without values."""
    for name in [n for n in os.environ if n.startswith(VARIABLES)]:
        monkeypatch.delenv(name)
    before = set(vars(litellm))
    yield
    for name in set(vars(litellm)) - before:
        delattr(litellm, name)


def options(provider="openai", **given):
    return dict(account(provider, given).options)


def test_arguments_beat_the_module_and_this_the_environment(monkeypatch):
    """LiteLLM's order, for key, address and organization."""
    for name, value in [("API_KEY", "1"), ("API_BASE", "http://1/v1"), ("ORGANIZATION", "org-1")]:
        monkeypatch.setenv(f"OPENAI_{name}", value)
    of_environment = options()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://other/v1")
    of_newer_environment = options()
    litellm.api_key, litellm.api_base, litellm.organization = "2", "http://2/v1", "org-2"
    of_module = options()
    of_arguments = options(api_key="3", api_base="http://3/v1", organization="org-3")

    def named(number):
        return {
            "api_key": number,
            "base_url": f"http://{number}/v1",
            "organization": f"org-{number}",
        }

    assert of_environment == named("1")
    assert of_newer_environment["base_url"] == "http://other/v1"
    assert of_module == named("2")
    assert of_arguments == named("3")


def test_each_provider_has_a_key_of_its_own():
    """`litellm.openai_key` and `litellm.azure_key` are known."""
    litellm.openai_key, litellm.azure_key = "o", "a"

    assert options()["api_key"] == "o"
    assert options("azure")["api_key"] == "a"


def test_azure_has_variables_of_its_own(monkeypatch):
    """Key, base and version come from LiteLLM's variables for Azure."""
    monkeypatch.setenv("AZURE_API_KEY", "k")
    monkeypatch.setenv("AZURE_API_BASE", "https://me.openai.azure.com/")
    monkeypatch.setenv("AZURE_API_VERSION", "2024-05-01-preview")
    monkeypatch.setenv("AZURE_AD_TOKEN", "not needed")

    assert options("azure") == {
        "api_key": "k",
        "azure_endpoint": "https://me.openai.azure.com",
        "api_version": "2024-05-01-preview",
    }


@pytest.mark.parametrize(
    "base",
    [
        "https://me.openai.azure.com",
        "https://me.openai.azure.com/openai",
        "https://me.openai.azure.com/openai/v1/",
        "https://me.openai.azure.com/openai/deployments/gpt",
    ],
)
def test_an_azure_base_may_have_a_path(base):
    """However the resource was named, its endpoint is the same."""
    assert options("azure", api_base=base)["azure_endpoint"] == "https://me.openai.azure.com"


def test_azure_takes_tokens(monkeypatch):
    """A token or its provider as an argument, and without a key the environment's."""

    def provider():
        return "t"

    assert options("azure", azure_ad_token="t")["azure_ad_token"] == "t"
    assert options("azure", azure_ad_token_provider=provider)["azure_ad_token_provider"] is provider
    monkeypatch.setenv("AZURE_AD_TOKEN", "env")
    assert options("azure")["azure_ad_token"] == "env"


def test_a_token_that_would_be_exchanged_is_refused():
    """LiteLLM's `oidc/` tokens are no tokens of Azure's."""
    with pytest.raises(openai.BadRequestError, match="pass an azure_ad_token_provider"):
        options("azure", azure_ad_token="oidc/google/x")


def test_a_service_principal_signs_in(monkeypatch):
    """Tenant, client and secret make one token provider by azure-identity."""
    identity = SimpleNamespace(
        ClientSecretCredential=lambda *names: names,
        get_bearer_token_provider=lambda credential, scope: lambda: (credential, scope),
    )
    monkeypatch.setitem(sys.modules, "azure.identity", identity)
    monkeypatch.setenv("AZURE_TENANT_ID", "tenant")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "secret")

    first = options("azure", client_id="client")["azure_ad_token_provider"]
    second = options("azure", client_id="client")["azure_ad_token_provider"]

    assert first is second
    assert first() == (
        ("tenant", "client", "secret"),
        "https://cognitiveservices.azure.com/.default",
    )


def test_signing_in_without_the_library_is_refused(monkeypatch):
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "azure.identity", None)

    with pytest.raises(openai.OpenAIError, match="pip install azure-identity"):
        options("azure", tenant_id="t", client_id="c", client_secret="s2")


def test_an_account_shows_no_key():
    """A repr ends up in logs."""
    assert "sk-secret" not in repr(account("openai", {"api_key": "sk-secret"}))


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("gpt-6-luna", "openai", "gpt-6-luna"),
        ("openai/gpt-6-luna", "openai", "gpt-6-luna"),
        ("azure/my-deployment", "azure", "my-deployment"),
        ("openai/openai/gpt-oss-120b", "openai", "openai/gpt-oss-120b"),
        ("meta/llama", "openai", "meta/llama"),
    ],
)
def test_a_model_loses_the_prefix_of_its_provider(model, provider, name):
    """Once: a model may have a name of that form itself."""
    assert model_name(model, provider) == name


def test_arguments_reach_the_upstream(offline, served, monkeypatch):
    """A key, a base and an organization given with a call go where the run is carried out."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    there = {"api_key": "sk-mine", "api_base": served, "organization": "org-mine"}
    assistant = create_assistants("openai", "openai/gpt-6-luna", **there)
    thread = create_thread("openai", [{"role": "user", "content": "Hi"}], **there)

    run = run_thread("openai", thread.id, assistant.id, timeout="30", max_retries="0", **there)

    sent = offline.posts()[-1]
    assert run.status == "completed"
    assert sent.body["model"] == "gpt-6-luna"
    assert sent.headers["openai-organization"] == "org-mine"


def test_azure_runs_on_its_responses(offline, served, monkeypatch):
    """The deployment is the model, and the key goes the way that Azure has."""
    monkeypatch.setenv("AZURE_API_KEY", "az-key")
    monkeypatch.setenv("AZURE_API_BASE", served.removesuffix("/v1"))
    assistant = create_assistants("azure", "azure/my-deployment")
    thread = create_thread("azure", [{"role": "user", "content": "Hi"}])

    run = run_thread("azure", thread.id, assistant.id)

    sent = offline.posts()[-1]
    assert (run.status, assistant.model) == ("completed", "my-deployment")
    assert (sent.body["model"], sent.headers["api-key"]) == ("my-deployment", "***")


def test_equal_calls_share_a_client(served, monkeypatch):
    """Another key is another client; so is another environment."""
    same = [CLIENTS.blocking(account("openai", {"api_key": "1"})) for _ in range(2)]
    other = CLIENTS.blocking(account("openai", {"api_key": "2"}))
    monkeypatch.setenv("SHIM_HISTORY", "messages")
    changed = CLIENTS.blocking(account("openai", {"api_key": "1"}))

    assert same[0] is same[1]
    assert len({id(each) for each in (same[0], other, changed)}) == 3


def test_a_closed_client_is_made_anew(served):
    """Whoever got hold of the shared client and closed it does no harm."""
    thread = create_thread("openai")
    CLIENTS.blocking(account("openai", {})).close()

    assert get_thread("openai", thread.id).id == thread.id


def test_remembered_clients_are_limited():
    """A program with very many keys does not keep all of their clients."""
    clients = Clients()

    first = clients.blocking(account("openai", {"api_key": "first"}))
    for number in range(MOST):
        clients.blocking(account("openai", {"api_key": str(number)}))

    assert clients.blocking(account("openai", {"api_key": "first"})) is not first
    clients.close(os.getpid())
    first.close()


def test_another_process_closes_nothing(served):
    """A child that exits leaves its parent's clients alone."""
    clients = Clients()
    client = clients.blocking(account("openai", {}))

    clients.close(os.getpid() + 1)

    assert not client.is_closed()
    clients.close(os.getpid())
    assert client.is_closed()


def test_a_client_in_hand_is_used_and_mounted(offline, served):
    """A stock client of the SDK's carries the call, and its own Assistants calls from then on."""
    client = openai.OpenAI(api_key="sk-own")
    run = {"timeout": 20, "client": client}

    thread = create_thread("openai", **run)

    assert isinstance(client._client, _Mounted)
    assert client.beta.threads.retrieve(thread.id).id == thread.id
    client.close()


def test_a_client_of_another_kind_is_used_as_it_is():
    """A double of a user's own tests is not looked into."""
    double = SimpleNamespace(
        beta=SimpleNamespace(threads=SimpleNamespace(retrieve=lambda thread_id: thread_id.upper()))
    )

    assert get_thread("openai", "thread_1", double) == "THREAD_1"


def test_a_client_of_the_wrong_colour_is_refused(run):
    """The error says which function takes it."""
    other = openai.AsyncOpenAI(api_key="k")
    with pytest.raises(TypeError, match="create_thread takes no AsyncOpenAI client"):
        create_thread("openai", client=other)

    async def work():
        await other.close()
        with (
            openai.OpenAI(api_key="k") as client,
            pytest.raises(TypeError, match="takes no blocking OpenAI client"),
        ):
            await acreate_thread("openai", client=client)

    run(work)


def test_extra_fields_of_the_body_pass(served, caplog):
    """`extra_body` is the SDK's; the Azure token that LiteLLM had in it is taken out."""
    with caplog.at_level(logging.WARNING, "shim"), pytest.raises(openai.BadRequestError) as error:
        create_thread("openai", extra_body={"colour": "red", "azure_ad_token": "t"})

    assert error.value.param == "colour"
