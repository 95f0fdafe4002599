"""Whom a call goes to: what LiteLLM's arguments, module values and variables make of a client.

Knows LiteLLM's order: the argument, then what was set on the module (`import shim as litellm`,
`litellm.api_key = ...`), then the environment. Knows nothing of what is asked for.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal

import httpx
import openai

from shim.providers import PROVIDERS, endpoint, of_environment

__all__ = ["Account", "Provider", "account", "checked"]

Provider = Literal["openai", "azure"]

_READ_BY_OTHERS = ("OPENAI_", "AZURE_", "SHIM_")
_OF_MODULE = {"api_key", "openai_key", "azure_key", "api_base", "api_version", "organization"}
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
    kind, options_of = _KINDS[provider]
    options = tuple((name, value) for name, value in options_of(given).items() if value)
    environment = sorted((k, v) for k, v in os.environ.items() if k.startswith(_READ_BY_OTHERS))
    return Account(kind, options, tuple(environment))


def checked(function: str, provider: Any) -> None:
    """Refuse a provider that never had the Assistants API, as LiteLLM did, with its status."""
    if provider in PROVIDERS:
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


def _openai(given: dict[str, Any]) -> dict[str, Any]:
    values = _Values("openai", given)
    return {
        "api_key": values.first("api_key", "openai_key"),
        "base_url": values.first("api_base"),
        "organization": values.first("organization"),
    }


def _azure(given: dict[str, Any]) -> dict[str, Any]:
    values = _Values("azure", given)
    base, key = values.first("api_base"), values.first("api_key", "azure_key")
    return {
        "azure_endpoint": endpoint(base) if base else None,
        "api_version": values.first("api_version") or _AZURE_VERSION,
        "api_key": key,
        **_azure_token(values, key),
    }


def _azure_token(values: _Values, key: str | None) -> dict[str, Any]:
    """A token, or who makes one: of the arguments, or of the environment if there is no key."""
    provider, token = (values.given.get(f"azure_ad_token{tail}") for tail in ("_provider", ""))
    if not (provider or token or key):
        token = values.first("azure_ad_token")
        provider = None if token else _service_principal(values)
    if token and token.startswith("oidc/"):
        message = "an azure_ad_token 'oidc/...' is not exchanged: pass an azure_ad_token_provider"
        raise refused(message, "azure_ad_token")
    return {"azure_ad_token": token, "azure_ad_token_provider": provider}


def _service_principal(values: _Values) -> Any:
    names = ("tenant_id", "client_id", "client_secret")
    principal = [values.first(name) for name in names]
    return _entra(*principal, values.first("azure_scope") or _SCOPE) if all(principal) else None


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


_KINDS = {"openai": ("OpenAI", _openai), "azure": ("AzureOpenAI", _azure)}


class _Values:
    """What a provider's argument is, in LiteLLM's order."""

    def __init__(self, provider: str, given: dict[str, Any]) -> None:
        self.provider = provider
        self.given = given

    def first(self, name: str, *aliases: str) -> Any:
        """The argument, else what was set on the module, also by an alias, else the variable."""
        values = vars(sys.modules["shim"])
        of_module = (values.get(each) for each in (name, *aliases) if each in _OF_MODULE)
        found = next((value for value in (self.given.get(name), *of_module) if value), None)
        return found or of_environment(self.provider, name, os.environ)
