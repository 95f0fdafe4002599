"""How two sequences of function calls differ. Arguments are compared as the JSON they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shim.core.wire import decode_json
from shim.native.cases import FunctionCall

__all__ = ["arguments_of", "call_differences"]


def call_differences(
    a: Sequence[FunctionCall], b: Sequence[FunctionCall]
) -> Iterator[tuple[bool, str]]:
    """Each difference, and whether it is a loss: a call that is missing, or asks something else.

    Calls that are equal are paired first, then those of one name; the order of equal calls alone is
    a change.
    """
    left_a, left_b = list(a), list(b)
    for one in a:
        equal = next((each for each in left_b if _key(one) == _key(each)), None)
        if equal is not None:
            left_a.remove(one)
            left_b.remove(equal)
    if not left_a and not left_b:
        if [_key(one) for one in a] != [_key(one) for one in b]:
            yield False, f"calls in another order: {_names(b)}, A {_names(a)}"
        return
    for one in list(left_a):
        other = next((each for each in left_b if each.name == one.name), None)
        if other is not None:
            left_a.remove(one)
            left_b.remove(other)
            yield True, f"calls {one.name} with {_change(one, other)}"
    for gone in left_a:
        yield True, f"does not call {gone.name}({gone.arguments})"
    for new in left_b:
        yield False, f"calls {new.name}({new.arguments}) besides"


def arguments_of(call: FunctionCall) -> Any:
    """The arguments as they are to be compared: what is no JSON is a text."""
    try:
        return decode_json(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        return call.arguments


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
    shown = "; ".join(
        f"{path or 'arguments'} {after!r} for {before!r}" for path, before, after in found
    )
    return shown or f"{other.arguments} for {one.arguments}"


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
