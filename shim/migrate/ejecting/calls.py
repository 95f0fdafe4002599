"""The calls of the Assistants API, each as native code; those of assistants are here.

Knows methods, and whose they are.
"""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from shim.migrate.ejecting import runs, settings, threads
from shim.migrate.ejecting.conversion import OPTIONS, POSITIONAL, Conversion, settings_of_id
from shim.migrate.ejecting.draft import Draft
from shim.migrate.ejecting.flow import Api
from shim.migrate.ejecting.kinds import Kind
from shim.migrate.ejecting.syntax import code, keywords, laid_out

__all__ = ["convert"]


def convert(draft: Draft, api: Api, updated: cst.Call) -> str | None:
    """A call as native code; None where there is none, which is said."""
    if any(each.star for each in api.node.args):
        draft.refuse(api.node, "its arguments are not written out", "write them out")
        return None
    resource = api.method.rpartition(".")[0]
    names = POSITIONAL.get(api.method, POSITIONAL.get(resource, ()))
    func = updated.func
    for _ in range(api.method.count(".") + 2):
        assert isinstance(func, cst.Attribute)
        func = func.value
    given, was = keywords(updated, names), keywords(api.node, names)
    conversion = Conversion(draft, api, code(func), given, was, draft.is_async(api.node))
    function = _METHODS.get(api.method)
    if function is None:
        draft.refuse(api.node, *_WITHOUT.get(api.method, ("it has no counterpart",)))
        return None
    missing = [each for each in names if each not in given and each in _NEEDED]
    if missing and not api.method.startswith(("assistants.create", "threads.create")):
        conversion.refuse(f"the argument {missing[0]} is not given")
        return None
    if "thread_id" in given and draft.flow.kind(was["thread_id"]) != Kind("thread_id"):
        draft.note("thread_ids")
    return function(conversion)


_NEEDED = frozenset({"thread_id", "assistant_id", "message_id", "run_id"})
_BY_HAND = "keep ids of conversations and responses in a table of your own"
_WITHOUT: dict[str, tuple[str, ...]] = {
    "assistants.list": (
        "there is no list of assistants: their settings are in the program",
        "make them in the program, or read them from files (`shim assistants pull`)",
    ),
    "threads.runs.list": ("responses cannot be listed", _BY_HAND),
    "threads.runs.update": ("a response's metadata cannot be changed", _BY_HAND),
    "threads.messages.update": ("items have no metadata", _BY_HAND),
    "threads.runs.steps.retrieve": ("there are no steps", "look into the response's output"),
}


def _create_assistant(it: Conversion) -> str:
    it.draft.note("assistant")
    found = settings.settings(it.draft, it.given, it.api.node, made=True)
    return laid_out("{", found, "}")


def _update_assistant(it: Conversion) -> str:
    it.draft.note("update")
    assistant = settings_of_id(it)
    given = {name: each for name, each in it.given.items() if name not in OPTIONS}
    resources = given.pop("tool_resources", None)
    parts = settings.settings(it.draft, given, it.api.node, made=False)
    if resources is not None:
        it.draft.note("resources")
        tools = _computed(parts) or f'{assistant}.get("tools", [])'
        parts = [each for each in parts if not each.startswith('"tools"')]
        parts.append(f'"tools": {it.draft.helper("with_resources")}({tools}, {code(resources)})')
    changes = [each.replace('": ', "=", 1).removeprefix('"') for each in parts]
    return laid_out(f"{it.draft.helper('changed')}(", [assistant, *changes], ")")


def _computed(parts: list[str]) -> str | None:
    found = next((each for each in parts if each.startswith('"tools": ')), None)
    return found.removeprefix('"tools": ') if found else None


def _retrieve_assistant(it: Conversion) -> str:
    return settings_of_id(it)


def _delete_assistant(it: Conversion) -> str:
    if it.stands_alone:
        it.draft.note("deleted")
    else:
        it.refuse("nothing is deleted that could be told of", "leave the deletion out")
    return "None"


_METHODS: dict[str, Callable[[Conversion], str]] = {
    "assistants.create": _create_assistant,
    "assistants.update": _update_assistant,
    "assistants.retrieve": _retrieve_assistant,
    "assistants.delete": _delete_assistant,
    "threads.create": threads.create,
    "threads.retrieve": threads.retrieve,
    "threads.update": threads.update,
    "threads.delete": threads.delete,
    "threads.messages.create": threads.add,
    "threads.messages.list": threads.messages,
    "threads.messages.retrieve": threads.retrieve_message,
    "threads.messages.delete": threads.delete_message,
    "threads.runs.retrieve": runs.retrieve,
    "threads.runs.poll": runs.retrieve,
    "threads.runs.cancel": runs.cancel,
    "threads.runs.steps.list": runs.steps,
    **dict.fromkeys(
        (
            *("threads.create_and_run", "threads.create_and_run_poll"),
            *("threads.create_and_run_stream", "threads.runs.create"),
            *("threads.runs.create_and_poll", "threads.runs.create_and_stream"),
            "threads.runs.stream",
        ),
        runs.create,
    ),
    **dict.fromkeys(
        (
            "threads.runs.submit_tool_outputs",
            "threads.runs.submit_tool_outputs_and_poll",
            "threads.runs.submit_tool_outputs_stream",
        ),
        runs.submit,
    ),
}
