"""Reads the calls of a JavaScript or TypeScript file that make and change assistants.

Knows how the SDK's calls begin and that their last argument is an object. Values are read by
`shim.migrate.script_literals`; functions are not followed to their calls.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from shim.migrate import other_code
from shim.migrate.creations import NOT_ITS, slug
from shim.migrate.literals import UNSET, Unresolved
from shim.migrate.python_code import Site
from shim.migrate.recovered import REST, Recovered, Recovery
from shim.migrate.script_literals import REST_KEY, Script

__all__ = ["SUFFIXES", "collect"]

SUFFIXES = frozenset({".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"})
_METHODS = {"assistants.create": "create", "assistants.update": "update"}
_HOLDER = re.compile(r"(?:const|let|var)\s+(\w+)[^=;]*=\s*(?:await\s+)?[\w$.\s()]*$")


def collect(path: str, text: str, suffix: str, recovery: Recovery) -> None:
    """Add the definitions of a file."""
    code = other_code.blanked(text, suffix)
    script = Script(code, lambda line: f"{path}:{line}")
    for site in other_code.calls(code, suffix):
        if site.method in _METHODS:
            _Call(code, script, site, path).add(recovery)


class _Call:
    """A call of the SDK's."""

    def __init__(self, code: str, script: Script, site: Site, path: str) -> None:
        lines = code.splitlines(keepends=True)
        self._start = sum(map(len, lines[: site.line - 1])) + site.column - 1
        self._code, self._script, self._path = code, script, path
        self._is_update = site.method == "assistants.update"
        word = _METHODS[site.method]
        begun = re.compile(rf"\.\s*{word}\s*(?:<[^()]*>)?\s*\(").search(code, self._start)
        self._place = script.place(self._start)
        near = begun is not None and begun.start() - self._start < 200
        self._given = script.arguments(begun.end()) if begun and near else None

    def add(self, recovery: Recovery) -> None:
        """Add what it says."""
        note = partial(self._note, recovery)
        if self._given is None:
            note("its arguments are not told")
            return
        object_id = ""
        if self._is_update:
            named = self._given[0] if self._given else None
            if not isinstance(named, str):
                note("this update is not in a file: which assistant it changes is not told")
                return
            object_id = named
        body = self._body()
        found = Recovered(self._place, self._title(body, object_id), body, object_id)
        recovery.found.append(found)

    def _note(self, recovery: Recovery, words: str) -> None:
        recovery.notes.append(f"{self._place}: {words}")

    def _body(self) -> dict[str, Any]:
        assert self._given is not None
        number = 1 if self._is_update else 0
        given = self._given[number] if len(self._given) > number else {}
        if not isinstance(given, dict):
            told = given if isinstance(given, Unresolved) else self._rest("is no object")
            return {REST: told}
        body = {
            REST if key == REST_KEY else key: value
            for key, value in given.items()
            if key not in NOT_ITS and value is not None and value is not UNSET
        }
        if self._is_update:
            body.setdefault(REST, self._rest("stays as it was: the update does not say all"))
        elif body.get("model") is None:
            body.setdefault(REST, self._rest("has no model among its arguments"))
        return body

    def _rest(self, why: str) -> Unresolved:
        return Unresolved("assistants", why, self._place)

    def _title(self, body: dict[str, Any], object_id: str) -> str:
        if isinstance(name := body.get("name"), str) and slug(name):
            return slug(name)
        if object_id:
            return object_id
        line = self._code[self._code.rfind("\n", 0, self._start) + 1 : self._start]
        held = _HOLDER.search(line)
        names = (held[1] if held else "", self._path.rpartition("/")[2].partition(".")[0])
        return next(
            (slug(each) for each in names if slug(each) not in {"", "assistant"}), "assistant"
        )
