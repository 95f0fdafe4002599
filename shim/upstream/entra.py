"""Tokens of Microsoft Entra ID, in the place of a key that names them.

Knows azure-identity, an extra, which knows who the machine or its user is, and keeps a token until
it is nearly over. Knows the scopes of Azure's services; knows no settings and no requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from shim.errors import SettingsError

__all__ = ["check", "current", "is_entra", "scope_of"]

_ENTRA = re.compile(r"entra(?::(?P<scope>\S+))?", re.IGNORECASE)
_CLOUD = re.compile(r"\.azure\.(?P<cloud>com|us|cn)$")


def is_entra(key: str) -> bool:
    """Whether a key is none but says where one is from: `entra`, or `entra:SCOPE`."""
    return _ENTRA.fullmatch(key) is not None


def current(key: str, base_url: str) -> str:
    """The key, or for one that says `entra` the token that holds now; may wait for the network.

    Raises SettingsError where there is no azure-identity, or where it gets no token.
    """
    provider = _named(key, base_url)
    try:
        return key if provider is None else provider()
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "azure":
            raise
        raise SettingsError(f"no token of Entra ID: {_line(error)}") from error


def check(key: str, base_url: str) -> None:
    """Raise SettingsError where the key says `entra`, and there is no azure-identity."""
    _named(key, base_url)


def _named(key: str, base_url: str) -> Callable[[], str] | None:
    named = _ENTRA.fullmatch(key)
    return _provider(named["scope"] or scope_of(base_url)) if named else None


def scope_of(base_url: str) -> str:
    """What tokens for a server are asked for: Foundry's projects have a scope of their own."""
    host = (urlsplit(base_url).hostname or "").lower()
    found = _CLOUD.search(host)
    service = "ai" if ".services.ai." in host else "cognitiveservices"
    return f"https://{service}.azure.{found['cloud'] if found else 'com'}/.default"


@cache
def _provider(scope: str) -> Callable[[], str]:
    try:
        identity: Any = import_module("azure.identity")
    except ImportError as error:
        raise SettingsError(
            "SHIM_UPSTREAM_KEY=entra needs azure-identity: pip install 'assistants-shim[azure]'"
        ) from error
    provider: Callable[[], str] = identity.get_bearer_token_provider(
        identity.DefaultAzureCredential(), scope
    )
    return provider


def _line(error: Exception) -> str:
    """The first line of an error: azure-identity lists all that it tried in the next ones."""
    return str(error).strip().partition("\n")[0]
