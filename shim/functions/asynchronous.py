"""LiteLLM's functions for code on a loop.

Their signatures are not those of the blocking ones: LiteLLM takes most by keyword alone, and the
client as the second argument. What the arguments mean, `carried` knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from openai import AsyncAssistantEventHandler
from openai.lib.streaming import AsyncAssistantStreamManager
from openai.pagination import AsyncCursorPage
from openai.types.beta import Assistant, AssistantDeleted, Thread
from openai.types.beta.threads import Message, Run

from shim.functions.accounts import Provider
from shim.functions.carried import asynchronous

__all__ = [
    "a_add_message",
    "acreate_assistants",
    "acreate_thread",
    "adelete_assistant",
    "aget_assistants",
    "aget_messages",
    "aget_thread",
    "arun_thread",
    "arun_thread_stream",
]


async def acreate_assistants(
    custom_llm_provider: Provider, client: Any = None, **kwargs: Any
) -> Assistant:
    """Create an assistant; the arguments are those of `create_assistants`."""
    given = {"client": client, **kwargs}
    return cast("Assistant", await asynchronous("create_assistants", custom_llm_provider, given))


async def aget_assistants(
    custom_llm_provider: Provider, client: Any = None, **kwargs: Any
) -> AsyncCursorPage[Assistant]:
    """List assistants; the arguments are those of `get_assistants`."""
    given = {"client": client, **kwargs}
    result = await asynchronous("get_assistants", custom_llm_provider, given)
    return cast("AsyncCursorPage[Assistant]", result)


async def adelete_assistant(
    custom_llm_provider: Provider, client: Any = None, **kwargs: Any
) -> AssistantDeleted:
    """Delete the assistant of the `assistant_id`."""
    given = {"client": client, **kwargs}
    result = await asynchronous("delete_assistant", custom_llm_provider, given)
    return cast("AssistantDeleted", result)


async def acreate_thread(custom_llm_provider: Provider, **kwargs: Any) -> Thread:
    """Create a thread; the arguments are those of `create_thread`."""
    return cast("Thread", await asynchronous("create_thread", custom_llm_provider, kwargs))


async def aget_thread(
    custom_llm_provider: Provider, thread_id: str, client: Any = None, **kwargs: Any
) -> Thread:
    """The thread of that id."""
    given = {"thread_id": thread_id, "client": client, **kwargs}
    return cast("Thread", await asynchronous("get_thread", custom_llm_provider, given))


async def a_add_message(
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
    result = await asynchronous("add_message", custom_llm_provider, {**named, **kwargs})
    return cast("Message", result)


async def aget_messages(
    custom_llm_provider: Provider, thread_id: str, client: Any = None, **kwargs: Any
) -> AsyncCursorPage[Message]:
    """List a thread's messages; the arguments are those of `get_messages`."""
    given = {"thread_id": thread_id, "client": client, **kwargs}
    result = await asynchronous("get_messages", custom_llm_provider, given)
    return cast("AsyncCursorPage[Message]", result)


async def arun_thread(
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
    **kwargs: Any,
) -> Run:
    """Run an assistant on a thread and poll until the run rests.

    With `stream=True` it gives, when awaited, the manager that `arun_thread_stream` gives.
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
    }
    given = {**named, **kwargs}
    if stream:
        return cast("Run", asynchronous("run_thread_stream", custom_llm_provider, given))
    return cast("Run", await asynchronous("run_thread", custom_llm_provider, given))


def arun_thread_stream(
    *, event_handler: AsyncAssistantEventHandler | None = None, **kwargs: Any
) -> AsyncAssistantStreamManager[AsyncAssistantEventHandler]:
    """Run an assistant on a thread, streamed: a manager, not a coroutine.

    async with arun_thread_stream(custom_llm_provider="openai", ...) as stream:
        await stream.until_done()
    """
    given = {"event_handler": event_handler, **kwargs}
    manager = asynchronous("run_thread_stream", given.pop("custom_llm_provider", None), given)
    return cast("AsyncAssistantStreamManager[AsyncAssistantEventHandler]", manager)
