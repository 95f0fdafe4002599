"""Files that code made, out of the ledger and into it again, with their contents.

Knows how an export tells of a file and where it has its content. Touches no upstream. A file of the
upstream's own is not among them: its id stays, and means what it meant there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote

from shim.core import objects
from shim.core.ids import OWN_FILE
from shim.core.made_files import Contents
from shim.core.records import File
from shim.core.wire import Json
from shim.migrate.gathered import Found, Source
from shim.migrate.shapes import Odd
from shim.storage.imports import Imports

__all__ = [
    "FOLDER",
    "PLACE",
    "Bringer",
    "exported_file",
    "of_export",
    "place_of",
    "write_content",
]

FOLDER = "files"
PLACE = "shim_place"
"""Where a reader says that a content is; what a source itself says there counts for nothing."""

_OURS = re.compile(OWN_FILE)
_PIECE = 256 * 1024
_NOT_BESIDE = "its content was not beside what was imported"
_ANOTHERS = "is the id of a file of another thread"


def place_of(folder: Path, file_id: str) -> Path:
    """Where an export in a folder has the content of a file."""
    return folder / FOLDER / quote(file_id, safe="")


def exported_file(file: File) -> Json:
    """A file as an export tells of it: the API's object, and what only shim knows."""
    shown = objects.file(file, None)
    own = {"shim_run_id": file.run_id, "shim_named": file.named, "shim_status": file.status}
    return {**shown, **own, **({"shim_problem": file.problem} if file.problem else {})}


async def write_content(folder: Path, contents: Contents, file: File) -> bool:
    """Write a content into an export; whether there is one."""
    content = await contents.open(file.id)
    if content is None:
        return False
    place = place_of(folder, file.id)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as written:
        async with aclosing(content.chunks) as chunks:
            async for chunk in chunks:
                written.write(chunk)
    return True


class Bringer:
    """Brings the files of a thread that is here; those that are here already stay as they are."""

    def __init__(self, imports: Imports, contents: Contents) -> None:
        self._imports = imports
        self._contents = contents

    async def bring(self, source: Source, *, dry_run: bool) -> Counter[str]:
        """How many files came, by what became of them; raises Odd for what is none."""
        found = {_id(each): each for each in source.of("file")}
        known = await self._imports.file_threads(list(found))
        brought: Counter[str] = Counter()
        for file_id, each in found.items():
            if file_id in known:
                if known[file_id] != source.thread_id:
                    raise Odd(file_id, f"{_ANOTHERS} ({each.place})")
                continue
            file = _file(each, source.thread_id)
            if not dry_run:
                await self._put(file, each)
            brought["files" if file.status == "kept" else "files without content"] += 1
        return brought

    async def _put(self, file: File, found: Found) -> None:
        """The content first: what is recorded is there."""
        if file.status == "kept":
            await self._contents.put(file.id, _pieces(Path(found.data[PLACE])))
        await self._imports.add_file(file)


def _id(found: Found) -> str:
    """The id, if it is one by which doors know that a file is kept here."""
    file_id = str(found.data.get("id"))
    if not _OURS.fullmatch(file_id):
        raise Odd(file_id, f"is no id of a file that shim keeps ({found.place})")
    return file_id


def _file(found: Found, thread_id: str) -> File:
    given, place = found.data, found.data.get(PLACE)
    name, size, moment = given.get("filename"), given.get("bytes"), given.get("created_at")
    if not isinstance(name, str) or not isinstance(moment, int):
        raise Odd(str(given.get("id")), f"is no whole file ({found.place})")
    problem = given.get("shim_problem")
    status = "lost"
    if given.get("shim_status") == "kept":
        status, problem = ("kept", None) if place else ("lost", _NOT_BESIDE)
    return File(
        id=str(given["id"]),
        created_at=moment,
        filename=name,
        thread_id=thread_id,
        run_id=str(given.get("shim_run_id")),
        size=Path(place).stat().st_size if place else size,
        named=given.get("shim_named") is not False,
        status=status,
        problem=problem,
    )


async def _pieces(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def of_export(files: Iterable[File]) -> list[File]:
    """Those that an export tells of, in an order that stays."""
    told = (each for each in files if each.status in ("kept", "lost"))
    return sorted(told, key=lambda each: (each.created_at, each.id))
