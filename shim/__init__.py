"""Keeps OpenAI Assistants API code running: `from shim import OpenAI`, and the rest as before.

Knows where each name lives and imports it when it is asked for. `import shim as openai` works too:
a name shim lacks is `openai`'s.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.client import AsyncAzureOpenAI as AsyncAzureOpenAI
    from shim.client import AsyncOpenAI as AsyncOpenAI
    from shim.client import AzureOpenAI as AzureOpenAI
    from shim.client import OpenAI as OpenAI
    from shim.client import mount as mount
    from shim.settings import Settings as Settings

__version__ = "0.1.0"

_HOMES = {
    "AsyncAzureOpenAI": "shim.client",
    "AsyncClient": "shim.client",
    "AsyncOpenAI": "shim.client",
    "AzureOpenAI": "shim.client",
    "Client": "shim.client",
    "OpenAI": "shim.client",
    "Settings": "shim.settings",
    "mount": "shim.client",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value
    if name.startswith("__") or find_spec(f"shim.{name}"):  # a submodule not imported yet
        raise AttributeError(f"module 'shim' has no attribute {name!r}")
    module_client = import_module("shim.module_client")
    if module_client.is_resource(name):
        return module_client.resource(name)
    return getattr(import_module("openai"), name)


def __dir__() -> list[str]:
    borrowed = dir(sys.modules["openai"]) if "openai" in sys.modules else []
    return sorted({*globals(), *_HOMES, *borrowed})
