"""How two sequences of function calls differ. Arguments are compared as the JSON they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from shim.core.wire import decode_json
from shim.native.cases import FunctionCall

__all__ = ["arguments_of", "call_differences", "ordered_arguments", "paired_calls"]

_DEEPEST = 100
"""Arguments that are nested deeper are compared as the texts they are."""
_MOST_PATHS = 8
_MOST = 160
"""Letters of a value that are told."""


def call_differences(
    a: Sequence[FunctionCall], b: Sequence[FunctionCall]
) -> Iterator[tuple[bool, str]]:
    """Each difference, and whether it is a loss: a call that is missing, or asks something else.

    The order of equal calls alone is a change.
    """
    keys_a, keys_b = [_key(one) for one in a], [_key(one) for one in b]
    if keys_a != keys_b and sorted(keys_a) == sorted(keys_b):
        yield False, f"calls in another order: {_names(b)}, A {_names(a)}"
    for one, other in paired_calls(a, b):
        if one is None and other is not None:
            yield False, f"calls {other.name}({_short(other.arguments)}) besides"
        elif one is not None and other is None:
            yield True, f"does not call {one.name}({_short(one.arguments)})"
        elif one is not None and other is not None and _key(one) != _key(other):
            yield True, f"calls {one.name} with {_change(one, other)}"


CallPair = tuple[FunctionCall | None, FunctionCall | None]


def paired_calls(a: Sequence[FunctionCall], b: Sequence[FunctionCall]) -> list[CallPair]:
    """Which call of b stands for which of a: those that are equal, then those of one name.

    The calls of a come in their order, None beside what only one of them has.
    """
    partners: dict[int, int] = {}
    left = dict(enumerate(b))
    for alike in (_key, _name):
        waiting: dict[object, list[int]] = {}
        for number, other in left.items():
            waiting.setdefault(alike(other), []).append(number)
        for number, one in enumerate(a):
            if number not in partners and (found := waiting.get(alike(one))):
                partners[number] = found.pop(0)
                del left[partners[number]]
    pairs: list[CallPair] = [
        (one, b[partners[number]] if number in partners else None) for number, one in enumerate(a)
    ]
    return pairs + [(None, other) for other in left.values()]


def ordered_arguments(call: FunctionCall) -> str:
    """The arguments as a text that is equal for equal JSON."""
    value = arguments_of(call)
    if isinstance(value, str):
        return call.arguments
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def arguments_of(call: FunctionCall) -> Any:
    """The arguments as they are to be compared: what is no JSON is a text."""
    try:
        value = decode_json(call.arguments) if call.arguments.strip() else {}
    except (ValueError, RecursionError):
        return call.arguments
    return call.arguments if _depth(value) > _DEEPEST else value


def _depth(value: Any) -> int:
    """How many containers stand in each other, found without a call for each."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [one for each in inner for one in each]
    return depth


def _name(call: FunctionCall) -> str:
    return call.name


def _key(call: FunctionCall) -> tuple[str, str]:
    return call.name, repr(_ordered(arguments_of(call)))


def _ordered(value: Any) -> Any:
    """A value in which equal JSON is equal text; 1 and 1.0 are one number, 1 and true are not."""
    if isinstance(value, dict):
        return sorted((key, _ordered(each)) for key, each in value.items())
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _change(one: FunctionCall, other: FunctionCall) -> str:
    found = list(_paths(arguments_of(one), arguments_of(other), ""))
    shown = [
        f"{_short(path) or 'arguments'} {_short(repr(after))} for {_short(repr(before))}"
        for path, before, after in found[:_MOST_PATHS]
    ]
    more = [f"and {len(found) - len(shown)} more"] if len(found) > len(shown) else []
    return "; ".join([*shown, *more])


def _short(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}... ({len(text):,} letters)"


def _paths(a: Any, b: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            inner = f"{path}.{key}" if path else str(key)
            yield from _paths(a.get(key, _NONE), b.get(key, _NONE), inner)
    elif repr(_ordered(a)) != repr(_ordered(b)):
        yield path, a, b


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NONE = _Nothing()


def _names(calls: Sequence[FunctionCall]) -> str:
    return ", ".join(call.name for call in calls)
