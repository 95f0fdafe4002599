"""Whence cases come, but for those that people write: recordings, exports, and the ledger.

`read` and `cases_in` take a file or a folder in any of the forms that are known here; `stored`
takes threads of a database, all of them or a sample. Knows forms; what cases are made of, others
know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from shim.compare.reading import recordings
from shim.compare.reading.histories import Find, of_source
from shim.compare.reading.sorting import Sorted
from shim.compare.reading.timeline import NO_ASSISTANT, Reading
from shim.core.records import Assistant
from shim.core.wire import Json
from shim.errors import SettingsError
from shim.migrate.gathered import Found, Gathered
from shim.migrate.readers import files, tables
from shim.migrate.shapes import Odd, Shapes
from shim.native.cases import Case
from shim.native.exchanges import Exchange

__all__ = ["cases_in", "read"]

_SUFFIXES = {".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".har", ".csv"}
_NOT_OBJECTS = {"manifest.json", "map.json"}


def read(path: Path, assistant: Json | None = None) -> Reading:
    """All cases of a file or folder; raises SettingsError where there is nothing to read.

    `assistant` is the definition for cases whose own is not told.
    """
    cases: list[Case] = []
    left_out: list[tuple[str, str]] = []
    for each in cases_in(path, assistant):
        cases += each.cases
        left_out += each.left_out
    return Reading(tuple(cases), tuple(left_out))


def cases_in(path: Path, assistant: Json | None = None) -> Iterator[Reading]:
    """The same thread by thread, for what does not fit into the memory."""
    once = _Once()
    for each in _Files(path).readings():
        yield once.named(completed(each, assistant))


def completed(reading: Reading, assistant: Json | None) -> Reading:
    """The cases with the definition of an assistant where they know none."""
    if assistant is None:
        return reading
    cases = tuple(
        case if case.assistant.get("model") else _with(case, assistant) for case in reading.cases
    )
    kept = tuple(each for each in reading.left_out if each[1] != NO_ASSISTANT)
    return Reading(cases, kept)


def _with(case: Case, assistant: Json) -> Case:
    turns = tuple(
        turn.model_copy(update={"why": ""}) if turn.why == NO_ASSISTANT else turn
        for turn in case.turns
    )
    return case.model_copy(update={"assistant": assistant, "turns": turns})


class _Once:
    """Sees to it that no two cases have the same id."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def named(self, reading: Reading) -> Reading:
        """The reading, with other ids for cases whose own are taken."""
        names: dict[str, str] = {}
        for case in reading.cases:
            self._seen[case.id] += 1
            times = self._seen[case.id]
            names[case.id] = case.id if times == 1 else f"{case.id}~{times}"
        cases = tuple(case.model_copy(update={"id": names[case.id]}) for case in reading.cases)
        return Reading(cases, tuple((_renamed(one, names), why) for one, why in reading.left_out))


def _renamed(one: str, names: Mapping[str, str]) -> str:
    head, slash, turn = one.rpartition("/")
    return f"{names[head]}/{turn}" if slash and head in names else names.get(one, one)


class _Files:
    """The files of a path, sorted by what they are."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SettingsError(f"there is no file or folder {path}")
        self._path = path
        self._left_out: list[tuple[str, str]] = []

    def readings(self) -> Iterator[Reading]:
        """What each thread makes: those of recordings, then those of exports."""
        with closing(Sorted()) as sorted_, closing(Gathered()) as gathered:
            for file in self._files():
                self._take(file, sorted_, gathered)
            gathered.index()
            yield from sorted_.readings()
            yield from self._exported(gathered)
        if self._left_out:
            yield Reading(left_out=tuple(self._left_out))

    def _files(self) -> list[Path]:
        if self._path.is_file():
            return recordings.older(self._path)
        found = sorted(each for each in self._path.rglob("*") if each.is_file())
        chosen = [e for e in found if e.suffix in _SUFFIXES or _is_older_part(e)]
        kept = [each for each in chosen if each.name not in _NOT_OBJECTS]
        if not kept:
            raise SettingsError(f"{self._path} holds no recording and no export")
        return kept

    def _take(self, file: Path, sorted_: Sorted, gathered: Gathered) -> None:
        words = self._words(file)
        if file.suffix == ".csv":
            self._gather(tables.read_csv(file, self._refuse), gathered)
            return
        if recordings.is_ours(file):
            self._record(recordings.exchanges(file), sorted_, "", words)
            return
        value = None if file.suffix in {".jsonl", ".ndjson"} else recordings.parsed(file)
        try:
            found = recordings.exchanges(file, value) if value is not None else None
        except SettingsError:
            found = None
        if found is not None:
            self._record(found, sorted_, words, words)
        elif file.suffix in {".yaml", ".yml", ".har"}:
            self._left_out.append((words, "is no recording that is known"))
        else:
            self._gather(files.read(file, self._refuse), gathered)

    def _words(self, file: Path) -> str:
        return file.name if self._path.is_file() else str(file.relative_to(self._path))

    def _record(self, found: Any, sorted_: Sorted, world: str, words: str) -> None:
        for each in found:
            if isinstance(each, Exchange):
                sorted_.add(each, world, words)
            else:
                self._left_out.append(each)

    def _gather(self, found: Iterator[Found], gathered: Gathered) -> None:
        for each in found:
            gathered.add(each)

    def _refuse(self, odd: Odd) -> None:
        self._left_out.append((odd.object_id, odd.problem))

    def _exported(self, gathered: Gathered) -> Iterator[Reading]:
        for each in gathered.missing:
            self._left_out.append((str(each.data.get("id")), each.problem))
        find = self._finder(gathered)
        for source in gathered.threads():
            yield of_source(source, Shapes(), find, self._path.name)

    def _finder(self, gathered: Gathered) -> Find:
        """Who an assistant is, by what the export says of it last."""
        known: dict[str, Assistant] = {}
        for each in gathered.assistants():
            try:
                record = Shapes().assistant(each.data)
            except Odd as odd:
                self._refuse(odd)
            else:
                known[record.id] = record
        return lambda assistant_id, _: known.get(assistant_id)


def _is_older_part(path: Path) -> bool:
    return path.suffix == ".1" and Path(path.stem).suffix in {".jsonl", ".ndjson"}
