"""The demo's program: code for the Assistants API as it is found everywhere, with a transcript.

Knows the SDK's calls and what is worth showing of their answers. It does not know which upstream
answers, nor that a shim is at work, but for the conversation's id, which it is told how to look up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import click
from openai import AssistantEventHandler, OpenAI, OpenAIError

__all__ = ["LateError", "Walkthrough"]

QUESTION = "What is the weather in Paris?"
WEATHER = "18 degrees, light rain"
GET_WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
INSTRUCTIONS = "Answer in one short sentence. Use get_weather for the weather."


class LateError(Exception):
    """The demo took longer than it may."""


@dataclass
class Walkthrough:
    """Walks through the API once; `run` is the run as it was last."""

    client: OpenAI
    model: str
    conversation_of: Callable[[str], str]
    ends: float
    run: Any = None
    assistant_id: str = ""
    thread_id: str = ""
    statuses: list[str] = field(default_factory=list)

    def walk(self) -> None:
        """Assistant, thread, message, a streamed run with a function tool, and the messages."""
        beta = self.client.beta
        _call("client.beta.assistants.create(model=..., tools=[get_weather])")
        self.assistant_id = beta.assistants.create(
            name="shim demo", model=self.model, instructions=INSTRUCTIONS, tools=[GET_WEATHER]
        ).id
        _line("assistant", self.assistant_id)
        _call("client.beta.threads.create()")
        self.thread_id = beta.threads.create().id
        _line("thread", self.thread_id)
        _line("conversation", self.conversation_of(self.thread_id))
        _call("client.beta.threads.messages.create(thread_id, role='user', content=...)")
        beta.threads.messages.create(self.thread_id, role="user", content=QUESTION)
        _line("user", QUESTION)
        _call("client.beta.threads.runs.stream(thread_id=..., assistant_id=..., event_handler=...)")
        with beta.threads.runs.stream(
            thread_id=self.thread_id,
            assistant_id=self.assistant_id,
            event_handler=_Printer(self),
        ) as stream:
            stream.until_done()
        self._show_statuses()
        self._show_messages()

    def tidy(self) -> None:
        """Delete what the demo made; the thread's conversation goes with it."""
        if self.thread_id:
            _call("client.beta.threads.delete(thread_id)")
            self.client.beta.threads.delete(self.thread_id)
            _line("deleted", "the thread and its conversation (--keep keeps them)")
        if self.assistant_id:
            self.client.beta.assistants.delete(self.assistant_id)

    def saw(self, run: Any) -> None:
        """Take note of the run as an event tells it."""
        if self.run is None:
            _line("run", run.id)
        self.run = run
        self.statuses.append(run.status)

    def check_time(self) -> None:
        """Give the run up when the demo's time is over."""
        if time.monotonic() > self.ends and self.run is not None:
            with suppress(OpenAIError):  # it may have ended meanwhile
                self.client.beta.threads.runs.cancel(self.run.id, thread_id=self.thread_id)
            raise LateError(self.run.id)

    def submit(self, run: Any) -> None:
        """Answer the open calls from inside the first stream, as the SDK's guide did it."""
        self._show_statuses()
        outputs = [_output(call) for call in run.required_action.submit_tool_outputs.tool_calls]
        _call("client.beta.threads.runs.submit_tool_outputs_stream(..., tool_outputs=[...])")
        with self.client.beta.threads.runs.submit_tool_outputs_stream(
            thread_id=run.thread_id,
            run_id=run.id,
            tool_outputs=outputs,
            event_handler=_Printer(self),
        ) as stream:
            stream.until_done()

    def _show_statuses(self) -> None:
        if self.statuses:
            _line("status", " > ".join(dict.fromkeys(self.statuses)))
        self.statuses.clear()

    def _show_messages(self) -> None:
        _call("client.beta.threads.messages.list(thread_id, order='asc')")
        for message in self.client.beta.threads.messages.list(self.thread_id, order="asc"):
            texts = (part.text.value for part in message.content if part.type == "text")
            _line(message.role, "".join(texts))


class _Printer(AssistantEventHandler):
    """The usual event handler: prints text as it comes, and answers the function's calls."""

    def __init__(self, walk: Walkthrough) -> None:
        super().__init__()
        self._walk = walk

    def on_event(self, event: Any) -> None:
        self._walk.check_time()
        if event.event.startswith("thread.run.") and ".step." not in event.event:
            self._walk.saw(event.data)
        if event.event == "thread.run.requires_action":
            self._walk.submit(event.data)

    def on_text_created(self, text: Any) -> None:  # noqa: ARG002 - the SDK's signature
        click.echo(_labelled("assistant", ""), nl=False)

    def on_text_delta(self, delta: Any, snapshot: Any) -> None:  # noqa: ARG002 - the SDK's signature
        click.echo(delta.value, nl=False)

    def on_text_done(self, text: Any) -> None:  # noqa: ARG002 - the SDK's signature
        click.echo()


def _output(call: Any) -> Any:
    arguments = json.dumps(json.loads(call.function.arguments), ensure_ascii=False)
    _line("tool call", f"{call.function.name}({arguments})")
    _line("tool output", WEATHER)
    return {"tool_call_id": call.id, "output": WEATHER}


def _call(code: str) -> None:
    click.echo(f"\n{code}")


def _line(label: str, text: str) -> None:
    click.echo(_labelled(label, text))


def _labelled(label: str, text: str) -> str:
    return f"    {label:<14}{text}"
