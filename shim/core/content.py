"""What a create-message body becomes (Assistants spec 8.1). Knows no store and no state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shim.core.ids import mint
from shim.core.ports import Mirror
from shim.core.records import Message
from shim.core.wire import Json

__all__ = ["mirrored", "new_message"]


def new_message(body: Json, thread_id: str, now: float) -> Message:
    """The message of a create-message body."""
    return Message(
        id=mint("msg"),
        created_at=int(now),
        thread_id=thread_id,
        role=body["role"],
        content=tuple(_stored_content(body["content"])),
        attachments=tuple(body.get("attachments") or ()),
        metadata=body.get("metadata") or {},
        completed_at=int(now),
    )


def mirrored(messages: Sequence[Message]) -> list[Mirror]:
    """What the conversation has to be told of new messages."""
    return [Mirror("message", {"message_id": message.id}) for message in messages]


def _stored_content(given: Any) -> list[Json]:
    if isinstance(given, str):
        return [_text(given)]
    return [_stored_part(part) for part in given]


def _stored_part(part: Json) -> Json:
    kind = part["type"]
    if kind == "text":
        return _text(part["text"])
    inner = part[kind]
    return {"type": kind, kind: {**inner, "detail": inner.get("detail") or "auto"}}


def _text(value: str) -> Json:
    return {"type": "text", "text": {"value": value, "annotations": []}}
