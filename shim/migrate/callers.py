"""Where the functions of a tree of Python files are called, and what they are given there.

Knows functions that are called by their names; not methods, nor what a decorator makes of one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from shim.migrate.bindings import Scope
from shim.migrate.literals import Literals, Unresolved

__all__ = ["Callers"]

_STARRED = "is given by a star"


class Callers:
    """The calls of functions, by function."""

    def __init__(self, files: Iterable[tuple[Literals, ast.Module]]) -> None:
        self._calls: dict[Scope, list[tuple[Literals, ast.Call]]] = {}
        for literals, tree in files:
            for each in ast.walk(tree):
                if isinstance(each, ast.Call) and (called := _called(each, literals)) is not None:
                    self._calls.setdefault(called, []).append((literals, each))

    def given(self, function: Scope, own: Literals) -> list[tuple[str, Mapping[str, Any]]]:
        """For each call of a function its place, and the values of the function's parameters."""
        return [
            (literals.place(call.lineno), _given(function, call, literals, own))
            for literals, call in self._calls.get(function, ())
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        ]


def _called(call: ast.Call, literals: Literals) -> Scope | None:
    """The function of the tree that a call names, if it is called as it was written."""
    if not isinstance(call.func, ast.Name):
        return None
    found = literals.origin(call.func.id, literals.bindings.scope(call))
    if not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) or found.decorator_list:
        return None
    return found


def _given(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    call: ast.Call,
    literals: Literals,
    own: Literals,
) -> dict[str, Any]:
    args = function.args
    names = [each.arg for each in (*args.posonlyargs, *args.args)]
    known = {*names, *(each.arg for each in args.kwonlyargs)}
    defaults = dict(zip(reversed(names), reversed(args.defaults), strict=False))
    defaults |= {
        each.arg: value
        for each, value in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if value is not None
    }
    place, text = literals.place(call.lineno), ast.unparse(call)
    untold = Unresolved(text, _STARRED, place)
    positional, named = _positional(call, literals), _named(call, literals)
    if positional is None or named is None:
        given: dict[str, Any] = dict.fromkeys(known, untold)
    else:
        given = {name: own.value(value) for name, value in defaults.items()}
    given |= dict(zip(names, positional or (), strict=False))
    given |= {
        name: value for name, value in (named or _plain(call, literals)).items() if name in known
    }
    if args.kwarg is not None and named is not None:
        given[args.kwarg.arg] = {n: value for n, value in named.items() if n not in known}
    return given


def _positional(call: ast.Call, literals: Literals) -> list[Any] | None:
    """The values of the arguments without names; None where a star is not told."""
    values: list[Any] = []
    for each in call.args:
        found = literals.value(each.value if isinstance(each, ast.Starred) else each)
        if not isinstance(each, ast.Starred):
            values.append(found)
        elif isinstance(found, list):
            values += found
        else:
            return None
    return values


def _named(call: ast.Call, literals: Literals) -> dict[str, Any] | None:
    """The values of the arguments with names; None where two stars are not told."""
    values = _plain(call, literals)
    for each in call.keywords:
        if each.arg is None:
            found = literals.value(each.value)
            if not isinstance(found, dict):
                return None
            values |= found
    return values


def _plain(call: ast.Call, literals: Literals) -> dict[str, Any]:
    return {each.arg: literals.value(each.value) for each in call.keywords if each.arg}
