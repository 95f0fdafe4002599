"""What an expression of a Python file comes to, where the file itself says it. Runs nothing.

Knows literals, names that are bound once, joined texts and a few functions on them. What cannot be
told is `Unresolved`, with its text and why; nothing is guessed.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shim.migrate.bindings import Binding, Bindings, Scope
from shim.migrate.changes import Changes

__all__ = ["UNSET", "Literals", "Unresolved", "unresolved_in"]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An expression that the file does not tell the value of: its text, why, and its place."""

    text: str
    why: str
    place: str = ""


class _Unset:
    """What `NOT_GIVEN` and `omit` stand for."""


UNSET = _Unset()
_UNSET_NAMES = frozenset({"NOT_GIVEN", "not_given", "omit", "Omit()", "NotGiven()"})
_SHORT = 80
_MOST = 12
"""How far names are followed; what names itself ends there."""
_TEXTS: Mapping[str, Callable[..., Any]] = {
    "textwrap.dedent": textwrap.dedent,
    "inspect.cleandoc": inspect.cleandoc,
}
_METHODS = frozenset({"strip", "lstrip", "rstrip", "join", "replace", "lower", "upper"})

Elsewhere = Callable[[ast.ImportFrom, str], "tuple[Literals, str] | None"]
"""By an import and the name it binds: the file of the tree that binds it, and its name there."""


def unresolved_in(value: Any) -> list[Unresolved]:
    """All that is unresolved in a value."""
    if isinstance(value, Unresolved):
        return [value]
    if isinstance(value, Mapping):
        return [each for held in value.values() for each in unresolved_in(held)]
    if isinstance(value, list | tuple):
        return [each for held in value for each in unresolved_in(held)]
    return []


_WHEN_IT_RUNS = "is made when the program runs"
_Told = Callable[[Any, Scope, int], Any]


class _Untold(Exception):
    """Why a value cannot be told."""


class Literals:
    """The values of a file's expressions; `place` says how a line of it is named."""

    def __init__(
        self,
        bindings: Bindings,
        elsewhere: Elsewhere = lambda *_: None,
        place: Callable[[int], str] = str,
    ) -> None:
        self.bindings = bindings
        self.place = place
        self._elsewhere = elsewhere
        self._given: tuple[Scope, Mapping[str, Any]] | None = None
        self._kinds = self._by_kind()

    @cached_property
    def _changes(self) -> Changes:
        return Changes(self.bindings)

    def _by_kind(self) -> Mapping[type, _Told]:
        """What tells the value of each kind of expression."""
        return {
            ast.Constant: self._constant,
            ast.List: self._list_of,
            ast.Tuple: self._list_of,
            ast.Dict: self._dict_of,
            ast.Name: self._name,
            ast.JoinedStr: self._text,
            ast.UnaryOp: self._negative,
            ast.BinOp: self._joined,
            ast.Subscript: self._item,
            ast.Attribute: self._member,
            ast.Call: self._call,
        }

    def called(self, function: Scope, given: Mapping[str, Any]) -> Literals:
        """The same in a call of a function that gives its parameters these values."""
        inside = Literals(self.bindings, self._elsewhere, self.place)
        inside._given = (function, given)
        return inside

    def origin(self, name: str, scope: Scope) -> ast.AST | None:
        """What binds a name, in this file or in one that it is imported from."""
        _, bound = self.bindings.find(name, scope)
        if len(bound) != 1:
            return None
        node = bound[0].node
        if isinstance(node, ast.ImportFrom) and (found := self._elsewhere(node, name)) is not None:
            other, real = found
            there = other.bindings.find(real, other.bindings.tree)[1]
            return there[0].node if len(there) == 1 else None
        return node

    def value(self, node: ast.expr) -> Any:
        """The value of an expression; Unresolved stands for what is not told, parts of it too."""
        return self._value(node, self.bindings.scope(node), 0)

    def imported(self, name: str, depth: int) -> Any:
        """The value of a name of this file, for another one that imports it."""
        return self._name(ast.Name(name), self.bindings.tree, depth)

    def _value(self, node: ast.expr, scope: Scope, depth: int) -> Any:
        try:
            return self._told(node, scope, depth)
        except _Untold as error:
            return Unresolved(ast.unparse(node), str(error), self.place(node.lineno))

    def _whole(self, node: ast.expr, scope: Scope, depth: int) -> Any:
        """A value no part of which is unresolved; raises _Untold."""
        found = self._told(node, scope, depth)
        if parts := unresolved_in(found):
            raise _Untold(f"{parts[0].text}: {parts[0].why}")
        return found

    def _told(self, node: ast.expr, scope: Scope, depth: int) -> Any:
        if ast.unparse(node).removeprefix("openai.") in _UNSET_NAMES:
            return UNSET
        if (kind := self._kinds.get(type(node))) is None:
            raise _Untold(_WHEN_IT_RUNS)
        return kind(node, scope, depth)

    def _constant(self, node: ast.Constant, _scope: Scope, _depth: int) -> Any:
        if isinstance(node.value, bytes | complex) or node.value is ...:
            raise _Untold("is nothing that JSON has")
        return node.value

    def _negative(self, node: ast.UnaryOp, scope: Scope, depth: int) -> Any:
        found = self._told(node.operand, scope, depth)
        if not isinstance(node.op, ast.USub) or type(found) not in (int, float):
            raise _Untold(_WHEN_IT_RUNS)
        return -found

    def _text(self, node: ast.JoinedStr, scope: Scope, depth: int) -> str:
        return "".join(self._piece(each, scope, depth) for each in node.values)

    def _list_of(self, node: ast.List | ast.Tuple, scope: Scope, depth: int) -> list[Any]:
        return self._list(node.elts, scope, depth)

    def _dict_of(self, node: ast.Dict, scope: Scope, depth: int) -> dict[str, Any]:
        return self._dict(node.keys, node.values, scope, depth)

    def _list(self, elements: list[ast.expr], scope: Scope, depth: int) -> list[Any]:
        found: list[Any] = []
        for each in elements:
            if isinstance(each, ast.Starred):
                found += self._of_type(list, each.value, scope, depth)
            elif (value := self._value(each, scope, depth)) is UNSET:
                raise _Untold("is nothing that JSON has")
            else:
                found.append(value)
        return found

    def _dict(
        self, keys: list[ast.expr | None], values: list[ast.expr], scope: Scope, depth: int
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                found |= self._of_type(dict, value, scope, depth)
            else:
                found[self._of_type(str, key, scope, depth)] = self._value(value, scope, depth)
        return {key: value for key, value in found.items() if value is not UNSET}

    def _of_type(self, kind: type, node: ast.expr, scope: Scope, depth: int) -> Any:
        """A value of a type; its parts may be unresolved."""
        found = self._told(node, scope, depth)
        if not isinstance(found, kind):
            raise _Untold(f"{ast.unparse(node)} is no {kind.__name__}")
        return found

    def _name(self, node: ast.Name, scope: Scope, depth: int) -> Any:
        if depth > _MOST:
            raise _Untold("is told by itself")
        place, bound = self.bindings.find(node.id, scope)
        if not bound:
            raise _Untold("is bound nowhere in the file")
        if len(bound) > 1:
            raise _Untold(f"is bound {len(bound)} times")
        found = self._bound(node.id, bound[0], place, depth)
        change = self._changes.change(node.id, scope)
        if change and isinstance(found, list | dict):
            raise _Untold(change)
        return found

    def _bound(self, name: str, binding: Binding, place: Scope, depth: int) -> Any:
        if binding.value is not None:
            try:
                return self._told(binding.value, place, depth + 1)
            except _Untold as error:
                said = textwrap.shorten(ast.unparse(binding.value), _SHORT, placeholder="...")
                raise _Untold(f"is {said}, which {error}") from error
        if isinstance(binding.node, ast.arg) and self._given and self._given[0] is place:
            return _told_of(self._given[1].get(name, Unresolved(name, f"is {binding.words}")))
        if isinstance(binding.node, ast.ImportFrom):
            found = self._elsewhere(binding.node, name)
            if found is not None:
                return found[0].imported(found[1], depth + 1)
        raise _Untold(f"is {binding.words}")

    def _piece(self, node: ast.expr, scope: Scope, depth: int) -> str:
        """A part of an f-string: its own text, or a plain text or whole number put into it."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        assert isinstance(node, ast.FormattedValue)
        if node.conversion != -1 or node.format_spec is not None:
            raise _Untold("formats what it puts in")
        found = self._whole(node.value, scope, depth)
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise _Untold(f"{ast.unparse(node.value)} is neither a text nor a whole number")
        return str(found)

    def _joined(self, node: ast.BinOp, scope: Scope, depth: int) -> Any:
        left, right = (self._told(each, scope, depth) for each in (node.left, node.right))
        match node.op, left, right:
            case (ast.Add(), str(), str()) | (ast.Add(), list(), list()):
                return left + right
            case (ast.Mult(), str(), int()) if right < 1000:
                return left * right
            case (ast.BitOr(), dict(), dict()):
                return {**left, **right}
            case _:
                raise _Untold("is worked out when the program runs")

    def _item(self, node: ast.Subscript, scope: Scope, depth: int) -> Any:
        held, place = self._told(node.value, scope, depth), self._whole(node.slice, scope, depth)
        try:
            found = held[place]
        except (LookupError, TypeError) as error:
            raise _Untold("has no such part that is told") from error
        if isinstance(found, Unresolved):
            raise _Untold(found.why)
        return found

    def _member(self, node: ast.Attribute, scope: Scope, depth: int) -> Any:
        """A constant of a class of the file."""
        owner, name = node.value, node.attr
        if not isinstance(owner, ast.Name):
            raise _Untold("is what an object has when the program runs")
        _, bound = self.bindings.find(owner.id, scope)
        if len(bound) != 1:
            raise _Untold("is what an object has when the program runs")
        of = bound[0].node
        if not isinstance(of, ast.ClassDef) or of.decorator_list:
            raise _Untold(f"{owner.id} is {bound[0].words or 'made when the program runs'}")
        found = self.bindings.member(of, name)
        value = found[0].value if len(found) == 1 else None
        if value is None or depth > _MOST or self._changes.change(owner.id, scope):
            raise _Untold(f"is not set once in {owner.id}")
        return self._told(value, of, depth + 1)

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Any:
        name = self._full_name(node.func, scope)
        if name == "dict" or _is_param(name):
            if node.args:
                raise _Untold(_WHEN_IT_RUNS)
            keys: list[ast.expr | None] = [
                None if each.arg is None else ast.Constant(each.arg) for each in node.keywords
            ]
            return self._dict(keys, [each.value for each in node.keywords], scope, depth)
        if node.keywords:
            raise _Untold(_WHEN_IT_RUNS)
        given = [self._whole(each, scope, depth) for each in node.args] if name in _TEXTS else []
        if name in _TEXTS and len(given) == 1 and isinstance(given[0], str):
            return _TEXTS[name](given[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            return self._text_method(node.func, node.args, scope, depth)
        raise _Untold(_WHEN_IT_RUNS)

    def _text_method(
        self, func: ast.Attribute, args: list[ast.expr], scope: Scope, depth: int
    ) -> str:
        text = self._whole(func.value, scope, depth)
        given = [self._whole(each, scope, depth) for each in args]
        if not isinstance(text, str):
            raise _Untold(_WHEN_IT_RUNS)
        try:
            return str(getattr(text, func.attr)(*given))
        except (TypeError, ValueError) as error:
            raise _Untold(_WHEN_IT_RUNS) from error

    def _full_name(self, func: ast.expr, scope: Scope) -> str:
        """A function by the name of its module and its own, where an import tells; or a builtin."""
        names = ast.unparse(func).split(".")
        _, bound = self.bindings.find(names[0], scope)
        if not bound:
            return ".".join(names)
        match bound[0].node if len(bound) == 1 else None:
            case ast.ImportFrom(module=str() as module, names=given, level=0):
                real = next(a.name for a in given if (a.asname or a.name) == names[0])
                return ".".join([module, real, *names[1:]])
            case ast.Import(names=given):
                real = next((a.name for a in given if (a.asname or a.name) == names[0]), names[0])
                return ".".join([real, *names[1:]])
            case _:
                return ""


def _told_of(given: Any) -> Any:
    if isinstance(given, Unresolved):
        raise _Untold(f"is {given.text}, which {given.why}")
    return given


def _is_param(name: str) -> bool:
    """Whether it is one of the SDK's types of parameters, which are dicts."""
    return name.startswith("openai.types.") and (name.endswith("Param") or "_params." in name)
