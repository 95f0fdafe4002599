"""Records as rows and back. Knows which fields of a record stand in columns of their own.

What is looked up, compared or changed alone has a column; the rest of a record is one JSON text.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from shim.core.records import Assistant, File, Message, Native, Run, Step, Thread, Usage
from shim.core.wire import decode_json, encode_compact
from shim.storage.database import Row

__all__ = ["dump", "load", "pack", "unpack", "unpack_native", "unpack_thread"]

Record = TypeVar("Record", Assistant, File, Message, Run, Step)

_COLUMNS: dict[type, frozenset[str]] = {
    Assistant: frozenset({"id", "version"}),
    File: frozenset({"id", "thread_id", "run_id", "status"}),
    Message: frozenset({"id", "thread_id", "run_id", "position", "metadata"}),
    Run: frozenset({"id", "thread_id", "status", "version", "metadata"}),
    Step: frozenset({"id", "thread_id", "run_id", "type", "position"}),
}
_NOT_STORED = frozenset({"content"})
"""What a file carries on its way to where contents are kept; of a message it is stored."""

_PACKED = {
    kind: tuple(
        f.name
        for f in fields(kind)
        if f.name not in columns and not (kind is File and f.name in _NOT_STORED)
    )
    for kind, columns in _COLUMNS.items()
}
_TUPLES = frozenset({"tools", "content", "attachments", "notes", "include"})
_USAGES = frozenset({"usage", "used"})

load = decode_json


def dump(value: Any) -> str:
    """The JSON text of a value."""
    return encode_compact(value).decode()


def pack(record: Assistant | File | Message | Run | Step) -> str:
    """The JSON text of the fields that have no column."""
    values = {name: getattr(record, name) for name in _PACKED[type(record)]}
    for name in _USAGES & values.keys():
        values[name] = _numbers(values[name])
    return dump(values)


def _numbers(usage: Usage | None) -> list[int] | None:
    if usage is None:
        return None
    return [usage.prompt, usage.completion, usage.cached, usage.reasoning]


def unpack(kind: type[Record], row: Row) -> Record:
    """The record of a row that holds its columns and `data`; fields unknown here are left out."""
    stored = load(row["data"])
    values: dict[str, Any] = {name: stored[name] for name in _PACKED[kind] if name in stored}
    for name in _COLUMNS[kind]:
        values[name] = load(row[name]) if name == "metadata" else row[name]
    for name in _TUPLES & values.keys():
        values[name] = tuple(values[name])
    for name in _USAGES & values.keys():
        values[name] = None if values[name] is None else Usage(*values[name])
    return kind(**values)


def unpack_thread(row: Row) -> Thread:
    """The thread of a row joined with its mirror's conversation id."""
    return Thread(
        id=row["id"],
        created_at=row["created_at"],
        metadata=load(row["metadata"]),
        tool_resources=load(row["tool_resources"]),
        conversation_id=row["conversation_id"],
        version=row["version"],
        shared=bool(row["shared"]),
    )


def unpack_native(row: Row) -> Native:
    """The item of native code that a row holds."""
    return Native(row["id"], row["thread_id"], load(row["data"]), row["position"])
