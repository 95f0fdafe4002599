"""Which server speaks which dialect."""

from __future__ import annotations

import pytest

from shim.errors import SettingsError
from shim.upstream.dialect import AZURE, GENERIC, OPENAI, by_name, choose


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", OPENAI),
        ("https://API.OpenAI.com:443/v1", OPENAI),
        ("https://eu.api.openai.com/v1", OPENAI),
        ("https://notapi.openai.com.example.org/v1", GENERIC),
        ("https://evilapi.openai.com/v1", GENERIC),
        ("https://me.openai.azure.com/openai/v1", AZURE),
        ("https://me.cognitiveservices.azure.com/openai/v1", AZURE),
        ("https://me.services.ai.azure.com/api/projects/p/openai/v1", AZURE),
        ("http://localhost:11434/v1", GENERIC),
        ("", GENERIC),
    ],
)
def test_the_host_says_the_dialect(base_url, expected):
    """The host of the base URL decides, whatever its path."""
    assert choose(base_url) is expected


def test_a_setting_overrules_the_host():
    """A named dialect is taken whatever the host."""
    assert choose("https://api.openai.com/v1", "generic") is GENERIC


def test_an_unknown_name_is_refused():
    """A dialect that does not exist is a settings error that names those that do."""
    with pytest.raises(SettingsError, match="known are openai, azure, generic"):
        by_name("klingon")
