"""The names by which programs call the Assistants API: SDK methods, client classes, functions.

Data, each method with its endpoint in the route table. Knows no file and no language's grammar;
names are those of Python's SDK, and what other SDKs say is brought to them (`snake`).
"""

from __future__ import annotations

import re

from shim.core import routes

__all__ = [
    "CLIENTS",
    "CLIENT_MODULES",
    "LITELLM",
    "METHODS",
    "NATIVE",
    "RESOURCES",
    "VERSION_1_METHODS",
    "endpoint_of",
    "snake",
]

CLIENTS = frozenset(
    {"OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI", "Client", "AsyncClient"}
)
"""What `shim` has in the place of `openai`'s."""

CLIENT_MODULES = frozenset({"openai", "openai.lib.azure", "openai._client"})
"""Where the SDK has its clients."""

LITELLM = frozenset(
    {
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
    }
)

_THREAD = "/threads/{thread_id}"
_RUN = f"{_THREAD}/runs/{{run_id}}"
_MESSAGE = f"{_THREAD}/messages/{{message_id}}"

METHODS = {
    "assistants.create": "POST /assistants",
    "assistants.list": "GET /assistants",
    "assistants.retrieve": "GET /assistants/{assistant_id}",
    "assistants.update": "POST /assistants/{assistant_id}",
    "assistants.delete": "DELETE /assistants/{assistant_id}",
    "threads.create": "POST /threads",
    "threads.retrieve": f"GET {_THREAD}",
    "threads.update": f"POST {_THREAD}",
    "threads.delete": f"DELETE {_THREAD}",
    "threads.create_and_run": "POST /threads/runs",
    "threads.create_and_run_poll": "POST /threads/runs",
    "threads.create_and_run_stream": "POST /threads/runs",
    "threads.messages.create": f"POST {_THREAD}/messages",
    "threads.messages.list": f"GET {_THREAD}/messages",
    "threads.messages.retrieve": f"GET {_MESSAGE}",
    "threads.messages.update": f"POST {_MESSAGE}",
    "threads.messages.delete": f"DELETE {_MESSAGE}",
    "threads.runs.create": f"POST {_THREAD}/runs",
    "threads.runs.create_and_poll": f"POST {_THREAD}/runs",
    "threads.runs.create_and_stream": f"POST {_THREAD}/runs",
    "threads.runs.stream": f"POST {_THREAD}/runs",
    "threads.runs.list": f"GET {_THREAD}/runs",
    "threads.runs.retrieve": f"GET {_RUN}",
    "threads.runs.poll": f"GET {_RUN}",
    "threads.runs.update": f"POST {_RUN}",
    "threads.runs.cancel": f"POST {_RUN}/cancel",
    "threads.runs.submit_tool_outputs": f"POST {_RUN}/submit_tool_outputs",
    "threads.runs.submit_tool_outputs_and_poll": f"POST {_RUN}/submit_tool_outputs",
    "threads.runs.submit_tool_outputs_stream": f"POST {_RUN}/submit_tool_outputs",
    "threads.runs.steps.list": f"GET {_RUN}/steps",
    "threads.runs.steps.retrieve": f"GET {_RUN}/steps/{{step_id}}",
}
"""The SDK's methods below `client.beta`, and the endpoint that each calls."""

VERSION_1_METHODS = frozenset(
    f"{resource}.files.{method}"
    for resource in ("assistants", "threads.messages")
    for method in ("create", "list", "retrieve", "delete")
)
"""What went with `assistants=v1` and is in no SDK that shim runs on."""

RESOURCES = frozenset(
    {".".join(name.split(".")[:n]) for name in METHODS for n in range(1, name.count(".") + 1)}
    | {name.rpartition(".")[0] for name in VERSION_1_METHODS}
)

NATIVE = frozenset(
    {f"responses.{m}" for m in ("create", "retrieve", "stream", "parse", "delete", "cancel")}
    | {f"conversations.{m}" for m in ("create", "retrieve", "update", "delete")}
    | {f"conversations.items.{m}" for m in ("create", "list", "retrieve", "delete")}
)
"""Calls of a program that has moved on."""

_SPELLINGS = {
    "del": "delete",
    "get": "retrieve",
    "get_list": "list",
    "get_one": "retrieve",
    "modify": "update",
    "new": "create",
}


def snake(name: str) -> str:
    """A method's name as Python's SDK writes it: `createAndPoll`, `CreateAndPollAsync`, `del`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().removesuffix("_async")
    words = words.replace("new_and_", "create_and_")
    if words.endswith(("_streamed", "_streaming")):
        words = f"{words.rpartition('_')[0]}_stream"
        words = "stream" if words == "create_stream" else words
    return _SPELLINGS.get(words, words)


def endpoint_of(method: str | None, path: str) -> str | None:
    """The endpoint that a method and a path with anything for its ids belong to."""
    plain = re.sub(r"^/v\d+", "", path.rstrip("/")) or "/"
    for route in routes.ROUTES:
        if route.path.startswith("/files"):
            continue
        if route.pattern.fullmatch(plain) and method in {None, route.method}:
            return f"{route.method} {route.path}" if method else route.path
    return None
