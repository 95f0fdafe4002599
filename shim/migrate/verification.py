"""Counts a source again, against what is stored. Knows texts and order; changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shim.core import objects
from shim.core.wire import Json
from shim.migrate.gathered import Gathered, Source
from shim.migrate.history import digest_of, exported, history_of
from shim.migrate.shapes import Odd, Shapes
from shim.storage.imports import History, Imports

__all__ = ["Verification", "referenced", "verify"]


@dataclass(slots=True)
class Verification:
    """What was counted, what differs, and the files and stores that threads speak of."""

    counted: Counter[str] = field(default_factory=Counter)
    differences: list[Json] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)

    def differ(self, object_id: str, problem: str) -> None:
        """Something is not as the source says."""
        self.differences.append({"id": object_id, "problem": problem})


async def verify(
    gathered: Gathered, imports: Imports, shapes: Shapes, step: Callable[[], None]
) -> Verification:
    """Look for all that a source has: each message once, in its order, with its text."""
    found = Verification()
    for each in gathered.missing:
        found.differ(each.data["id"], f"is not in the source itself: {each.problem}")
    await _assistants(gathered, imports, shapes, found)
    for source in gathered.threads():
        await _thread(source, imports, shapes, found)
        step()
    return found


async def _assistants(
    gathered: Gathered, imports: Imports, shapes: Shapes, found: Verification
) -> None:
    here = {each.id: each for each in await imports.assistants(None)}
    for each in gathered.assistants():
        found.counted["assistants"] += 1
        try:
            said = shapes.assistant(each.data)
        except Odd as odd:
            found.differ(odd.object_id, f"cannot be taken over: {odd.problem}")
            continue
        _note(found, objects.assistant(said))
        if said.id not in here:
            found.differ(said.id, "is not here")
        elif objects.assistant(here[said.id]) != objects.assistant(said):
            found.differ(said.id, "was changed")


async def _thread(source: Source, imports: Imports, shapes: Shapes, found: Verification) -> None:
    found.counted["threads"] += 1
    try:
        said = history_of(source, shapes)
    except Odd as odd:
        found.differ(odd.object_id, f"cannot be taken over: {odd.problem}")
        return
    for name in ("messages", "runs", "steps"):
        found.counted[name] += len(getattr(said, name))
    _note(found, exported(said))
    here = await imports.history(source.thread_id)
    if here is None:
        found.differ(source.thread_id, "is not here")
        return
    for object_id, problem in _differences(said, here):
        found.differ(object_id, problem)
    await _made_files(source, imports, found)


async def _made_files(source: Source, imports: Imports, found: Verification) -> None:
    """Look for what code made in the thread, where the source has it."""
    if not (said := source.of("file")):
        return
    here = {each.id: each for each in await imports.files(source.thread_id)}
    for each in said:
        found.counted["files"] += 1
        file_id, was = each.data["id"], each.data.get("shim_status")
        if file_id not in here:
            found.differ(file_id, f"the file of {source.thread_id} is not here")
        elif was == "kept" and here[file_id].status != "kept":
            found.differ(file_id, f"the file of {source.thread_id} has no content here")


def _differences(said: History, here: History) -> Iterator[tuple[str, str]]:
    ours, theirs = exported(here), exported(said)
    if ours["thread"] != theirs["thread"]:
        yield said.thread.id, "the thread itself was changed"
    yield from _of("message", theirs["messages"], ours["messages"], said.thread.id)
    yield from _of("run", theirs["runs"], ours["runs"], said.thread.id)


def _of(
    kind: str, said: Sequence[Json], here: Sequence[Json], thread_id: str
) -> Iterator[tuple[str, str]]:
    times, stored = Counter(each["id"] for each in here), {each["id"]: each for each in here}
    for each in said:
        if times[each["id"]] != 1:
            yield each["id"], f"the {kind} of {thread_id} is here {times[each['id']]} times"
        elif _text(each) != _text(stored[each["id"]]):
            yield each["id"], f"the {kind} of {thread_id} has another text"
        elif each != stored[each["id"]]:
            yield each["id"], f"the {kind} of {thread_id} was changed"
    wanted = [each["id"] for each in said if each["id"] in times]
    order = [each["id"] for each in here if each["id"] in set(wanted)]
    if wanted != order:
        yield thread_id, f"its {kind}s are in another order"


def _text(value: Json) -> str:
    """A digest of what an object says."""
    return digest_of({"content": value.get("content"), "steps": value.get("steps")})


def _note(found: Verification, value: Any) -> None:
    """Remember the files and stores that are spoken of."""
    files, stores = referenced(value)
    found.files |= files
    found.stores |= stores


def referenced(value: Any) -> tuple[set[str], set[str]]:
    """The ids of files and of vector stores in a JSON value."""
    files: set[str] = set()
    stores: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            files |= {one["file_id"]} if isinstance(one.get("file_id"), str) else set()
            files |= set(one.get("file_ids") or ())
            stores |= set(one.get("vector_store_ids") or ())
    return files, stores
