"""`import shim`, `from shim import ...` and `import shim as openai`."""

from __future__ import annotations

import subprocess
import sys

import openai
import pytest

import shim as module
from shim.transport import _Mounted

VARIABLES = [
    "OPENAI_API_KEY",
    "OPENAI_API_TYPE",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_API_VERSION",
]


@pytest.fixture
def shim(monkeypatch):
    """The module with nothing set on it, in an environment without keys."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = dict(vars(module))
    yield module
    for name in set(vars(module)) - set(before):
        delattr(module, name)


def python(code):
    """What a fresh interpreter prints for the code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def client_of(resource):
    """The client that a resource belongs to."""
    return resource._client


def test_import_shim_is_light():
    """`import shim` and shim's own submodules load neither the SDK nor an HTTP library."""
    loaded = python(
        "import sys, shim; from shim import drive, errors; shim.__version__; dir(shim)\n"
        "print([m for m in ('openai', 'httpx', 'httpx2', 'pydantic') if m in sys.modules])"
    )

    assert loaded == "[]"


def test_the_classes_load_no_more_than_the_sdk():
    """`from shim import OpenAI` does not load the engine."""
    loaded = python(
        "import sys; from shim import OpenAI\n"
        "print(sorted(m for m in sys.modules if m.startswith('shim')), 'tenacity' in sys.modules)"
    )

    assert loaded == "['shim', 'shim.client'] False"


def test_other_names_are_openais(shim):
    """What shim lacks is found in `openai`; what neither has is an AttributeError."""
    assert shim.NotFoundError is openai.NotFoundError
    assert shim.types is openai.types
    assert shim.Client is shim.OpenAI is not openai.OpenAI
    assert {"OpenAI", "NotFoundError", "mount"} <= set(dir(shim))
    with pytest.raises(AttributeError):
        _ = shim.no_such_name


def test_module_resources_use_a_mounted_client(shim):
    """`shim.beta` and its like belong to a client of shim's, made from the module's values."""
    shim.api_key = "sk-module"
    shim.base_url = "https://up.example/v1"
    shim.timeout = 7
    shim.default_headers = {"x-a": "1"}

    client = client_of(shim.files)

    assert type(client) is shim.OpenAI
    assert isinstance(client._client, _Mounted)
    assert client.api_key == "sk-module"
    assert str(client.base_url) == "https://up.example/v1/"
    assert client.timeout == 7
    assert client.default_headers["x-a"] == "1"
    assert client_of(shim.beta.threads) is client
    assert "create" in dir(shim.files)
    assert "Files" in repr(shim.files)


def test_a_changed_value_makes_another_client(shim):
    """Values set later count; the connections are kept."""
    shim.api_key = "sk-1"
    shim.default_headers = {"x-a": "1"}
    first = client_of(shim.files)

    shim.default_headers["x-a"] = "2"
    second = client_of(shim.files)
    shim.api_key = "sk-2"
    third = client_of(shim.files)

    assert first is not second is not third
    assert second.default_headers["x-a"] == "2"
    assert third.api_key == "sk-2"
    assert third._client is first._client
    third.close()
    assert client_of(shim.files) is third


def test_a_resource_imported_before_the_key_works(shim):
    """A resource may be imported before there is a key."""
    files = shim.files

    shim.api_key = "sk-late"

    assert client_of(files).api_key == "sk-late"


def test_values_of_openai_and_the_environment_count(shim, monkeypatch):
    """What is not set on shim is taken from `openai`, then from the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    assert client_of(shim.files).api_key == "sk-env"

    monkeypatch.setattr(openai, "api_key", "sk-openai")

    assert client_of(shim.files).api_key == "sk-openai"
    assert shim.api_key == "sk-openai"


def test_a_given_http_client_is_used(shim, default_http):
    """The module's `http_client` ends up under the client."""
    shim.api_key = "sk-1"
    shim.http_client = default_http.Client()

    assert client_of(shim.files)._client.given is shim.http_client
    shim.http_client.close()


def test_azure_values_make_an_azure_client(shim):
    """With `api_type` azure, or an endpoint alone, the client is Azure's."""
    shim.api_key = "sk-1"
    shim.azure_endpoint = "https://me.openai.azure.com"
    shim.api_version = "2024-05-01-preview"

    client = client_of(shim.files)

    assert type(client) is shim.AzureOpenAI
    assert str(client.base_url) == "https://me.openai.azure.com/openai/"


def test_azure_values_may_come_from_the_environment(shim, monkeypatch):
    """The variables that Azure's client reads decide which client is meant."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-env")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-05-01-preview")

    assert type(client_of(shim.files)) is shim.AzureOpenAI


def test_an_ambiguous_environment_is_refused(shim, monkeypatch):
    """With both kinds of key and no `api_type` the SDK's own error is raised."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-2")

    with pytest.raises(openai.OpenAIError, match="Ambiguous use of module client"):
        client_of(shim.files)

    shim.api_type = "openai"
    assert type(client_of(shim.files)) is shim.OpenAI


def test_a_missing_key_is_told_as_by_the_sdk(shim):
    """Without a key the SDK's own error comes up, at the latest with a request."""
    with pytest.raises(openai.OpenAIError, match=r"api_key|[Cc]redentials"):
        shim.files.list()
