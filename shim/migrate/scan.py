"""Reads a tree and finds what concerns the Assistants API.

Knows which reader a file gets and what of its findings counts. Changes nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from shim.migrate import (
    addresses,
    files,
    libraries,
    models,
    notebooks,
    other_code,
    python_code,
    traits,
    vocabulary,
    workflows,
)
from shim.migrate.clients import Clients
from shim.migrate.finding import Finding, Report
from shim.migrate.python_code import Facts, Import, Site

__all__ = ["Read", "read_tree", "scan"]

_PYTHON = frozenset({".py", ".pyi", ".pyw", ".ipynb"})
_SETTINGS = frozenset({".env", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".json"})

_CATALOGUE = 8
"""A setting with more models than this lists what there is."""

_TELLING = re.compile(
    r"openai|litellm|shim|assistant|thread|beta|asst_|vs_|file-|gpt-", re.IGNORECASE
)
"""A file without any of these words has only imports to tell."""


@dataclass(slots=True)
class Read:
    """A file that was read: its code without comments, and what its reader found in it."""

    path: str
    code: str
    facts: Facts | None = None
    sites: list[Site] = field(default_factory=list)
    native: list[Site] = field(default_factory=list)
    addresses: list[Site] = field(default_factory=list)
    nodes: list[workflows.Node] | None = None
    lines: list[int] = field(default_factory=list)
    problem: str = ""

    @property
    def concerns(self) -> bool:
        """Whether the file speaks of the Assistants API at all."""
        of_python = self.facts is not None and (self.facts.sites or self.facts.litellm)
        found = of_python or self.sites or self.addresses or self.nodes or self.library_uses()
        return bool(found or traits.HEADER.search(self.code))

    def library_uses(
        self, is_of_tree: Callable[[Import], bool] = lambda _: False
    ) -> list[tuple[libraries.Library, int, int]]:
        """The libraries in use, each with its line and column; none that is in the tree itself."""
        if self.facts is None:
            found = libraries.by_text(self.code)
            return [(each, *_place(self.code, position)) for each, position in found]
        imports = [
            (libraries.by_import(i.module, i.name), i)
            for i in self.facts.imports
            if not i.level and not is_of_tree(i)
        ]
        once = {
            library.name: (library, i.line, i.column) for library, i in reversed(imports) if library
        }
        return list(once.values())

    def line(self, line: int) -> int:
        """The file's own line: a notebook's code stands elsewhere in its file."""
        return self.lines[min(line, len(self.lines)) - 1] if self.lines else line


def scan(path: Path, today: date, progress: Callable[[int, int], None] | None = None) -> Report:
    """The report on a file or a tree, as of a day."""
    found = files.listing(path)
    reads = list(read_tree(found, progress))
    report = Report(str(path), len(found.files), notes=list(found.notes))
    clients = Clients({each.path: each.facts for each in reads if each.facts is not None})
    concerned = any(each.concerns for each in reads)
    for each in reads:
        report.findings += _findings(each, clients, today, tree_concerned=concerned)
        if each.concerns:
            for feature, where in traits.features(each.code).items():
                report.features.setdefault(feature, []).append(
                    f"{each.path}:{each.line(where.line)}"
                )
    for large in found.large:
        name = large.relative_to(found.root).as_posix()
        report.notes.append(f"{name} was not read: it has more than {files.LARGEST} bytes")
    report.findings.sort(key=lambda each: (each.file, each.line, each.column, each.rule))
    return report


def read_tree(
    found: files.Listing, progress: Callable[[int, int], None] | None = None
) -> Iterator[Read]:
    """Each file of a listing, read."""
    for number, path in enumerate(found.files, 1):
        if progress is not None:
            progress(number, len(found.files))
        text = files.text_of(path)
        if text is not None:
            yield _read(path.relative_to(found.root).as_posix(), path, text)


def _read(name: str, path: Path, text: str) -> Read:
    suffix = path.suffix.lower() or (".env" if path.name.startswith(".env") else "")
    if suffix not in _PYTHON:
        return _other(name, suffix, text)
    lines: list[int] = []
    problem = ""
    try:
        if suffix == ".ipynb":
            book = notebooks.opened(text)
            text, lines = book.code()
            problem = "; ".join(f"cell {number + 1}: {why}" for number, why in book.broken())
        facts = python_code.read(text)
    except (SyntaxError, ValueError, RecursionError, notebooks.NotANotebook) as error:
        read = _other(name, suffix, text)
        read.problem = str(error)
        return read
    code = _without_comments(text) if _TELLING.search(text) else ""
    found = _of_python(code, facts)
    return Read(name, code, facts, addresses=found, lines=lines, problem=problem)


def _of_python(code: str, facts: Facts) -> list[Site]:
    """Addresses in strings, where no SDK's call stands on the line."""
    taken = {site.line for site in facts.sites}
    return [each for each in addresses.addresses(code) if each.line not in taken]


def _other(name: str, suffix: str, text: str) -> Read:
    code = other_code.blanked(text, suffix)
    if suffix in _SETTINGS and suffix != ".json":
        return Read(name, code)
    return Read(
        name,
        code,
        None,
        other_code.calls(code, suffix),
        other_code.native_calls(code),
        addresses.addresses(code),
        workflows.nodes(text) if suffix == ".json" else None,
    )


def _without_comments(text: str) -> str:
    """Python without comments and docstrings, every place the same."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            _blank(lines, node.lineno, node.end_lineno or node.lineno)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                line, column = token.start
                kept = lines[line - 1]
                lines[line - 1] = (
                    kept[:column] + " " * len(token.string) + kept[column + len(token.string) :]
                )
    except (tokenize.TokenError, IndentationError):
        pass
    return "".join(lines)


def _blank(lines: list[str], first: int, last: int) -> None:
    for number in range(first - 1, last):
        lines[number] = "\n" if lines[number].endswith("\n") else ""


def _findings(
    read: Read, clients: Clients, today: date, *, tree_concerned: bool
) -> Iterator[Finding]:
    facts = read.facts
    if facts is not None:
        yield from _python_findings(read, facts, clients)
    for site in read.sites:
        is_old = site.method in vocabulary.VERSION_1_METHODS
        yield _finding(read, "version-1" if is_old else "served-call", site)
    yield from (_finding(read, "native-call", site) for site in read.native)
    for site in read.addresses:
        is_old = site.method in vocabulary.VERSION_1_METHODS
        rule, endpoint = ("version-1", None) if is_old else ("address", site.method)
        yield _finding(read, rule, site, endpoint)
    for library, line, column in read.library_uses(clients.is_of_tree):
        yield Finding(
            "library", read.path, read.line(line), column, library.name, None, library.cure
        )
    yield from _nodes(read)
    if read.concerns:
        for old in traits.version_1(read.code):
            yield Finding("version-1", read.path, read.line(old.line), old.column, old.text)
    if read.problem and (read.concerns or "openai" in read.code):
        yield Finding("unread", read.path, 1, 1, read.problem)
    is_setting = tree_concerned and read.nodes is None and _is_setting(read.path)
    yield from _texts(read, today, is_setting=is_setting)


def _python_findings(read: Read, facts: Facts, clients: Clients) -> Iterator[Finding]:
    rules = {"openai": "python-call", "shim": "on-shim", "unknown": "module-call"}
    for site in facts.sites:
        owner = rules[clients.owner(read.path, site.client)]
        yield _finding(
            read, "version-1" if site.method in vocabulary.VERSION_1_METHODS else owner, site
        )
    yield from (_finding(read, "native-call", site) for site in facts.native)
    for site in facts.litellm:
        yield _finding(read, "litellm" if site.client == "litellm" else "on-shim", site)


def _nodes(read: Read) -> Iterator[Finding]:
    """What an n8n workflow's nodes are: a library's use, or a request with the API's header."""
    known = {each.line for each in read.addresses}
    for node in read.nodes or ():
        if node.is_own:
            cure = libraries.N8N.cure
            yield Finding("library", read.path, node.line, node.column, "n8n", None, cure)
        elif node.line not in known:
            yield Finding("address", read.path, node.line, node.column, f"node {node.name!r}")


def _texts(read: Read, today: date, *, is_setting: bool) -> Iterator[Finding]:
    for found in traits.ids(read.code):
        yield Finding("hard-coded-id", read.path, read.line(found.line), found.column, found.text)
    for found in _models(read, is_setting=is_setting):
        ends = models.ending(found.text)
        if ends is None:
            continue
        past = ends.is_past(today)
        words = f"{'ended' if past else 'ends'} on {ends.day} (checked on {models.CHECKED})"
        words += f"; OpenAI names {ends.instead} in its place" if ends.instead else ""
        rule = "ended-model" if past else "ending-model"
        cure = f"{words}; name another, or map it with SHIM_MODELS"
        yield Finding(rule, read.path, read.line(found.line), found.column, found.text, None, cure)


def _models(read: Read, *, is_setting: bool) -> list[traits.Found]:
    """The models of a file that concerns the API, or of a setting; a catalogue chooses none."""
    if not read.concerns and not is_setting:
        return []
    found = list(traits.models(read.code))
    is_list = not read.concerns and len({each.text for each in found}) > _CATALOGUE
    return [] if is_list else found


def _is_setting(path: str) -> bool:
    name = Path(path).name
    return name.startswith(".env") or Path(path).suffix.lower() in _SETTINGS


def _finding(read: Read, rule: str, site: Site, endpoint: str | None = None) -> Finding:
    known = endpoint or vocabulary.METHODS.get(site.method)
    return Finding(rule, read.path, read.line(site.line), site.column, site.method, known)


def _place(code: str, position: int) -> tuple[int, int]:
    return code.count("\n", 0, position) + 1, position - code.rfind("\n", 0, position)
