"""LiteLLM's functions for the Assistants API: `from shim import create_thread`.

Names, arguments and defaults are LiteLLM's; what comes back are the SDK's own objects, and what is
raised are its errors. Each is one call of a client of shim's.
"""

from __future__ import annotations

from shim.functions.asynchronous import (
    a_add_message,
    acreate_assistants,
    acreate_thread,
    adelete_assistant,
    aget_assistants,
    aget_messages,
    aget_thread,
    arun_thread,
    arun_thread_stream,
)
from shim.functions.blocking import (
    add_message,
    create_assistants,
    create_thread,
    delete_assistant,
    get_assistants,
    get_messages,
    get_thread,
    run_thread,
    run_thread_stream,
)

__all__ = [
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
]
