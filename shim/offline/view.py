"""What a model sees of a request: its context and its settings. Knows how to read items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shim.offline.wire import Json

__all__ = ["View", "text_of"]


def text_of(item: Json) -> str:
    """All text of a message item or of a tool output."""
    content = item.get("output" if "output" in item else "content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or part.get("refusal") or "" for part in content).strip()


@dataclass(frozen=True, slots=True)
class View:
    """A request as the model sees it: `items` is the whole context, `body` the request itself.

    `files` are the names in /mnt/data, `made` those that code wrote in this response.
    """

    body: Json
    items: tuple[Json, ...]
    files: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.body["model"])

    @property
    def instructions(self) -> str:
        """The instructions of this request."""
        return self.body.get("instructions") or ""

    @property
    def functions(self) -> list[Json]:
        """The function tools of this request."""
        return [tool for tool in self.body.get("tools") or [] if tool.get("type") == "function"]

    def tool(self, kind: str) -> Json | None:
        """The hosted tool of a type, if the request has it."""
        return next((t for t in self.body.get("tools") or [] if t.get("type") == kind), None)

    def may_use(self, kind: str) -> bool:
        """Whether the tool choice leaves a hosted tool to the model."""
        choice = self.choice
        if isinstance(choice, str):
            return choice != "none"
        if choice["type"] == "allowed_tools":
            return any(tool.get("type") == kind for tool in choice.get("tools") or [])
        return bool(choice["type"] == kind)

    def must_use(self, kind: str) -> bool:
        """Whether the tool choice forces a hosted tool: by name, or as the only one there is."""
        choice, tools = self.choice, self.body.get("tools") or []
        if isinstance(choice, dict):
            return bool(choice["type"] == kind)
        return choice == "required" and bool(tools) and all(t["type"] == kind for t in tools)

    @property
    def results(self) -> list[Json]:
        """The passages found since the last user message."""
        calls = [item for item in self.turn if item["type"] == "file_search_call"]
        return [result for call in calls for result in call.get("results") or []]

    @property
    def cells(self) -> list[Json]:
        """The code that ran since the last user message."""
        return [item for item in self.turn if item["type"] == "code_interpreter_call"]

    @property
    def choice(self) -> Any:
        """How tools are to be chosen."""
        return self.body.get("tool_choice") or "auto"

    @property
    def parallel(self) -> bool:
        """Whether several calls may be made at once."""
        return self.body.get("parallel_tool_calls") is not False

    @property
    def format(self) -> Json:
        """The format the text must have."""
        return (self.body.get("text") or {}).get("format") or {"type": "text"}

    @property
    def messages(self) -> list[Json]:
        """The messages of the context."""
        return [item for item in self.items if item["type"] == "message"]

    @property
    def last_user(self) -> int:
        """Where the last user message stands in the context; -1 if nowhere."""
        users = [n for n, item in enumerate(self.items) if item.get("role") == "user"]
        return users[-1] if users else -1

    @property
    def turn(self) -> tuple[Json, ...]:
        """What came after the last user message."""
        return self.items[self.last_user + 1 :]

    @property
    def text(self) -> str:
        """The text of the last user message."""
        return text_of(self.items[self.last_user]) if self.last_user >= 0 else ""

    @property
    def images(self) -> int:
        """How many images the context holds."""
        parts = [p for m in self.messages for p in m["content"] if p["type"] == "input_image"]
        return len(parts)
