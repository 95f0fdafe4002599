"""n8n's workflows: the nodes that use assistants, each with its place in the file.

Knows n8n's nodes and their parameters. Knows no addresses: those that a node asks are found as in
any other file, unless they are put together when the workflow runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Node", "nodes"]

_ASSISTANT = re.compile(r"n8n-nodes-langchain\.openAiAssistant$")
_OPENAI = re.compile(r"n8n-nodes-langchain\.openAi$")
_REQUEST = re.compile(r"\.httpRequest(?:Tool)?$")
_HEADER = re.compile(r"assistants=v[12]")
_OTHER_ADDRESS = re.compile(r"/(?:threads|assistants|files|vector_stores)\b")


@dataclass(frozen=True, slots=True)
class Node:
    """A node, and whether it is n8n's own for assistants or a request whose address is not told."""

    name: str
    line: int
    column: int
    is_own: bool


def nodes(text: str) -> list[Node] | None:
    """The nodes that use assistants; nothing where a file is no workflow."""
    if '"nodes"' not in text or "n8n" not in text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    held = value.get("nodes") if isinstance(value, dict) else None
    if not isinstance(held, list) or not any(isinstance(e, dict) and "type" in e for e in held):
        return None
    return list(_found(text, [each for each in held if isinstance(each, dict)]))


def _found(text: str, held: list[dict[str, Any]]) -> Iterator[Node]:
    seen: dict[str, int] = {}
    for each in held:
        kind, name = str(each.get("type")), str(each.get("name"))
        parameters = each.get("parameters")
        given = parameters if isinstance(parameters, dict) else {}
        is_own = bool(_ASSISTANT.search(kind)) or (
            bool(_OPENAI.search(kind)) and given.get("resource") == "assistant"
        )
        if is_own or (_REQUEST.search(kind) and _is_untold(given)):
            place = _place(text, name, seen.get(name, 0))
            seen[name] = place + 1
            line = text.count("\n", 0, place) + 1
            yield Node(name, line, place - text.rfind("\n", 0, place), is_own)


def _is_untold(parameters: dict[str, Any]) -> bool:
    """Whether a request has the API's header and an address that says nothing."""
    if not _HEADER.search(json.dumps(parameters.get("headerParameters", ""))):
        return False
    return not _OTHER_ADDRESS.search(str(parameters.get("url", "")))


def _place(text: str, name: str, start: int) -> int:
    """Where a node's name stands; the file's start where it is written otherwise."""
    written = re.escape(json.dumps(name, ensure_ascii=False))
    found = re.compile(rf'"name"\s*:\s*{written}').search(text, start)
    return found.start() if found else 0
