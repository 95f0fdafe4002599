"""What may change the list or the dict that a name of a Python file stands for.

Follows names of names, loops over values, and functions of the file into their parameters. Whatever
else is given a value may change it, but for a few functions that are known not to.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from shim.migrate import vocabulary
from shim.migrate.bindings import Bindings, Scope, parameters, targets

__all__ = ["Changes"]

_READING = frozenset({"copy", "count", "get", "index", "items", "keys", "values"})
_HARMLESS = frozenset(
    {
        *(
            "dict",
            "enumerate",
            "isinstance",
            "len",
            "list",
            "print",
            "repr",
            "set",
            "sorted",
            "str",
        ),
        *("tuple", "type", "zip", "json.dumps", "json.dump", "copy.copy", "copy.deepcopy"),
        *("deepcopy", "pprint", "pprint.pprint"),
    }
)
"""Functions that leave what they are given as it is."""
_HOLDING = frozenset({"dict", "enumerate", "list", "set", "sorted", "tuple", "zip", "copy.copy"})
"""Those of them whose results have in them what they were given."""
_HARMLESS_ENDS = frozenset(
    {
        *("create", "update", "create_and_poll", "create_and_run", "create_and_run_poll", "stream"),
        *("create_and_run_stream", "delete", "del_", "retrieve", "submit_tool_outputs", "poll"),
    }
)
"""Methods of the SDK's resources, which send what they are given."""
_LOGGED = frozenset({"debug", "info", "warning", "error", "exception", "log"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
Key = tuple[Scope, str]


class Changes:
    """The names whose values may be changed, each with what does it."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._changed: dict[Key, str] = {}
        self._note_changes()

    def change(self, name: str, scope: Scope) -> str | None:
        """What may change the value that a name has, if it is one that can be changed."""
        return self._changed.get((self._bindings.find(name, scope)[0], name))

    def _note_changes(self) -> None:
        aliases: list[tuple[Key, Key]] = []
        for node, scope in self._bindings.places():
            own = self._own_function(node, scope)
            if isinstance(node, ast.Call) and own is not None:
                for name, parameter in _handed(node, own):
                    aliases.append(((own, parameter), self._key(name, scope)))
                continue
            for root, words in _changes(node):
                self._changed.setdefault(self._key(root, scope), words)
            for target, source in self._aliases(node, scope):
                aliases.append((self._key(target, scope), self._key(source, scope)))
        for _ in range(len(aliases)):
            told = [(s, t) for t, s in aliases if t in self._changed and s not in self._changed]
            if not told:
                return
            self._changed |= {source: self._changed[target] for source, target in told}

    def _aliases(self, node: ast.AST, scope: Scope) -> Iterator[tuple[str, str]]:
        """Names through which another may be changed, also those for what a function gives."""
        for target, value in _pairs(node):
            inner = value.value if isinstance(value, ast.Await) else value
            own = self._own_function(inner, scope)
            if isinstance(inner, ast.Call) and own is not None:
                sources = [name for name, _ in _handed(inner, own)] if _gives_back(own) else []
            else:
                sources = list(_named(value))
            for name in {_root(target), *targets(target)} - {""}:
                yield from ((name, source) for source in sources)

    def _own_function(self, node: ast.AST, scope: Scope) -> Function | None:
        """The function of this file that a node calls, as it was written."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return None
        _, bound = self._bindings.find(node.func.id, scope)
        found = bound[0].node if len(bound) == 1 else None
        if not isinstance(found, Function) or found.decorator_list:
            return None
        return found

    def _key(self, name: str, scope: Scope) -> Key:
        return self._bindings.find(name, scope)[0], name


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _changes(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names whose values a node may change, and how."""
    place = f"line {getattr(node, 'lineno', 0)}"
    match node:
        case (
            ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del())
        ):
            yield _root(node), f"it is changed in {place}"
        case ast.AugAssign(target=target):
            yield _root(target), f"it is changed in {place}"
        case ast.Call(func=func, args=args, keywords=keywords):
            if isinstance(func, ast.Attribute) and func.attr not in _READING:
                yield _root(func), f"{ast.unparse(func)}() in {place} may change it"
            if not _is_harmless(func):
                for each in [*args, *(keyword.value for keyword in keywords)]:
                    words = f"{ast.unparse(func)}() in {place} may change it"
                    yield from ((name, words) for name in _named(each))
        case _:
            pass


def _is_harmless(func: ast.expr) -> bool:
    text = ast.unparse(func)
    end = text.rpartition(".")[2]
    is_method = "." in text and end in _HARMLESS_ENDS | _LOGGED | {"join"}
    return text in _HARMLESS or is_method or end in vocabulary.LITELLM or end.endswith("Param")


def _pairs(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """What is given a value, or values out of one."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
        case ast.NamedExpr(target=target, value=value):
            return [(target, value)]
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            return [(target, value)]
        case _:
            return []


def _gives_back(function: Function) -> bool:
    """Whether what a function gives may have in it what it was given."""
    given = (each for each in ast.walk(function) if isinstance(each, ast.Return | ast.Yield))
    return any(each.value is not None and any(_named(each.value)) for each in given)


def _handed(call: ast.Call, function: Function) -> Iterator[tuple[str, str]]:
    """The names whose values a call hands to a function, each with the parameter it becomes."""
    args = function.args
    names = [each.arg for each in (*args.posonlyargs, *args.args)]
    every = [each.arg for each in parameters(args)]
    stars = [number for number, each in enumerate(call.args) if isinstance(each, ast.Starred)]
    plain = call.args[: stars[0]] if stars else call.args
    taken = {*names[: len(plain)], *(each.arg for each in call.keywords)}
    others = [each for each in every if each not in taken]
    pairs = [(each, [name]) for each, name in zip(plain, names, strict=False)]
    pairs += [(each, others) for each in call.args[len(pairs) :]]
    pairs += [(each.value, [each.arg] if each.arg in every else others) for each in call.keywords]
    for value, becomes in pairs:
        for name in _named(value):
            yield from ((name, each) for each in becomes)


def _named(value: ast.expr) -> Iterator[str]:
    """The names whose values are in a value, or in what a call of a few functions gives."""
    if isinstance(value, ast.Call) and not _holds(value.func):
        return
    if isinstance(value, ast.Name):
        yield value.id
    for child in ast.iter_child_nodes(value):
        if isinstance(child, ast.keyword):
            yield from _named(child.value)
        elif isinstance(child, ast.expr):
            yield from _named(child)


def _holds(func: ast.expr) -> bool:
    text = ast.unparse(func)
    of_object = isinstance(func, ast.Attribute) and func.attr in _READING
    return text in _HOLDING or of_object or text.endswith("Param")
