"""Brings gathered threads and assistants into the ledger. Knows what is new, there, or changed.

Each thread comes in one transaction or not at all, so an import that was killed goes on where it
was. What is there is never changed but on request, and never where that would lose something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shim.core import objects
from shim.core.made_files import Contents
from shim.core.records import ACTIVE, Assistant
from shim.core.wire import Json
from shim.errors import Lost
from shim.migrate.contents import Bringer
from shim.migrate.gathered import Found, Gathered, Source
from shim.migrate.history import digest, digest_of, exported, history_of, placed
from shim.migrate.report import Report
from shim.migrate.shapes import Odd, Shapes
from shim.storage.imports import History, Imports, Owned
from shim.storage.ledger import Ledger

__all__ = ["Plan", "Writer"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to import: for which tenant, and what may be done.

    `mirrored` says that threads shall have conversations; `keep_going` that what cannot be taken
    over does not stop the rest.
    """

    tenant: str = ""
    replace: bool = False
    dry_run: bool = False
    keep_going: bool = False
    mirrored: bool = True


class Writer:
    """Imports what was gathered; `refuse` is told of what cannot be taken over, and may raise."""

    def __init__(
        self, stores: tuple[Imports, Ledger, Contents], plan: Plan, shapes: Shapes
    ) -> None:
        self._imports, self._ledger, contents = stores
        self._bringer = Bringer(self._imports, contents)
        self._plan = plan
        self._shapes = shapes
        self.report = Report()

    def refuse(self, odd: Odd) -> None:
        """Collect what is odd, or stop at it."""
        if not self._plan.keep_going:
            raise odd
        self.report.refuse(odd)

    async def write(self, gathered: Gathered, step: Callable[[], None]) -> None:
        """Import everything; `step` is called after each assistant and thread."""
        for each in gathered.missing:
            self.report.tell("thread", each.data["id"], "missing")
            self.report.refuse(Odd(each.data["id"], f"{each.place}: {each.problem}"))
        await self._assistants(gathered.assistants(), step)
        known = await self._imports.owned("threads", gathered.thread_ids())
        for source in gathered.threads():
            await self._thread(source, known[source.thread_id])
            step()
        self._tell_notes(gathered)

    async def _assistants(self, found: Sequence[Found], step: Callable[[], None]) -> None:
        backwards = any(each.newest_first for each in found)
        ordered = list(found[::-1] if backwards else found)
        ids = [str(each.data.get("id")) for each in ordered]
        known = await self._imports.owned("assistants", list(dict.fromkeys(ids)))
        seen: set[str] = set()
        for order, (object_id, each) in enumerate(zip(ids, ordered, strict=True)):
            if object_id not in seen:
                await self._assistant(each, order % 1_000_000, known[object_id])
            seen.add(object_id)
            step()

    async def _assistant(self, found: Found, order: int, known: Owned) -> None:
        object_id = str(found.data.get("id"))
        metadata = found.data.get("metadata") or {}
        old_id = metadata.get("prompt_id")
        if variables := metadata.get("prompt_variables"):
            self.report.notes.append(f"{object_id} {_NOT_FILLED.format(variables)}")
        try:
            record = self._shapes.assistant(found.data)
            outcome = await self._placed_assistant(record, order, known)
        except Odd as odd:
            self.report.tell("assistant", object_id, "problem", old_id)
            self.refuse(Odd(odd.object_id, f"{odd.problem} ({found.place})"))
        else:
            self.report.tell("assistant", object_id, outcome, old_id)

    async def _placed_assistant(self, record: Assistant, order: int, known: Owned) -> str:
        said = digest_of(objects.assistant(record))
        if known.tenant is None:
            return await self._new_assistant(record, order, known, said)
        self._check_owner(record.id, known)
        if known.digest == said:
            return "unchanged"
        there = await self._ledger.assistant(self._plan.tenant, record.id)
        if there is None or digest_of(objects.assistant(there)) == said:
            return "unchanged"
        if not self._plan.replace:
            self.report.refuse(Odd(record.id, _CHANGED))
            return "conflict"
        if not self._plan.dry_run:
            await self._ledger.save_assistant(replace(record, version=there.version))
            await self._imports.remember(record.id, said)
        return "replaced"

    async def _new_assistant(self, record: Assistant, order: int, known: Owned, said: str) -> str:
        if known.digest is not None and not self._plan.replace:
            return "deleted here"
        if not self._plan.dry_run:
            await self._imports.add_assistant(self._plan.tenant, record, order, said)
        return "imported"

    async def _thread(self, source: Source, known: Owned) -> None:
        try:
            history = history_of(source, self._shapes)
            outcome = await self._placed_thread(history, known)
        except Odd as odd:
            self.report.tell("thread", source.thread_id, "problem")
            self.refuse(odd)
            return
        self.report.tell("thread", source.thread_id, outcome)
        if outcome in ("imported", "replaced"):
            self.report.count(history)
        if outcome in _HERE:
            await self._files(source)

    async def _files(self, source: Source) -> None:
        """What code made in a thread that is here; an import that was stopped goes on with them."""
        try:
            self.report.records += await self._bringer.bring(source, dry_run=self._plan.dry_run)
        except Odd as odd:
            self.refuse(odd)

    async def _placed_thread(self, history: History, known: Owned) -> str:
        said = digest(history)
        if known.tenant is None:
            return await self._new_thread(history, known, said)
        self._check_owner(history.thread.id, known)
        if known.digest == said:
            return "unchanged"
        there = await self._imports.history(history.thread.id)
        if there is None or digest(there) == said:
            return "unchanged"
        if _has_all(there, history):
            return "went on here"
        return await self._changed_thread(history, there, said)

    async def _new_thread(self, history: History, known: Owned, said: str) -> str:
        if known.digest is not None and not self._plan.replace:
            return "deleted here"
        if taken := await self._taken(history):
            raise Odd(taken[0], f"of {history.thread.id} is the id of something in another thread")
        if not self._plan.dry_run:
            await self._add(history, said)
        return "imported"

    async def _taken(self, history: History) -> list[str]:
        """Asked in a dry run; else the database itself tells, which is quicker."""
        return await self._imports.taken(history) if self._plan.dry_run else []

    async def _add(self, history: History, said: str) -> None:
        plan, entries = self._plan, placed(history)
        try:
            await self._imports.add_thread(
                plan.tenant, history, entries, said, mirrored=plan.mirrored
            )
        except Lost as lost:
            taken = await self._imports.taken(history)
            problem = f"of {history.thread.id} is the id of something in another thread"
            if taken:
                raise Odd(taken[0], problem) from lost
            raise Odd(history.thread.id, f"cannot be stored: {lost}") from lost

    async def _changed_thread(self, history: History, there: History, said: str) -> str:
        ours = {each.id for each in there.messages} - {each.id for each in history.messages}
        if any(run.status in ACTIVE for run in there.runs):
            self.report.refuse(Odd(history.thread.id, "a run of it is active here"))
        elif ours and self._plan.replace:
            words = f"{len(ours)} messages of it are here alone, and would be lost; delete it first"
            self.report.refuse(Odd(history.thread.id, words))
        elif not self._plan.replace:
            self.report.refuse(Odd(history.thread.id, _CHANGED))
        else:
            await self._replace(history, there, said)
            return "replaced"
        return "conflict"

    async def _replace(self, history: History, there: History, said: str) -> None:
        if there.thread.conversation_id:
            self.report.notes.append(
                f"{there.thread.id} gets a new conversation; the old one, "
                f"{there.thread.conversation_id}, stays at the upstream"
            )
        if self._plan.dry_run:
            return
        was = await self._imports.next_position(history.thread.id)
        try:
            await self._imports.replace_thread(history, placed(history), said, was=was)
        except Lost as lost:
            raise Odd(history.thread.id, f"changed while it was replaced ({lost})") from lost

    def _check_owner(self, object_id: str, known: Owned) -> None:
        if known.tenant != self._plan.tenant:
            raise Odd(object_id, "is here already, and another tenant's")

    def _tell_notes(self, gathered: Gathered) -> None:
        shapes, notes = self._shapes, self.report.notes
        notes += [f"{count} {what}" for what, count in sorted(shapes.changed.items())]
        notes += [f"left out: {what} ({n} times)" for what, n in sorted(shapes.left_out.items())]
        notes += [
            f"not imported: {count} objects of the kind {kind}"
            for kind, count in sorted(gathered.others.items())
        ]


_NOT_FILLED = (
    "was a prompt with variables ({0}), which stand in its instructions as they are: nothing fills "
    "them in, a run's own `instructions` can"
)
_HERE = ("imported", "replaced", "unchanged", "went on here")
"""Outcomes after which a thread is here, and a source's own files belong to it."""

_CHANGED = "is here, and not as the source says; --replace puts the source's in its place"


def _has_all(there: History, history: History) -> bool:
    """Whether what is here has all messages and runs of the source, unchanged, and more."""
    here, said = exported(there), exported(history)
    return all(_contains(here[name], said[name]) for name in ("messages", "runs"))


def _contains(here: Sequence[Json], said: Sequence[Json]) -> bool:
    by_id = {each["id"]: each for each in here}
    return all(by_id.get(each["id"]) == each for each in said)
