"""Definitions of assistants, read from the calls of a Python program that make and change them.

Knows which arguments are an assistant's, and that an update after a creation in the same block is
part of what that creation comes to. What the code does not tell stands in a definition as
`Unresolved`. Writes nothing and runs nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from shim.migrate import definitions, files, notebooks, python_code
from shim.migrate.bindings import Bindings
from shim.migrate.clients import Clients
from shim.migrate.literals import UNSET, Literals, Unresolved, unresolved_in
from shim.migrate.python_code import Facts, Import, Site

__all__ = ["REST", "Recovered", "Recovery", "recover", "text_of"]

REST = "rest"
"""The key of a definition that stands for what else there may be in it."""

_CREATE, _UPDATE = "assistants.create", "assistants.update"
_LITELLM = frozenset({"create_assistants", "acreate_assistants"})
_NOT_ITS = frozenset(
    {
        *("timeout", "extra_headers", "extra_query", "assistant_id", "custom_llm_provider"),
        *("api_key", "api_base", "api_version", "client", "max_retries", "azure_ad_token"),
        *("async_create_assistants", "betas"),
    }
)
"""Arguments that say how to call, not what the assistant is."""


@dataclass(slots=True)
class Recovered:
    """A definition: where it was found, under which name it is kept, and what it says."""

    place: str
    title: str
    body: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    updates: list[str] = field(default_factory=list)

    @property
    def open(self) -> list[tuple[str, Unresolved]]:
        """What somebody has to fill in, by key."""
        return [(key, each) for key, held in self.body.items() for each in unresolved_in(held)]


@dataclass(slots=True)
class Recovery:
    """All definitions of a tree, and calls of which none could be made."""

    found: list[Recovered] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def names(self) -> dict[str, Recovered]:
        """The definitions by the names of their files, each name once."""
        names: dict[str, Recovered] = {}
        for each in self.found:
            number, name = 1, f"{each.title}.yaml"
            while name in names:
                number += 1
                name = f"{each.title}-{number}.yaml"
            names[name] = each
        return names


def text_of(found: Recovered) -> str:
    """The file of a definition, with where it is from."""
    lines = [f"# from {found.place}, by `shim scan`"]
    lines += [f"# changed by the update at {each}" for each in found.updates]
    if found.open:
        lines.append("# fill in what is marked !unresolved: until then a push is refused")
    known = {key: found.body[key] for key in definitions.KEYS if key in found.body}
    return "\n".join([*lines, definitions.shown(found.id, {**known, **found.body})])


def recover(path: Path) -> Recovery:
    """Read all Python files and notebooks below a path, or the one it is."""
    return _Tree(path).recovery()


@dataclass(slots=True)
class _Code:
    """A file and what is known of it; `place` names a line as somebody finds it."""

    tree: ast.Module
    facts: Facts
    literals: Literals
    place: Callable[[int], str]
    parents: dict[ast.AST, ast.AST]


def _places(path: str, lines: Sequence[int]) -> Callable[[int], str]:
    """How the lines of a file are named; a notebook's code stands elsewhere in its file."""
    return lambda line: f"{path}:{lines[min(line, len(lines)) - 1] if lines else line}"


class _Tree:
    def __init__(self, path: Path) -> None:
        listing = files.listing(path)
        self._codes: dict[str, _Code] = {}
        for each in listing.files:
            name = each.relative_to(listing.root).as_posix()
            text = files.text_of(each)
            if text is not None and (code := self._read(name, text)) is not None:
                self._codes[name] = code
        self._clients = Clients({name: code.facts for name, code in self._codes.items()})

    def _read(self, name: str, text: str) -> _Code | None:
        lines: list[int] = []
        try:
            if name.endswith(".ipynb"):
                text, lines = notebooks.opened(text).code()
            elif not name.endswith((".py", ".pyw")):
                return None
            tree, facts = ast.parse(text), python_code.read(text)
        except (SyntaxError, ValueError, RecursionError, notebooks.NotANotebook):
            return None  # `shim scan` itself tells of it
        place = _places(name, lines)
        elsewhere = partial(self._elsewhere, name)
        literals = Literals(Bindings(tree), elsewhere, place)
        parents = {child: each for each in ast.walk(tree) for child in ast.iter_child_nodes(each)}
        return _Code(tree, facts, literals, place, parents)

    def _elsewhere(
        self, path: str, node: ast.ImportFrom, bound: str
    ) -> tuple[Literals, str] | None:
        """Where a name is from that a file imports, if that is in the tree."""
        real = next(each.name for each in node.names if (each.asname or each.name) == bound)
        found = Import(node.module or "", real, bound, node.lineno, 1, node.level)
        target = self._clients.target(path, found)
        if target is None or target == path:
            return None
        return self._codes[target].literals, real

    def recovery(self) -> Recovery:
        recovery = Recovery()
        for code in self._codes.values():
            _Calls(code, recovery).collect()
        return recovery


class _Calls:
    """The calls of one file."""

    def __init__(self, code: _Code, recovery: Recovery) -> None:
        self._code = code
        self._recovery = recovery
        self._made: dict[ast.AST, Recovered] = {}

    def collect(self) -> None:
        facts = self._code.facts
        sites = {(s.line, s.column): s for s in facts.sites if s.method in {_CREATE, _UPDATE}}
        sites |= {(s.line, s.column): s for s in facts.litellm if s.method in _LITELLM}
        calls = list(self._calls(sites))
        for call, site in calls:
            if site.method != _UPDATE:
                self._create(call)
        for call, site in calls:
            if site.method == _UPDATE:
                self._update(call)

    def _calls(self, sites: Mapping[tuple[int, int], Site]) -> Iterator[tuple[ast.Call, Site]]:
        """Each call in its order; what is handed on to be called elsewhere is told."""
        waiting = dict(sites)
        calls = (each for each in ast.walk(self._code.tree) if isinstance(each, ast.Call))
        for call in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
            place = (call.func.lineno, call.func.col_offset + 1)
            site = waiting.get(place)
            end = site.method.rpartition(".")[2] if site else ""
            if site and python_code.names_of(call.func)[-1] in {end, site.method}:
                del waiting[place]
                yield call, site
        for site in waiting.values():
            words = f"{site.method} is handed on, and called where its arguments are not told"
            self._recovery.notes.append(f"{self._code.place(site.line)}: {words}")

    def _create(self, call: ast.Call) -> None:
        place = self._code.place(call.lineno)
        body = self._body(call)
        if body.get("model") is None:
            body.setdefault(REST, Unresolved("model", "is not among the arguments", place))
        found = Recovered(place, self._title(call, body), body)
        self._made[call] = found
        self._recovery.found.append(found)

    def _update(self, call: ast.Call) -> None:
        given = {each.arg: each.value for each in call.keywords}
        node = call.args[0] if call.args else given.get("assistant_id")
        place, body = self._code.place(call.lineno), self._body(call)
        made = None if node is None else self._made_by(node)
        if made is not None and node is not None:
            if self._is_always_next(made, call):
                self._merge(self._made[made], body, place)
            else:
                words = f"it changes what {self._made[made].place} makes, but not always"
                self._recovery.notes.append(f"{place}: this update is not in a file: {words}")
            return
        object_id = None if node is None else self._code.literals.value(node)
        if not isinstance(object_id, str):
            words = "which assistant it changes is not told"
            self._recovery.notes.append(f"{place}: this update is not in a file: {words}")
            return
        why = "stays as it was before this update, which does not say all"
        body.setdefault(REST, Unresolved(ast.unparse(call.func), why, place))
        known = next((each for each in self._recovery.found if each.id == object_id), None)
        if known is not None:
            self._merge(known, body, place)
            return
        title = self._title(call, body, object_id)
        self._recovery.found.append(Recovered(place, title, body, object_id))

    def _merge(self, known: Recovered, body: dict[str, Any], place: str) -> None:
        """What an update sets stands in the place of what was set before."""
        known.body |= body
        known.updates.append(place)

    def _made_by(self, node: ast.expr) -> ast.Call | None:
        """The creation whose result a name stands for: `assistant.id`."""
        if not (isinstance(node, ast.Attribute) and node.attr == "id"):
            return None
        value: ast.expr | None = node.value
        if isinstance(value, ast.Name):
            scope = self._code.literals.bindings.scope(node)
            _, bound = self._code.literals.bindings.find(value.id, scope)
            value = bound[0].value if len(bound) == 1 else None
        value = value.value if isinstance(value, ast.Await) else value
        return value if isinstance(value, ast.Call) and value in self._made else None

    def _is_always_next(self, made: ast.Call, update: ast.Call) -> bool:
        """Whether both are statements of one block, the update the later one."""
        first, second = (self._statement(each) for each in (made, update))
        if self._code.parents[first] is not self._code.parents[second]:
            return False
        for _, block in ast.iter_fields(self._code.parents[first]):
            if isinstance(block, list) and first in block and second in block:
                between = block[block.index(first) : block.index(second)]
                return bool(between) and not any(map(_leaves, between))
        return False

    def _statement(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, ast.stmt):
            node = self._code.parents[node]
        return node

    def _body(self, call: ast.Call) -> dict[str, Any]:
        """What a call says of an assistant; `rest` where there may be more than it shows."""
        body: dict[str, Any] = {}
        for each in call.keywords:
            value = self._code.literals.value(each.value)
            if each.arg is None or each.arg == "extra_body":
                if isinstance(value, dict):
                    body |= value
                elif value is not UNSET:
                    body[REST] = value
            elif each.arg not in _NOT_ITS:
                body[each.arg] = value
        return {
            key: value
            for key, value in body.items()
            if key not in _NOT_ITS and value is not UNSET and value is not None
        }

    def _title(self, call: ast.Call, body: Mapping[str, Any], otherwise: str = "") -> str:
        """A name for the file: the assistant's own, else that of what holds it or makes it."""
        if isinstance(name := body.get("name"), str) and _slug(name):
            return _slug(name)
        if otherwise:
            return otherwise
        match self._code.parents.get(call):
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                return _slug(python_code.names_of(target)[-1]) or "assistant"
            case ast.Await() as awaited:
                parent = self._code.parents.get(awaited)
                if isinstance(parent, ast.Assign):
                    return _slug(python_code.names_of(parent.targets[0])[-1]) or "assistant"
        scope = self._code.literals.bindings.scope(call)
        return _slug(getattr(scope, "name", "")) or "assistant"


def _leaves(statement: ast.stmt) -> bool:
    """Whether a block may end with a statement."""
    leaving = (ast.Return, ast.Raise, ast.Break, ast.Continue)
    return any(isinstance(each, leaving) for each in ast.walk(statement))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
