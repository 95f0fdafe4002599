"""Settings: what beats what, and what is refused with the way to put it right."""

from __future__ import annotations

from pathlib import Path

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
        ({"SHIM_MODE": "other"}, "SHIM_MODE='other' is not one of: responses, native"),
        ({"SHIM_MODE": "native"}, "SHIM_MODE=native needs SHIM_NATIVE_URL"),
        ({"SHIM_DATABASE_URL": "mysql://x"}, "is neither a file nor a PostgreSQL database"),
        ({"SHIM_DATABASE_URL": "postgres://x?pool=0"}, "pool=0 in SHIM_DATABASE_URL is no number"),
        (
            {"SHIM_DATABASE_URL": "postgres://x?prepared_statements=no"},
            "prepared_statements=no in SHIM_DATABASE_URL is neither true nor false",
        ),
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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://shim:secret@db:5432/shim?sslmode=require", "postgresql://***@db:5432/shim"),
        ("postgres://shim:sec/ret@db/shim", "postgres://***@db/shim"),
        ("postgres://shim:sec@ret@db/shim", "postgres://***@db/shim"),
        ("postgres://shim:secret?@db/shim", "postgres://***"),
        ("postgres://db/shim?user=shim&password=secret", "postgres://db/shim"),
        ("postgresql://db1,db2/shim", "postgresql://db1,db2/shim"),
    ],
)
def test_the_password_of_a_database_is_not_shown(url: str, shown: str) -> None:
    """Neither where the settings are printed nor where the place of the database is told."""
    settings = Settings(database_url=url)

    assert settings.database_shown() == shown
    assert "sec" not in repr(settings)


def test_the_parameters_of_a_database_are_libpqs_but_two() -> None:
    """The size of the pool and prepared statements are shim's; all else passes as it is."""
    url = "postgresql://db/shim?sslmode=require&pool=3&options=-csearch_path%3Da&password=a%26b"

    address = Settings(database_url=f"{url}&prepared_statements=false").address()

    assert address is not None
    assert address.url == url.replace("&pool=3", "")
    assert (address.pool, address.prepared) == (3, False)


def test_a_folder_for_files_wins_over_the_database() -> None:
    """With PostgreSQL what code made is kept in the database, unless a folder is set."""
    url = "postgresql://db/shim"

    assert Settings(database_url=url).files_path() is None
    assert Settings(database_url=url, files="/srv/files").files_path() == Path("/srv/files")


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
