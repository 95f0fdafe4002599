"""Which files get the import change, and why; the changes written, recorded, and taken back.

Knows a tree's files and how clients travel between them. What becomes of an import is
`shim.migrate.rewriting`'s.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shim.migrate import files, notebooks, rewriting, vocabulary
from shim.migrate.clients import Clients
from shim.migrate.python_code import Facts
from shim.migrate.scan import read_tree

__all__ = ["Change", "Changes", "changes", "forget", "reversed_changes", "write"]

_Rewrite = Callable[[str, str], str]
"""Makes a text, or a part of a whole, anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file's text before and after, and why it is changed."""

    path: str
    before: str
    after: str
    why: str

    def diff(self) -> str:
        """The change as a unified diff that `git apply` takes."""
        before, after = (each.splitlines(keepends=True) for each in (self.before, self.after))
        lines = difflib.unified_diff(before, after, f"a/{self.path}", f"b/{self.path}")
        ended = (x if x.endswith("\n") else f"{x}\n\\ No newline at end of file\n" for x in lines)
        return "".join(ended)

    def edits(self) -> list[dict[str, Any]]:
        """The blocks of lines that differ."""
        before, after = (each.splitlines(keepends=True) for each in (self.before, self.after))
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        return [
            {"line": j1 + 1, "was": "".join(before[i1:i2]), "is": "".join(after[j1:j2])}
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
            if tag != "equal"
        ]


@dataclass(slots=True)
class Changes:
    """What would be changed, and what is left with the reason; `root` is where paths begin."""

    root: Path
    changes: list[Change] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def changes(path: Path, progress: Callable[[int, int], None] | None = None) -> Changes:
    """The import change in each file whose clients reach calls of the Assistants API."""
    listing = files.listing(path)
    reads = list(read_tree(listing, progress))
    facts = {each.path: each.facts for each in reads if each.facts is not None}
    found = Changes(listing.root)
    reasons = _reasons(Clients(facts), facts)
    for name, why in sorted(reasons.items()):
        _change(found, name, why, _mover(facts[name]))
    for read in reads:
        if read.problem and "openai" in read.code and ("beta" in read.code or read.concerns):
            found.left.append((read.path, f"it does not parse: {read.problem}"))
    found.left += _without_maker(Clients(facts), facts)
    return found


def _reasons(clients: Clients, facts: dict[str, Facts]) -> dict[str, str]:
    """The files whose imports change, each with the reason."""
    reasons: dict[str, str] = {}
    for path, each in facts.items():
        if users := clients.users(path):
            others = sorted(users - {path})
            why = (
                "its client has calls here" if path in users else f"its client reaches {others[0]}"
            )
            why += f" and {len(others) - 1} more" if path not in users and len(others) > 1 else ""
            for home in _homes(clients, path, each):
                reasons.setdefault(
                    home, why if home == path else f"{path} takes its client from here"
                )
        if any(site.client == "litellm" for site in each.litellm):
            reasons[path] = "it calls LiteLLM's functions"
    return reasons


def _homes(clients: Clients, path: str, facts: Facts) -> Iterator[str]:
    """The files where the imports stand that bring in the classes of a file's clients."""
    if "openai" in clients.origins(path) or any(s.client == "openai" for s in facts.sites):
        yield path
    for origin in facts.made.values():
        home = (
            clients.home(path, origin.removeprefix("from ")) if origin.startswith("from ") else None
        )
        if home is not None and home[1].module in vocabulary.CLIENT_MODULES:
            yield home[0]
    for found in facts.imports:
        home = clients.home(path, found.bound) if found.name in vocabulary.CLIENTS else None
        if home is not None and home[1].module in vocabulary.CLIENT_MODULES:
            yield home[0]


def _mover(facts: Facts) -> _Rewrite:
    litellm = any(site.client == "litellm" for site in facts.litellm)
    is_star = any(each.name == "*" and each.module == "openai" for each in facts.imports)
    star = sorted(facts.used & vocabulary.CLIENTS) if is_star else ()

    def rewrite(text: str, whole: str) -> str:
        return rewriting.moved(text, clients=True, litellm=litellm, star=star, whole=whole)

    return rewrite


def _without_maker(clients: Clients, facts: dict[str, Facts]) -> Iterator[tuple[str, str]]:
    for path, each in facts.items():
        open_ones = [s for s in each.sites if clients.owner(path, s.client) == "unknown"]
        if open_ones:
            lines = ", ".join(dict.fromkeys(str(site.line) for site in open_ones))
            cure = "change the import there, or shim.mount(client)"
            yield path, f"the client of line {lines} is made elsewhere: {cure}"


def _change(found: Changes, name: str, why: str, rewrite: _Rewrite) -> None:
    try:
        before = _text(found.root / name)
        is_notebook = name.endswith(".ipynb")
        after = _in_notebook(before, rewrite) if is_notebook else rewrite(before, before)
    except rewriting.CannotRewrite as error:
        found.left.append((name, str(error)))
        return
    if after != before:
        found.changes.append(Change(name, before, after, why))


def _in_notebook(text: str, rewrite: _Rewrite) -> str:
    """The same in each cell of a notebook; a cell that does not parse is left."""
    try:
        book = notebooks.opened(text)
    except notebooks.NotANotebook as error:
        raise rewriting.CannotRewrite(str(error)) from error
    codes, whole = {}, book.code()[0]
    for number in book.readable():
        source = book.source(number)
        if (new := rewrite(source, whole)) != source:
            codes[number] = new
    if not codes:
        return text
    new_text = book.replaced(codes)
    if new_text is None:
        raise rewriting.CannotRewrite(
            "its JSON is not written as Jupyter does; save it with Jupyter"
        )
    return new_text


def write(found: Changes, *, record: bool = True) -> None:
    """Write the changes, and what puts them back."""
    for each in found.changes:
        _write(found.root / each.path, each.after)
    if record and found.changes:
        kept = _record(found.root)
        for each in found.changes:
            kept.setdefault(each.path, []).append(each.edits())
        _write(
            found.root / files.RECORD, json.dumps({"version": 1, "files": kept}, indent=1) + "\n"
        )


def reversed_changes(path: Path) -> Changes:
    """What takes the import change back: by the record, else statement for statement."""
    listing = files.listing(path)
    found = Changes(listing.root)
    kept = _record(listing.root)
    for each in listing.files:
        name = each.relative_to(listing.root).as_posix()
        if each.suffix not in {".py", ".pyi", ".pyw", ".ipynb"}:
            continue
        text = files.text_of(each) or ""
        after = _put_back(text, kept[name]) if name in kept else None
        if after is not None:
            found.changes.append(Change(name, _text(each), after, "as the record has it"))
        elif re.search(r"\bshim\b", text):
            _change(found, name, "it imports from shim", _moved_back)
    return found


def _moved_back(text: str, whole: str) -> str:  # noqa: ARG001 - each statement for itself
    return rewriting.moved_back(text)


def forget(found: Changes) -> None:
    """Take what was put back out of the record; the record goes with the last."""
    kept = _record(found.root)
    for each in found.changes:
        kept.pop(each.path, None)
    path = found.root / files.RECORD
    if kept:
        _write(path, json.dumps({"version": 1, "files": kept}, indent=1) + "\n")
    else:
        path.unlink(missing_ok=True)


def _put_back(text: str, rounds: Sequence[Iterable[dict[str, Any]]]) -> str | None:
    """A text before its edits, the last first; nothing where one is not there any more."""
    for edits in reversed(rounds):
        for edit in reversed(list(edits)):
            start = _nearest(text, edit["is"], edit["line"])
            if start is None:
                return None
            text = text[:start] + edit["was"] + text[start + len(edit["is"]) :]
    return text


def _nearest(text: str, block: str, line: int) -> int | None:
    """Where a block of whole lines stands, nearest to a line."""
    starts = [0]
    for each in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(each))
    found = [n for n, at in enumerate(starts) if text.startswith(block, at)]
    if not found:
        return None
    return starts[min(found, key=lambda number: abs(number + 1 - line))]


def _record(root: Path) -> dict[str, list[list[dict[str, Any]]]]:
    path = root / files.RECORD
    if not path.exists():
        return {}
    files_of: dict[str, list[list[dict[str, Any]]]] = json.loads(_text(path))["files"]
    return files_of


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise rewriting.CannotRewrite(f"it is not UTF-8: {error}") from error


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
