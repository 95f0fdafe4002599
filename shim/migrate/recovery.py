"""Definitions of assistants, read from the programs of a tree. Writes and runs nothing.

Knows files and how a name of one is followed into another.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from shim.migrate import files, notebooks, python_code, script_creations
from shim.migrate.bindings import Bindings
from shim.migrate.callers import Callers
from shim.migrate.clients import Clients
from shim.migrate.creations import Code, Creations
from shim.migrate.literals import Literals
from shim.migrate.python_code import Import
from shim.migrate.recovered import Recovery

__all__ = ["recover"]


def recover(path: Path) -> Recovery:
    """Read all files of Python, JavaScript and TypeScript, and notebooks, below a path."""
    return _Tree(path).recovery()


def _places(path: str, lines: Sequence[int]) -> Callable[[int], str]:
    """How the lines of a file are named; a notebook's code stands elsewhere in its file."""
    return lambda line: f"{path}:{lines[min(line, len(lines)) - 1] if lines else line}"


class _Tree:
    def __init__(self, path: Path) -> None:
        listing = files.listing(path)
        self._recovery = Recovery()
        self._codes: dict[str, Code] = {}
        for each in listing.files:
            name = each.relative_to(listing.root).as_posix()
            text = files.text_of(each)
            if text is None:
                continue
            if each.suffix in script_creations.SUFFIXES:
                script_creations.collect(name, text, each.suffix, self._recovery)
            elif (code := self._read(name, text)) is not None:
                self._codes[name] = code
        self._clients = Clients({name: code.facts for name, code in self._codes.items()})

    def _read(self, name: str, text: str) -> Code | None:
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
        return Code(name, tree, facts, literals, parents)

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
        """All that there is."""
        recovery = self._recovery
        if not any(each.facts.sites or each.facts.litellm for each in self._codes.values()):
            return recovery
        callers = Callers((each.literals, each.tree) for each in self._codes.values())
        for code in self._codes.values():
            Creations(code, recovery, callers).collect()
        return recovery
