"""LiteLLM's two providers that had the Assistants API, as its users know them.

Knows the variables that LiteLLM reads for each, the forms of Azure's addresses and the prefix of
model names. Reads no environment itself, and knows nothing of clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shim.core.wire import Call, Handler, Reply

__all__ = [
    "BETA",
    "PROVIDERS",
    "Models",
    "endpoint",
    "model_name",
    "of_environment",
    "with_beta",
]

_VARIABLES = {
    "openai": {
        "api_key": ("OPENAI_API_KEY",),
        "api_base": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "organization": ("OPENAI_ORGANIZATION",),
    },
    "azure": {
        "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
        "api_base": ("AZURE_API_BASE",),
        "api_version": ("AZURE_API_VERSION", "OPENAI_API_VERSION"),
        "azure_ad_token": ("AZURE_AD_TOKEN",),
        "tenant_id": ("AZURE_TENANT_ID",),
        "client_id": ("AZURE_CLIENT_ID",),
        "client_secret": ("AZURE_CLIENT_SECRET",),
        "azure_scope": ("AZURE_SCOPE",),
    },
}
PROVIDERS = tuple(_VARIABLES)

BETA = {"openai-beta": "assistants=v2"}
"""What OpenAI wants to be sent; on Azure a version of its own says it, and few send both."""

_AZURE_TAIL = re.compile(r"/+openai(?:/deployments/[^/]+|/v1)?/*$|/+$")


def of_environment(provider: str, name: str, environ: Mapping[str, str]) -> str | None:
    """What LiteLLM takes from the environment for an argument that was not given."""
    variables = _VARIABLES[provider].get(name, ())
    return next((environ[each] for each in variables if environ.get(each)), None)


def endpoint(base: str) -> str:
    """An Azure resource's address, without the path that many write behind it."""
    return _AZURE_TAIL.sub("", base)


def model_name(model: str, provider: str) -> str:
    """A model or deployment without the provider that LiteLLM's names begin with."""
    return model.removeprefix(f"{provider}/")


def with_beta(handler: Handler) -> Handler:
    """A handler for callers of a LiteLLM proxy, which added OpenAI's header by itself."""

    async def answer(call: Call) -> Reply:
        return await handler(replace(call, headers={**BETA, **call.headers}))

    return answer


class Models(Mapping[str, str]):
    """A model map that also takes the provider off the names which it does not list."""

    def __init__(self, listed: Mapping[str, str], provider: str) -> None:
        self._listed = dict(listed)
        self._provider = provider

    def __getitem__(self, model: str) -> str:
        name = model_name(model, self._provider) if self._provider else model
        if model in self._listed or name == model:
            return self._listed[model]
        return self._listed.get(name, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)
