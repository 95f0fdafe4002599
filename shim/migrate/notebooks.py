"""Jupyter notebooks: their code as Python with each line's place, and code written back.

Knows the format's cells and IPython's magics. Knows nothing of what the code does.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["NotANotebook", "Notebook", "masked", "opened", "unmasked"]

_MARK = "pass  # shim:magic "
_MAGIC = re.compile(r"^(\s*)([%!?].*|[^\s#'\"]+\?{1,2})$", re.MULTILINE)
_PYTHON_CELL = re.compile(r"%%(?:time|timeit|capture|prun)\b")


class NotANotebook(Exception):
    """A file with a notebook's name that is none."""


def masked(code: str) -> str:
    """Code whose magics stand as comments, on the same lines."""
    return _MAGIC.sub(lambda found: f"{found[1]}{_MARK}{found[2]}", code)


def unmasked(code: str) -> str:
    """The magics back in their places."""
    return code.replace(_MARK, "")


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook: its text, and its value as JSON."""

    text: str
    value: Any

    def cells(self) -> list[int]:
        """The numbers of the cells with Python in them."""
        found = []
        for number, cell in enumerate(self.value.get("cells", ())):
            source = _source(cell)
            other = source.lstrip().startswith("%%") and not _PYTHON_CELL.match(source.lstrip())
            if cell.get("cell_type") == "code" and not other:
                found.append(number)
        return found

    def broken(self) -> list[tuple[int, str]]:
        """The cells that Python does not understand, each with the reason."""
        found = ((number, _why_broken(self.source(number))) for number in self.cells())
        return [(number, why) for number, why in found if why]

    def readable(self) -> list[int]:
        """The cells that Python understands."""
        broken = {number for number, _ in self.broken()}
        return [number for number in self.cells() if number not in broken]

    def code(self) -> tuple[str, list[int]]:
        """All Python of the notebook, magics masked, and the file's line of each of its lines.

        Cells that Python does not understand are left out: the others run without them.
        """
        lines: list[str] = []
        places: list[int] = []
        position = 0
        for number in self.readable():
            for line in masked(_source(self.value["cells"][number])).splitlines():
                written = json.dumps(unmasked(line))[1:-1]
                found = self.text.find(written, position) if written.strip() else -1
                position = found if found >= 0 else position
                lines.append(line)
                places.append(self.text.count("\n", 0, position) + 1)
        return "\n".join(lines) + "\n", places

    def source(self, number: int) -> str:
        """A cell's code, magics masked."""
        return masked(_source(self.value["cells"][number]))

    def replaced(self, codes: dict[int, str]) -> str | None:
        """The file with other code in some cells; nothing where its layout could not be kept."""
        dumps = _layout(self.text, self.value)
        if dumps is None:
            return None
        value = json.loads(self.text)
        for number, code in codes.items():
            cell, plain = value["cells"][number], unmasked(code)
            as_lines = isinstance(cell["source"], list)
            cell["source"] = plain.splitlines(keepends=True) if as_lines else plain
        return str(dumps(value))


def opened(text: str) -> Notebook:
    """The notebook in a file's text."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise NotANotebook(str(error)) from error
    if not isinstance(value, dict) or not isinstance(value.get("cells"), list):
        raise NotANotebook("no notebook of format 4")
    return Notebook(text, value)


def _why_broken(code: str) -> str:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError) as error:
        return str(error)
    return ""


def _source(cell: Any) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _layout(text: str, value: Any) -> Any:
    """What writes a value as the file is written; found by trying."""
    end = text[len(text.rstrip("\n")) :]
    for indent in (1, 2, 4, None, "\t"):
        for plain in (False, True):

            def dumps(given: Any, indent: Any = indent, plain: bool = plain) -> str:
                return json.dumps(given, indent=indent, ensure_ascii=plain) + end

            if dumps(value) == text:
                return dumps
    return None
