"""A call of the Assistants API while it is converted: its client, and its arguments by name."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.flow import Api
from shim.migrate.ejecting.kinds import Kind
from shim.migrate.ejecting.syntax import code, is_none, laid_out

__all__ = ["OPTIONS", "POSITIONAL", "Conversion", "response_of", "settings_of_id"]

_MESSAGE = ("message_id", "thread_id")
_RUN = ("run_id", "thread_id")

POSITIONAL: dict[str, tuple[str, ...]] = {
    "assistants": ("assistant_id",),
    "threads": ("thread_id",),
    "threads.messages": ("thread_id",),
    "threads.messages.retrieve": _MESSAGE,
    "threads.messages.delete": _MESSAGE,
    "threads.messages.update": _MESSAGE,
    "threads.runs": _RUN,
    "threads.runs.create": ("thread_id",),
    "threads.runs.create_and_poll": ("thread_id",),
    "threads.runs.create_and_stream": ("thread_id",),
    "threads.runs.stream": ("thread_id",),
    "threads.runs.list": ("thread_id",),
    "threads.runs.steps": _RUN,
    "threads.runs.steps.retrieve": ("step_id",),
}
"""The arguments that may come without a name, by method or else by resource."""

OPTIONS = ("timeout", "extra_headers", "extra_query", "extra_body")
_DROPPED = frozenset({"poll_interval_ms", "event_handler", "stream"})


@dataclass(slots=True)
class Conversion:
    """A call with its arguments as they are now, and as they were."""

    draft: Draft
    api: Api
    client: str
    given: dict[str, cst.BaseExpression]
    was: dict[str, cst.BaseExpression]
    is_async: bool

    def text(self, name: str) -> str:
        """An argument's code."""
        return code(self.given[name])

    def has(self, name: str) -> bool:
        """Whether an argument is given, and not as None."""
        return name in self.given and not is_none(self.given[name])

    def only(self, *names: str) -> None:
        """Refuse arguments that are not among these."""
        known = {*names, *OPTIONS, *_DROPPED}
        for name in self.given:
            if name not in known and self.has(name):
                self.refuse(f"the argument {name} has no counterpart")

    def refuse(self, why: str, hand: str = "") -> None:
        """Say that the call cannot be converted."""
        self.draft.refuse(self.api.node, why, hand)

    def helper(self, name: str) -> str:
        """The name of a helper that goes through the client."""
        return self.draft.helper(name, is_async=self.is_async)

    def waited(self, text: str) -> str:
        """A call inside the call, awaited where the client is asynchronous."""
        return f"await {text}" if self.is_async else text

    def call(self, function: str, *arguments: str) -> str:
        """A call, with the options that are the SDK's own."""
        options = [f"{name}={self.text(name)}" for name in OPTIONS if name in self.given]
        return laid_out(f"{function}(", [*arguments, *options], ")")

    @property
    def stands_alone(self) -> bool:
        """Whether nothing is done with what the call gives."""
        parents = self.draft.flow.program.parents
        parent = parents.get(self.api.node)
        parent = parents.get(parent) if isinstance(parent, cst.Await) else parent
        return isinstance(parent, cst.Expr)

    @property
    def streamed(self) -> bool:
        """Whether the call gives a stream."""
        kind = self.draft.flow.kind(self.api.node)
        return kind is not None and kind.name == "stream"


def settings_of_id(it: Conversion) -> str:
    """The settings that an assistant's id stands for."""
    kind = it.draft.flow.kind(it.was.get("assistant_id"))
    if kind is not None and kind.name in {"assistant", "assistant_id"}:
        return it.text("assistant_id")
    if it.draft.definitions and "assistant_id" in it.given:
        return f"{it.draft.helper('ASSISTANTS')}[{it.text('assistant_id')}]"
    it.refuse(
        "the assistant is not made in this file, so that its settings are not known",
        "`shim assistants pull FOLDER`, then --assistant FOLDER",
    )
    return "None"


def response_of(it: Conversion) -> str:
    """The response that a run's id is of: the object where the program has it, else asked for."""
    was, now = it.was.get("run_id"), it.given.get("run_id")
    if isinstance(was, cst.Attribute) and was.attr.value == "id":
        kind = it.draft.flow.kind(was.value)
        if kind == Kind("run") and isinstance(now, cst.Attribute):
            return code(now.value)
    text = f"{it.client}.responses.retrieve({code(now) if now else 'None'})"
    return f"({it.waited(text)})" if it.is_async else text
