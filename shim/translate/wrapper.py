"""A model's slip: one call of a tool named `parallel` that holds several calls. Pure.

Seen live (Responses spec 4.4). The calls in it are handed to the caller one by one, under ids made
of the wrapper's; their outputs go back as one output, that of the wrapper.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from shim.core.wire import Json

__all__ = ["is_wrapper", "rewrapped", "unwrapped"]

_NAMES = frozenset({"parallel", "multi_tool_use.parallel"})


def is_wrapper(item: Json, tools: Sequence[Json]) -> bool:
    """Whether a call is of the wrapper, and not of a tool that is really named so."""
    name = item.get("name")
    if name not in _NAMES:
        return False
    return not any(t["type"] == "function" and t["function"]["name"] == name for t in tools)


def unwrapped(item: Json) -> list[Json]:
    """The calls inside a wrapper's arguments, as items; none where they cannot be read."""
    try:
        uses = json.loads(item.get("arguments") or "{}").get("tool_uses", ())
        return [_call(item, place, use) for place, use in enumerate(uses)]
    except (ValueError, AttributeError, TypeError, KeyError):
        return []


def _call(item: Json, place: int, use: Json) -> Json:
    return {
        "type": "function_call",
        "call_id": f"{item['call_id']}p{place}",
        "name": use["recipient_name"].removeprefix("functions."),
        "arguments": json.dumps(use.get("parameters") or {}, ensure_ascii=False),
    }


def rewrapped(given: dict[str, str], items: Sequence[Json]) -> dict[str, str]:
    """Outputs by the call ids that the upstream knows: those of unwrapped calls put together."""
    left = dict(given)
    outputs: dict[str, str] = {}
    for item in items:
        calls = unwrapped(item) if item.get("type") == "function_call" else []
        inner = [call["call_id"] for call in calls if call["call_id"] in left]
        if inner and item["call_id"] not in left:
            outputs[item["call_id"]] = _joined([left.pop(call_id) for call_id in inner])
    return {**left, **outputs}


def _joined(outputs: Collection[Any]) -> str:
    return json.dumps(list(outputs), ensure_ascii=False)
