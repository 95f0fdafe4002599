"""Threads as conversations, and messages as their items."""

from __future__ import annotations

import libcst as cst

from shim.migrate.ejecting import settings
from shim.migrate.ejecting.conversion import Conversion, response_of
from shim.migrate.ejecting.syntax import code, is_none, laid_out, string

__all__ = [
    "add",
    "conversation",
    "create",
    "delete",
    "delete_message",
    "messages",
    "retrieve",
    "retrieve_message",
    "update",
]


def create(it: Conversion) -> str:
    """A new thread."""
    it.draft.note("thread")
    it.only("messages", "metadata", "tool_resources")
    return conversation(it, it.given)


def retrieve(it: Conversion) -> str:
    """A thread by its id."""
    it.only("thread_id")
    return it.call(f"{it.client}.conversations.retrieve", it.text("thread_id"))


def update(it: Conversion) -> str:
    """A thread's metadata."""
    it.only("thread_id", "metadata", "tool_resources")
    changes = [f"metadata={it.text('metadata')}"] if it.has("metadata") else []
    if it.has("tool_resources"):
        it.draft.note("attachments")
        arguments = (it.client, it.text("thread_id"), it.text("tool_resources"), *changes)
        return it.call(it.helper("keep_resources"), *arguments)
    it.draft.note("metadata_update")
    return it.call(f"{it.client}.conversations.update", it.text("thread_id"), *changes)


def delete(it: Conversion) -> str:
    """The end of a thread."""
    it.only("thread_id")
    it.draft.note("thread")
    return it.call(f"{it.client}.conversations.delete", it.text("thread_id"))


def add(it: Conversion) -> str:
    """A new message."""
    it.only("thread_id", "role", "content", "attachments", "metadata")
    if not (it.has("role") and it.has("content")):
        it.refuse("role and content are not given by name")
        return "None"
    item = settings.message(it.draft, it.given)
    thread = it.text("thread_id")
    if it.has("attachments"):
        it.draft.note("attachments")
        arguments = (it.client, thread, item, it.text("attachments"))
        return it.call(it.helper("add_message"), *arguments)
    if (run := it.draft.run_after(it.api.node)) is not None:
        it.draft.inputs.setdefault(run, []).append(item)
        return "None"
    it.draft.note("message")
    return it.call(f"{it.client}.conversations.items.create", thread, f"items=[{item}]")


def messages(it: Conversion) -> str:
    """The messages of a thread."""
    it.only("thread_id", "order", "limit", "after", "run_id")
    if it.has("run_id"):
        return _messages_of_run(it)
    it.draft.note("messages")
    options = [f"{name}={it.text(name)}" for name in ("order", "after") if it.has(name)]
    if it.has("limit") and not _walks_on(it):
        options.append(f"limit={it.text('limit')}")
    return it.call(it.helper("messages_of"), it.client, it.text("thread_id"), *options)


def _walks_on(it: Conversion) -> bool:
    """Whether the list is walked over its pages, so that `limit` is no bound."""
    parents = it.draft.flow.program.parents
    parent = parents.get(it.api.node)
    if isinstance(parent, cst.Await):
        parent = parents.get(parent)
    return isinstance(parent, cst.For | cst.CompFor | cst.Arg)


def _messages_of_run(it: Conversion) -> str:
    it.draft.note("run_messages")
    run = response_of(it)
    found = f'[item for item in {run}.output if item.type == "message"]'
    is_oldest_first = string(it.given.get("order")) == "asc"
    found = found if is_oldest_first else f"{found}[::-1]"
    if it.is_async:
        it.refuse("messages of a run, listed in async code", "read the response's output")
    return found


def retrieve_message(it: Conversion) -> str:
    """A message by its id."""
    it.only("message_id", "thread_id")
    it.draft.note("message")
    where = f"conversation_id={it.text('thread_id')}"
    function = f"{it.client}.conversations.items.retrieve"
    return it.call(function, it.text("message_id"), where)


def delete_message(it: Conversion) -> str:
    """The end of a message."""
    it.only("message_id", "thread_id")
    where = f"conversation_id={it.text('thread_id')}"
    return it.call(f"{it.client}.conversations.items.delete", it.text("message_id"), where)


def conversation(it: Conversion, given: dict[str, cst.BaseExpression]) -> str:
    """A new conversation with what a thread is made of."""
    given = {name: node for name, node in given.items() if not is_none(node)}
    messages = given.get("messages")
    metadata = [f"metadata={code(given['metadata'])}"] if "metadata" in given else []
    written = settings.messages(it.draft, messages) if messages is not None else []
    has_files = it.draft.has_files and "attachments" in (code(messages) if messages else "")
    if written is None or has_files or "tool_resources" in given:
        if has_files or "tool_resources" in given:
            it.draft.note("attachments")
        names = [name for name in ("messages", "tool_resources") if name in given]
        arguments = [f"{name}={code(given[name])}" for name in names]
        return it.call(it.helper("new_conversation"), it.client, *arguments, *metadata)
    items = [f"items={laid_out('[', written, ']', 1)}"] if written else []
    return it.call(f"{it.client}.conversations.create", *items, *metadata)
