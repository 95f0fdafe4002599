"""Finds the API's objects in JSON, however they are nested. Knows kinds; judges no content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shim.core.wire import Json
from shim.migrate.gathered import Found
from shim.migrate.shapes import Odd

__all__ = ["KINDS", "find"]

KINDS = {
    "assistant": "assistant",
    "thread": "thread",
    "thread.message": "message",
    "thread.run": "run",
    "thread.run.step": "step",
    "prompt": "prompt",
}
_PREFIXES = {
    "asst_": "assistant",
    "thread_": "thread",
    "msg_": "message",
    "run_": "run",
    "step_": "step",
    "pmpt_": "prompt",
}
_LISTS = ("assistants", "prompts", "thread", "threads", "messages", "runs", "steps", "run_steps")
_VARIABLE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_MOST_METADATA = 512
_LISTS_OF = {"messages": "message", "runs": "run", "steps": "step", "run_steps": "step"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where we are: in words, in which thread, of which kind things are, in which kind of list."""

    words: str
    thread_id: str = ""
    kind: str = ""
    newest_first: bool = False

    def at(self, step: str, **more: Any) -> _Place:
        return replace(self, words=f"{self.words}{step}", **more)


def find(value: Any, words: str) -> Iterator[Found]:
    """The objects in a JSON value; raises Odd for what is none and holds none."""
    return _find(value, _Place(words))


def _find(value: Any, place: _Place) -> Iterator[Found]:
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _find(each, place.at(f"[{number}]"))
    elif isinstance(value, dict):
        yield from _in_object(value, place)
    else:
        raise Odd(place.words, f"there is {value!r:.60} where an object of the API was looked for")


def _in_object(value: Json, place: _Place) -> Iterator[Found]:
    kind = _kind(value, place)
    if kind in ("list", "page"):
        yield from _find(value["data"], place.at(".data", newest_first=kind == "list"))
    elif kind == "other":
        yield Found("other", place.words, value)
    elif kind:
        yield from _KIND[kind](value, place)
    else:
        yield from _in_container(value, place)


def _kind(value: Json, place: _Place) -> str:
    """What an object is: by its own word, by its id, or by where it stands."""
    said = value.get("object")
    if said == "list" or (isinstance(value.get("data"), list) and said is None):
        return "list" if said == "list" else "page"
    if isinstance(said, str):
        return KINDS.get(said, "other")
    for prefix, kind in _PREFIXES.items():
        if isinstance(value.get("id"), str) and value["id"].startswith(prefix):
            return kind
    return place.kind if "id" in value else ""


def _in_container(value: Json, place: _Place) -> Iterator[Found]:
    """An object around others: a thread's export, a dump by kinds, or one by thread ids."""
    thread_id = _thread_of(value) or place.thread_id
    if "thread" in value and value["thread"] is None and "messages" in value:
        problem = str(value.get("errors") or "the export holds no thread")
        yield Found("missing", place.words, {"id": thread_id}, problem=problem)
        return
    found = False
    for name, held in value.items():
        if name in _LISTS and held is not None:
            found = True
            kind = _LISTS_OF.get(name, "")
            yield from _find(held, place.at(f".{name}", thread_id=thread_id, kind=kind))
        elif name.startswith("thread_") and isinstance(held, dict | list):
            found = True
            yield from _find(held, place.at(f".{name}", thread_id=name, kind="message"))
    if thread_id:
        yield from _files(value.get("files"), place.at(".files"), thread_id)
    if not found:
        raise Odd(place.words, "is no object of the Assistants API, and no export that is known")


def _files(given: Any, place: _Place, thread_id: str) -> Iterator[Found]:
    """The files that code made under shim; others stay where they were, at an upstream."""
    for name, held in given.items() if isinstance(given, dict) else ():
        if isinstance(held, dict) and held.get("shim_run_id"):
            yield Found("file", place.at(f".{name}").words, held, thread_id)


def _thread_of(value: Json) -> str:
    thread = value.get("thread")
    if isinstance(thread, dict) and isinstance(thread.get("id"), str):
        return str(thread["id"])
    return str(value.get("thread_id") or "")


def _assistant(value: Json, place: _Place) -> Iterator[Found]:
    yield Found("assistant", place.words, value, "", place.newest_first)


def _thread(value: Json, place: _Place) -> Iterator[Found]:
    thread_id = str(value.get("id"))
    inner = place.at("", thread_id=thread_id, newest_first=False)
    bare = {key: held for key, held in value.items() if key not in ("messages", "runs")}
    yield Found("thread", place.words, bare, thread_id)
    for name in ("messages", "runs"):
        if value.get(name):
            yield from _find(value[name], inner.at(f".{name}", kind=_LISTS_OF[name]))


def _run(value: Json, place: _Place) -> Iterator[Found]:
    thread_id = str(value.get("thread_id") or place.thread_id)
    bare = {key: held for key, held in value.items() if key != "steps"}
    yield _owned("run", bare, place)
    if value.get("steps"):
        inner = place.at(".steps", thread_id=thread_id, kind="step", newest_first=False)
        yield from _find(value["steps"], inner)


def _message(value: Json, place: _Place) -> Iterator[Found]:
    yield _owned("message", value, place)


def _step(value: Json, place: _Place) -> Iterator[Found]:
    yield _owned("step", value, place)


def _owned(kind: str, value: Json, place: _Place) -> Found:
    thread_id = value.get("thread_id") or place.thread_id
    if not isinstance(thread_id, str) or not thread_id:
        raise Odd(str(value.get("id")), f"{place.words}: does not say of which thread it is")
    return Found(kind, place.words, value, thread_id, place.newest_first)


def _prompt(value: Json, place: _Place) -> Iterator[Found]:
    yield Found("assistant", place.words, as_assistant(value), "", place.newest_first)


def as_assistant(prompt: Json) -> Json:
    """A prompt object as an assistant: its id behind the prefix that assistants have."""
    object_id = str(prompt.get("id"))
    if prompt.get("input") or prompt.get("messages"):
        texts = _instructions(prompt.get("input") or prompt.get("messages"), object_id)
    else:
        texts = []
    text = prompt.get("text") or {}
    tools = [_tool(tool) for tool in prompt.get("tools") or ()]
    stores = [one for tool in tools for one in tool.pop("vector_store_ids", ())]
    metadata = {**(prompt.get("metadata") or {}), "prompt_id": object_id}
    if prompt.get("version") is not None:
        metadata["prompt_version"] = str(prompt["version"])
    instructions = "\n\n".join([*filter(None, [prompt.get("instructions")]), *texts])
    if variables := _variables(prompt, instructions):
        metadata["prompt_variables"] = ", ".join(variables)[:_MOST_METADATA]
    reasoning = prompt.get("reasoning") or {}
    return {
        "id": "asst_" + object_id.removeprefix("pmpt_"),
        "object": "assistant",
        "created_at": prompt.get("created_at"),
        "name": prompt.get("name"),
        "description": prompt.get("description"),
        "model": prompt.get("model"),
        "instructions": instructions or None,
        "tools": tools,
        "tool_resources": {"file_search": {"vector_store_ids": stores}} if stores else {},
        "metadata": metadata,
        "temperature": prompt.get("temperature"),
        "top_p": prompt.get("top_p"),
        "reasoning_effort": prompt.get("reasoning_effort") or reasoning.get("effort"),
        "response_format": _response_format(text.get("format")),
    }


def _variables(prompt: Json, instructions: str) -> list[str]:
    """What a prompt is to be filled in with: what it declares, and what its texts name."""
    declared = prompt.get("variables") or ()
    return sorted({*map(str, declared), *_VARIABLE.findall(instructions)})


def _instructions(given: Any, object_id: str) -> list[str]:
    """The texts of a prompt's messages; an assistant has no place for what users say in it."""
    texts = []
    for message in given if isinstance(given, list) else []:
        if message.get("role") not in ("system", "developer"):
            raise Odd(object_id, f"has a message of the role {message.get('role')!r} in it")
        content = message.get("content")
        parts = [{"text": content}] if isinstance(content, str) else content or []
        texts += [str(part["text"]) for part in parts if part.get("text")]
    return texts


def _tool(tool: Json) -> Json:
    """A tool of the Responses API as one of an assistant's."""
    match tool.get("type"):
        case "function" if "function" not in tool:
            keys = ("name", "description", "parameters", "strict")
            function = {key: tool[key] for key in keys if tool.get(key) is not None}
            return {"type": "function", "function": function}
        case "file_search" if "file_search" not in tool:
            names = ("max_num_results", "ranking_options")
            searched = {key: tool[key] for key in names if tool.get(key) is not None}
            stores = tool.get("vector_store_ids") or []
            return {"type": "file_search", "file_search": searched, "vector_store_ids": stores}
        case "code_interpreter":
            return {"type": "code_interpreter"}
        case _:
            return dict(tool)


def _response_format(given: Json | None) -> Any:
    if not given or given.get("type") in (None, "text"):
        return None
    if given["type"] == "json_schema":
        schema = {key: value for key, value in given.items() if key != "type"}
        return {"type": "json_schema", "json_schema": schema}
    return {"type": given["type"]}


_KIND: Mapping[str, Any] = {
    "assistant": _assistant,
    "thread": _thread,
    "message": _message,
    "run": _run,
    "step": _step,
    "prompt": _prompt,
}
