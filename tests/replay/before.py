"""What must have been there before a scenario's first request, as far as its answers show it.

Knows recorded answers and the requests that make such objects. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from comparison import ID
from recordings import Scenario

__all__ = ["Made", "before"]

_GREETING = {"role": "user", "content": "Hello."}
_OF_A_RUN = ("max_completion_tokens", "max_prompt_tokens")
_ORDER = ("asst", "thread", "msg", "run")


@dataclass(frozen=True, slots=True)
class Made:
    """A request that makes an object; `key` is its recorded id, empty if it was never shown."""

    key: str
    path: str
    body: dict[str, Any]
    at: int = 0

    @property
    def is_run(self) -> bool:
        """Whether it makes a run."""
        return self.path.endswith("/runs")


def before(scenario: Scenario) -> list[Made]:
    """The requests, in the order in which they are to be sent."""
    keys = sorted(dict.fromkeys(_unknown(scenario)), key=lambda key: _ORDER.index(_prefix(key)))
    made = [_made(scenario, key, keys) for key in keys]
    assistants = [each for each in made if each.path == "/assistants"]
    rest = [each for each in made if each.path != "/assistants"]
    if any(each.is_run for each in made) and not assistants:
        assistants = [Made("", "/assistants", {"model": "gpt-4"})]
    if _goes_on(scenario):
        assistants.append(Made("", "/assistants", {"model": "gpt-4"}))
    assistants.reverse()  # lists show the newest first, also of what was made in one second
    return [*sorted(assistants, key=lambda each: each.at), *rest]


def _unknown(scenario: Scenario) -> Iterator[str]:
    """The ids that requests name and lists show, and that no earlier answer made known."""
    known: set[str] = set()
    for exchange in scenario.exchanges:
        named = [found[0] for found in ID.finditer(exchange.path + exchange.content)]
        runs = [o["assistant_id"] for o in exchange.shown if o.get("object") == "thread.run"]
        listed = [o["id"] for o in exchange.shown if o.get("object") == "assistant"]
        if exchange.method == "POST" and exchange.path == "/assistants":
            listed = []
        for key in (*named, *runs, *listed):
            if key not in known and _prefix(key) in _ORDER:
                yield key
        known.update(found[0] for found in ID.finditer(str(exchange.answer)))
        known.update(named)


def _made(scenario: Scenario, key: str, keys: list[str]) -> Made:
    match _prefix(key):
        case "asst":
            shown = _shown(scenario, key, "assistant")
            body = _assistant(shown or _run_of(scenario, key))
            return Made(key, "/assistants", body, shown.get("created_at", 0))
        case "thread":
            body = {"messages": [_GREETING]} if _spoken(scenario, keys) else {}
            return Made(key, "/threads", body)
        case "msg":
            shown = _shown(scenario, key, "thread.message")
            path = f"/threads/{_thread(keys)}/messages"
            return Made(key, path, _said(shown), shown.get("created_at", 0))
        case _:
            shown = _shown(scenario, key, "thread.run")
            limits = {name: shown[name] for name in _OF_A_RUN if shown.get(name)}
            path = f"/threads/{_thread(keys)}/runs"
            return Made(key, path, limits, shown.get("created_at", 0))


def _assistant(shown: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "description", "model", "instructions", "tools", "top_p", "temperature")
    more = ("reasoning_effort", "tool_resources", "metadata", "response_format")
    given = {name: shown[name] for name in (*names, *more) if name in shown}
    return {"model": "gpt-4", **_without_nulls(given)}


def _said(shown: dict[str, Any]) -> dict[str, Any]:
    return {**_GREETING, "content": shown["content"][0]["text"]["value"]} if shown else _GREETING


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _run_of(scenario: Scenario, assistant_id: str) -> dict[str, Any]:
    """What a run shows of its assistant."""
    for run in scenario.shown("thread.run"):
        if run["assistant_id"] == assistant_id:
            return {name: run[name] for name in ("model", "instructions", "tools")}
    return {}


def _spoken(scenario: Scenario, keys: list[str]) -> bool:
    """Whether the thread must have had a user's message: a run went by that alone."""
    runs = scenario.shown("thread.run")
    silent = any(run["instructions"] is None for run in runs)
    return silent or (not runs and any(_prefix(key) == "run" for key in keys))


def _goes_on(scenario: Scenario) -> bool:
    """Whether a list of assistants went on after the last that was read."""
    pages = [e for e in scenario.exchanges if e.path.partition("?")[0] == "/assistants"]
    lists = [e.answer for e in pages if e.method == "GET"]
    return bool(lists) and lists[-1]["has_more"]


def _shown(scenario: Scenario, key: str, kind: str) -> dict[str, Any]:
    return next((each for each in scenario.shown(kind) if each["id"] == key), {})


def _thread(keys: list[str]) -> str:
    return next(key for key in keys if _prefix(key) == "thread")


def _prefix(key: str) -> str:
    return key.partition("_")[0]
