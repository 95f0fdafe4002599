"""Small readers and writers of Python's syntax tree. Knows libcst, and no API at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import libcst as cst

__all__ = [
    "called",
    "code",
    "comments",
    "dotted",
    "entries",
    "is_none",
    "keywords",
    "laid_out",
    "parsed",
    "string",
    "with_article",
    "wrapped",
]

_EMPTY = cst.Module([])
_WIDTH = 96
_ROOM = 76


def code(node: cst.CSTNode) -> str:
    """A node as it is written."""
    return _EMPTY.code_for_node(node).strip()


def parsed(text: str) -> cst.BaseExpression:
    """An expression; the brackets let it go over several lines."""
    return cst.parse_expression(text)


def dotted(node: cst.BaseExpression) -> list[str]:
    """The names of `a.b.c`; empty where something else than a name is at its root."""
    names: list[str] = []
    while isinstance(node, cst.Attribute):
        names.append(node.attr.value)
        node = node.value
    return [node.value, *reversed(names)] if isinstance(node, cst.Name) else []


def called(node: cst.CSTNode) -> list[str]:
    """The names of what is called, of a call."""
    return dotted(node.func) if isinstance(node, cst.Call) else []


def string(node: cst.CSTNode | None) -> str | None:
    """The value of a string that is written out."""
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def is_none(node: cst.CSTNode | None) -> bool:
    """Whether `None` stands there."""
    return isinstance(node, cst.Name) and node.value == "None"


def entries(node: cst.CSTNode | None) -> dict[str, cst.BaseExpression] | None:
    """A dictionary that is written out with plain keys; None for all else."""
    if isinstance(node, cst.Call) and called(node) == ["dict"]:
        return None if any(a.keyword is None for a in node.args) else keywords(node)
    if not isinstance(node, cst.Dict):
        return None
    found: dict[str, cst.BaseExpression] = {}
    for element in node.elements:
        key = string(element.key) if isinstance(element, cst.DictElement) else None
        if key is None:
            return None
        found[key] = element.value
    return found


def keywords(node: cst.Call, positional: Sequence[str] = ()) -> dict[str, cst.BaseExpression]:
    """The arguments of a call by name."""
    names = iter(positional)
    found = {}
    for argument in node.args:
        name = argument.keyword.value if argument.keyword else next(names, None)
        if name is not None and not argument.star:
            found[name] = argument.value
    return found


def laid_out(head: str, items: Iterable[str], tail: str, indent: int = 0) -> str:
    """`head`, items and `tail` on one line where they fit, else an item a line.

    Indented from where the expression begins: the block around it brings its own indentation.
    """
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    fits = len(line) + indent * 4 <= _ROOM and "\n" not in line
    if fits or not items:
        return line
    inner, outer = "    " * (indent + 1), "    " * indent
    body = "".join(f"{inner}{each},\n" for each in items)
    return f"{head}\n{body}{outer}{tail}"


def wrapped(text: str, indent: int) -> list[str]:
    """A text as lines of comment."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > _WIDTH - 2 - indent * 4 and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [f"# {line}" for line in lines]


def with_article(noun: str) -> str:
    """A noun with its article."""
    return f"{'an' if noun[:1].lower() in 'aeiou' and noun else 'a'} {noun}"


def comments(node: cst.CSTNode) -> list[str]:
    """The comments in a piece of code, in order."""
    found: list[str] = []

    class Collector(cst.CSTVisitor):
        def visit_Comment(self, node: cst.Comment) -> None:
            found.append(node.value)

    node.visit(Collector())
    return found
