"""Settings given in code are checked as those of the environment are; nothing secret is shown."""

from __future__ import annotations

import io
import logging
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from odd_upstream import Api, ended, message, page, plain, sse

from shim import Settings
from shim.core.wire import Target
from shim.errors import SettingsError
from shim.transport import mounted
from shim.upstream.dialect import choose

SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"store": "false"}, "SHIM_STORE='false' is neither true nor false"),
        ({"store": None}, "SHIM_STORE=None is neither"),
        ({"models": ["gpt-4"]}, "is not a JSON object of model names"),
        ({"models": {"gpt-4": None}}, "is not a JSON object of model names"),
        ({"log": "loud"}, "SHIM_LOG='loud' is not a level"),
        ({"upstream_url": "localhost:8000/v1"}, "is not an address: use https://host/v1"),
        ({"history": "all"}, "SHIM_HISTORY='all' is not one of: items, messages"),
        ({"dialect": "ollama"}, "SHIM_DIALECT='ollama' is not one of: openai, azure, generic"),
    ],
)
@pytest.mark.parametrize("load", [True, False])
def test_bad_values_are_refused_however_settings_are_built(
    load: bool, given: dict[str, Any], words: str
) -> None:
    """A string where a flag belongs would be true, whatever it says."""
    with pytest.raises(SettingsError, match=words):
        Settings.load({}, **given) if load else Settings(**given)


@pytest.mark.parametrize("name", ["database_url", "upstream_url"])
def test_a_password_in_a_url_is_not_told(name: str) -> None:
    """Errors end up in logs."""
    with pytest.raises(SettingsError) as refused:
        Settings(**{name: f"mysql://me:{SECRET}@db.example/shim"})

    assert SECRET not in str(refused.value)
    assert "db.example/shim" in str(refused.value)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that anything logs at all."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root, ours = logging.getLogger(), logging.getLogger("shim")
    was = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(was[0])
    ours.setLevel(was[1])


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_keys_are_neither_logged_nor_stored(
    dialect: str, logged: io.StringIO, tmp_path: Path
) -> None:
    """Through runs that work, fail, break, cannot be read and cannot be reached."""
    file = tmp_path / "shim.db"
    api = Api(dialect=dialect, database_url=f"sqlite:///{file}")

    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("broken")

    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    answers = [
        sse(ended(message("ok"))),
        plain({"error": {"message": f"Bad key {SECRET}", "code": "invalid_api_key"}}, 401),
        page(f"<html>Who is {SECRET}?</html>", 401),
        page("<html>Bad gateway</html>", 502),
        broken,
        *[away] * 6,
        plain({"output": 5, "status": "completed"}),
    ]
    for answer in answers:
        api.odd.posts.append(answer)
    for _ in answers:
        path, body = api.begun()
        api.polled(path, body)
    api.close()

    connection = sqlite3.connect(file)
    stored = "\n".join(connection.iterdump())
    connection.close()
    assert "thread_" in stored and SECRET not in stored
    assert "thread_" in logged.getvalue() and SECRET not in logged.getvalue()
    assert all(SECRET.encode() not in each.read_bytes() for each in tmp_path.iterdir())


def test_a_target_does_not_show_its_headers() -> None:
    """It is part of calls, and those of error reports."""
    target = Target("https://h/v1", {"authorization": f"Bearer {SECRET}"})

    assert SECRET not in repr(target)
    assert SECRET not in repr([target])
    assert SECRET.encode() in pickle.dumps(target)  # else the test would prove nothing


@pytest.mark.parametrize(
    ("asked", "base_url"),
    [
        (
            "https://r.openai.azure.com/openai/threads?api-version=2024-05-01-preview",
            "https://r.openai.azure.com/openai/v1",
        ),
        (
            "https://r.openai.azure.us/openai/deployments/d/threads?api-version=2024-05-01-preview",
            "https://r.openai.azure.us/openai/v1",
        ),
        (
            "https://r.openai.azure.cn/openai/v1/threads/thread_1",
            "https://r.openai.azure.cn/openai/v1",
        ),
        (
            "https://r.services.ai.azure.com/api/projects/p/threads?api-version=2025-05-01",
            "https://r.services.ai.azure.com/api/projects/p/openai/v1",
        ),
        (
            "https://gateway.example/team/openai/assistants?api-version=2024-05-01-preview",
            "https://gateway.example/team/openai/v1",
        ),
        ("https://api.openai.com/v1/assistants", "https://api.openai.com/v1"),
        ("http://localhost:8000/threads/thread_1/runs", "http://localhost:8000"),
        ("http://localhost:8000/llm/v1/threads/thread_1", "http://localhost:8000/llm/v1"),
    ],
)
def test_where_upstream_calls_go(asked: str, base_url: str) -> None:
    """Azure's clouds and gateways to their v1 API, without a dated version; others as they are."""
    given = httpx.Client()
    door = mounted(given, None, None).door

    call = door.call(httpx.Request("GET", asked, headers={"api-key": SECRET}), "")

    assert call.target.base_url == base_url
    assert call.target.headers["api-key"] == SECRET
    assert ("api-version" in dict(call.query)) is False
    azure = "azure" in asked.partition("?")[0]
    assert (choose(base_url).name == "azure") is azure
    given.close()
