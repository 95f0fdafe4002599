"""Keeps OpenAI Assistants API code running: `from shim import OpenAI`, and the rest as before.

Knows where each name lives and imports it when it is asked for. `import shim as openai` works too:
a name shim lacks is `openai`'s. `import shim as litellm` has LiteLLM's Assistants functions.
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
    from shim.functions import a_add_message as a_add_message
    from shim.functions import acreate_assistants as acreate_assistants
    from shim.functions import acreate_thread as acreate_thread
    from shim.functions import add_message as add_message
    from shim.functions import adelete_assistant as adelete_assistant
    from shim.functions import aget_assistants as aget_assistants
    from shim.functions import aget_messages as aget_messages
    from shim.functions import aget_thread as aget_thread
    from shim.functions import arun_thread as arun_thread
    from shim.functions import arun_thread_stream as arun_thread_stream
    from shim.functions import create_assistants as create_assistants
    from shim.functions import create_thread as create_thread
    from shim.functions import delete_assistant as delete_assistant
    from shim.functions import get_assistants as get_assistants
    from shim.functions import get_messages as get_messages
    from shim.functions import get_thread as get_thread
    from shim.functions import run_thread as run_thread
    from shim.functions import run_thread_stream as run_thread_stream
    from shim.server.app import asgi as asgi
    from shim.settings import Settings as Settings

__version__ = "0.1.0"

_HOMES = {
    "AsyncAzureOpenAI": "shim.client",
    "AsyncClient": "shim.client",
    "AsyncOpenAI": "shim.client",
    "AzureOpenAI": "shim.client",
    "Client": "shim.client",
    "OpenAI": "shim.client",
    "asgi": "shim.server.app",
    "Settings": "shim.settings",
    "mount": "shim.client",
    **dict.fromkeys(
        (
            "a_add_message",
            "acreate_assistants",
            "acreate_thread",
            "add_message",
            "adelete_assistant",
            "aget_assistants",
            "aget_messages",
            "aget_thread",
            "arun_thread",
            "arun_thread_stream",
            "create_assistants",
            "create_thread",
            "delete_assistant",
            "get_assistants",
            "get_messages",
            "get_thread",
            "run_thread",
            "run_thread_stream",
        ),
        "shim.functions",
    ),
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
