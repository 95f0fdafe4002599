"""Citations in what a model says: of passages that were found, and of files that code made. Pure.

`[[1]]` (or `[[name.md]]`) in a text cites the first passage found (or a file of that name): it is
taken out, and a file_citation has its place. `sandbox:/mnt/data/name` cites a file of the
container; an image that was shown and not linked is cited at 0..0, as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from shim.offline import tokens
from shim.offline.interpreter import DATA
from shim.offline.outputs import Say
from shim.offline.sandboxes import ContainerFile
from shim.offline.wire import Json

__all__ = ["cite"]

_PLACE = re.compile(r"\[\[([^\[\]\n]+)\]\]")
_LINK = re.compile(rf"sandbox:{DATA}/([^\s()\[\]<>\"']+)")
_LEAK = "\ue200filecite\ue202turn0file{}\ue201"
"""What some models leave in the text; the characters are of a private use area (spec 5)."""


def cite(
    say: Say,
    results: Sequence[Json],
    files: Mapping[str, ContainerFile],
    shown: Sequence[ContainerFile],
) -> Say:
    """A message with its citations: of search results, of files by name, of images shown."""
    text = _Text(results, say.leak, free=say.chunks is None)
    chunks = [each for chunk in say.chunks or [say.text] for each in text.add(chunk)]
    whole = "".join(chunks)
    linked = [_link(match, files) for match in _LINK.finditer(whole)]
    cited = [_container(file, 0, 0) for file in shown] + [each for each in linked if each]
    fixed = chunks if say.chunks is not None or say.leak else None
    annotations = (*say.annotations, *text.annotations, *cited)
    return replace(say, text=whole, chunks=fixed, annotations=annotations)


class _Text:
    """Takes places of citations out of a text that comes in chunks, none of them cut."""

    def __init__(self, results: Sequence[Json], leak: str, *, free: bool) -> None:
        self._results = results
        self._free = free
        self._leak = leak
        self._length = 0
        self.annotations: list[Json] = []

    def add(self, chunk: str) -> list[str]:
        """What becomes of a chunk."""
        made, begin = [], 0
        for match in _PLACE.finditer(chunk):
            number = self._number(match[1])
            if number is None:
                continue
            made += self._plain(chunk[begin : match.start()])
            made += self._citation(number)
            begin = match.end()
        return [*made, *self._plain(chunk[begin:])]

    def _number(self, named: str) -> int | None:
        """Which result is meant, if any."""
        if named.isdecimal() and 1 <= int(named) <= len(self._results):
            return int(named) - 1
        names = [each["filename"] for each in self._results]
        return names.index(named) if named in names else None

    def _plain(self, text: str) -> list[str]:
        self._length += len(text)
        if not text:
            return []
        return tokens.split(text) if self._leak and self._free else [text]

    def _citation(self, number: int) -> list[str]:
        result = self._results[number]
        annotation = {"type": "file_citation", "file_id": result["file_id"]}
        named = {"filename": result["filename"], "index": self._length}
        self.annotations.append({**annotation, **named})
        if not self._leak:
            return []
        leaked = _LEAK.format(number)
        self._length += len(leaked)
        return [leaked[:4], leaked[4:14], leaked[14:]] if self._leak == "split" else [leaked]


def _link(match: re.Match[str], files: Mapping[str, ContainerFile]) -> Json | None:
    for name in (match[1], match[1].rstrip(".,;:!?*`")):
        file = files.get(name) or files.get(unquote(name))
        if file is not None:
            return _container(file, match.start(), match.start(1) + len(name))
    return None


def _container(file: ContainerFile, start: int, end: int) -> Json:
    return {
        "type": "container_file_citation",
        "container_id": file.container_id,
        "end_index": end,
        "file_id": file.id,
        "filename": file.name.rsplit("/", 1)[-1],
        "start_index": start,
    }
