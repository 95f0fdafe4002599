"""Runs as responses: what they are asked with, how they go on, and how they are waited for."""

from __future__ import annotations

import libcst as cst

from shim.migrate.ejecting import settings, threads
from shim.migrate.ejecting.conversion import (
    POSITIONAL,
    Conversion,
    response_of,
    settings_of_id,
)
from shim.migrate.ejecting.kinds import Kind
from shim.migrate.ejecting.syntax import code, entries, keywords, laid_out, string

__all__ = ["cancel", "create", "retrieve", "run_of", "steps", "submit"]

_OWN = ("metadata", "parallel_tool_calls")
_OVERRIDES = ("model", "instructions", "temperature", "top_p", "reasoning_effort")


def create(it: Conversion) -> str:
    """A new run, with its thread or in one that is there."""
    it.only(
        *("thread_id", "assistant_id", "additional_instructions", "additional_messages"),
        *("tools", "response_format", "tool_choice", "max_completion_tokens"),
        *("max_prompt_tokens", "truncation_strategy", "include", "thread", *_OWN, *_OVERRIDES),
    )
    thread = _thread_of(it)
    asked = [f"conversation={thread}", *_input(it), f"**{_run_settings(it, thread)}"]
    return it.call(f"{it.client}.responses.create", *asked, *_run_options(it))


def _thread_of(it: Conversion) -> str:
    if "create_and_run" not in it.api.method or it.api.method.startswith("threads.runs"):
        return it.text("thread_id")
    it.draft.note("thread")
    given = entries(it.given.get("thread")) if it.has("thread") else {}
    if given is None:
        it.refuse("the thread is not written out", "make the thread first")
        return "None"
    if it.draft.has_files:
        it.refuse("a thread with files is made together with its run", "make the thread first")
    made = it.waited(threads.conversation(it, given))
    return f"({made}).id" if it.is_async else f"{made}.id"


def _input(it: Conversion) -> list[str]:
    """The messages that go with the response."""
    found = it.draft.inputs.get(it.api.node, [])
    if it.has("additional_messages"):
        more = settings.items(it.draft, it.given["additional_messages"])
        if "attachments" in more:
            it.refuse("additional messages have files", "add the messages first")
        if not found:
            return [f"input={more}"]
        found = [*found, f"*{more}"]
    if found:
        it.draft.note("merged")
        return [f"input={laid_out('[', found, ']', 1)}"]
    it.draft.note("first_input")
    return []


def _run_settings(it: Conversion, thread: str) -> str:
    assistant = settings_of_id(it) if it.has("assistant_id") else "{}"
    if not it.has("assistant_id"):
        it.refuse("a run without an assistant_id")
    changes = _changes(it, assistant)
    base = f"({assistant} | {changes})" if changes else assistant
    return _ready(it, thread, base)


def _ready(it: Conversion, thread: str, base: str) -> str:
    """Settings with all files that are known when the response is asked for."""
    if it.draft.has_files:
        plain = base.removeprefix("(").removesuffix(")") if base.startswith("(") else base
        return it.waited(f"{it.helper('with_files')}({it.client}, {thread}, {plain})")
    is_open = it.draft.calls("assistants.update") or ("response_tool", False) in it.draft.helpers
    if is_open and it.draft.uses("file_search"):
        return f"{it.draft.helper('usable')}({base})"
    return base


def _changes(it: Conversion, assistant: str) -> str:
    names = (*_OVERRIDES, "tools", "response_format")
    given = {name: it.given[name] for name in names if it.has(name)}
    parts = settings.settings(it.draft, given, it.api.node, made=False)
    if it.has("additional_instructions"):
        more = it.text("additional_instructions")
        base = it.text("instructions") if it.has("instructions") else None
        base = base or f'{assistant}.get("instructions")'
        parts = [each for each in parts if not each.startswith('"instructions"')]
        joined = f'"\\n".join(filter(None, [{base}, {more}]))'
        parts.append(f'"instructions": {joined}')
    if not parts:
        return ""
    if all(_is_plain(given[name]) for name in given):
        return laid_out("{", parts, "}", 1)
    changes = [each.replace('": ', "=", 1).removeprefix('"') for each in parts]
    return laid_out(f"{it.draft.helper('given')}(", changes, ")", 1)


def _is_plain(node: cst.BaseExpression) -> bool:
    """Whether a value can not be None."""
    plain = (cst.BaseString, cst.BaseNumber, cst.Dict, cst.List, cst.BinaryOperation)
    return isinstance(node, plain) or (isinstance(node, cst.Name) and node.value.isupper())


def _run_options(it: Conversion) -> list[str]:
    found = [f"{name}={it.text(name)}" for name in _OWN if it.has(name)]
    it.draft.echoed |= {name for name in _OWN if it.has(name)}
    if it.has("max_completion_tokens"):
        it.draft.note("output_tokens")
        it.draft.echoed.add("max_output_tokens")
        found.append(f"max_output_tokens={it.text('max_completion_tokens')}")
    if it.has("max_prompt_tokens"):
        it.draft.note("prompt_tokens")
    if it.has("tool_choice"):
        it.draft.note("chosen")
        found.append(f"tool_choice={settings.tool_choice(it.given['tool_choice'])}")
    strategy = entries(it.given["truncation_strategy"]) if it.has("truncation_strategy") else {}
    if strategy is None or string((strategy or {}).get("type")) not in {None, "auto"}:
        it.refuse("truncation_strategy keeps the last messages, which a conversation cannot")
    return [*found, *_manner(it)]


def _manner(it: Conversion) -> list[str]:
    """How the response comes: with what, streamed, or in the background."""
    found = []
    if it.draft.uses("code_interpreter") and it.draft.flow.reads_outputs:
        it.draft.note("include")
        found.append('include=["code_interpreter_call.outputs"]')
    if it.streamed:
        it.draft.note("stream")
        return [*found, "stream=True"]
    if "stream" in it.given and code(it.given["stream"]) not in {"False", "None"}:
        it.refuse("whether it streams is computed", "write two calls")
    is_polled = it.api.method.endswith("poll")
    if it.draft.calls("runs.cancel") and not is_polled:
        it.draft.note("background")
        return [*found, "background=True"]
    it.draft.note("run")
    return found


def retrieve(it: Conversion) -> str:
    """A run by its id."""
    it.only("run_id", "thread_id")
    it.draft.note("retrieve")
    return it.call(f"{it.client}.responses.retrieve", it.text("run_id"))


def cancel(it: Conversion) -> str:
    """The cancellation of a run."""
    it.only("run_id", "thread_id")
    it.draft.note("cancel")
    if it.draft.flow.has_functions:
        it.refuse(
            "a run that asks for function calls is cancelled, which leaves its conversation open",
            "answer the calls with an output that says so",
        )
    return it.call(f"{it.client}.responses.cancel", it.text("run_id"))


def submit(it: Conversion) -> str:
    """The outputs of function calls, with which a run goes on."""
    it.only("run_id", "thread_id", "tool_outputs")
    it.draft.note("submit")
    thread = it.text("thread_id")
    again = f"**{_again(it, thread)}"
    outputs = _outputs(it)
    asked = [f"conversation={thread}", f"input={outputs}", again]
    return it.call(f"{it.client}.responses.create", *asked, *_manner(it))


def _again(it: Conversion, thread: str) -> str:
    """The settings of the run that goes on: its assistant's, or those of its last response."""
    was = it.was.get("run_id")
    made = _made_with(it, was.value) if isinstance(was, cst.Attribute) else None
    if made is not None:
        return _ready(it, thread, made)
    return f"{it.draft.helper('settings_of')}({response_of(it)})"


def _made_with(it: Conversion, run: cst.BaseExpression) -> str | None:
    """The name of the assistant that a run was made with, where it is plain to see."""
    program = it.draft.flow.program
    place, here = program.place(run), program.function_of(it.api.node)
    found = []
    for binding in program.bindings:
        value = binding.value.expression if isinstance(binding.value, cst.Await) else binding.value
        api = it.draft.flow.api(value)
        if binding.place == place and (api is None or "submit" not in api.method):
            if api is not None and api.method.endswith("runs.retrieve"):
                continue
            given = keywords(api.node, POSITIONAL.get(api.method, ())) if api else {}
            is_plain = set(given) <= {"thread_id", "assistant_id", "poll_interval_ms", "stream"}
            assistant = given.get("assistant_id")
            if not is_plain or not isinstance(assistant, cst.Name | cst.Attribute):
                return None
            if program.function_of(binding.value) != here:
                return None
            found.append(code(_id_holder(it, assistant)))
    return found[0] if len(set(found)) == 1 else None


def _id_holder(it: Conversion, node: cst.BaseExpression) -> cst.BaseExpression:
    is_id = isinstance(node, cst.Attribute) and node.attr.value == "id"
    kind = it.draft.flow.kind(node.value) if is_id else None  # type: ignore[attr-defined]
    return node.value if kind == Kind("assistant") else node  # type: ignore[attr-defined]


def _outputs(it: Conversion) -> str:
    if any(settings.output_entries(node) for node in it.draft.flow.program.nodes):
        return it.text("tool_outputs")
    return f"{it.draft.helper('call_outputs')}({it.text('tool_outputs')})"


def steps(it: Conversion) -> str:
    """What a run did."""
    it.only("run_id", "thread_id", "order", "limit", "include")
    it.draft.note("steps")
    if it.draft.flow.has_functions:
        it.refuse("the steps of a run with function calls are in several responses")
    order = [f"order={it.text('order')}"] if it.has("order") else []
    return it.call(it.draft.helper("steps_of"), response_of(it), *order)


def run_of(node: cst.Call) -> cst.BaseExpression | None:
    """The run that outputs are for, as it is given."""
    return keywords(node, ("run_id", "thread_id")).get("run_id")
