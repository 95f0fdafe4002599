"""Reads the calls of a Python file that make and change assistants, as definitions.

Knows which arguments are an assistant's, that an update after a creation in the same block is part
of what that creation comes to, and that a function that makes an assistant of what it is given
makes one for each of its calls. What the code does not tell stands in a definition as `Unresolved`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from shim.migrate import python_code
from shim.migrate.callers import Callers
from shim.migrate.literals import UNSET, Literals, Unresolved
from shim.migrate.python_code import Facts, Site
from shim.migrate.recovered import REST, Recovered, Recovery

__all__ = ["NOT_ITS", "Code", "Creations", "slug"]

_CREATE, _UPDATE = "assistants.create", "assistants.update"
_LITELLM = frozenset({"create_assistants", "acreate_assistants"})
NOT_ITS = frozenset(
    {
        *("timeout", "extra_headers", "extra_query", "assistant_id", "custom_llm_provider"),
        *("api_key", "api_base", "api_version", "client", "max_retries", "azure_ad_token"),
        *("async_create_assistants", "betas"),
    }
)
"""Arguments that say how to call, not what the assistant is."""
_PLAIN = frozenset({"", "assistant", "my-assistant", "response", "main"})
"""Names that tell nothing."""


@dataclass(slots=True)
class Code:
    """A file and what is known of it."""

    path: str
    tree: ast.Module
    facts: Facts
    literals: Literals
    parents: dict[ast.AST, ast.AST]


class Creations:
    """The calls of one file."""

    def __init__(self, code: Code, recovery: Recovery, callers: Callers) -> None:
        self._code = code
        self._recovery = recovery
        self._callers = callers
        self._made: dict[ast.AST, list[Recovered]] = {}

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
            self._recovery.notes.append(f"{self._code.literals.place(site.line)}: {words}")

    def _create(self, call: ast.Call) -> None:
        place, literals = self._code.literals.place(call.lineno), self._code.literals
        made = [self._recovered(call, place, literals)]
        if made[0].open:
            function = literals.bindings.scope(call)
            by_calls = [
                self._recovered(
                    call, f"{where}, by way of {place}", literals.called(function, given)
                )
                for where, given in self._callers.given(function, literals)
            ]
            if any(len(each.open) < len(made[0].open) for each in by_calls):
                made = by_calls
        self._made[call] = made
        self._recovery.found += made

    def _recovered(self, call: ast.Call, place: str, literals: Literals) -> Recovered:
        body = self._body(call, literals)
        if body.get("model") is None:
            body.setdefault(REST, Unresolved("model", "is not among the arguments", place))
        return Recovered(place, self._title(call, body), body)

    def _update(self, call: ast.Call) -> None:
        given = {each.arg: each.value for each in call.keywords}
        node = call.args[0] if call.args else given.get("assistant_id")
        literals = self._code.literals
        place, body = literals.place(call.lineno), self._body(call, literals)
        made = None if node is None else self._made_by(node)
        if made is not None and node is not None:
            if self._is_always_next(made, call):
                for each in self._made[made]:
                    self._merge(each, body, place)
            else:
                words = f"it changes what {literals.place(made.lineno)} makes, but not always"
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

    def _body(self, call: ast.Call, literals: Literals) -> dict[str, Any]:
        """What a call says of an assistant; `rest` where there may be more than it shows."""
        body: dict[str, Any] = {}
        for each in call.keywords:
            value = literals.value(each.value)
            if each.arg is None or each.arg == "extra_body":
                if isinstance(value, dict):
                    body |= value
                elif value is not UNSET:
                    body[REST] = value
            elif each.arg not in NOT_ITS:
                body[each.arg] = value
        return {
            key: value
            for key, value in body.items()
            if key not in NOT_ITS and value is not UNSET and value is not None
        }

    def _title(self, call: ast.Call, body: Mapping[str, Any], otherwise: str = "") -> str:
        """A name for the file: the assistant's own, else that of what holds it or makes it."""
        own = body.get("name")
        scope = self._code.literals.bindings.scope(call)
        names = [own if isinstance(own, str) else "", otherwise, self._held_by(call)]
        names += [getattr(scope, "name", ""), PurePath(self._code.path).stem]
        slugs = (each if each == otherwise else slug(each) for each in names)
        return next((each for each in slugs if each not in _PLAIN), "assistant")

    def _held_by(self, call: ast.Call) -> str:
        """The variable or attribute that a call's result is given to."""
        holder = self._code.parents.get(call)
        if isinstance(holder, ast.Await):
            holder = self._code.parents.get(holder)
        targets = holder.targets if isinstance(holder, ast.Assign) else []
        return python_code.names_of(targets[0])[-1] if len(targets) == 1 else ""


def _leaves(statement: ast.stmt) -> bool:
    """Whether a block may end with a statement."""
    leaving = (ast.Return, ast.Raise, ast.Break, ast.Continue)
    return any(isinstance(each, leaving) for each in ast.walk(statement))


def slug(text: str) -> str:
    """A text as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
