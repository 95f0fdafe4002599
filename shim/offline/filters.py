"""Filters over the attributes of files: their shape, and what passes them. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from shim.offline import refusals
from shim.offline.wire import Json

__all__ = ["check_attributes", "check_filter", "check_search", "passes"]

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, among: value in among,
    "nin": lambda value, among: value not in among,
}
_RANKERS = ("none", "auto", "default-2024-11-15")
_MOST_RESULTS = 50
_COMPOUNDS = ("and", "or")
_ORDERED = ("gt", "gte", "lt", "lte")


def check_filter(given: Any, param: str) -> None:
    """Refuse a filter of a wrong shape."""
    if not isinstance(given, dict):
        raise refusals.wrong_type(param, "an object", given)
    kind = given.get("type")
    if kind is None:
        raise refusals.missing(f"{param}.type")
    if not isinstance(kind, str):
        raise refusals.wrong_type(f"{param}.type", "a string", kind)
    if kind in _COMPOUNDS:
        if not isinstance(given.get("filters"), list):
            raise refusals.missing(f"{param}.filters")
        for index, each in enumerate(given["filters"]):
            check_filter(each, f"{param}.filters[{index}]")
    elif kind in _COMPARISONS:
        _check_comparison(given, param)
    else:
        raise refusals.unsupported_value(f"{param}.type", kind, (*_COMPARISONS, *_COMPOUNDS))


def check_search(given: Json, at: str) -> None:
    """Refuse wrong limits, ranking options or filters of a search; `at` leads to them."""
    most = given.get("max_num_results")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
        raise refusals.wrong_type(f"{at}max_num_results", "an integer", most)
    if most is not None and most < 1:
        raise refusals.below(f"{at}max_num_results", "integer", 1, most)
    if most is not None and most > _MOST_RESULTS:
        raise refusals.above(f"{at}max_num_results", "integer", _MOST_RESULTS, most)
    _check_ranking(given.get("ranking_options") or {}, f"{at}ranking_options")
    if given.get("filters") is not None:
        check_filter(given["filters"], f"{at}filters")


def _check_ranking(given: Json, param: str) -> None:
    if not isinstance(given, dict):
        raise refusals.wrong_type(param, "an object", given)
    if given.get("ranker") is not None and given["ranker"] not in _RANKERS:
        raise refusals.unsupported_value(f"{param}.ranker", given["ranker"], _RANKERS)
    least = given.get("score_threshold")
    if least is None:
        return
    if isinstance(least, bool) or not isinstance(least, int | float):
        raise refusals.wrong_type(f"{param}.score_threshold", "a decimal", least)
    if least < 0:
        raise refusals.below(f"{param}.score_threshold", "decimal", 0, least)
    if least > 1:
        raise refusals.above(f"{param}.score_threshold", "decimal", 1, least)


def _check_comparison(given: Json, param: str) -> None:
    for name in ("key", "value"):
        if given.get(name) is None:
            raise refusals.missing(f"{param}.{name}")
    if not isinstance(given["key"], str):
        raise refusals.wrong_type(f"{param}.key", "a string", given["key"])
    value, several = given["value"], given["type"] in ("in", "nin")
    if several and not isinstance(value, list):
        raise refusals.wrong_type(f"{param}.value", "an array", value)
    if not several and not isinstance(value, str | int | float):
        raise refusals.wrong_type(f"{param}.value", "one of a string, number or boolean", value)


def passes(attributes: Json, given: Json | None) -> bool:
    """Whether a file with such attributes passes a filter."""
    if not given:
        return True
    if given["type"] in _COMPOUNDS:
        every = all if given["type"] == "and" else any
        return every(passes(attributes, each) for each in given["filters"])
    return _compares(attributes.get(given["key"]), given["type"], given["value"])


def _compares(value: Any, kind: str, wanted: Any) -> bool:
    """A missing value is unlike any; values of two kinds have no order."""
    if value is None:
        return kind in ("ne", "nin")
    if kind in _ORDERED and isinstance(value, str) != isinstance(wanted, str):
        return False
    return bool(_COMPARISONS[kind](value, wanted))


def check_attributes(given: Any) -> Json:
    """The attributes of a file, if they are such."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise refusals.wrong_type("attributes", "an object", given)
    if len(given) > 16:
        raise refusals.too_many_properties("attributes", 16, len(given))
    for key, value in given.items():
        if len(key) > 64:
            raise refusals.too_long("attributes", 64, len(key))
        if not isinstance(value, str | int | float):
            raise refusals.wrong_type(
                f"attributes.{key}", "one of a string, number or boolean", value
            )
        if isinstance(value, str) and len(value) > 512:
            raise refusals.too_long(f"attributes.{key}", 512, len(value))
    return given
