"""Lists. Knows the list envelope (Assistants spec 2.6), and nothing of what is listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from shim.core.wire import Json

__all__ = ["page"]

Record = TypeVar("Record")


def page(records: Sequence[Record], limit: int, show: Callable[[Record], Json]) -> Json:
    """The list envelope of at most `limit` records; one record more means that more follow."""
    data = [show(record) for record in records[:limit]]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(records) > limit,
    }
