"""The one table of routes: what can be asked, of which endpoint, with which body.

Data, and how a path is matched against it. The server, the coverage table and the engine read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel

from shim.core import params

__all__ = ["CONVERSATION", "PREFIXES", "ROUTES", "Matched", "Route", "match", "methods"]

PREFIXES = {
    "assistant_id": "asst",
    "thread_id": "thread",
    "message_id": "msg",
    "run_id": "run",
    "step_id": "step",
    "file_id": "file-",
}
"""How the ids in a path begin (Assistants spec 7.3)."""

CONVERSATION = "conv_"
"""How the id of a conversation begins, which may stand where a thread's does."""


@dataclass(frozen=True)
class Route:
    """An endpoint: `does` names its service and method, `body` checks what is sent."""

    method: str
    path: str
    does: str
    body: type[BaseModel] | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression with the ids as groups."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


@dataclass(frozen=True, slots=True)
class Matched:
    """A route and the ids found in the path."""

    route: Route
    ids: Mapping[str, str]


_THREAD = "/threads/{thread_id}"
_MESSAGE = _THREAD + "/messages/{message_id}"
_RUN = _THREAD + "/runs/{run_id}"
_FILE = "/files/{file_id}"

ROUTES = (
    Route("POST", "/assistants", "assistants.create", params.CreateAssistant),
    Route("GET", "/assistants", "assistants.list"),
    Route("GET", "/assistants/{assistant_id}", "assistants.retrieve"),
    Route("POST", "/assistants/{assistant_id}", "assistants.update", params.UpdateAssistant),
    Route("DELETE", "/assistants/{assistant_id}", "assistants.delete"),
    Route("POST", "/threads", "threads.create", params.CreateThread),
    Route("POST", "/threads/runs", "runs.create_with_thread", params.CreateThreadAndRun),
    Route("GET", _THREAD, "threads.retrieve"),
    Route("POST", _THREAD, "threads.update", params.UpdateThread),
    Route("DELETE", _THREAD, "threads.delete"),
    Route("POST", _THREAD + "/messages", "messages.create", params.CreateMessage),
    Route("GET", _THREAD + "/messages", "messages.list"),
    Route("GET", _MESSAGE, "messages.retrieve"),
    Route("POST", _MESSAGE, "messages.update", params.UpdateMessage),
    Route("DELETE", _MESSAGE, "messages.delete"),
    Route("POST", _THREAD + "/runs", "runs.create", params.CreateRun),
    Route("GET", _THREAD + "/runs", "runs.list"),
    Route("GET", _RUN, "runs.retrieve"),
    Route("POST", _RUN, "runs.update", params.UpdateRun),
    Route("POST", _RUN + "/cancel", "runs.cancel"),
    Route("POST", _RUN + "/submit_tool_outputs", "runs.submit", params.SubmitToolOutputs),
    Route("GET", _RUN + "/steps", "steps.list"),
    Route("GET", _RUN + "/steps/{step_id}", "steps.retrieve"),
    Route("GET", _FILE, "files.retrieve"),
    Route("GET", _FILE + "/content", "files.content"),
    Route("DELETE", _FILE, "files.delete"),
)


def match(method: str, path: str) -> Matched | None:
    """The route of a call; literal paths stand before those with ids in the table."""
    for route in ROUTES:
        if route.method == method and (found := route.pattern.fullmatch(path)):
            return Matched(route, found.groupdict())
    return None


def methods(path: str) -> set[str]:
    """The methods that a path knows."""
    return {route.method for route in ROUTES if route.pattern.fullmatch(path)}
