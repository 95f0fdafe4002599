"""What kinds of objects the Assistants API has, and what their attributes are natively.

Data: tables of templates, `{}` standing for the object. Knows no program and no syntax tree.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ATTRIBUTES", "CLASSES", "EVENTS", "OBJECTS", "TYPES", "Kind", "Rule", "listed"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object; lists and tuples have those of their elements."""

    name: str
    of: tuple[Kind | None, ...] = ()

    @property
    def element(self) -> Kind | None:
        """The kind of what a list holds, or a stream gives."""
        if self.name == "stream":
            return Kind("event")
        return self.of[0] if self.name == "list" and self.of else None


def listed(element: Kind | None) -> Kind:
    """A list of a kind."""
    return Kind("list", (element,))


@dataclass(frozen=True, slots=True)
class Rule:
    """What an attribute becomes, of which kind that is, the helper it needs and what to note."""

    becomes: str
    kind: Kind | None = None
    helper: str = ""
    note: str = ""


def _same(*names: str) -> dict[str, Rule]:
    return {name: Rule(f"{{}}.{name}") for name in names}


def _is(name: str, *, many: bool = False, note: str = "") -> Rule:
    kind = Kind(name)
    return Rule("{}", listed(kind) if many else kind, note=note)


ATTRIBUTES: dict[str, dict[str, Rule]] = {
    "thread": {
        "id": Rule("{}.id", Kind("thread_id")),
        **_same("created_at", "metadata"),
    },
    "run": {
        "id": Rule("{}.id", Kind("run_id")),
        "thread_id": Rule("{}.conversation.id", Kind("thread_id")),
        "status": Rule("{}.status"),
        "last_error": Rule("{}.error", Kind("error"), note="errors"),
        "usage": Rule("{}.usage", Kind("usage")),
        "required_action": Rule("function_calls({})", Kind("required"), "function_calls", "calls"),
        "incomplete_details": Rule("{}.incomplete_details", Kind("incomplete"), note="reasons"),
        "started_at": Rule("{}.created_at", note="times"),
        **_same("model", "instructions", "metadata", "created_at", "completed_at"),
        **_same("temperature", "top_p", "parallel_tool_calls"),
    },
    "usage": {
        "prompt_tokens": Rule("{}.input_tokens"),
        "completion_tokens": Rule("{}.output_tokens"),
        **_same("total_tokens"),
    },
    "error": _same("code", "message"),
    "incomplete": _same("reason"),
    "required": {"submit_tool_outputs": _is("submitted")},
    "submitted": {"tool_calls": _is("call", many=True)},
    "call": {"id": Rule("{}.call_id"), "function": _is("function")},
    "function": _same("name", "arguments"),
    "message": {
        "content": Rule("{}.content", listed(Kind("part"))),
        **_same("id", "role"),
    },
    "part": {
        "text": _is("text"),
        "image_file": _is("image"),
        **_same("refusal"),
    },
    "text": {"value": Rule("{}.text")},
    "cited": {
        "value": Rule("{}.value"),
        "annotations": Rule("{}.annotations", listed(Kind("annotation"))),
    },
    "annotation": {
        "file_citation": _is("citation"),
        "file_path": _is("path"),
        **_same("text", "start_index", "end_index"),
    },
    "citation": _same("file_id"),
    "path": {"file_id": _is("made", note="made")},
    "image": {"file_id": _is("made", note="made")},
    "made_file": {"id": _is("made"), **_same("filename")},
    "step": {"step_details": _is("details"), **_same("id", "status")},
    "details": {
        "tool_calls": Rule(
            '([{}] if {}.type.endswith("_call") else [])', listed(Kind("step_call"))
        ),
        "message_creation": _is("creation"),
    },
    "creation": {"message_id": Rule("{}.id")},
    "step_call": {
        "id": Rule("{}.id"),
        "function": _is("function"),
        "code_interpreter": _is("code"),
        "file_search": _is("search"),
    },
    "code": {
        "input": Rule("{}.code"),
        "outputs": Rule("({}.outputs or [])", listed(Kind("output"))),
    },
    "output": _same("logs"),
    "search": {"results": Rule("({}.results or [])", listed(Kind("result")))},
    "result": {"file_name": Rule("{}.filename"), **_same("file_id", "score")},
    "message_event": {"delta": _is("message_delta"), "id": Rule("{}.item_id")},
    "message_delta": {"content": Rule("[{}]", listed(Kind("delta_part")))},
    "delta_part": {"text": _is("delta_text")},
    "delta_text": {
        "value": Rule("{}.delta"),
        "annotations": Rule("[]", listed(Kind("annotation")), note="late"),
    },
    "said": {
        "value": Rule("{}"),
        "annotations": Rule("[]", listed(Kind("annotation")), note="late"),
    },
    "step_event": {"delta": _is("step_delta")},
    "step_delta": {"step_details": _is("step_delta_details")},
    "step_delta_details": {
        "tool_calls": Rule("[call_delta({})]", listed(Kind("call_delta")), "call_delta", "events"),
    },
    "call_delta": {
        "function": _is("function_delta"),
        "code_interpreter": _is("code_delta"),
        **_same("type"),
    },
    "function_delta": _same("arguments"),
    "code_delta": {
        "input": Rule("{}.input"),
        "outputs": Rule("{}.outputs", listed(Kind("output"))),
    },
    "stream": {"close": Rule("{}.close")},
}
"""By kind and attribute. What is not here has no counterpart, and is refused."""

_CALLS = ("function", "code_interpreter", "file_search")

TYPES: dict[tuple[str, str], str] = {
    ("part", "text"): '{}.type in ("input_text", "output_text")',
    ("part", "image_file"): '{}.type == "container_file_citation"',
    ("part", "image_url"): '{}.type == "input_image"',
    ("part", "refusal"): '{}.type == "refusal"',
    ("annotation", "file_citation"): '{}.type == "file_citation"',
    ("annotation", "file_path"): '{}.type == "container_file_citation"',
    ("step", "message_creation"): '{}.type == "message"',
    ("step", "tool_calls"): '{}.type.endswith("_call")',
    ("details", "message_creation"): '{}.type == "message"',
    ("details", "tool_calls"): '{}.type.endswith("_call")',
    ("required", "submit_tool_outputs"): "{}",
    ("step_delta_details", "tool_calls"): "True",
    ("step_delta_details", "message_creation"): "False",
    ("output", "logs"): '{}.type == "logs"',
    ("output", "image"): '{}.type == "image"',
    ("delta_part", "text"): '{}.type == "response.output_text.delta"',
    ("delta_part", "image_file"): "False",
    **{
        (kind, name): f'{{}}.type == "{name}_call"'
        for kind in ("call", "step_call")
        for name in _CALLS
    },
    **{("call_delta", name): f'{{}}.type == "{name}"' for name in _CALLS},
}
"""What the comparison of an object's `type` with a word becomes."""

OBJECTS: dict[str, Kind | None] = {
    "Assistant": Kind("assistant"),
    "Thread": Kind("thread"),
    "Run": Kind("run"),
    "Message": Kind("message"),
    "ThreadMessage": Kind("message"),
    "RunStep": Kind("step"),
    "AssistantStreamEvent": Kind("event"),
}
"""The kinds that annotations name."""

CLASSES: dict[str, tuple[str, str]] = {
    "TextContentBlock": ("part", "text"),
    "MessageContentText": ("part", "text"),
    "ImageFileContentBlock": ("part", "image_file"),
    "MessageContentImageFile": ("part", "image_file"),
    "RefusalContentBlock": ("part", "refusal"),
    "FileCitationAnnotation": ("annotation", "file_citation"),
    "FilePathAnnotation": ("annotation", "file_path"),
    "ImageURLContentBlock": ("part", "image_url"),
    "CodeInterpreterOutputLogs": ("output", "logs"),
    "CodeInterpreterOutputImage": ("output", "image"),
    "CodeInterpreterLogs": ("output", "logs"),
    "CodeInterpreterToolCall": ("step_call", "code_interpreter"),
    "FunctionToolCall": ("step_call", "function"),
    "FileSearchToolCall": ("step_call", "file_search"),
    "CodeInterpreterToolCallDelta": ("call_delta", "code_interpreter"),
    "FunctionToolCallDelta": ("call_delta", "function"),
    "ToolCallsStepDetails": ("details", "tool_calls"),
    "MessageCreationStepDetails": ("details", "message_creation"),
    "TextDeltaBlock": ("delta_part", "text"),
    "RequiredActionFunctionToolCall": ("call", "function"),
}
"""What `isinstance` of a class asks for, as a kind and its `type`."""

_DONE = '{}.type == "response.completed"'
_ADDED = '{}.type == "response.output_item.added" and {}.item.type'
_ENDED = '{}.type == "response.output_item.done" and {}.item.type'

EVENTS: dict[str, tuple[str, str]] = {
    "thread.run.created": ('{}.type == "response.created"', "run"),
    "thread.run.queued": ('{}.type == "response.queued"', "run"),
    "thread.run.in_progress": ('{}.type == "response.in_progress"', "run"),
    "thread.run.requires_action": (f"{_DONE} and function_calls({{}}.response)", "run"),
    "thread.run.completed": (f"{_DONE} and not function_calls({{}}.response)", "run"),
    "thread.run.incomplete": ('{}.type == "response.incomplete"', "run"),
    "thread.run.failed": ('{}.type == "response.failed"', "run"),
    "thread.message.created": (f'{_ADDED} == "message"', "message"),
    "thread.message.delta": ('{}.type == "response.output_text.delta"', "message_event"),
    "thread.message.completed": (f'{_ENDED} == "message"', "message"),
    "thread.run.step.delta": ("call_delta({}) is not None", "step_event"),
    "thread.run.step.created": (f'{_ADDED}.endswith("_call")', "step"),
    "thread.run.step.completed": (f'{_ENDED}.endswith("_call")', "step"),
    "error": ('{}.type == "error"', ""),
}
"""The events that have a counterpart: how it is known, and the kind of its data."""
