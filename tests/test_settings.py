"""Settings: what beats what, and what is refused with the way to put it right."""

from __future__ import annotations

import pytest

from shim import Settings
from shim.errors import SettingsError


def test_arguments_beat_the_environment() -> None:
    """A setting given in code wins over SHIM_..., which wins over the default."""
    environ = {"SHIM_CONVERSATIONS": "local", "SHIM_HISTORY": "messages"}

    settings = Settings.load(environ, history="items")

    assert (settings.conversations, settings.history, settings.store) == ("local", "items", True)


def test_values_of_the_environment_are_parsed() -> None:
    """Flags and the model map come as text."""
    settings = Settings.load({"SHIM_STORE": "false", "SHIM_MODELS": '{"gpt-4": "gpt-5.1"}'})

    assert settings.store is False
    assert settings.models == {"gpt-4": "gpt-5.1"}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"SHIM_CONVERSATIONS": "yes"}, "SHIM_CONVERSATIONS='yes' is not one of: auto, upstream"),
        ({"SHIM_MODE": "native"}, "SHIM_MODE='native' is not one of: responses"),
        ({"SHIM_DATABASE_URL": "mysql://x"}, "is not a SQLite URL"),
        ({"SHIM_DATABASE_URL": "postgresql://x"}, "PostgreSQL is not supported yet"),
        ({"SHIM_STORE": "maybe"}, "neither true nor false"),
        ({"SHIM_MODELS": "gpt-4"}, "is not a JSON object of model names"),
        ({"SHIM_MODELS": '["gpt-4"]'}, "is not a JSON object of model names"),
        ({"SHIM_LOG": "loud"}, "is not a level"),
    ],
)
def test_a_bad_value_is_refused_when_settings_are_built(
    environ: dict[str, str], words: str
) -> None:
    """The message names the variable, its value, and what it may be."""
    with pytest.raises(SettingsError, match=words.replace("[", r"\[")):
        Settings.load(environ)


def test_the_key_is_not_shown() -> None:
    """A repr of settings ends up in logs."""
    assert "sk-secret" not in repr(Settings.load({"SHIM_UPSTREAM_KEY": "sk-secret"}))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/shim.db", "/var/lib/shim.db"),
        ("sqlite:///shim.db", "shim.db"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_database_urls_name_files(url: str, path: str) -> None:
    """Four slashes are an absolute path, three a relative one."""
    assert Settings(database_url=url).database_path() == path
