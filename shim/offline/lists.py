"""Pages of lists: limit, order and cursors of a query. Knows no list's meaning."""

from __future__ import annotations

from shim.offline import objects, refusals
from shim.offline.wire import Json

__all__ = ["page", "whole_number", "window"]

Query = dict[str, str]


def page(items: list[Json], query: Query) -> Json:
    """A page of items, newest first unless asked otherwise (spec 1.1)."""
    data, has_more = window(items, query)
    return objects.listing(data, has_more=has_more)


def window(
    items: list[Json], query: Query, *, default: int = 20, most: int = 100, what: str = "Item"
) -> tuple[list[Json], bool]:
    """What a query asks for of a list kept oldest first, and whether there is more of it."""
    order, limit = query.get("order") or "desc", _limit(query, default, most)
    if order not in ("asc", "desc"):
        raise refusals.unsupported_value("order", order, ("asc", "desc"))
    ordered = items if order == "asc" else items[::-1]
    begin, end = 0, len(ordered)
    if after := query.get("after"):
        begin = _place(ordered, after, what) + 1
    if before := query.get("before"):
        end = _place(ordered, before, what)
        if not after:
            begin = max(0, end - limit)
            return ordered[begin:end], begin > 0
    return ordered[begin:end][:limit], end - begin > limit


def _place(items: list[Json], key: str, what: str) -> int:
    keys = [item["id"] for item in items]
    if key not in keys:
        raise refusals.not_found(what, key)
    return keys.index(key)


def whole_number(query: Query, name: str, default: int) -> int:
    """A number of a query."""
    text = query.get(name) or str(default)
    if not text.removeprefix("-").isdecimal():
        raise refusals.wrong_type(name, "an integer", text)
    return int(text)


def _limit(query: Query, default: int, most: int) -> int:
    limit = whole_number(query, "limit", default)
    if limit < 1:
        raise refusals.below("limit", "integer", 1, limit)
    if limit > most:
        raise refusals.above("limit", "integer", most, limit)
    return limit
