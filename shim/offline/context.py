"""The context of a response: what belongs together in it. Knows items in sequence, no requests.

Pairing of calls and outputs: Responses spec 4.1; of reasoning and what follows it: 4.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shim.offline.view import text_of
from shim.offline.wire import Json, Refused

__all__ = ["Links", "check_calls", "check_duplicates", "check_json_mode"]


@dataclass
class Links:
    """Which reasoning item each output item came with, for every response ever made."""

    follower: dict[str, str] = field(default_factory=dict)
    reasoning: dict[str, str] = field(default_factory=dict)

    def learn(self, output: Iterable[Json]) -> None:
        """Remember the reasoning of a response's output."""
        thought: str | None = None
        for item in output:
            if item["type"] == "reasoning":
                thought = item["id"]
            elif thought is not None:
                self.reasoning[item["id"]] = thought
                self.follower.setdefault(thought, item["id"])

    def check(self, items: list[Json]) -> None:
        """Refuse reasoning that lost its follower, and followers that lost their reasoning."""
        present = {item["id"] for item in items}
        for item, following in zip(items, [*items[1:], None], strict=False):
            if item["type"] == "reasoning" and not self._follows(item, following):
                raise _unpaired(item, "its required following item.")
            needed = self.reasoning.get(item["id"])
            if needed is not None and needed not in present:
                raise _unpaired(item, f"its required 'reasoning' item: '{needed}'.")

    def _follows(self, thought: Json, following: Json | None) -> bool:
        known = self.follower.get(thought["id"])
        if known is not None:
            return following is not None and following["id"] == known
        return following is not None and following.get("role") != "user"


def _unpaired(item: Json, what: str) -> Refused:
    text = f"Item '{item['id']}' of type '{item['type']}' was provided without {what}"
    return Refused(text, param="input")


def check_duplicates(items: list[Json]) -> None:
    """Refuse an item that is there twice (spec 1.5)."""
    seen: set[str] = set()
    for item in items:
        if item["id"] in seen:
            text = (
                f"Duplicate item found with id {item['id']}. "
                "Remove duplicate items from your input and try again."
            )
            raise Refused(text, param="input")
        seen.add(item["id"])


def check_calls(items: list[Json]) -> None:
    """Refuse outputs without a call before them, and calls without an output."""
    called: set[str] = set()
    answered: set[str] = set()
    for item in items:
        if item["type"] == "function_call":
            called.add(item["call_id"])
        elif item["type"] == "function_call_output":
            key = item["call_id"]
            if key not in called:
                text = f"No tool call found for function call output with call_id {key}."
                raise Refused(text, param="input")
            answered.add(key)
    for item in items:
        if item["type"] == "function_call" and item["call_id"] not in answered:
            text = f"No tool output found for function call {item['call_id']}."
            raise Refused(text, param="input")


def check_json_mode(items: list[Json]) -> None:
    """JSON mode wants the word in a message; instructions do not count."""
    texts = (text_of(item) for item in items if item["type"] == "message")
    if not any("json" in text.lower() for text in texts):
        text = (
            "Response input messages must contain the word 'json' in some form to use "
            "'text.format' of type 'json_object'."
        )
        raise Refused(text, param="input")
