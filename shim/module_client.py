"""`import shim as openai`: the client behind `shim.beta`, `shim.files` and their like.

Knows which values of the modules `shim` and `openai` make a client, and that a client is made anew
when they change. Knows nothing of what the resources do.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import openai

from shim.client import AzureOpenAI, OpenAI

__all__ = ["is_resource", "resource"]

_AZURE = ("azure_endpoint", "azure_ad_token", "azure_ad_token_provider", "api_version")
_COMMON = (
    "api_key",
    "organization",
    "base_url",
    "timeout",
    "max_retries",
    "default_headers",
    "default_query",
    "http_client",
)
_OPENAI = (*_COMMON, "project", "webhook_secret", "admin_api_key")
_VARIABLES = {
    "azure_endpoint": "AZURE_OPENAI_ENDPOINT",
    "azure_ad_token": "AZURE_OPENAI_AD_TOKEN",
    "api_version": "OPENAI_API_VERSION",
    "api_type": "OPENAI_API_TYPE",
}
_AMBIGUOUS = (
    "Ambiguous use of module client; please set `openai.api_type` or the `OPENAI_API_TYPE` "
    "environment variable to `openai` or `azure`"
)


def is_resource(name: str) -> bool:
    """Whether `openai` has a module-level resource of that name."""
    return type(vars(openai).get(name)).__module__ == "openai._module_client"


def resource(name: str) -> Any:
    """The resource of shim's module-level client, made when it is used."""
    return getattr(openai, name) if _value("api_type") == "amazon-bedrock" else _Resource(name)


class _Resource:
    """Stands for a resource, so that `from shim import beta` needs no key yet."""

    def __init__(self, name: str) -> None:
        vars(self)["_name"] = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(getattr(_CLIENT.current(), vars(self)["_name"]), attribute)

    def __dir__(self) -> list[str]:
        return dir(getattr(_CLIENT.current(), vars(self)["_name"]))

    def __repr__(self) -> str:
        return repr(getattr(_CLIENT.current(), vars(self)["_name"]))


class _ModuleClient:
    """The client made of the modules' values, kept for as long as these stay as they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: OpenAI | None = None
        self._made_of: tuple[dict[str, Any], dict[str, str]] = ({}, {})

    def current(self) -> OpenAI:
        """The client for the values as they are now."""
        with self._lock:
            values, environment = _values(), _environment()
            if self._client is None or (values, environment) != self._made_of:
                self._client = _build(values, self._reusable(values))
                self._made_of = (values, environment)
            return self._client

    def _reusable(self, values: dict[str, Any]) -> Any:
        """The HTTP client in use, so that a new key does not cost new connections."""
        if self._client is None or "http_client" in values or "http_client" in self._made_of[0]:
            return None
        return None if self._client.is_closed() else self._client._client  # noqa: SLF001


_CLIENT = _ModuleClient()


def _build(values: dict[str, Any], http_client: Any) -> OpenAI:
    kind = AzureOpenAI if values["api_type"] == "azure" else OpenAI
    options = {name: value for name, value in values.items() if name != "api_type"}
    return kind(**{"http_client": http_client, **options})


def _values() -> dict[str, Any]:
    api_type = _api_type()
    names = (*_COMMON, *_AZURE) if api_type == "azure" else _OPENAI
    values = {name: _frozen(value) for name in names if (value := _value(name)) is not None}
    return {"api_type": api_type, **values}


def _environment() -> dict[str, str]:
    """What the SDK's clients may read where no value is set."""
    return {k: v for k, v in os.environ.items() if k.startswith(("OPENAI_", "AZURE_OPENAI_"))}


def _frozen(value: Any) -> Any:
    """A copy of a mapping, so that a later change to it is seen as one."""
    return dict(value) if isinstance(value, dict) else value


def _value(name: str) -> Any:
    """What was set on `shim`, else on `openai`, else in the environment."""
    value = vars(sys.modules["shim"]).get(name)
    if value is None:
        value = getattr(openai, name, None)
    if value is None and name in _VARIABLES:
        value = os.environ.get(_VARIABLES[name])
    return value


def _api_type() -> str:
    """Which client is meant, by the rules of the SDK's own module client."""
    if chosen := _value("api_type"):
        return str(chosen)
    key = os.environ.get("AZURE_OPENAI_API_KEY")
    token = _value("azure_ad_token") or _value("azure_ad_token_provider")
    azure = bool(key or token or _value("azure_endpoint"))
    if azure and ("OPENAI_API_KEY" in os.environ or (key and token)):
        raise openai.OpenAIError(_AMBIGUOUS)
    return "azure" if azure else "openai"
