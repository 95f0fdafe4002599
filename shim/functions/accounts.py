"""Whom a call goes to: what LiteLLM's arguments, module values and variables make of a client.

Knows LiteLLM's order: the argument, then what was set on the module (`import shim as litellm`,
`litellm.api_key = ...`), then the environment. Knows nothing of what is asked for.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal

import httpx
import openai

__all__ = ["Account", "Provider", "account", "checked", "model_name"]

Provider = Literal["openai", "azure"]

_READ_BY_OTHERS = ("OPENAI_", "AZURE_", "SHIM_")
_AZURE_TAIL = re.compile(r"/+openai(?:/deployments/[^/]+|/v1)?/*$|/+$")
_AZURE_VERSION = "2025-02-01-preview"  # needed by the SDK's class, never sent to Responses
_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, slots=True)
class Account:
    """What a client is made of; calls with equal ones share a client.

    The environment is part of it, since the SDK and the settings read more of it than is told.
    """

    kind: str
    options: tuple[tuple[str, Any], ...] = field(repr=False)
    environment: tuple[tuple[str, str], ...] = field(repr=False)


def account(provider: str, given: dict[str, Any]) -> Account:
    """The account that the arguments, the module and the environment name."""
    kind, options = ("AzureOpenAI", _azure(given)) if provider == "azure" else ("OpenAI", {})
    options = options or _openai(given)
    environment = sorted((k, v) for k, v in os.environ.items() if k.startswith(_READ_BY_OTHERS))
    kept = tuple((name, value) for name, value in options.items() if value)
    return Account(kind, kept, tuple(environment))


def checked(function: str, provider: Any) -> None:
    """Refuse a provider that never had the Assistants API, as LiteLLM did, with its status."""
    if provider in ("openai", "azure"):
        return
    message = (
        f"custom_llm_provider {provider!r} is not supported for {function!r}: use 'openai' or "
        "'azure'; another server that speaks the Responses API is 'openai' with its api_base"
    )
    raise refused(message, "custom_llm_provider")


def refused(message: str, param: str) -> openai.BadRequestError:
    """The SDK's error for an argument that no request is made for."""
    request = httpx.Request("POST", "https://shim.invalid")
    response: Any = httpx.Response(400, request=request)
    body = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return openai.BadRequestError(message, response=response, body=body)


def model_name(model: str, provider: str) -> str:
    """A model or deployment without the provider that LiteLLM's names begin with."""
    return model.removeprefix(f"{provider}/")


def _openai(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "api_key": given.get("api_key") or _set("api_key", "openai_key") or _env("OPENAI_API_KEY"),
        "base_url": given.get("api_base")
        or _set("api_base")
        or _env("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "organization": given.get("organization")
        or _set("organization")
        or _env("OPENAI_ORGANIZATION"),
    }


def _azure(given: dict[str, Any]) -> dict[str, Any]:
    base = given.get("api_base") or _set("api_base") or _env("AZURE_API_BASE")
    key = given.get("api_key") or _set("api_key", "azure_key")
    key = key or _env("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
    return {
        "azure_endpoint": _AZURE_TAIL.sub("", base) if base else None,
        "api_version": given.get("api_version")
        or _set("api_version")
        or _env("AZURE_API_VERSION", "OPENAI_API_VERSION")
        or _AZURE_VERSION,
        "api_key": key,
        **_azure_token(given, key),
    }


def _azure_token(given: dict[str, Any], key: str | None) -> dict[str, Any]:
    """A token, or who makes one: of the arguments, or of the environment if there is no key."""
    provider, token = given.get("azure_ad_token_provider"), given.get("azure_ad_token")
    if not (provider or token or key):
        token = _env("AZURE_AD_TOKEN")
        provider = None if token else _service_principal(given)
    if token and token.startswith("oidc/"):
        message = "an azure_ad_token 'oidc/...' is not exchanged: pass an azure_ad_token_provider"
        raise refused(message, "azure_ad_token")
    return {"azure_ad_token": token, "azure_ad_token_provider": provider}


def _service_principal(given: dict[str, Any]) -> Any:
    tenant, client, secret = (
        given.get(name) or _env(f"AZURE_{name.upper()}")
        for name in ("tenant_id", "client_id", "client_secret")
    )
    if not (tenant and client and secret):
        return None
    return _entra(tenant, client, secret, given.get("azure_scope") or _env("AZURE_SCOPE") or _SCOPE)


@cache
def _entra(tenant: str, client: str, secret: str, scope: str) -> Any:
    """A token provider of the azure-identity library, one for each principal."""
    try:
        identity = import_module("azure.identity")
    except ImportError as error:
        message = (
            "signing in with tenant_id, client_id and client_secret needs azure-identity: "
            "pip install azure-identity, or pass an azure_ad_token_provider"
        )
        raise openai.OpenAIError(message) from error
    credential = identity.ClientSecretCredential(tenant, client, secret)
    return identity.get_bearer_token_provider(credential, scope)


def _set(*names: str) -> Any:
    """The first of these values that was set on the module."""
    values = vars(sys.modules["shim"])
    return next((values[name] for name in names if values.get(name)), None)


def _env(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
