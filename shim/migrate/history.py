"""A thread of a source as records in the order of the ledger. Knows what comes before what.

Messages keep the source's order where their seconds are the same. A run stands before all that is
its own, a step before the message that came of it. The same form is made of a thread that is in the
ledger, so that the two can be compared.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from shim.core import objects
from shim.core.records import Message, Run, Step, Thread
from shim.core.wire import Json
from shim.migrate.gathered import Found, Source
from shim.migrate.shapes import Odd, Shapes
from shim.storage.imports import History

__all__ = ["digest", "digest_of", "exported", "history_of", "placed"]

Entry = Message | Run | Step


Key = tuple[int, int, int, int]


def exported(history: History) -> Json:
    """The thread as an export has it, but for what is said of the export itself."""
    steps: dict[str, list[Json]] = {}
    for step in history.steps:
        steps.setdefault(step.run_id, []).append(objects.step(step))
    return {
        "thread": objects.thread_read(history.thread),
        "messages": [objects.message(message) for message in history.messages],
        "runs": [
            _exported_run(run, history.responses.get(run.id, ()), steps.get(run.id, []))
            for run in history.runs
        ],
    }


def _exported_run(run: Run, responses: Sequence[str], steps: Sequence[Json]) -> Json:
    own = {
        "shim_notes": list(run.notes),
        "shim_assistant_version": run.assistant_version,
        "shim_responses": list(responses),
    }
    kept = {key: value for key, value in own.items() if value}
    return {**objects.run(run), **kept, "steps": steps}


def placed(history: History) -> list[Entry]:
    """All records in the order of the thread's sequence."""
    keys: list[tuple[Key, Entry]] = [
        ((number, 1, 0, 0), message) for number, message in enumerate(history.messages)
    ]
    steps: dict[str, list[Step]] = {}
    for step in history.steps:
        steps.setdefault(step.run_id, []).append(step)
    own: dict[str, dict[str, int]] = {}
    for place, message in enumerate(history.messages):
        if message.run_id is not None:
            own.setdefault(message.run_id, {})[message.id] = place
    moments = [message.created_at for message in history.messages]
    for number, run in enumerate(history.runs):
        after = bisect_right(moments, run.created_at)
        keys += _of_run(number, run, steps.get(run.id, ()), own.get(run.id, {}), after)
    return [entry for _, entry in sorted(keys, key=lambda pair: pair[0])]


def _of_run(
    number: int, run: Run, steps: Sequence[Step], own: Mapping[str, int], after: int
) -> list[tuple[Key, Entry]]:
    """A run before all that is its own, and its steps before the messages that came of them.

    `own` are the places of its messages; a run without any stands where its time says.
    """
    begins, ends = min(own.values(), default=after), max(own.values(), default=after - 1) + 1
    keys: list[tuple[Key, Entry]] = [((begins, 0, number, 0), run)]
    waiting: list[tuple[int, Step]] = []
    for count, step in enumerate(steps, 1):
        waiting.append((count, step))
        creation = step.step_details.get("message_creation") or {}
        if (place := own.get(creation.get("message_id", ""))) is not None:
            keys += [((place, 0, number, each), held) for each, held in waiting]
            waiting = []
    return keys + [((ends, 0, number, each), held) for each, held in waiting]


def digest_of(value: Json) -> str:
    """A digest of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest(history: History) -> str:
    """What changes when anything in it does; that of a source and of its import are equal."""
    return digest_of(exported(history))


def history_of(source: Source, shapes: Shapes) -> History:
    """The thread of a source; raises Odd with the id and place of what cannot be taken over."""
    thread_id = source.thread_id
    found = {kind: _oldest_first(_once(source.of(kind))) for kind in ("message", "run", "step")}
    messages: list[Message] = []
    runs: list[Run] = []
    steps: list[Step] = []
    for each in found["message"]:
        with _at(each):
            messages.append(shapes.message(each.data, thread_id))
    for each in found["run"]:
        with _at(each):
            runs.append(shapes.run(each.data, thread_id))
    by_id = {run.id: run for run in runs}
    for each in found["step"]:
        with _at(each):
            steps.append(shapes.step(each.data, thread_id, _run_of(each.data, by_id)))
    responses = {each.data["id"]: each.data.get("shim_responses") or () for each in found["run"]}
    moments = [sent.created_at for sent in messages] + [run.created_at for run in runs]
    thread = _thread(source, shapes, moments)
    order = {run.id: number for number, run in enumerate(runs)}
    return History(
        thread, messages, runs, sorted(steps, key=lambda step: order[step.run_id]), responses
    )


@contextmanager
def _at(found: Found) -> Iterator[None]:
    """Tell the place of what is odd."""
    try:
        yield
    except Odd as odd:
        raise Odd(odd.object_id, f"{odd.problem} ({found.place})") from odd


def _thread(source: Source, shapes: Shapes, moments: Sequence[int]) -> Thread:
    """The thread; where a source has messages alone it is as old as the oldest."""
    found = _once(source.of("thread"))
    if not found:
        data = {"id": source.thread_id, "created_at": min(moments, default=0)}
        place = source.found[0].place
        found = [Found("thread", place, data, source.thread_id)]
    with _at(found[0]):
        return shapes.thread(found[0].data)


def _run_of(step: Json, runs: Mapping[str, Run]) -> Run:
    run = runs.get(str(step.get("run_id")))
    if run is None:
        raise Odd(
            str(step.get("id")), f"is a step of the run {step.get('run_id')}, which is missing"
        )
    return run


def _once(found: Sequence[Found]) -> list[Found]:
    """The objects, each once; raises Odd where a source says two things of one."""
    by_id: dict[str, Found] = {}
    for each in found:
        first = by_id.setdefault(str(each.data.get("id")), each)
        if first is not each and first.data != each.data:
            problem = f"stands twice, and not alike: {first.place} and {each.place}"
            raise Odd(str(each.data.get("id")), problem)
    return list(by_id.values())


def _oldest_first(found: Sequence[Found]) -> list[Found]:
    """The objects by time; what has the same second stays in the source's order.

    A list that gets older is turned round first. Where no second tells, a page of the API is taken
    for newest first, as it is unless another order was asked for.
    """
    moments = [_moment(each.data) for each in found]
    steps = [after - before for before, after in pairwise(moments)]
    rises, falls = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    backwards = falls > rises or (falls == rises and any(each.newest_first for each in found))
    return sorted(found[::-1] if backwards else found, key=lambda each: _moment(each.data))


def _moment(data: Json) -> float:
    moment = data.get("created_at")
    return moment if isinstance(moment, int | float) else 0.0
