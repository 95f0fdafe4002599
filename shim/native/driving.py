"""Takes a Handler through one turn of a case, as a program of its own would, and tells the outcome.

Any Handler: the engine, a server that speaks Assistants, another. It makes a thread with what stood
before the turn, runs it, and answers function calls from what is known of the reference: by name
and arguments, never by carrying anything out. Knows the calls of the Assistants API; where the
Handler leads, it does not know.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from shim.core.wire import Call, Event, Handler, Json, Reply, Target, decode_json, encode_compact
from shim.errors import ApiError, ShimError
from shim.native.cases import ERROR, UNANSWERED, Case, FunctionCall, Outcome, Turn
from shim.native.outcomes import ENDED, Seen, calls_of, error_of, outcome_of
from shim.native.seeding import Seeds, as_request, as_requests
from shim.upstream.events import NamedEventParser

__all__ = ["OF_ASSISTANTS", "Driver", "Way", "answered"]

OF_ASSISTANTS = frozenset(
    {
        *("model", "name", "description", "instructions", "tools", "tool_resources", "metadata"),
        *("temperature", "top_p", "reasoning_effort", "response_format"),
    }
)
"""What an assistant is made of; other changes are of runs alone."""

Query = tuple[tuple[str, str], ...]

_HEADERS = {"openai-beta": "assistants=v2", "content-type": "application/json"}
_MOST_ROUNDS = 30
_POLL_SECONDS = 0.5
_LATEST = (("limit", "100"), ("order", "desc"))  # what a run made stands last
_PAIRS = "not in the history here: {0} earlier function call{1}"


@dataclass(frozen=True, slots=True)
class Way:
    """How a Handler is reached and what is changed on it.

    `changes` go over the assistant's definition and over the run's parameters, so that a lane is
    another model or another instruction. `seconds` bounds a turn. Without `streamed` runs are
    polled. `keep` leaves threads and assistants where they are. `seeds` lays histories into the
    lane's store, where that can be reached.
    """

    handler: Handler
    target: Target
    sleep: Callable[[float], Awaitable[None]]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tenant: str = ""
    changes: Json = field(default_factory=dict)
    seconds: float = 300.0
    streamed: bool = True
    keep: bool = False
    seeds: Seeds | None = None
    clock: Callable[[], float] = time.monotonic


class Refused(Exception):
    """The Handler answered with an error; the text tells which."""


class Driver:
    """Drives one Handler; makes each assistant once. `close` deletes what it made there."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._assistants: dict[bytes, str] = {}

    async def answer(self, case: Case, turn: Turn, history: Sequence[Json]) -> Outcome:
        """The outcome of a turn; never raises for what the Handler does."""
        began = self._way.clock()
        thread_id, drive = "", None
        notes: tuple[str, ...] = ()
        try:
            assistant_id = await self._assistant(case.assistant)
            thread_id, notes = await self._thread(case, turn, history, assistant_id)
            drive = _Drive(self, case, turn, f"/threads/{thread_id}/runs")
            outcome = await drive.run(assistant_id)
        except Exception as error:  # noqa: BLE001 - whatever a lane does is an outcome
            outcome = _failed(drive, str(error) or type(error).__name__, self._way.clock() - began)
        finally:
            if thread_id and not self._way.keep:
                await self._delete(f"/threads/{thread_id}")
        return outcome.model_copy(update={"notes": (*outcome.notes, *notes)})

    async def close(self) -> None:
        """Delete the assistants that were made."""
        for made in () if self._way.keep else self._assistants.values():
            await self._delete(f"/assistants/{made}")
        self._assistants.clear()

    async def ask(
        self, method: str, path: str, body: Json | None = None, query: Query = ()
    ) -> Reply:
        """Send a call; raises Refused for an error."""
        way = self._way
        sent = b"" if body is None else encode_compact(body)
        headers = {**way.headers, **_HEADERS}
        reply = await way.handler(Call(method, path, way.target, query, sent, headers, way.tenant))
        if reply.status < 400:
            return reply
        body = await _whole(reply)
        error = body.get("error")
        told = error_of(error) if isinstance(error, dict) else str(error or body)
        raise Refused(f"{reply.status} to {method} {path}: {told}")

    async def object(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send a call and read its object."""
        return await _whole(await self.ask(method, path, body))

    @property
    def way(self) -> Way:
        """How it drives."""
        return self._way

    async def _assistant(self, definition: Json) -> str:
        """The assistant of that definition, made at its first turn."""
        changes = {k: v for k, v in self._way.changes.items() if k in OF_ASSISTANTS}
        body = {**definition, **changes}
        key = encode_compact(body)
        if key not in self._assistants:
            made = await self.object("POST", "/assistants", body)
            self._assistants[key] = str(made["id"])
        return self._assistants[key]

    async def _thread(
        self, case: Case, turn: Turn, history: Sequence[Json], assistant_id: str
    ) -> tuple[str, tuple[str, ...]]:
        """A thread with what stood before the turn and what is asked in it; what it lacks."""
        asked, seeds = [as_request(each) for each in turn.asked], self._way.seeds
        if seeds is not None and seeds.fit(history):
            now = int(time.time())
            thread_id = await seeds.thread(self._way.tenant, history, now, assistant_id)
            if case.resources:
                resources = {"tool_resources": case.resources}
                await self.object("POST", f"/threads/{thread_id}", resources)
            for each in asked:
                await self.object("POST", f"/threads/{thread_id}/messages", each)
            return thread_id, ()
        body: Json = {
            "messages": as_requests(history) + asked,
            "metadata": {"shim_compare": f"{case.id}/{turn.number}"[:512]},
        }
        if case.resources:
            body["tool_resources"] = case.resources
        made = await self.object("POST", "/threads", body)
        return str(made["id"]), tuple(_lost(history))

    async def _delete(self, path: str) -> None:
        with suppress(Refused, ApiError, ShimError, OSError):
            await self.object("DELETE", path)


class _Drive:
    """One run, round after round."""

    def __init__(self, driver: Driver, case: Case, turn: Turn, path: str) -> None:
        self._driver = driver
        self._case = case
        self._turn = turn
        self._path = path
        self._began = driver.way.clock()
        self.seen = Seen()
        self._rounds: list[list[FunctionCall]] = []

    async def run(self, assistant_id: str) -> Outcome:
        """The outcome; raises what the Handler raises."""
        given, params = self._driver.way.changes, self._turn.params
        changes = {k: v for k, v in given.items() if k in params or k not in OF_ASSISTANTS}
        body = {**params, **changes, "assistant_id": assistant_id}
        await self._go_on(self._path, body)
        for _ in range(_MOST_ROUNDS):
            status = self.seen.run.get("status")
            if status != "requires_action":
                return self.outcome("" if status in ENDED else "the run did not end")
            calls = calls_of(self.seen.run)
            earlier = [call for made in self._rounds for call in made]
            outputs = answered(calls, self._turn, self._case, earlier)
            self._rounds.append(
                [
                    call.model_copy(update={"output": output})
                    for call, output in zip(calls, outputs, strict=True)
                ]
            )
            if missing := [c for c, output in zip(calls, outputs, strict=True) if output is None]:
                return await self._given_up(missing)
            await self._submit(calls, outputs)
        return self.outcome(f"the run made {_MOST_ROUNDS} rounds of calls and went on")

    def outcome(self, problem: str = "") -> Outcome:
        """What is seen up to now."""
        seen = self.seen
        made = outcome_of(
            seen.run, seen.steps.values(), seen.messages.values(), rounds=self._rounds
        )
        known: dict[str, Any] = {
            "events": tuple(seen.names),
            "seconds": self._driver.way.clock() - self._began,
            "first_token": seen.first_token,
        }
        if not self._driver.way.streamed:
            known["unknown"] = frozenset({"events", "first_token"})
        if problem or (seen.error and made.status not in ENDED):
            known |= {"status": ERROR, "error": problem or seen.error}
        return made.model_copy(update=known)

    async def _given_up(self, missing: Sequence[FunctionCall]) -> Outcome:
        """The outcome of a run that waits for outputs nobody has."""
        run_id = self.seen.run["id"]
        outcome = self.outcome()
        with suppress(Refused, ApiError, ShimError, OSError):
            await self._driver.object("POST", f"{self._path}/{run_id}/cancel")
        return outcome.model_copy(update={"status": UNANSWERED, "unmatched": tuple(missing)})

    async def _submit(self, calls: Sequence[FunctionCall], outputs: Sequence[str | None]) -> None:
        said = [
            {"tool_call_id": call.id, "output": output}
            for call, output in zip(calls, outputs, strict=True)
        ]
        path = f"{self._path}/{self.seen.run['id']}/submit_tool_outputs"
        await self._go_on(path, {"tool_outputs": said})

    async def _go_on(self, path: str, body: Json) -> None:
        if self._driver.way.streamed:
            reply = await self._driver.ask("POST", path, {**body, "stream": True})
            async with aclosing(_events(reply)) as events:
                async for event in events:
                    self.seen.take(event, self._spent())
        else:
            self.seen.take_object(await self._driver.object("POST", path, body))
            await self._polled()

    async def _polled(self) -> None:
        """Wait for the run to rest, and read what it made."""
        path = f"{self._path}/{self.seen.run['id']}"
        while self.seen.run.get("status") not in {*ENDED, "requires_action"}:
            await self._driver.way.sleep(_POLL_SECONDS)
            self._spent()
            self.seen.take_object(await self._driver.object("GET", path))
        if self.seen.run.get("status") == "requires_action":
            return
        thread = self._path.removesuffix("/runs")
        for listed in (f"{path}/steps", f"{thread}/messages"):
            page = await _whole(await self._driver.ask("GET", listed, query=_LATEST))
            for each in reversed(page["data"]):
                if each.get("run_id") == self.seen.run["id"]:
                    self.seen.take_object(each)

    def _spent(self) -> float:
        """Seconds since the run was asked for; raises Refused beyond what a turn may take."""
        spent = self._driver.way.clock() - self._began
        if spent > self._driver.way.seconds:
            raise Refused(f"the run was not done after {self._driver.way.seconds:g} seconds")
        return spent


def answered(
    calls: Sequence[FunctionCall], turn: Turn, case: Case, earlier: Sequence[FunctionCall] = ()
) -> list[str | None]:
    """The output that is known for each call, None where none is.

    Those of the turn go by name and arguments, equal as JSON, one after the other where a call is
    made more than once (`earlier` ones count), the last one again after that; then come those that
    the case gives for a name: a text, or a list of `arguments` and `output`.
    """
    left = [call for call in turn.outputs if call.output is not None]
    return [_output(call, turn, case, left) for call in (*earlier, *calls)][len(earlier) :]


def _output(call: FunctionCall, turn: Turn, case: Case, left: list[FunctionCall]) -> str | None:
    for known in (*left, *reversed(turn.outputs)):
        if known.output is not None and _same(call, known):
            if known in left:
                left.remove(known)
            return known.output
    given = case.tools.get(call.name)
    if isinstance(given, list):
        wanted = _arguments(call.arguments)
        alike = (each for each in given if _arguments(each.get("arguments")) == wanted)
        given = next(alike, {"output": None})["output"]
    if given is None or isinstance(given, str):
        return given
    return encode_compact(given).decode()


def _same(one: FunctionCall, other: FunctionCall) -> bool:
    return one.name == other.name and _arguments(one.arguments) == _arguments(other.arguments)


def _arguments(given: Any) -> Any:
    """Arguments to be compared: those that are JSON as what they say."""
    if not isinstance(given, str):
        return given
    try:
        return decode_json(given) if given.strip() else {}
    except ValueError:
        return given


def _failed(drive: _Drive | None, problem: str, seconds: float) -> Outcome:
    """The outcome of a turn that broke off, with what was seen until then."""
    if drive is None:
        return Outcome(status=ERROR, error=problem, seconds=seconds)
    return drive.outcome(problem)


def _lost(history: Sequence[Json]) -> Iterator[str]:
    if pairs := sum("call" in each for each in history):
        yield _PAIRS.format(pairs, "" if pairs == 1 else "s")


async def _events(reply: Reply) -> AsyncGenerator[Event, None]:
    """The events of an answer, whether they come as such or as bytes."""
    if reply.events is not None:
        async with aclosing(reply.events) as events:
            async for event in events:
                yield event
    elif reply.chunks is not None:
        parser = NamedEventParser()
        async with aclosing(reply.chunks) as chunks:
            async for chunk in chunks:
                for event in parser.feed(chunk):
                    yield event
        for event in parser.end():
            yield event
    else:
        raise Refused("the run was not streamed: polled lanes are asked for with stream: false")


async def _whole(reply: Reply) -> Json:
    """The object of an answer."""
    if reply.body is not None:
        return reply.body
    if reply.chunks is None:
        return {}
    async with aclosing(reply.chunks) as chunks:
        content = b"".join([chunk async for chunk in chunks])
    try:
        body = decode_json(content)
    except ValueError:
        return {"error": {"message": content.decode("utf-8", "replace")[:200]}}
    return body if isinstance(body, dict) else {"error": {"message": str(body)[:200]}}
