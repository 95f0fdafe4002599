"""Reads JSON, NDJSON and folders of them, an `assistants-thread-export/v1` among them.

Knows files and lines. What stands in them is found by `shim.migrate.readers.objects`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from shim.migrate.contents import FOLDER, PLACE, place_of
from shim.migrate.gathered import Found
from shim.migrate.readers.objects import find
from shim.migrate.shapes import Odd

__all__ = ["read"]

_JSON = (".json", ".ndjson", ".jsonl")
_NOT_OBJECTS = {"manifest.json", "map.json"}

Refuse = Callable[[Odd], None]


def read(path: Path, refuse: Refuse) -> Iterator[Found]:
    """What a file or folder holds; `refuse` is told what cannot be read, and may raise."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in _JSON)
        chosen = [
            each for each in files if each.name not in _NOT_OBJECTS and each.parent != path / FOLDER
        ]
        if not chosen:
            refuse(Odd(str(path), "holds no .json, .ndjson or .jsonl file"))
        for each in chosen:
            words = str(each.relative_to(path))
            yield from (_placed(found, path) for found in _file(each, words, refuse))
    else:
        folder = path.parent if (path.parent / FOLDER).is_dir() else path.parent.parent
        yield from (_placed(found, folder) for found in _file(path, path.name, refuse))


def _placed(found: Found, folder: Path) -> Found:
    """A file that code made, with the place of its content in the export, if it is there."""
    if found.kind != "file":
        return found
    place = place_of(folder, str(found.data.get("id")))
    where = str(place.absolute()) if place.is_file() else None
    return replace(found, data={**found.data, PLACE: where})


def _file(path: Path, words: str, refuse: Refuse) -> Iterator[Found]:
    if _is_lines(path):
        yield from _lines(path, words, refuse)
        return
    yield from _value(path.read_text(encoding="utf-8-sig"), words, refuse)


def _is_lines(path: Path) -> bool:
    """Whether each line is a JSON text of its own: by its name, or by its first line."""
    if path.suffix in (".ndjson", ".jsonl"):
        return True
    with path.open(encoding="utf-8-sig") as file, suppress(ValueError):
        json.loads(file.readline())
        return any(line.strip() for line in file)
    return False


def _lines(path: Path, words: str, refuse: Refuse) -> Iterator[Found]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield from _value(line, f"{words}:{number}", refuse)


def _value(text: str, words: str, refuse: Refuse) -> Iterator[Found]:
    try:
        value = json.loads(text)
    except ValueError as error:
        refuse(Odd(words, f"is no JSON: {error}"))
        return
    try:
        yield from find(value, words)
    except Odd as odd:
        refuse(odd)
