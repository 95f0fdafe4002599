"""Which names a Python file binds, in which scope, and how often.

Knows scopes and statements. Knows no values; those are for `shim.migrate.literals`.
"""

from __future__ import annotations

import ast
from collections.abc import ItemsView, Iterator
from dataclasses import dataclass, field

__all__ = ["Binding", "Bindings", "Scope", "parameters", "targets"]

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Binding:
    """A place where a name is bound: the value where it is plainly assigned, else what else it is.

    `node` is what binds it; `words` say what it is where there is no value.
    """

    node: ast.AST
    value: ast.expr | None = None
    words: str = ""


@dataclass(slots=True)
class _Names:
    bound: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)
    """Those that `global` or `nonlocal` give away."""


class Bindings:
    """All names of a file."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._names: dict[Scope, _Names] = {tree: _Names()}
        self._outer: dict[Scope, Scope] = {}
        self._scopes: dict[ast.AST, Scope] = {}
        self._stored: set[str] = set()
        self._walk(tree, tree)

    def places(self) -> ItemsView[ast.AST, Scope]:
        """All nodes with their scopes."""
        return self._scopes.items()

    def scope(self, node: ast.AST) -> Scope:
        """The scope in which a node stands."""
        return self._scopes[node]

    def find(self, name: str, scope: Scope) -> tuple[Scope, list[Binding]]:
        """The scope that a name belongs to, and where it is bound there."""
        place: Scope | None = scope
        while place is not None:
            names = self._names[place]
            own = place is scope or not isinstance(place, ast.ClassDef)
            if own and name in names.bound and name not in names.outer:
                return place, names.bound[name]
            place = self._outer.get(place)
        return self.tree, []

    def member(self, of: ast.ClassDef, name: str) -> list[Binding]:
        """Where a class binds a name, if nobody sets it from outside."""
        if f"{of.name}.{name}" in self._stored:
            return []
        return self._names[of].bound.get(name, [])

    # who binds what

    def _walk(self, node: ast.AST, scope: Scope) -> None:
        self._scopes[node] = scope
        self._bind(node, scope)
        if isinstance(node, _SCOPES):
            self._enter(node, scope)
            return
        if isinstance(node, _COMPREHENSIONS):
            self._names_of_comprehension(node, scope)
        for child in ast.iter_child_nodes(node):
            self._walk(child, scope)

    def _enter(self, node: Scope, scope: Scope) -> None:
        self._names[node], self._outer[node] = _Names(), scope
        inner = {id(each) for each in _body(node)}
        if not isinstance(node, ast.ClassDef | ast.Module):
            what = f"a parameter of {getattr(node, 'name', 'a lambda')}()"
            for each in parameters(node.args):
                self._add(each.arg, node, Binding(each, words=what))
        for child in ast.iter_child_nodes(node):
            self._walk(child, node if id(child) in inner else scope)

    def _names_of_comprehension(self, node: ast.AST, scope: Scope) -> None:
        """Its names are its own, but bound here so that nobody takes them for others."""
        for each in ast.walk(node):
            if isinstance(each, ast.comprehension):
                for name in targets(each.target):
                    self._add(name, scope, Binding(each, words="a name of a comprehension"))

    def _bind(self, node: ast.AST, scope: Scope) -> None:
        for target, value, words in _assigned(node):
            if isinstance(target, ast.Name) and value is not None:
                self._add(target.id, scope, Binding(node, value))
            else:
                self._other(target, node, scope, words)
        for name, words in _declared(node):
            self._add(name, scope, Binding(node, words=words))
        if isinstance(node, ast.Global | ast.Nonlocal):
            self._names[scope].outer |= set(node.names)

    def _other(self, target: ast.expr, node: ast.AST, scope: Scope, words: str) -> None:
        if isinstance(target, ast.Attribute):
            self._stored.add(ast.unparse(target))
        for name in targets(target):
            self._add(name, scope, Binding(node, words=words))

    def _add(self, name: str, scope: Scope, binding: Binding) -> None:
        self._names[scope].bound.setdefault(name, []).append(binding)
        if name in self._names[scope].outer:
            place = self._outer.get(scope)
            while place is not None:
                self._names[place].bound.setdefault(name, []).append(binding)
                place = self._outer.get(place)


_AT_ONCE = "one of several that are assigned at once"


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None, str]]:
    """What a statement assigns to, the value where it is plain, and words where it is not."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value, _AT_ONCE) for target in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value, _AT_ONCE
        case ast.NamedExpr(target=target, value=value):
            yield target, value, _AT_ONCE
        case ast.AugAssign(target=target):
            yield target, None, "changed where it stands"
        case ast.For(target=target) | ast.AsyncFor(target=target):
            yield target, None, "a name of a loop"
        case ast.withitem(optional_vars=ast.expr() as target):
            yield target, None, "what a `with` gives"
        case ast.Delete(targets=targets):
            yield from ((target, None, "deleted") for target in targets)
        case _:
            pass


def _declared(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that are bound without an assignment, and what they are."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, "a function"
        case ast.ClassDef(name=name):
            yield name, "a class"
        case ast.ExceptHandler(name=str() as name):
            yield name, "an error"
        case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
            yield name, "a name of a `match`"
        case ast.MatchMapping(rest=str() as name):
            yield name, "a name of a `match`"
        case ast.Import(names=names):
            for each in names:
                yield each.asname or each.name.partition(".")[0], f"the module {each.name}"
        case ast.ImportFrom(module=module, names=names):
            for each in names:
                yield each.asname or each.name, f"imported from {module or '.'}"
        case _:
            pass


def _body(node: Scope) -> Iterator[ast.AST]:
    """What stands inside a scope, and not around it as defaults and decorators do."""
    if isinstance(node, ast.Lambda):
        yield node.body
    else:
        yield from node.body


def parameters(given: ast.arguments) -> list[ast.arg]:
    """All parameters of a function."""
    others = [each for each in (given.vararg, given.kwarg) if each is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *others]


def targets(target: ast.expr) -> Iterator[str]:
    """The names that a target binds; a subscript or an attribute binds none."""
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=each) | ast.List(elts=each):
            for one in each:
                yield from targets(one)
        case ast.Starred(value=value):
            yield from targets(value)
        case _:
            pass
