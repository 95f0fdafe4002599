"""Objects of the old API as records. Knows their keys, what old ones looked like, and what is odd.

What the ledger cannot hold as it is raises Odd with the id and the place: nothing is left out but
what is listed here, and that is counted. Knows no file, no database and no order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from shim.core.records import RUN_SECONDS, Assistant, Message, Run, Step, Thread, Usage
from shim.core.wire import Json
from shim.migrate.parts import Odd, attachments, content, named, renamed, whole_call

__all__ = ["ENDED", "ID", "Odd", "Shapes", "check_id"]

ID = re.compile(r"[^\s/?#%\x00-\x1f\x7f]{1,200}")
"""What can stand in a path as one part of it: that is all that is asked of an old id."""

ENDED = {
    "queued": "expired",
    "in_progress": "expired",
    "requires_action": "expired",
    "cancelling": "cancelled",
}
"""What becomes of a run that was active when it was exported: nobody works on it any more."""

_RUN_STATUSES = {"completed", "failed", "cancelled", "expired", "incomplete", *ENDED}
_STEP_STATUSES = {"in_progress", "completed", "failed", "cancelled", "expired"}
_MESSAGE_STATUSES = {"in_progress", "completed", "incomplete"}
_TOOLS = {"function", "file_search", "code_interpreter"}
_KNOWN: dict[str, set[str]] = {
    "assistant": {
        *("id", "object", "created_at", "name", "description", "model", "instructions", "tools"),
        *("tool_resources", "metadata", "temperature", "top_p", "reasoning_effort"),
        *("response_format", "file_ids"),
    },
    "thread": {
        *("id", "object", "created_at", "metadata", "tool_resources", "messages", "runs"),
    },
    "message": {
        *("id", "object", "created_at", "thread_id", "role", "content", "attachments"),
        *("metadata", "assistant_id", "run_id", "status", "incomplete_details", "incomplete_at"),
        *("completed_at", "file_ids"),
    },
    "run": {
        *("id", "object", "created_at", "thread_id", "assistant_id", "status", "started_at"),
        *("expires_at", "cancelled_at", "failed_at", "completed_at", "required_action"),
        *("last_error", "model", "instructions", "tools", "tool_resources", "metadata", "usage"),
        *("temperature", "top_p", "reasoning_effort", "max_completion_tokens"),
        *("max_prompt_tokens", "truncation_strategy", "incomplete_details", "response_format"),
        *("tool_choice", "parallel_tool_calls", "steps", "file_ids"),
        *("shim_notes", "shim_responses", "shim_assistant_version"),
    },
    "step": {
        *("id", "object", "created_at", "run_id", "assistant_id", "thread_id", "type", "status"),
        *("cancelled_at", "completed_at", "expires_at", "expired_at", "failed_at", "last_error"),
        *("step_details", "usage"),
    },
}


def check_id(value: object, prefix: str) -> str:
    """An old id, kept as it is; raises Odd where calls could not name it."""
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise Odd(str(value), "is no id: calls could not name it in a path")
    if not value.startswith(prefix):
        raise Odd(value, f"is no id that begins with '{prefix}', as the API asks of its callers")
    return value


@dataclass(slots=True)
class Shapes:
    """Makes records. `without_tools` are types of tools that may be left out.

    `left_out` and `changed` count what the records do not say as the objects did.
    """

    without_tools: Collection[str] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    def assistant(self, given: Json) -> Assistant:
        """The record of an assistant; an old one's files are for code to read."""
        self._note_unknown("assistant", given)
        object_id = check_id(given.get("id"), "asst")
        resources = dict(_object(given, "tool_resources"))
        if old := given.get("file_ids"):
            resources.setdefault("code_interpreter", {"file_ids": list(old)})
        return Assistant(
            id=object_id,
            created_at=_seconds(given, "created_at", 0),
            model=_text(given, "model"),
            name=given.get("name"),
            description=given.get("description"),
            instructions=given.get("instructions"),
            tools=self._tools(object_id, given),
            tool_resources=resources,
            metadata=_metadata(given),
            temperature=_unless(given, "temperature", 1),
            top_p=_unless(given, "top_p", 1),
            reasoning_effort=given.get("reasoning_effort"),
            response_format=_unless(given, "response_format", "auto"),
        )

    def thread(self, given: Json) -> Thread:
        """The record of a thread."""
        self._note_unknown("thread", given)
        resources = _object(given, "tool_resources")
        if resources == {"code_interpreter": {"file_ids": []}}:
            resources = {}  # so reads show a thread with nothing attached
        return Thread(
            id=check_id(given.get("id"), "thread"),
            created_at=_seconds(given, "created_at", 0),
            metadata=_metadata(given),
            tool_resources=resources,
        )

    def message(self, given: Json, thread_id: str) -> Message:
        """The record of a message; one that was being written is incomplete."""
        self._note_unknown("message", given)
        object_id = check_id(given.get("id"), "msg")
        if given.get("role") not in ("user", "assistant"):
            raise Odd(object_id, f"has the role {given.get('role')!r}, not user or assistant")
        status = _one_of(given, "status", _MESSAGE_STATUSES, "completed")
        details = given.get("incomplete_details")
        if status == "in_progress":
            self.changed["messages that were being written are incomplete"] += 1
            status, details = "incomplete", details or {"reason": "run_expired"}
        return Message(
            id=object_id,
            created_at=_seconds(given, "created_at"),
            thread_id=thread_id,
            role=given["role"],
            content=tuple(content(object_id, given.get("content"))),
            attachments=tuple(attachments(object_id, given)),
            metadata=_metadata(given),
            assistant_id=given.get("assistant_id"),
            run_id=given.get("run_id"),
            status=status,
            incomplete_details=details,
            incomplete_at=_seconds(given, "incomplete_at", None),
            completed_at=_seconds(given, "completed_at", None),
        )

    def run(self, given: Json, thread_id: str) -> Run:
        """The record of a run; one that was active has ended."""
        self._note_unknown("run", given)
        object_id, created = check_id(given.get("id"), "run"), _seconds(given, "created_at")
        status = _one_of(given, "status", _RUN_STATUSES)
        notes = tuple(given.get("shim_notes") or ())
        cancelled_at = _seconds(given, "cancelled_at", None)
        if status in ENDED:
            self.changed[f"runs that were {status} are {ENDED[status]}"] += 1
            notes += (f"it was {status} when it was exported, and is {ENDED[status]}",)
            status = ENDED[status]
            if status == "cancelled" and cancelled_at is None:
                cancelled_at = created
        return Run(
            id=object_id,
            created_at=created,
            thread_id=thread_id,
            assistant_id=str(given.get("assistant_id") or ""),
            expires_at=_seconds(given, "expires_at", created + RUN_SECONDS),
            model=str(given.get("model") or ""),
            status=status,
            started_at=_seconds(given, "started_at", None),
            cancelled_at=cancelled_at,
            failed_at=_seconds(given, "failed_at", None),
            completed_at=_seconds(given, "completed_at", None),
            last_error=given.get("last_error"),
            instructions=given.get("instructions"),
            tools=self._tools(object_id, given),
            tool_resources=_object(given, "tool_resources"),
            metadata=_metadata(given),
            temperature=_unless(given, "temperature", 1),
            top_p=_unless(given, "top_p", 1),
            reasoning_effort=given.get("reasoning_effort"),
            max_completion_tokens=given.get("max_completion_tokens"),
            max_prompt_tokens=given.get("max_prompt_tokens"),
            truncation_strategy=given.get("truncation_strategy"),
            incomplete_details=given.get("incomplete_details"),
            response_format=_unless(given, "response_format", "auto"),
            tool_choice=_unless(given, "tool_choice", "auto"),
            parallel_tool_calls=given.get("parallel_tool_calls"),
            used=_usage(given) or Usage(),
            notes=notes,
            assistant_version=given.get("shim_assistant_version"),
        )

    def step(self, given: Json, thread_id: str, run: Run) -> Step:
        """The record of a step of a run; one that was at work ended when its run did."""
        self._note_unknown("step", given)
        object_id, created = check_id(given.get("id"), "step"), _seconds(given, "created_at")
        status, expired_at = _one_of(given, "status", _STEP_STATUSES), given.get("expired_at")
        if status == "in_progress":
            self.changed["steps that were in_progress are expired"] += 1
            status, expired_at = "expired", expired_at or run.expires_at
        details = self._details(object_id, given)
        return Step(
            id=object_id,
            created_at=created,
            run_id=run.id,
            assistant_id=str(given.get("assistant_id") or run.assistant_id),
            thread_id=thread_id,
            type=details["type"],
            expires_at=_seconds(given, "expires_at", run.expires_at),
            status=status,
            step_details=details,
            cancelled_at=_seconds(given, "cancelled_at", None),
            completed_at=_seconds(given, "completed_at", None),
            expired_at=expired_at,
            failed_at=_seconds(given, "failed_at", None),
            last_error=given.get("last_error"),
            usage=_usage(given),
        )

    def _details(self, object_id: str, given: Json) -> Json:
        details = _object(given, "step_details")
        match details.get("type"):
            case "message_creation":
                return details
            case "tool_calls":
                calls = [renamed(call) for call in details.get("tool_calls") or ()]
                kept = [c for c in calls if not self._leaves_out(object_id, c, "tool calls")]
                return {**details, "tool_calls": [whole_call(object_id, call) for call in kept]}
            case other:
                raise Odd(object_id, f"is a step of the unknown type {other!r}")

    def _tools(self, object_id: str, given: Json) -> tuple[Json, ...]:
        tools = [renamed(tool) for tool in given.get("tools") or ()]
        kept = [tool for tool in tools if not self._leaves_out(object_id, tool, "tools")]
        for tool in kept:
            if tool["type"] == "function" and not named(tool.get("function")):
                raise Odd(object_id, "has a function without a name among its tools")
        return tuple(kept)

    def _leaves_out(self, object_id: str, tool: Json, what: str) -> bool:
        """Whether a tool or call may be left out; raises Odd where it cannot be kept either."""
        kind = tool.get("type")
        if kind in _TOOLS:
            return False
        if kind not in self.without_tools:
            raise Odd(
                object_id,
                f"has the tool {kind!r}, which is not one of the API's; "
                f"--without-tool {kind} leaves such tools and their calls out",
            )
        self.left_out[f"{what} of the type {kind}"] += 1
        return True

    def _note_unknown(self, kind: str, given: Json) -> None:
        for key, value in given.items():
            if key not in _KNOWN[kind] and value not in (None, {}, [], ""):
                self.left_out[f"{kind}.{key}"] += 1


def _usage(given: Json) -> Usage | None:
    used = given.get("usage")
    if not used:
        return None
    prompt = used.get("prompt_token_details") or used.get("prompt_tokens_details") or {}
    completion = used.get("completion_tokens_details") or {}
    return Usage(
        used.get("prompt_tokens") or 0,
        used.get("completion_tokens") or 0,
        prompt.get("cached_tokens") or 0,
        completion.get("reasoning_tokens") or 0,
    )


def _metadata(given: Json) -> dict[str, str]:
    metadata = _object(given, "metadata")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise Odd(str(given.get("id")), f"metadata.{key} is no text")
    return metadata


def _object(given: Json, key: str) -> Json:
    value = given.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Odd(str(given.get("id")), f"{key} is no object")
    return value


def _text(given: Json, key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise Odd(str(given.get("id")), f"has no {key}")
    return value


_NEEDED: Any = object()


def _seconds(given: Json, key: str, default: Any = _NEEDED) -> Any:
    value = given.get(key)
    if value is None and default is not _NEEDED:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Odd(str(given.get("id")), f"{key} is {value!r}, not seconds since 1970")
    return int(value)


def _unless(given: Json, key: str, default: Any) -> Any:
    """A setting; None where it is what the server said of one that nobody had set."""
    value = given.get(key)
    return None if value == default else value


def _one_of(given: Json, key: str, known: Collection[str], default: str | None = None) -> str:
    value = given.get(key) or default
    if value not in known:
        raise Odd(str(given.get("id")), f"has the unknown {key} {value!r}")
    return str(value)
