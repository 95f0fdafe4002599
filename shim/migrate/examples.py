"""Threads as lines for other purposes: fine-tuning, evals, input for the Responses API. Pure.

Each line says what a thread says, as far as the purpose has a place for it: markers of citations
go, images stay where there is a form for them, function calls stay with their outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shim.core.records import Message, Run, Step
from shim.core.wire import Json
from shim.migrate.history import placed
from shim.storage.imports import History
from shim.translate.items import message_item, message_text, pair_items

__all__ = ["FORMATS"]


def _finetune(history: History) -> Json | None:
    """A thread as an example of a chat; None where it has no answer to learn from."""
    messages = [each for entry in placed(history) for each in _chat(entry)]
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        return None
    run = history.runs[-1] if history.runs else None
    system = run.instructions if run else None
    head: list[Json] = [{"role": "system", "content": system}] if system else []
    tools = [tool for tool in run.tools if tool["type"] == "function"] if run else []
    return {"messages": head + messages, **({"tools": tools} if tools else {})}


def _chat(entry: Message | Run | Step) -> list[Json]:
    if isinstance(entry, Message):
        content = _chat_content(entry)
        return [{"role": entry.role, "content": content}] if content else []
    if isinstance(entry, Run) or entry.type != "tool_calls":
        return []
    calls = [
        call
        for call in entry.step_details["tool_calls"]
        if call["type"] == "function" and call["function"].get("output") is not None
    ]
    if not calls:
        return []
    asked = [
        {
            "id": call["id"],
            "type": "function",
            "function": {key: call["function"][key] for key in ("name", "arguments")},
        }
        for call in calls
    ]
    told = [
        {"role": "tool", "tool_call_id": call["id"], "content": call["function"]["output"]}
        for call in calls
    ]
    return [{"role": "assistant", "tool_calls": asked}, *told]


def _chat_content(message: Message) -> str | list[Json]:
    images = [part["image_url"] for part in message.content if part["type"] == "image_url"]
    text = message_text(message)
    if not images or message.role == "assistant":
        return text
    said: list[Json] = [{"type": "text", "text": text}] if text else []
    return said + [{"type": "image_url", "image_url": image} for image in images]


def _evals(history: History) -> Json | None:
    """What was said before the last answer, and that answer as the expected one."""
    messages = list(history.messages)
    while messages and (messages[-1].role != "assistant" or not message_text(messages[-1])):
        messages.pop()
    if len(messages) < 2:
        return None
    *before, last = messages
    asked = [{"role": each.role, "content": message_text(each)} for each in before]
    run = history.runs[-1] if history.runs else None
    if run and run.instructions:
        asked.insert(0, {"role": "developer", "content": run.instructions})
    return {
        "item": {"thread_id": history.thread.id, "input": asked, "expected": message_text(last)}
    }


def _responses(history: History) -> Json | None:
    """The thread as the input of a response."""
    items: list[Json] = []
    for entry in placed(history):
        if isinstance(entry, Message):
            item = message_item(entry)
            items += [] if item is None else [item]
        elif isinstance(entry, Step) and entry.type == "tool_calls":
            items += pair_items(entry)
    run = history.runs[-1] if history.runs else None
    said = {"model": run.model, "instructions": run.instructions} if run else {}
    return {"metadata": {"thread_id": history.thread.id}, **said, "input": items} if items else None


FORMATS: Mapping[str, Callable[[History], Json | None]] = {
    "finetune": _finetune,
    "evals": _evals,
    "responses": _responses,
}
"""What makes the line of a thread, by the name of the format; None where there is none to make."""
