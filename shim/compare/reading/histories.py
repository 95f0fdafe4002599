"""Threads that are in the ledger, or were exported from a server, as cases.

Knows records and the order that `shim.migrate.history` gives them. What nobody streamed has no
events. Where a source has messages alone, what the assistant said tells that there was a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

from shim.compare.reading.runs import (
    OF_MESSAGES,
    OF_STEPS,
    OF_STREAMS,
    Shown,
    definition_of,
    ran_of,
)
from shim.compare.reading.timeline import Ran, Reading, Said, Timeline
from shim.core import objects
from shim.core.records import ACTIVE, Assistant, Message, Run
from shim.core.wire import Json
from shim.migrate.gathered import Source
from shim.migrate.history import history_of, placed
from shim.migrate.shapes import Odd, Shapes
from shim.native.outcomes import outcome_of
from shim.storage.imports import History

__all__ = ["Find", "of_history", "of_source"]

Find = Callable[[str, int | None], Assistant | None]
"""From an assistant's id, and the version where it is known, to the assistant."""

_NO_RUNS = OF_STREAMS | OF_STEPS | {"rounds", "usage", "model", "seconds", "status"}
_WAS_ACTIVE = "it was {0} when it was exported"


def of_source(source: Source, shapes: Shapes, find: Find, place: str) -> Reading:
    """The cases of a thread that a source has."""
    try:
        history = history_of(source, shapes)
    except Odd as odd:
        return Reading(left_out=((source.thread_id, f"{odd.object_id} {odd.problem}"),))
    # records have an end where the source has none
    was = {str(each.data.get("id")): str(each.data.get("status")) for each in source.of("run")}
    why = {one: _WAS_ACTIVE.format(status) for one, status in was.items() if status in ACTIVE}
    return of_history(history, find, f"{place}: {source.thread_id}", why)


def of_history(
    history: History, find: Find, source: str, why: Mapping[str, str] | None = None
) -> Reading:
    """The cases of a thread; `find` knows assistants, `why` runs that cannot be compared."""
    timeline = Timeline(history.thread.id, source)
    if history.runs:
        timeline.entries = list(_Records(history, find, why or {}).entries())
    else:
        timeline.entries = list(_told_by_messages(history, find))
    return timeline.reading()


class _Records:
    def __init__(self, history: History, find: Find, why: Mapping[str, str]) -> None:
        self._history = history
        self._find = find
        self._why = why
        self._runs = {run.id for run in history.runs}
        self._resources = _resources(history)

    def entries(self) -> Iterator[Said | Ran]:
        """What happened, in order; what a run said is the run's."""
        for entry in placed(self._history):
            match entry:
                case Run():
                    yield self._ran(entry)
                case Message() if entry.run_id not in self._runs or entry.role != "assistant":
                    yield Said(objects.message(entry), entry.id, entry.created_at)
                case _:
                    pass

    def _ran(self, run: Run) -> Ran:
        steps = [objects.step(step) for step in self._history.steps if step.run_id == run.id]
        said = [
            objects.message(each)
            for each in self._history.messages
            if each.run_id == run.id and each.role == "assistant"
        ]
        assistant = self._find(run.assistant_id, run.assistant_version)
        unknown = OF_STREAMS
        if not steps:  # a source may have none, and there is no run that ended well without
            unknown |= {*OF_STEPS, "rounds"} | (frozenset() if said else OF_MESSAGES)
        return ran_of(
            Shown(
                run=objects.run(run),
                steps=steps,
                messages=said,
                unknown=unknown,
                assistant=None if assistant is None else definition_of(assistant),
                resources=self._resources,
                name=run.assistant_id,
                notes=run.notes,
                why=self._why.get(run.id, ""),
            )
        )


def _resources(history: History) -> Json:
    """The thread's resources, but for those that hold what is attached to its messages."""
    attached = {
        str(tool.get("type"))
        for message in history.messages
        for each in message.attachments
        for tool in each.get("tools") or ()
    }
    resources = history.thread.tool_resources
    return {kind: held for kind, held in resources.items() if held and kind not in attached}


def _told_by_messages(history: History, find: Find) -> Iterator[Said | Ran]:
    """The messages of a thread without runs: what the assistant said in a row is one run's."""
    for key, group in groupby(history.messages, key=lambda each: (each.role, each.run_id)):
        messages = list(group)
        if key[0] != "assistant":
            yield from (Said(objects.message(each), each.id, each.created_at) for each in messages)
            continue
        assistant_id = messages[0].assistant_id or ""
        assistant = find(assistant_id, None)
        made = outcome_of(
            {"status": "completed", "thread_id": history.thread.id, "id": key[1] or ""},
            (),
            [objects.message(each) for each in messages],
        )
        yield Ran(
            assistant={} if assistant is None else definition_of(assistant),
            outcome=made.model_copy(update={"unknown": frozenset(_NO_RUNS)}),
            resources=_resources(history),
            name=assistant_id,
        )
