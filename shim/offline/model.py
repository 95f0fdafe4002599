"""The rule-driven model: deterministic, honest about what it saw. Knows a request's view only."""

from __future__ import annotations

import json
import re

from shim.offline import coding, searching
from shim.offline.arguments import example, fill
from shim.offline.outputs import Call, Output, Say
from shim.offline.view import View, text_of
from shim.offline.wire import Json

__all__ = ["RuleModel"]

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_IDLE = frozenset(
    {"a", "an", "and", "any", "by", "call", "current", "do", "fetch", "find", "for", "from", "get"}
    | {"given", "gets", "in", "is", "it", "its", "list", "look", "make", "of", "on", "or", "return"}
    | {
        "returns",
        "run",
        "search",
        "set",
        "specific",
        "specified",
        "the",
        "this",
        "to",
        "tool",
        "up",
    }
    | {"use", "user", "what", "with", "your", "you", "function", "data", "info", "information"}
)
"""Words that say nothing about what a function is for."""

_COUNT = re.compile(r"\bcount to (\d{1,4})\b", re.IGNORECASE)
_BRIEF = 60


def _words(text: str) -> set[str]:
    words = {word.lower().rstrip("s") for word in _WORD.findall(text.replace("_", " "))}
    return {word for word in words if len(word) > 1 and word not in _IDLE}


class RuleModel:
    """Searches, runs code, calls the functions a request needs - in this order - and says so.

    It quotes what came of that, and else says what it was told.
    """

    def reply(self, view: View) -> list[Output]:
        """The items of the response; after a hosted tool it is asked again."""
        hosted = searching.wanted(view) or coding.wanted(view)
        if hosted is not None:
            return [hosted]
        calls = self._calls(view)
        if calls:
            return [*calls]
        if view.format["type"] != "text":
            return [Say(_json_text(view))]
        return [Say(_learned(view) or _seen(view))]

    def _calls(self, view: View) -> list[Call]:
        wanted = _forced(view)
        if wanted is None:
            called = {item["name"] for item in view.turn if item["type"] == "function_call"}
            wanted = [tool for tool in _mentioned(view) if tool["name"] not in called]
        if not view.parallel:
            wanted = wanted[:1]
        return [
            Call(tool["name"], fill(tool.get("parameters") or {}, view.text)) for tool in wanted
        ]


def _forced(view: View) -> list[Json] | None:
    """The functions that must be called, none for `none`, or None where the model may choose."""
    choice, functions = view.choice, view.functions
    if isinstance(choice, dict) and choice["type"] == "function":
        return [tool for tool in functions if tool["name"] == choice["name"]]
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        choice = choice.get("mode", "auto")
    if choice == "required":
        return _mentioned(view) or _allowed(view)[:1]
    return None if choice == "auto" else []


def _allowed(view: View) -> list[Json]:
    if isinstance(view.choice, dict) and view.choice["type"] == "allowed_tools":
        names = {tool.get("name") for tool in view.choice.get("tools") or []}
        return [tool for tool in view.functions if tool["name"] in names]
    return view.functions


def _mentioned(view: View) -> list[Json]:
    """The functions whose name, or description, the user's words name; the fullest match only."""
    said = _words(view.text)
    hits: list[tuple[Json, set[str]]] = []
    for tool in _allowed(view):
        by_name = said & _words(tool["name"])
        by_description = said & _words(tool.get("description") or "")
        if by_name or len(by_description) > 1:
            hits.append((tool, by_name | by_description))
    return [tool for n, (tool, hit) in enumerate(hits) if not _outdone(hit, n, hits)]


def _outdone(hit: set[str], index: int, hits: list[tuple[Json, set[str]]]) -> bool:
    """Whether another function matches the same words and more, or the same ones earlier."""
    return any(
        hit < other or (hit == other and n < index)
        for n, (_, other) in enumerate(hits)
        if n != index
    )


def _outputs(view: View) -> list[tuple[str, str]]:
    """What the functions called in this turn returned, by their names."""
    names = {
        item["call_id"]: item["name"] for item in view.items if item["type"] == "function_call"
    }
    return [
        (names.get(item["call_id"], "The tool"), text_of(item))
        for item in view.turn
        if item["type"] == "function_call_output"
    ]


def _quoted(outputs: list[tuple[str, str]]) -> str:
    return " ".join(f"{name} returned: {text}" for name, text in outputs)


def _learned(view: View) -> str:
    """What tools of all kinds gave since the user spoke."""
    parts = (searching.answer(view), coding.answer(view), _quoted(_outputs(view)))
    return "\n\n".join(part for part in parts if part) or searching.nothing(view)


def _json_text(view: View) -> str:
    """A JSON text of the format that was asked for."""
    if view.format["type"] == "json_schema":
        value = example(view.format["schema"], view.text)
    else:
        value = {"reply": _learned(view) or f"You said: {view.text}"}
    return json.dumps(value, ensure_ascii=False)


def _seen(view: View) -> str:
    """A sentence that shows what was in the request."""
    if counted := _COUNT.search(view.text):
        return " ".join(str(n) for n in range(1, int(counted.group(1)) + 1))
    said = f"You said: {view.text}" if view.text else "You said nothing in words."
    notes = list(_notes(view))
    return f"{said} (I also saw {', '.join(notes)}.)" if notes else said


def _notes(view: View) -> list[str]:
    notes = []
    if view.instructions:
        brief = view.instructions[:_BRIEF]
        more = "..." if len(view.instructions) > _BRIEF else ""
        notes.append(f'the instructions "{brief}{more}"')
    notes += [_number(len(_earlier(view)), "earlier message"), _number(view.images, "image")]
    return [note for note in notes if note]


def _earlier(view: View) -> list[Json]:
    """The messages before the last one of the user's."""
    before = view.items[: max(view.last_user, 0)]
    return [item for item in before if item["type"] == "message"]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""
