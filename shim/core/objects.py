"""The objects as they look on the wire. No rules, no storage.

A function makes the wire object of a record, with the recorded server's keys in its order
(Assistants spec section 2). Two shapes exist where the server had two: plain answers, and events
(`..._event`). Besides the recorded keys, plain answers carry those that the published types require
and that server left out: a message's `status`, `incomplete_details`, `incomplete_at`,
`completed_at`; a step's `expired_at` and `metadata`.
"""

from __future__ import annotations

from dataclasses import replace

from shim.core.records import (
    ACTIVE,
    RESOURCE_IDS,
    Assistant,
    File,
    Message,
    Run,
    Step,
    Thread,
    Usage,
)
from shim.core.wire import Json

__all__ = [
    "assistant",
    "deleted",
    "file",
    "message",
    "message_modified",
    "run",
    "run_event",
    "step",
    "step_event",
    "thread",
    "thread_event",
    "thread_read",
    "without_texts",
]

_NO_FILES: Json = {"code_interpreter": {"file_ids": []}}


def assistant(record: Assistant) -> Json:
    """The wire object of an assistant (spec 2.1)."""
    return {
        "id": record.id,
        "object": "assistant",
        "created_at": record.created_at,
        "name": record.name,
        "description": record.description,
        "model": record.model,
        "instructions": record.instructions,
        "tools": [_tool(tool) for tool in record.tools],
        "top_p": _unit(record.top_p),
        "temperature": _unit(record.temperature),
        "reasoning_effort": record.reasoning_effort,
        "tool_resources": _resources(record),
        "metadata": record.metadata,
        "response_format": "auto" if record.response_format is None else record.response_format,
    }


def thread(record: Thread) -> Json:
    """The wire object of a thread as create and modify answer it (spec 2.7)."""
    return {
        "id": record.id,
        "object": "thread",
        "created_at": record.created_at,
        "metadata": record.metadata,
        "tool_resources": record.tool_resources,
    }


def thread_read(record: Thread) -> Json:
    """The wire object as GET answers it: an empty list where nothing is attached (spec 2.7)."""
    return {**thread(record), "tool_resources": record.tool_resources or _NO_FILES}


thread_event = thread_read


def message(record: Message) -> Json:
    """The wire object of a message, for plain answers and events (spec 2.3)."""
    return {
        **_message_head(record),
        "attachments": list(record.attachments),
        "metadata": record.metadata,
    }


def message_modified(record: Message) -> Json:
    """What modify answers: `file_ids`, left over from v1, in place of `attachments` (spec 2.3)."""
    return {**_message_head(record), "file_ids": [], "metadata": record.metadata}


def _message_head(record: Message) -> Json:
    return {
        "id": record.id,
        "object": "thread.message",
        "created_at": record.created_at,
        "assistant_id": record.assistant_id,
        "thread_id": record.thread_id,
        "run_id": record.run_id,
        "status": record.status,
        "incomplete_details": record.incomplete_details,
        "incomplete_at": record.incomplete_at,
        "completed_at": record.completed_at,
        "role": record.role,
        "content": list(record.content),
    }


def run(record: Run) -> Json:
    """The wire object of a run in plain answers (spec 2.4)."""
    return _run(record, {})


def run_event(record: Run) -> Json:
    """The wire object of a run in events: the same but for `tool_resources` (spec 2.7)."""
    return _run(record, _NO_FILES)


def _run(record: Run, tool_resources: Json) -> Json:
    return {
        "id": record.id,
        "object": "thread.run",
        "created_at": record.created_at,
        "assistant_id": record.assistant_id,
        "thread_id": record.thread_id,
        "status": record.status,
        "started_at": record.started_at,
        "expires_at": record.expires_at if record.status in ACTIVE else None,
        "cancelled_at": record.cancelled_at,
        "failed_at": record.failed_at,
        "completed_at": record.completed_at,
        "required_action": record.required_action,
        "last_error": record.last_error,
        "model": record.model,
        "instructions": record.instructions,
        "tools": [_tool(tool) for tool in record.tools],
        "tool_resources": tool_resources,
        "metadata": record.metadata,
        "temperature": _unit(record.temperature),
        "top_p": _unit(record.top_p),
        "reasoning_effort": record.reasoning_effort,
        "max_completion_tokens": record.max_completion_tokens,
        "max_prompt_tokens": record.max_prompt_tokens,
        "truncation_strategy": _truncation(record.truncation_strategy),
        "incomplete_details": record.incomplete_details,
        "usage": None if record.status in ACTIVE else _usage(record.used),
        "response_format": "auto" if record.response_format is None else record.response_format,
        "tool_choice": "auto" if record.tool_choice is None else record.tool_choice,
        "parallel_tool_calls": record.parallel_tool_calls is not False,
    }


def step(record: Step) -> Json:
    """The wire object of a step in plain answers: no `expires_at` once it is done (spec 2.5)."""
    return _step(record, record.expires_at if record.status == "in_progress" else None)


def step_event(record: Step) -> Json:
    """The wire object of a step in events, where `expires_at` stays."""
    return _step(record, record.expires_at)


def _step(record: Step, expires_at: int | None) -> Json:
    return {
        "id": record.id,
        "object": "thread.run.step",
        "created_at": record.created_at,
        "run_id": record.run_id,
        "assistant_id": record.assistant_id,
        "thread_id": record.thread_id,
        "type": record.type,
        "status": record.status,
        "cancelled_at": record.cancelled_at,
        "completed_at": record.completed_at,
        "expires_at": expires_at,
        "failed_at": record.failed_at,
        "expired_at": record.expired_at,
        "last_error": record.last_error,
        "step_details": record.step_details,
        "usage": None if record.status == "in_progress" else _usage(record.usage or Usage()),
        "metadata": {},
    }


def without_texts(record: Step) -> Step:
    """A step without the texts that a file search found: they are shown when asked for (spec 5)."""
    calls = record.step_details.get("tool_calls")
    if not calls or all(call["type"] != "file_search" for call in calls):
        return record
    details = {**record.step_details, "tool_calls": [_without_texts(call) for call in calls]}
    return replace(record, step_details=details)


def _without_texts(call: Json) -> Json:
    if call["type"] != "file_search":
        return call
    searched = call["file_search"]
    results = [
        {key: value for key, value in result.items() if key != "content"}
        for result in searched.get("results") or ()
    ]
    return {**call, "file_search": {**searched, "results": results}}


_FILE_STATUS = {"pending": "uploaded", "kept": "processed", "lost": "error"}


def file(record: File, expires_at: int | None) -> Json:
    """The object of a file that code made (spec 3.5)."""
    return {
        "object": "file",
        "id": record.id,
        "purpose": "assistants_output",
        "filename": record.filename,
        "bytes": record.size or 0,
        "created_at": record.created_at,
        "expires_at": expires_at,
        "status": _FILE_STATUS[record.status],
        "status_details": record.problem,
    }


def deleted(kind: str, object_id: str) -> Json:
    """The answer of a deletion; `kind` is the object's name, such as `assistant` (spec 2.6)."""
    return {"id": object_id, "object": f"{kind}.deleted", "deleted": True}


def _resources(record: Assistant) -> Json:
    """What is attached, with empty lists for tools that have nothing (spec 2.7)."""
    kinds = {tool["type"] for tool in record.tools}
    shown: Json = {}
    for kind, key in RESOURCE_IDS.items():
        given = record.tool_resources.get(kind)
        if given is not None or kind in kinds:
            shown[kind] = {key: list((given or {}).get(key) or ())}
    return shown


def _unit(value: float | None) -> float:
    return 1.0 if value is None else float(value)


def _truncation(given: Json | None) -> Json:
    given = given or {}
    return {"type": given.get("type", "auto"), "last_messages": given.get("last_messages")}


def _usage(used: Usage) -> Json:
    # `prompt_token_details` is the recorded spelling (spec 2.4)
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.completion,
        "total_tokens": used.prompt + used.completion,
        "prompt_token_details": {"cached_tokens": used.cached},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def _tool(given: Json) -> Json:
    match given["type"]:
        case "function":
            return {"type": "function", "function": _function(given["function"])}
        case "file_search":
            return {
                "type": "file_search",
                "file_search": _file_search(given.get("file_search") or {}),
            }
        case _:
            return {"type": given["type"]}


def _function(given: Json) -> Json:
    shown: Json = {"name": given["name"]}
    if given.get("description") is not None:
        shown["description"] = given["description"]
    shown["parameters"] = given.get("parameters") or {"type": "object", "properties": {}}
    shown["strict"] = bool(given.get("strict"))
    return shown


def _file_search(given: Json) -> Json:
    ranking = given.get("ranking_options") or {}
    ranker = ranking.get("ranker")
    shown: Json = {}
    if given.get("max_num_results") is not None:
        shown["max_num_results"] = given["max_num_results"]
    shown["ranking_options"] = {
        "ranker": "default_2024_08_21" if ranker in (None, "auto") else ranker,
        "score_threshold": float(ranking.get("score_threshold") or 0.0),
        "hybrid_search": ranking.get("hybrid_search"),
    }
    return shown
