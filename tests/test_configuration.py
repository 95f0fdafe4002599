"""The settings file: shim's keys, LiteLLM's blocks, and what is wrong with a file."""

from __future__ import annotations

import logging
import sys

import pytest

from shim import Settings
from shim.errors import SettingsError
from shim.providers import Models
from shim.settings import configured

AZURE = """
assistant_settings:
  custom_llm_provider: azure
  litellm_params:
    api_key: os.environ/AZURE_API_KEY
    api_base: os.environ/AZURE_API_BASE
    api_version: os.environ/AZURE_API_VERSION
"""
OPENAI = """
model_list:
  - model_name: gpt
assistant_settings:
  custom_llm_provider: openai
  litellm_params:
    api_key: os.environ/ASTRA_API_KEY
    api_base: os.environ/ASTRA_API_BASE
general_settings:
  master_key: sk-1234
  database_url: postgresql://litellm
"""


@pytest.fixture
def written(tmp_path):
    """Write a settings file; gives its path."""

    def write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_azure_settings_of_litellm_are_understood(written):
    """The block of LiteLLM's page for Azure names the upstream, its key and its dialect."""
    environ = {
        "AZURE_API_KEY": "az-key",
        "AZURE_API_BASE": "https://me.openai.azure.com/",
        "AZURE_API_VERSION": "2024-05-01-preview",
    }

    settings = Settings.load(environ, config=written(AZURE))

    assert settings.upstream_url == "https://me.openai.azure.com/openai/v1"
    assert (settings.upstream_key, settings.dialect) == ("az-key", "azure")


@pytest.mark.parametrize(
    ("more", "key"),
    [("", "entra"), (", azure_scope: 'https://s/.default'", "entra:https://s/.default")],
)
def test_a_service_principal_is_azure_identitys(written, more, key):
    """Where its parameters are those of the environment, which azure-identity reads."""
    names = ("tenant_id", "client_id", "client_secret")
    params = ", ".join(f"{name}: os.environ/AZURE_{name.upper()}" for name in names)
    block = f"{{custom_llm_provider: azure, litellm_params: {{{params}{more}}}}}"
    environ = {f"AZURE_{name.upper()}": name for name in names}

    settings = Settings.load(environ, config=written(f"assistant_settings: {block}"))

    assert settings.upstream_key == key


def test_settings_for_a_compatible_server_are_understood(written, caplog):
    """So is the block for another server; other blocks of LiteLLM's are no news."""
    environ = {"ASTRA_API_KEY": "k", "ASTRA_API_BASE": "https://astra.example/v1"}
    path = written(OPENAI)

    with caplog.at_level(logging.WARNING, "shim"):
        settings = Settings.load(environ, config=path)

    assert (settings.upstream_url, settings.upstream_key) == ("https://astra.example/v1", "k")
    assert (settings.dialect, settings.database_url) == ("", "")
    assert settings.provider == "openai"
    assert configured(environ, path).master_key == "sk-1234"
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("params", "environ", "url", "key"),
    [
        ("{}", {"AZURE_OPENAI_API_KEY": "k", "AZURE_API_BASE": "https://a.b"}, "a.b", "k"),
        ("{api_base: 'https://a.b/openai/v1', azure_ad_token: t}", {}, "a.b", "t"),
        ("", {"AZURE_AD_TOKEN": "t", "AZURE_API_BASE": "https://a.b/openai"}, "a.b", "t"),
    ],
)
def test_what_the_block_leaves_out_the_environment_has(written, params, environ, url, key):
    """LiteLLM's own variables stand in, and a token is as good as a key."""
    path = written(
        f"assistant_settings: {{custom_llm_provider: azure, litellm_params: {params or 'null'}}}"
    )

    settings = Settings.load(environ, config=path)

    assert settings.upstream_url == f"https://{url}/openai/v1"
    assert settings.upstream_key == key


def test_the_key_of_the_environment_is_used_for_openai(written):
    """Without a key in the block it is OPENAI_API_KEY; the address is never the environment's."""
    environ = {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}

    settings = Settings.load(
        environ, config=written("assistant_settings: {custom_llm_provider: openai}")
    )

    assert (settings.upstream_key, settings.upstream_url) == ("sk-env", "")


def test_settings_of_shim_stand_beside(written):
    """At the top level or under `shim:`, with YAML's own types or as text."""
    settings = Settings.load(
        {"MY_DB": "sqlite:////srv/shim.db"},
        config=written("""
            history: messages
            store: false
            models: {gpt-4-turbo: gpt-6-luna}
            upstream_key: 12345
            log:
            shim:
              history: items
              database_url: os.environ/MY_DB
              files_max_mb: "7"
        """),
    )

    assert (settings.history, settings.store, settings.log) == ("items", False, "")
    assert settings.database_url == "sqlite:////srv/shim.db"
    assert settings.models == {"gpt-4-turbo": "gpt-6-luna"}
    assert (settings.files_max_mb, settings.upstream_key) == (7, "12345")


def test_arguments_beat_the_environment_which_beats_the_file(written):
    """And the file named by an argument beats that of the environment."""
    path = written("{history: messages, conversations: local, log: debug, store: true}")
    environ = {"SHIM_CONFIG": path, "SHIM_CONVERSATIONS": "upstream", "SHIM_LOG": "info"}

    settings = Settings.load(environ, log="")
    elsewhere = Settings.load({"SHIM_CONFIG": "/none.yaml"}, config=path, log="")

    assert (settings.history, settings.conversations) == ("messages", "upstream")
    assert settings.log == ""
    assert (elsewhere.history, elsewhere.conversations) == ("messages", "local")


def test_shims_own_settings_beat_litellms(written):
    """Whoever names an upstream for shim means it."""
    path = written(f"{OPENAI}\nshim: {{upstream_url: 'https://other.example/v1'}}")

    settings = Settings.load({"ASTRA_API_KEY": "k", "ASTRA_API_BASE": "https://a.b"}, config=path)

    assert settings.upstream_url == "https://other.example/v1"


def test_variables_of_the_file_are_seen_by_its_references(written):
    """LiteLLM's `environment_variables` hold values, or name variables in their turn."""
    text = (
        "environment_variables: {ASTRA_API_KEY: k, ASTRA_API_BASE: os.environ/X, Y: os.environ/Z}"
    )

    settings = Settings.load({"X": "https://x.example"}, config=written(f"{text}\n{OPENAI}"))

    assert (settings.upstream_key, settings.upstream_url) == ("k", "https://x.example")


def test_the_master_key_may_be_in_its_variable(written):
    """LITELLM_MASTER_KEY counts where the file is a LiteLLM proxy's, and only there."""
    environ = {"LITELLM_MASTER_KEY": "sk-master"}

    assert configured(environ, written("general_settings: {}")).master_key == "sk-master"
    assert configured(environ, written("history: items")).master_key == ""
    assert configured(environ).master_key == ""


def test_models_lose_the_prefix_that_litellm_asked_for():
    """With a provider set, `openai/name` is asked for as `name`, unless it is listed."""
    models = Models({"openai/kept": "openai/kept", "old": "new"}, "openai")

    wanted = ["openai/mine", "openai/kept", "openai/old", "old", "azure/x", "plain"]
    assert [models.get(name, name) for name in wanted] == [
        "mine",
        "openai/kept",
        "new",
        "new",
        "azure/x",
        "plain",
    ]
    assert dict(models) == {"openai/kept": "openai/kept", "old": "new"}


def test_without_a_provider_models_keep_their_names():
    """What a model is called is its server's affair."""
    models = Models({"old": "new"}, "")

    assert [models.get(n, n) for n in ("openai/mine", "/x", "old")] == ["openai/mine", "/x", "new"]


def test_what_is_not_used_is_told(written, caplog):
    """Names that are neither shim's nor LiteLLM's, and parameters that shim has no use for."""
    path = written("""
        histroy: items
        zzz: 1
        assistant_settings:
          custom_llm_provider: openai
          colour: red
          litellm_params: {max_retries: 2, api_version: x}
    """)

    with caplog.at_level(logging.WARNING, "shim"):
        Settings.load({}, config=path)

    assert [message.removeprefix("the settings file has ") for message in caplog.messages] == [
        "histroy (is history meant?), which shim does not use",
        "zzz, which shim does not use",
        "assistant_settings.colour, which shim does not use",
        "assistant_settings.litellm_params.max_retries, which shim does not use",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shim: {histroy: items}", r"shim.histroy is no setting \(is history meant\?\)"),
        ("- a", "the file is no mapping"),
        ("shim: [1]", "shim is no mapping"),
        ("shim: {1: 2}", "shim is no mapping"),
        ("a: [", "is no YAML"),
        ("history: os.environ/NONE", "history is os.environ/NONE, and the variable NONE is not"),
        (OPENAI, "litellm_params.api_key is os.environ/ASTRA_API_KEY, and the variable"),
        (
            "general_settings: {master_key: os.environ/KEY}",
            "general_settings.master_key is os.environ/KEY",
        ),
        ("assistant_settings: {custom_llm_provider: cohere}", "it must be openai or azure"),
        ("assistant_settings: {litellm_params: {}}", "custom_llm_provider is None"),
        (
            "assistant_settings: {custom_llm_provider: azure, litellm_params: {tenant_id: t}}",
            "make no token here",
        ),
        ("history: 5", "SHIM_HISTORY='5' is not one of"),
        ("store: 5", "neither true nor false"),
        ("models: [a]", "is not a JSON object of model names"),
        ("files_max_mb: many", "is no number of megabytes"),
    ],
)
def test_a_wrong_file_is_refused(written, text, words):
    """The message says where in the file, and what to put right."""
    with pytest.raises(SettingsError, match=words):
        Settings.load({}, config=written(text))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """Whoever names a file expects it to count."""
    with pytest.raises(SettingsError, match=r"none.yaml cannot be read: No such file"):
        Settings.load({"SHIM_CONFIG": str(tmp_path / "none.yaml")})


def test_a_file_needs_pyyaml(written, monkeypatch):
    """PyYAML is no dependency of the client; the message says what to install."""
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(
        SettingsError, match=r"needs PyYAML: pip install 'assistants-shim\[server\]"
    ):
        Settings.load({}, config=written("history: items"))


def test_keys_are_not_shown(written):
    """A repr of what was read ends up in logs."""
    environ = {"ASTRA_API_KEY": "sk-up", "ASTRA_API_BASE": "https://a.b"}

    shown = repr(configured(environ, written(OPENAI)))

    assert "sk-up" not in shown
    assert "sk-1234" not in shown
