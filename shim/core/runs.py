"""Runs: create, read, change, list, cancel, submit outputs (Assistants spec 3.4 and 4)."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from shim.core import conflicts, notes, objects, pages
from shim.core.advance import Worker
from shim.core.asking import Asking
from shim.core.assistants import Assistants
from shim.core.attaching import Attaching
from shim.core.background import begin
from shim.core.conflicts import internal_error
from shim.core.content import mirrored, new_message
from shim.core.ids import mint
from shim.core.leases import held, leased
from shim.core.lifecycle import ACTIVE, move
from shim.core.looks import Looks
from shim.core.params import check_id, includes, list_params
from shim.core.ports import Batch, World
from shim.core.records import RESOURCE_IDS, RUN_SECONDS, Assistant, Message, Run, Step, Thread
from shim.core.requests import Asked
from shim.core.settling import run_told
from shim.core.shared import Shared
from shim.core.stores import WAIT_SECONDS, Stores
from shim.core.threads import Threads
from shim.core.uploads import Uploads
from shim.core.wire import DONE, Event, Json, Reply, Target
from shim.errors import Lost
from shim.translate.changes import Change
from shim.translate.closing import submitted_step
from shim.translate.items import outputs
from shim.translate.wrapper import rewrapped

__all__ = ["Runs"]

log = logging.getLogger("shim")

_OVERRIDES = (
    "model",
    "instructions",
    "tools",
    "temperature",
    "top_p",
    "reasoning_effort",
    "response_format",
)
_OWN = (
    "max_completion_tokens",
    "max_prompt_tokens",
    "truncation_strategy",
    "tool_choice",
    "parallel_tool_calls",
)
_NOT_OF_A_THREAD = ("id", "object", "created_at")


class Runs:
    """The endpoints under `/threads/{thread_id}/runs`, and `/threads/runs`."""

    def __init__(
        self,
        world: World,
        threads: Threads,
        assistants: Assistants,
        looks: Looks,
        stores: Stores,
    ) -> None:
        self._world = world
        self._stores = stores
        self._threads = threads
        self._assistants = assistants
        self._looks = looks
        self._uploads = Uploads(world)
        self._shared = Shared(world)

    async def create(self, asked: Asked) -> Reply:
        """POST /threads/{thread_id}/runs: answers a queued run, or its events."""
        included = includes(asked.query)
        check_id(asked.body["assistant_id"], param="assistant_id", prefix="asst")
        thread_id, now = asked.id("thread"), self._world.now()
        given = asked.body.get("additional_messages") or ()
        messages = [new_message(body, thread_id, now) for body in given]
        async with self._threads.attaching(asked, thread_id) as attaching:
            while (run := await self._added(asked, included, messages, attaching)) is None:
                pass  # another run, other resources or no thread is there now: see which
        return await self._begin(run, asked, _created(run))

    async def _added(
        self, asked: Asked, included: Iterable[str], messages: list[Message], attaching: Attaching
    ) -> Run | None:
        """The run put into its thread as that is now; None if that has changed meanwhile."""
        thread = await self._threads.find(asked)
        assistant = await self._assistant(asked)
        if (active := await self._looks.active(thread.id, asked.target)) is not None:
            raise conflicts.busy_for_runs(active)
        said = await self._shared.ready(thread, asked.target)
        brought = await attaching.brought(thread, messages)
        resources = brought.now if brought else thread.tool_resources
        extended = replace(thread, tool_resources=resources)
        made = self._new(asked, assistant, extended).with_notes(said)
        run = replace(made, include=tuple(included))
        await self._check_something_to_run(run, messages)
        run = await self._checked(run, asked.target)
        batch = Batch(new=messages, mirror=mirrored(messages), resources=brought)
        try:
            await self._world.ledger.add_run(run, batch)
        except Lost:
            return None
        attaching.stored(resources)
        return run

    async def create_with_thread(self, asked: Asked) -> Reply:
        """POST /threads/runs: makes the thread too."""
        included = includes(asked.query)
        check_id(asked.body["assistant_id"], param="assistant_id", prefix="asst")
        assistant = await self._assistant(asked)
        given = asked.body.get("thread") or {}
        ignored = [f"thread.{key}" for key in _NOT_OF_A_THREAD if given.get(key) is not None]
        said = (f"{', '.join(ignored)}: a new thread was made",) if ignored else ()
        async with self._threads.attaching(asked) as attaching:
            thread, batch = await self._threads.begin(given, asked.target, attaching)
            given_run = asked.body.get("tool_resources") or {}
            await self._uploads.check(given_run, asked.tenant, asked.target)
            made = self._new(asked, assistant, thread)
            run = replace(made, notes=said, include=tuple(included))
            await self._check_something_to_run(run, batch.new)
            run = await self._checked(run, asked.target)
            await self._world.ledger.add_thread_and_run(asked.tenant, thread, run, batch)
            attaching.stored(thread.tool_resources)
        created = Event("thread.created", objects.thread_event(thread))
        return await self._begin(run, asked, [created, *_created(run)])

    async def retrieve(self, asked: Asked) -> Reply:
        """GET one run."""
        return _shown(*await self._found(asked))

    async def update(self, asked: Asked) -> Reply:
        """POST: metadata only, and not while the run is worked on."""
        run = await self.find(asked)
        if run.status == "in_progress":
            raise conflicts.cannot_update(run)
        if "metadata" in asked.body:
            metadata = asked.body["metadata"] or {}
            await self._world.ledger.save_run_metadata(run.id, metadata)
            run = replace(run, metadata=metadata)
        return _shown(run)

    async def list(self, asked: Asked) -> Reply:
        """GET the thread's runs."""
        params = list_params(asked.query)
        thread = await self._threads.find(asked)
        await self._looks.active(thread.id, asked.target)
        for cursor in params.cursors:
            await self._record(thread.id, cursor)
        found = await self._world.ledger.runs(thread.id, params)
        said = await self._shared.ended(thread, found, asked.target)
        body = pages.page(found, params.limit, objects.run)
        return Reply(body=body, headers=notes.header(said))

    async def cancel(self, asked: Asked) -> Reply:
        """POST .../cancel: answers `cancelling`; where nobody is at work, the end comes at once."""
        while True:
            run = await self.find(asked)
            if run.status not in ACTIVE or run.status == "cancelling":
                raise conflicts.cannot_cancel(run)
            now = self._world.now()
            try:
                asked_to_end = move(run, "cancel", now, cancelled_by=now)
                cancelling = await self._world.ledger.save_run(asked_to_end, Batch())
            except Lost:
                continue  # it moved meanwhile: decide on what it is now
            if not held(cancelling, self._world):
                await self._cancel_at_once(run, cancelling, asked.target)
            return _shown(cancelling)

    async def submit(self, asked: Asked) -> Reply:
        """POST .../submit_tool_outputs: all open calls together, then the run goes on."""
        run = await self.find(asked)
        if run.status != "requires_action":
            raise conflicts.no_outputs_wanted(run)
        given = _outputs_for(run, asked.body["tool_outputs"])
        steps = await self._world.ledger.open_steps(run.id)
        items = await self._world.ledger.turn_items(run.id)
        now = self._world.now()
        done = [submitted_step(step, given, now) for step in steps]
        # the response that asked is answered: it must not be taken for the one that follows
        going_on = move(run, "submit", now, response_id=None)
        queued = leased(going_on, self._world, asked.target)
        try:
            batch = Batch(changed=done, items=outputs(rewrapped(given, items)))
            saved = await self._world.ledger.save_run(queued, batch)
        except Lost:
            raise conflicts.no_outputs_wanted(await self.find(asked)) from None
        told = [_told(step) for step in done]
        return await self._begin(saved, asked, [*told, run_told(saved)])

    async def find(self, asked: Asked) -> Run:
        """The run in the path as it is now, or the original's 404."""
        return (await self._found(asked))[0]

    async def _found(self, asked: Asked) -> tuple[Run, Sequence[str]]:
        """The same, with what else is to be said of it now."""
        thread = await self._threads.find(asked)
        run = await self._record(thread.id, asked.id("run"))
        run = await self._looks.fresh(run, asked.target)
        return run, await self._shared.ended(thread, [run], asked.target)

    async def _assistant(self, asked: Asked) -> Assistant:
        return await self._assistants.find(asked.tenant, asked.body["assistant_id"])

    async def _record(self, thread_id: str, run_id: str) -> Run:
        run = await self._world.ledger.run(thread_id, run_id)
        if run is None:
            raise conflicts.unknown("run", run_id)
        return run

    def _new(self, asked: Asked, assistant: Assistant, thread: Thread) -> Run:
        body, now = asked.body, self._world.now()
        own: dict[str, Any] = {name: body.get(name) for name in _OWN}
        run = Run(
            id=mint("run"),
            created_at=int(now),
            thread_id=thread.id,
            assistant_id=assistant.id,
            assistant_version=assistant.version,
            expires_at=int(now) + RUN_SECONDS,
            metadata=body.get("metadata") or {},
            tool_resources=_merged(assistant.tool_resources, thread.tool_resources, body),
            **_effective(body, assistant),
            **own,
        )
        return leased(run, self._world, asked.target)

    async def _check_something_to_run(self, run: Run, messages: Sequence[Message | Step]) -> None:
        if run.instructions:
            return
        history = [*messages, *await self._world.ledger.history(run.thread_id)]
        if not any(isinstance(entry, Message) and entry.role == "user" for entry in history):
            raise conflicts.nothing_to_run()

    async def _checked(self, run: Run, target: Target) -> Run:
        """The run, its stores checked; it may have to wait for them before it is sent."""
        if not await self._stores.check(run, target):
            return run
        return replace(run, waits=True, lease_until=run.lease_until + WAIT_SECONDS)

    async def _begin(self, run: Run, asked: Asked, opening: Sequence[Event]) -> Reply:
        """Begin the work: told as events, or left to the background."""
        target = asked.target
        asking = Asking(self._world, run, target)
        run = run.with_notes(await asking.foresee())
        self._world.conversations.drain(run.thread_id, target)
        if asked.body.get("stream"):
            worker = Worker(self._world, run, target)
            events = self._world.workers.carry(_tell(opening, worker))
            return Reply(events=events, headers=notes.header(run.notes))
        if asking.in_background() and run.waits:
            self._world.workers.spawn(self._begin_later(run, target))
        elif asking.in_background():
            run = replace(run, notes=await begin(self._world, self._looks, run, target))
        else:
            self._world.workers.spawn(Worker(self._world, run, target).drain())
        return _shown(run)

    async def _begin_later(self, run: Run, target: Target) -> None:
        """Begin a run whose stores still read their files: the caller does not wait for them."""
        await begin(self._world, self._looks, run, target)

    async def _cancel_at_once(self, was: Run, run: Run, target: Target) -> None:
        ended = was.status == "requires_action"  # there the response has ended already
        output = () if ended else await self._looks.cancel_upstream(run, target)
        try:
            await self._looks.end(run, "cancelled", target, output=output)
        except Lost:
            return  # another look ended it


async def _tell(opening: Sequence[Event], worker: Worker) -> AsyncGenerator[Event, None]:
    for event in opening:
        yield event
    try:
        async with aclosing(worker.events()) as events:
            async for event in events:
                yield event
    except Exception:
        # the run itself cannot be told of; SDKs look for the wrapped form (spec 6.5)
        log.exception("a stream failed inside shim")
        yield Event("error", internal_error().body())
    yield DONE


def _created(run: Run) -> list[Event]:
    """A new run is told of twice, with the same data (spec 6.3)."""
    return [Event("thread.run.created", objects.run_event(run)), run_told(run)]


def _told(step: Step) -> Event:
    event = Change("thread.run.step.completed", step).event()
    assert event is not None
    return event


def _shown(run: Run, also: Iterable[str] = ()) -> Reply:
    return Reply(body=objects.run(run), headers=notes.header([*run.notes, *also]))


def _effective(body: Json, assistant: Assistant) -> dict[str, Any]:
    """What the run goes by: its own setting where there is one, else the assistant's."""
    values: dict[str, Any] = {}
    for name in _OVERRIDES:
        given = body.get(name)
        values[name] = getattr(assistant, name) if given is None else given
    values["tools"] = tuple(values["tools"])
    if additional := body.get("additional_instructions"):
        # the original's separator is not documented; a new line keeps the two apart
        values["instructions"] = "\n".join(filter(None, [values["instructions"], additional]))
    return values


def _merged(assistant: Json, thread: Json, body: Json) -> Json:
    """The files and stores that a run may use: the assistant's, the thread's, its own."""
    merged: Json = {}
    for kind, key in RESOURCE_IDS.items():
        ids = [
            one
            for source in (assistant, thread, body.get("tool_resources") or {})
            for one in (source.get(kind) or {}).get(key) or ()
        ]
        if ids:
            merged[kind] = {key: list(dict.fromkeys(ids))}
    return merged


def _outputs_for(run: Run, given: Sequence[Json]) -> dict[str, str]:
    """The outputs by call id; refused unless exactly the open calls are answered (spec 4.5)."""
    action = run.required_action or {}
    expected = [call["id"] for call in action["submit_tool_outputs"]["tool_calls"]]
    got = [output["tool_call_id"] for output in given]
    if sorted(got) != sorted(expected):
        raise conflicts.wrong_outputs(expected, got)
    return {output["tool_call_id"]: output.get("output") or "" for output in given}
