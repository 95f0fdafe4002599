"""Where answers and items cite files that were uploaded, and how these are renamed. Pure.

Files of shim's own have other ids at the upstream than callers see. Knows where ids of uploaded
files stand; not which id goes with which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shim.core.wire import Json

__all__ = ["cited", "may_cite", "renamed"]

_CITING = frozenset(
    {
        "response.output_item.done",
        "response.output_text.annotation.added",
        "response.content_part.done",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
    }
)
"""The events that may name files; there are many more of the others, and they are not searched."""


def may_cite(event: Json) -> bool:
    """Whether an event is of a kind that names files."""
    return event.get("type") in _CITING


def cited(value: Any) -> list[str]:
    """The ids of the uploaded files that an event, an item or a list of items cites."""
    return list(dict.fromkeys(str(place["file_id"]) for place in _places(value)))


def _places(value: Any) -> Iterator[Json]:
    """The objects with the id of an uploaded file: citations, and results of searches."""
    if isinstance(value, list):
        for each in value:
            yield from _places(each)
    elif isinstance(value, dict):
        if value.get("type") == "file_citation":
            yield from _with_id(value)
        elif value.get("type") == "file_search_call":
            for result in value.get("results") or ():
                yield from _with_id(result)
        else:
            yield from _places(list(value.values()))


def _with_id(value: Any) -> Iterator[Json]:
    if isinstance(value, dict) and value.get("file_id"):
        yield value


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The event, item or list of items, with other ids where it cites these files."""
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    match value.get("type"):
        case "file_citation":
            return _named(value, names)
        case "file_search_call":
            results = [_named(result, names) for result in value.get("results") or ()]
            return {**value, "results": results} if results else value
        case _:
            return {key: renamed(each, names) for key, each in value.items()}


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(value, dict) or value.get("file_id") not in names:
        return value
    return {**value, "file_id": names[value["file_id"]]}
