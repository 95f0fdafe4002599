"""The rules that the events of every translated stream obey. Knows no upstream."""

from __future__ import annotations

from shim.core.records import Message, Step
from shim.translate.changes import Change


def check_order(changes: list[Change]) -> None:
    """The rules of Assistants spec 6.3 and 6.6 that hold for every stream."""
    message: str | None = None
    steps: dict[str, str] = {}
    indices: dict[str, int] = {}
    last_step = ""
    for change in changes:
        record, name = change.record, change.name
        if isinstance(record, Step) and name is not None:
            kind = name.rpartition(".")[2]
            assert (kind == "created") == (record.id not in steps), name
            steps[record.id] = kind
            last_step = record.id
        elif name == "thread.message.created":
            assert message is None, "a message begins before the last one ended"
            assert isinstance(record, Message)
            message = record.id
            assert steps and list(steps.values())[-1] == "in_progress"
        elif name == "thread.message.delta":
            assert change.delta is not None
            (entry,) = change.delta["delta"]["content"]
            assert change.delta["id"] == message
            last = indices.get(message or "", -1)
            assert entry["index"] in (last, last + 1)
            indices[message or ""] = max(last, entry["index"])
        elif name in ("thread.message.completed", "thread.message.incomplete"):
            assert isinstance(record, Message)
            assert record.id == message
            assert len(record.content) > indices.get(record.id, -1)
            message = None
        elif name == "thread.run.step.delta":
            assert change.delta is not None
            (entry,) = change.delta["delta"]["step_details"]["tool_calls"]
            assert steps[change.delta["id"]] == "in_progress"
            assert entry["type"] == "function" or change.delta["id"] == last_step
    assert message is None
