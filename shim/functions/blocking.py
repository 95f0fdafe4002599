"""LiteLLM's functions for code without a loop.

Knows LiteLLM's signatures and which of its arguments are named; what they mean, `carried` knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from openai import AssistantEventHandler
from openai.lib.streaming import AssistantStreamManager
from openai.pagination import SyncCursorPage
from openai.types.beta import Assistant, AssistantDeleted, Thread
from openai.types.beta.threads import Message, Run

from shim.functions.accounts import Provider
from shim.functions.carried import blocking

__all__ = [
    "add_message",
    "create_assistants",
    "create_thread",
    "delete_assistant",
    "get_assistants",
    "get_messages",
    "get_thread",
    "run_thread",
    "run_thread_stream",
]


def create_assistants(
    custom_llm_provider: Provider,
    model: str,
    name: str | None = None,
    description: str | None = None,
    instructions: str | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_resources: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    response_format: str | Mapping[str, Any] | None = None,
    client: Any = None,
    api_key: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    **kwargs: Any,
) -> Assistant:
    """Create an assistant.

    assistant = create_assistants("openai", "gpt-6-luna", instructions="Answer briefly.")
    """
    named = {
        "model": model,
        "name": name,
        "description": description,
        "instructions": instructions,
        "tools": tools,
        "tool_resources": tool_resources,
        "metadata": metadata,
        "temperature": temperature,
        "top_p": top_p,
        "response_format": response_format,
        "client": client,
        "api_key": api_key,
        "api_base": api_base,
        "api_version": api_version,
    }
    result = blocking("create_assistants", custom_llm_provider, {**named, **kwargs})
    return cast("Assistant", result)


def get_assistants(
    custom_llm_provider: Provider,
    client: Any = None,
    api_key: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    **kwargs: Any,
) -> SyncCursorPage[Assistant]:
    """List assistants, the newest first; `limit`, `order`, `after`, `before` are the API's."""
    named = {
        "client": client,
        "api_key": api_key,
        "api_base": api_base,
        "api_version": api_version,
    }
    result = blocking("get_assistants", custom_llm_provider, {**named, **kwargs})
    return cast("SyncCursorPage[Assistant]", result)


def delete_assistant(
    custom_llm_provider: Provider,
    assistant_id: str,
    client: Any = None,
    api_key: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    **kwargs: Any,
) -> AssistantDeleted:
    """Delete an assistant."""
    named = {
        "assistant_id": assistant_id,
        "client": client,
        "api_key": api_key,
        "api_base": api_base,
        "api_version": api_version,
    }
    result = blocking("delete_assistant", custom_llm_provider, {**named, **kwargs})
    return cast("AssistantDeleted", result)


def create_thread(
    custom_llm_provider: Provider,
    messages: Iterable[Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    tool_resources: Mapping[str, Any] | None = None,
    client: Any = None,
    **kwargs: Any,
) -> Thread:
    """Create a thread.

    thread = create_thread("openai", messages=[{"role": "user", "content": "Hello!"}])
    """
    named = {
        "messages": messages,
        "metadata": metadata,
        "tool_resources": tool_resources,
        "client": client,
    }
    result = blocking("create_thread", custom_llm_provider, {**named, **kwargs})
    return cast("Thread", result)


def get_thread(
    custom_llm_provider: Provider, thread_id: str, client: Any = None, **kwargs: Any
) -> Thread:
    """The thread of that id."""
    named = {"thread_id": thread_id, "client": client}
    result = blocking("get_thread", custom_llm_provider, {**named, **kwargs})
    return cast("Thread", result)


def add_message(
    custom_llm_provider: Provider,
    thread_id: str,
    role: str,
    content: str | Iterable[Any],
    attachments: Iterable[Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    client: Any = None,
    **kwargs: Any,
) -> Message:
    """Add a message to a thread."""
    named = {
        "thread_id": thread_id,
        "role": role,
        "content": content,
        "attachments": attachments,
        "metadata": metadata,
        "client": client,
    }
    result = blocking("add_message", custom_llm_provider, {**named, **kwargs})
    return cast("Message", result)


def get_messages(
    custom_llm_provider: Provider, thread_id: str, client: Any = None, **kwargs: Any
) -> SyncCursorPage[Message]:
    """List a thread's messages; `limit`, `order`, `after`, `before`, `run_id` are the API's."""
    named = {"thread_id": thread_id, "client": client}
    result = blocking("get_messages", custom_llm_provider, {**named, **kwargs})
    return cast("SyncCursorPage[Message]", result)


def run_thread(
    custom_llm_provider: Provider,
    thread_id: str,
    assistant_id: str,
    additional_instructions: str | None = None,
    instructions: str | None = None,
    metadata: Mapping[str, str] | None = None,
    model: str | None = None,
    stream: bool | None = None,
    tools: Iterable[Any] | None = None,
    client: Any = None,
    event_handler: AssistantEventHandler | None = None,
    **kwargs: Any,
) -> Run:
    """Run an assistant on a thread and poll until the run rests.

    With `stream=True` it gives the manager that `run_thread_stream` gives.
    """
    named = {
        "thread_id": thread_id,
        "assistant_id": assistant_id,
        "additional_instructions": additional_instructions,
        "instructions": instructions,
        "metadata": metadata,
        "model": model,
        "tools": tools,
        "client": client,
        "event_handler": event_handler,
    }
    function = "run_thread_stream" if stream else "run_thread"
    return cast("Run", blocking(function, custom_llm_provider, {**named, **kwargs}))


def run_thread_stream(
    *, event_handler: AssistantEventHandler | None = None, **kwargs: Any
) -> AssistantStreamManager[AssistantEventHandler]:
    """Run an assistant on a thread, streamed; the arguments are those of `run_thread`.

    with run_thread_stream(custom_llm_provider="openai", thread_id=t, assistant_id=a) as stream:
        stream.until_done()
    """
    manager: Any = run_thread(stream=True, event_handler=event_handler, **kwargs)
    return cast("AssistantStreamManager[AssistantEventHandler]", manager)
