"""A run as a request to `/responses`. Pure: follows the mapping of Responses spec section 10.

What was not set is not sent; `stream` and `strict` are always sent. What cannot be sent to the
server at hand is left out and noted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shim.core.ports import Dialect
from shim.core.records import Message, Native, Run, Step
from shim.core.wire import Json
from shim.translate import natives
from shim.translate.items import message_item, pair_items

__all__ = ["Draft", "draft", "halved", "input_groups"]

Entry = Message | Native | Step
Group = tuple[Json, ...]
"""Items that stay together: one message, or the calls and outputs of one step."""

_METADATA_PAIRS = 16
_MIN_OUTPUT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Draft:
    """A request body, and what had to be left out of it."""

    body: Json
    notes: tuple[str, ...]


def input_groups(
    run: Run,
    history: Sequence[Message | Native | Step],
    *,
    plain: bool,
    pairs: bool,
    images: Mapping[str, str] | None = None,
) -> list[Group]:
    """What came before the run, oldest first: its messages and, with `pairs`, answered calls.

    `truncation_strategy.last_messages` keeps that many of the newest messages, and the calls
    between them. `images` are those of shim's own that messages show, as URLs.
    """
    earlier = _last_messages(run, [entry for entry in history if entry.run_id != run.id])
    native = natives.groups(earlier, plain=plain)
    groups: list[Group] = []
    for entry in earlier:
        if isinstance(entry, Message):
            item = message_item(entry, plain=plain, images=images or {})
            groups.append((item,) if item else ())
        elif isinstance(entry, Native):
            group = native.get(entry.id, ())
            groups.append(tuple(item for item in group if pairs or item["type"] == "message"))
        elif pairs:
            groups.append(tuple(pair_items(entry)))
    return [group for group in groups if group]


def _last_messages(run: Run, earlier: list[Entry]) -> list[Entry]:
    strategy = run.truncation_strategy or {}
    if strategy.get("type") != "last_messages":
        return earlier
    places = [place for place, entry in enumerate(earlier) if isinstance(entry, Message)]
    count = strategy["last_messages"]
    return earlier[places[-count] :] if count < len(places) else earlier


def halved(groups: Sequence[Group]) -> list[Group] | None:
    """The newer half of the input; None where only the newest message is left."""
    messages = [place for place, group in enumerate(groups) if group[0]["type"] == "message"]
    if len(messages) < 2:
        return None
    return list(groups[messages[len(messages) // 2] :])


def draft(
    run: Run,
    groups: Sequence[Group],
    current: Sequence[Json],
    dialect: Dialect,
    *,
    store: bool,
    container: str | None = None,
    files: Sequence[str] | None = None,
    refused: frozenset[str] = frozenset(),
) -> Draft:
    """The request for the run's next response: earlier groups, then the run's own items.

    `container` is the one in which the thread's code ran before; `files` are what the upstream
    calls those that a new one is given, where that is known.
    """
    tools, notes = _tools(_giving(run, files), dialect, container)
    items = [*(item for group in groups for item in group), *current]
    if _misses_json(run, items):
        items, notes = [_JSON_REMINDER, *items], (*notes, _JSON_NOTE)
    body: Json = {"model": run.model, "input": items}
    if run.instructions and items:
        body["instructions"] = run.instructions
    elif run.instructions:
        body["input"] = [_opening(run.instructions)]
    if tools:
        body["tools"] = tools
        body.update(_tool_settings(run, tools))
    if _lacks_choice(run, body):
        notes = (*notes, "tool_choice was left out: the upstream was given no such tool")
    body.update(_sampling(run))
    body.update(_extras(run, tools, dialect, store=store))
    dropped = [name for name in body if name in refused]
    known = tuple(f"{name} was left out: {run.model} does not take it" for name in dropped)
    kept = {name: value for name, value in body.items() if name not in refused}
    return Draft(kept, notes + known)


def _giving(run: Run, files: Sequence[str] | None) -> Run:
    """The run with other ids for the files that its code is given."""
    if files is None:
        return run
    given = {**run.tool_resources, "code_interpreter": {"file_ids": list(files)}}
    return replace(run, tool_resources=given)


def _opening(instructions: str) -> Json:
    """What an empty thread begins with: no input at all is refused, and this says the same."""
    content = [{"type": "input_text", "text": instructions}]
    return {"type": "message", "role": "system", "content": content}


_JSON_REMINDER: Json = {
    "type": "message",
    "role": "developer",
    "content": [{"type": "input_text", "text": "Answer in JSON."}],
}
_JSON_NOTE = "a reminder to answer in JSON was added: the upstream looks for the word in messages"


def _misses_json(run: Run, items: Sequence[Json]) -> bool:
    """Whether JSON is asked for by the instructions alone, which sufficed for the old API."""
    form = run.response_format
    if not isinstance(form, dict) or form["type"] != "json_object":
        return False
    if not items:
        return False
    return "json" in (run.instructions or "").lower() and "json" not in str(items).lower()


def _sampling(run: Run) -> Json:
    sampling: Json = {}
    if run.temperature is not None:
        sampling["temperature"] = run.temperature
    if run.top_p is not None:
        sampling["top_p"] = run.top_p
    if run.reasoning_effort is not None:
        sampling["reasoning"] = {"effort": run.reasoning_effort}
    if (form := _text_format(run.response_format)) is not None:
        sampling["text"] = {"format": form}
    if run.max_completion_tokens is not None:
        left = run.max_completion_tokens - run.used.completion
        sampling["max_output_tokens"] = max(left, _MIN_OUTPUT_TOKENS)
    return sampling


def _text_format(given: Any) -> Json | None:
    if not isinstance(given, dict):
        return None
    if given["type"] != "json_schema":
        return {"type": given["type"]}
    inner = given["json_schema"]
    form = {"type": "json_schema", "name": inner["name"], "strict": bool(inner.get("strict"))}
    form["schema"] = inner.get("schema") or {}
    if inner.get("description") is not None:
        form["description"] = inner["description"]
    return form


def _tool_settings(run: Run, tools: Sequence[Json]) -> Json:
    settings: Json = {}
    if run.parallel_tool_calls is not None:
        settings["parallel_tool_calls"] = run.parallel_tool_calls
    choice = run.tool_choice
    if choice in ("none", "auto"):
        settings["tool_choice"] = choice
    elif choice is not None and run.sent == 0:
        # a forced choice is for the first response alone, or the run would call for ever
        forced = _forced(choice)
        if forced == "required" or forced["type"] in {tool["type"] for tool in tools}:
            settings["tool_choice"] = forced
    return settings


def _lacks_choice(run: Run, body: Json) -> bool:
    """Whether a forced choice has nothing to choose from."""
    forced = run.tool_choice not in (None, "none", "auto") and run.sent == 0
    return forced and "tool_choice" not in body


def _forced(choice: Any) -> Any:
    if isinstance(choice, dict) and choice["type"] == "function":
        return {"type": "function", "name": choice["function"]["name"]}
    return choice


def _tools(run: Run, dialect: Dialect, container: str | None) -> tuple[list[Json], tuple[str, ...]]:
    tools, notes = [], []
    for given in run.tools:
        tool, note = _tool(given, run.tool_resources, dialect, container)
        if tool is not None:
            tools.append(tool)
        if note is not None:
            notes.append(note)
    return tools, tuple(notes)


def _tool(
    given: Json, resources: Json, dialect: Dialect, container: str | None
) -> tuple[Json | None, str | None]:
    match given["type"]:
        case "function":
            return _function(given["function"]), None
        case "file_search" if dialect.file_search:
            return _file_search(given.get("file_search") or {}, resources)
        case "code_interpreter" if dialect.code_interpreter:
            return _code_interpreter(resources, container), None
        case kind:
            return None, f"{kind} was left out: the upstream does not have it"


def _function(given: Json) -> Json:
    tool: Json = {"type": "function", "name": given["name"]}
    if given.get("description") is not None:
        tool["description"] = given["description"]
    tool["parameters"] = given.get("parameters") or {"type": "object", "properties": {}}
    tool["strict"] = bool(given.get("strict"))
    return tool


def _file_search(given: Json, resources: Json) -> tuple[Json | None, str | None]:
    stores = resources.get("file_search", {}).get("vector_store_ids") or []
    if not stores:
        return None, "file_search was left out: no vector store is attached"
    tool: Json = {"type": "file_search", "vector_store_ids": list(stores)}
    if given.get("max_num_results") is not None:
        tool["max_num_results"] = given["max_num_results"]
    if (ranking := given.get("ranking_options")) is not None:
        # rankers of the old API are unknown here (spec 5)
        threshold = ranking.get("score_threshold") or 0.0
        tool["ranking_options"] = {"ranker": "auto", "score_threshold": threshold}
        if ranking.get("hybrid_search") is not None:
            tool["ranking_options"]["hybrid_search"] = ranking["hybrid_search"]
    return tool, None


def _code_interpreter(resources: Json, container: str | None) -> Json:
    if container is not None:
        return {"type": "code_interpreter", "container": container}
    made: Json = {"type": "auto"}
    if files := resources.get("code_interpreter", {}).get("file_ids"):
        made["file_ids"] = list(files)
    return {"type": "code_interpreter", "container": made}


_INCLUDED = {
    "file_search": "file_search_call.results",
    "code_interpreter": "code_interpreter_call.outputs",
}
"""What is lost for good unless it is asked for with the response (Responses spec 2.2)."""


def _extras(run: Run, tools: Sequence[Json], dialect: Dialect, *, store: bool) -> Json:
    extras: Json = {}
    if dialect.store:
        extras["store"] = store
    kinds = {tool["type"] for tool in tools}
    included = [wanted for kind, wanted in _INCLUDED.items() if kind in kinds]
    if dialect.include and included:
        extras["include"] = included
    if dialect.prompt_cache_key:
        extras["prompt_cache_key"] = run.thread_id
    if dialect.metadata:
        own = {"shim_run": run.id, "shim_thread": run.thread_id}
        room = _METADATA_PAIRS - len(run.metadata)
        extras["metadata"] = {**run.metadata, **dict(list(own.items())[: max(room, 0)])}
    return extras
