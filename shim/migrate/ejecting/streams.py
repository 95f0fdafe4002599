"""Streams and event handlers: who reads a stream, and how. Knows one statement at a time."""

from __future__ import annotations

from typing import Any

import libcst as cst

from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.flow import CALLBACKS, is_handler_class
from shim.migrate.ejecting.kinds import Kind
from shim.migrate.ejecting.scopes import Binding
from shim.migrate.ejecting.syntax import code, keywords, parsed

__all__ = ["call", "handler_class", "loop"]

_SDK_OWN = frozenset(
    {
        *("current_event", "current_message_snapshot", "current_run_step_snapshot"),
        *("until_done", "get_final_run", "get_final_messages", "get_final_run_steps", "close"),
        *("text_deltas", "on_run_step_delta"),
    }
)
"""What the SDK's handler has besides, and a program's own does not get."""


def call(  # noqa: PLR0911 - a case for each method
    draft: Draft, original: cst.Call, updated: cst.Call
) -> cst.BaseExpression | None:
    """A method of a stream's."""
    func = original.func
    if not isinstance(func, cst.Attribute) or not isinstance(updated.func, cst.Attribute):
        return None
    kind = draft.flow.kind(func.value)
    if kind is None or kind.name != "stream":
        return None
    handler = _handler(draft, func.value)
    stream = code(updated.func.value)
    match func.attr.value:
        case "until_done":
            if handler is not None:
                draft.note("handler")
                _check_handler(draft, original, handler)
                return parsed(f"{code(handler)}.read({stream})")
            return parsed(f"{_final(draft, original)}({stream})")
        case "get_final_run":
            return parsed(_end(draft, original, func.value, handler, stream))
        case "get_final_messages":
            end = _end(draft, original, func.value, handler, stream)
            return parsed(f'[item for item in {end}.output if item.type == "message"]')
        case "close":
            return None
    draft.refuse(original, "the native stream has no such method")
    return None


def _check_handler(draft: Draft, node: cst.Call, handler: cst.BaseExpression) -> None:
    """Refuse a handler that is not one of this file's."""
    kind = draft.flow.kind(handler)
    name = kind.of[0].name if kind and kind.name == "instance" and kind.of[0] else ""
    cls = draft.flow.program.classes.get(name)
    if cls is None or not is_handler_class(cls):
        draft.refuse(node, "its event handler is not of a class in this file", "put the class here")


def _final(draft: Draft, node: cst.Call) -> str:
    return draft.helper("final_response", is_async=draft.is_async(node))


def _end(
    draft: Draft,
    node: cst.Call,
    stream: cst.BaseExpression,
    handler: cst.BaseExpression | None,
    text: str,
) -> str:
    """The response at the end of a stream that nobody else reads, or that a handler has read."""
    if draft.is_async(node):
        draft.refuse(
            node, "the end of an asynchronous stream", "read the response of its last event"
        )
        return "None"
    if isinstance(handler, cst.Name | cst.Attribute):
        return f"{code(handler)}.current_run"
    if handler is not None or _is_read(draft, stream, node):
        draft.refuse(
            node,
            "what was streamed is asked for again when the stream has been read",
            "keep event.response of the last event",
        )
    return f"{_final(draft, node)}({text})"


def _is_read(draft: Draft, stream: cst.BaseExpression, node: cst.Call) -> bool:
    """Whether something else reads a stream."""
    program = draft.flow.program
    place, made = program.place(stream), _binding(draft, stream)
    names = (each for each in program.nodes if isinstance(each, cst.Name | cst.Attribute))
    used = (each for each in names if each is not stream and not program.is_label(each))
    same = (each for each in used if program.place(each) == place)
    reading = [each for each in same if _binding(draft, each) is made]
    parents = (program.parents.get(each) for each in reading)
    return any(
        parent is not node.func and not isinstance(parent, cst.AsName | cst.AssignTarget)
        for parent in parents
    )


def _binding(draft: Draft, stream: cst.BaseExpression) -> Binding | None:
    """Where a stream got its name."""
    program = draft.flow.program
    place = program.place(stream)
    found = [each for each in program.bindings if each.place == place]
    sure = [each for each in found if program.reaches(each, stream)]
    return max(sure or found, key=lambda each: program.order[each.at or stream], default=None)


def _handler(draft: Draft, stream: cst.BaseExpression) -> cst.BaseExpression | None:
    """The event handler that a stream was asked for with."""
    binding = _binding(draft, stream)
    value = binding.value if binding else None
    value = value.expression if isinstance(value, cst.Await) else value
    api = draft.flow.api(value) if value is not None else None
    if api is not None:
        return keywords(api.node).get("event_handler")
    kind = draft.flow.kind(value)
    is_other = isinstance(value, cst.Name | cst.Attribute) and kind == Kind("stream")
    return _handler(draft, value) if is_other else None  # type: ignore[arg-type]


def loop(draft: Draft, original: cst.For | cst.CompFor, updated: Any) -> Any:
    """A loop over a stream, or over a list that was walked page by page."""
    kind = draft.flow.kind(original.iter)
    if kind is None:
        return updated
    if isinstance(original.iter, cst.Attribute) and original.iter.attr.value == "text_deltas":
        if original.asynchronous is None:
            return updated
        text = code(updated.iter).replace(" for event in ", " async for event in ", 1)
        return updated.with_changes(iter=parsed(text))
    if kind.name == "list" and original.asynchronous is not None:
        return updated.with_changes(asynchronous=None)
    if kind.name == "stream":
        if _handler(draft, original.iter) is not None:
            draft.refuse(original.iter, "a stream with a handler is read in a loop as well")
        if draft.flow.has_functions:
            draft.note("locked")
            is_async = original.asynchronous is not None
            events = draft.helper("events_of", is_async=is_async)
            return updated.with_changes(iter=parsed(f"{events}({code(updated.iter)})"))
    return updated


def handler_class(draft: Draft, original: cst.ClassDef, updated: cst.ClassDef) -> cst.ClassDef:
    """An event handler as a class of the program's own."""
    if not is_handler_class(original):
        return updated
    draft.note("handler")
    _check_own(draft, original)
    for line in original.body.body:
        name = line.name.value if isinstance(line, cst.FunctionDef) else ""
        if name.startswith("on_") and name not in CALLBACKS:
            draft.refuse(line, f"{name} has no counterpart")
    is_async = code(original.bases[0].value).endswith("AsyncAssistantEventHandler")
    base = draft.helper("ResponseHandler", is_async=is_async)
    bases = [
        each.with_changes(value=cst.Name(base))
        if code(each.value).endswith("AssistantEventHandler")
        else each
        for each in updated.bases
    ]
    return updated.with_changes(bases=bases)


def _check_own(draft: Draft, cls: cst.ClassDef) -> None:
    """Refuse what a handler reads of the SDK's, and does not have any more."""
    program = draft.flow.program
    full = f"{program.scopes[cls].name}.{cls.name.value}".strip(".")
    for node in program.nodes:
        scope = program.scopes.get(node)
        owner = scope.cls if scope is not None else None
        if scope is None or owner is None or owner.name != full:
            continue
        is_read = isinstance(node, cst.Attribute) and code(node.value) == scope.receiver
        name = node.attr.value if isinstance(node, cst.Attribute) else ""
        if is_read and name in _SDK_OWN and name not in owner.bound:
            draft.refuse(node, "the SDK's handler kept it", "keep it in the handler")
