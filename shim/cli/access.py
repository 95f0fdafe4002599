"""How the command line reaches the upstream: as a client made here without arguments would.

Knows that the SDK itself reads its key and base URL. Loads the SDK.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from openai import OpenAIError

from shim.client import OpenAI
from shim.core.wire import Target
from shim.settings import Settings
from shim.upstream.entra import current

__all__ = ["base_url_here", "client_here", "target_of"]


def client_here(settings: Settings, **options: Any) -> OpenAI | None:
    """A client with the key and URL that are set here, or None where there is no key."""
    try:
        client = OpenAI(
            api_key=current(settings.upstream_key, settings.upstream_url) or None,
            **_place_of(settings),
            **options,
        )
    except OpenAIError:
        return None
    if client.api_key:
        return client
    client.close()
    return None


def base_url_here(settings: Settings) -> str:
    """The URL that such a client goes to, key or no key."""
    with OpenAI(api_key="none", **_place_of(settings)) as client:
        return _url_of(client)


def target_of(client: OpenAI) -> Target:
    """Where calls on that client's behalf go, with its credentials."""
    headers = {name.lower(): value for name, value in client.auth_headers.items()}
    for name in ("organization", "project"):
        if value := getattr(client, name):
            headers[f"openai-{name}"] = value
    return Target(_url_of(client), headers)


def _place_of(settings: Settings) -> dict[str, Any]:
    """The upstream as the SDK takes it: what belongs into each query is no part of the URL."""
    target = Target(settings.upstream_url)
    return {"base_url": target.root or None, "default_query": dict(target.query)}


def _url_of(client: OpenAI) -> str:
    query = urlencode(dict(client.default_query))
    return str(client.base_url).rstrip("/") + (f"?{query}" if query else "")
