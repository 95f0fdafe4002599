"""A run as the exchanges of a recording show it, one after the other.

Knows what is seen by whom: one who reads the stream sees all; one who polls sees a run's status,
and its steps and messages only if they are listed after its end. Knows no other run.
"""

from __future__ import annotations

from collections.abc import Sequence

from shim.compare.reading.runs import OF_MESSAGES, OF_STEPS, OF_STREAMS, Shown, ran_of
from shim.compare.reading.timeline import Ran
from shim.core.wire import Json
from shim.native.cases import ERROR, MESSAGE, FunctionCall, Outcome
from shim.native.exchanges import Exchange
from shim.native.outcomes import ENDED, Seen, calls_of, error_of

__all__ = ["Observed", "Refused"]

_OF_ANOTHER = "it was refused because of another run"
_NO_ANSWER = "the server did not answer"
_MOMENTARY = "the server could not answer ({0})"
_AGAIN = frozenset({408, 409, 429})
_LATEST = "the recording shows the latest message of the run; whether there were more is not told"


class Observed:
    """One run. `params` and `assistant` are None where no request for it is recorded."""

    def __init__(
        self,
        params: Json | None = None,
        assistant: Json | None = None,
        resources: Json | None = None,
    ) -> None:
        self.params = params
        self.assistant = assistant
        self.resources = resources or {}
        self.seen = Seen()
        self.messages_known = self.latest_known = False
        self._steps_known = False
        self._streams: list[bool] = []  # of each request that let it work: was it read to its end?
        self._rounds: list[list[FunctionCall]] = []
        self._outputs: dict[str, str] = {}
        self._since: float | None = None
        self._spent: float | None = 0.0

    @property
    def ended(self) -> bool:
        """Whether its end was seen."""
        return self.seen.run.get("status") in ENDED

    @property
    def assistant_id(self) -> str:
        """Whose run it is."""
        return str(self.seen.run.get("assistant_id") or "")

    @property
    def created_at(self) -> float:
        """When it was made."""
        return float(self.seen.run.get("created_at") or 0)

    def begun(self, exchange: Exchange) -> None:
        """It was asked for."""
        self._let_work(exchange)

    def submitted(self, exchange: Exchange) -> None:
        """It was given outputs, and works on."""
        for each in exchange.asked.get("tool_outputs") or ():
            output = each.get("output")
            self._outputs[str(each.get("tool_call_id"))] = "" if output is None else str(output)
        self._let_work(exchange)

    def take_run(self, shown: Json, exchange: Exchange) -> None:
        """A state of it was shown; the end is no more than once."""
        if exchange.events is None:
            self._stop_clock(shown, exchange)
        if not self.ended or shown.get("status") in ENDED:
            self.seen.take_object(shown)
        calls = calls_of(shown) if shown.get("status") == "requires_action" else []
        if calls and {c.id for c in calls} not in [{c.id for c in each} for each in self._rounds]:
            self._rounds.append(calls)

    def steps_listed(self, exchange: Exchange) -> None:
        """Its steps were listed."""
        data = (exchange.answer or {}).get("data") or []
        if dict(exchange.query).get("order", "desc") == "desc":
            self.seen.steps = {**{each["id"]: each for each in reversed(data)}, **self.seen.steps}
        self._steps_known |= self.ended and not (exchange.answer or {}).get("has_more")

    def said(self, messages: Sequence[Json]) -> None:
        """What it said, as far as that is shown anywhere."""
        self.seen.messages = {**{str(m["id"]): m for m in messages}, **self.seen.messages}

    def ran(self) -> Ran:
        """The run as part of a timeline."""
        streamed = bool(self._streams) and all(self._streams)
        rounds = [[self._with_output(call) for call in each] for each in self._rounds]
        steps = self._steps()
        from_steps = self._all_steps(steps) and any(kind_of(step) for step in steps)
        return ran_of(
            Shown(
                run=self.seen.run,
                steps=steps,
                messages=sorted(self.seen.messages.values(), key=_moment),
                rounds=None if from_steps and not rounds else rounds,
                events=tuple(self.seen.names) if streamed else (),
                unknown=self._unknown(steps, streamed=streamed),
                seconds=self._spent if self._streams else None,
                first_token=self.seen.first_token if streamed else None,
                assistant=self.assistant,
                params=self.params,
                resources=self.resources,
                name=self.assistant_id,
                notes=(_LATEST,) if self._only_latest(steps) else (),
            )
        )

    # how long it took

    def _let_work(self, exchange: Exchange) -> None:
        """A request let it work: what is streamed is taken in, else its time begins."""
        if exchange.events is None:
            self._streams.append(False)
            self._since = exchange.at
            if exchange.at is None:
                self._spent = None
            return
        before = self._spent
        timed = before is not None and all(each.seconds is not None for each in exchange.events)
        for each in exchange.events:
            self.seen.take(each.event, (before or 0.0) + (each.seconds or 0.0))
        if not timed:
            self.seen.first_token = None
        self._streams.append(not exchange.aborted)
        seconds = _until_rest(exchange) if timed else exchange.seconds
        whole = before is not None and seconds is not None
        self._spent = (before or 0.0) + (seconds or 0.0) if whole else None
        if exchange.aborted:
            self._spent = None

    def _stop_clock(self, shown: Json, exchange: Exchange) -> None:
        """It was seen at rest: what it took until then counts."""
        rests = shown.get("status") in ENDED or shown.get("status") == "requires_action"
        if not rests or self._since is None or exchange.at is None:
            return
        if self._spent is not None:
            self._spent += exchange.at + (exchange.seconds or 0.0) - self._since
        self._since = None

    # what is known of it

    def _steps(self) -> list[Json]:
        return sorted(self.seen.steps.values(), key=_moment)

    def _with_output(self, call: FunctionCall) -> FunctionCall:
        return call.model_copy(update={"output": self._outputs.get(call.id, call.output)})

    def _all_steps(self, steps: Sequence[Json]) -> bool:
        """Whether all its steps are there: listed, or streamed to the end."""
        streamed = bool(self._streams) and all(self._streams) and self.ended
        return self._steps_known or (streamed and bool(steps))

    def _only_latest(self, steps: Sequence[Json]) -> bool:
        known = self.messages_known or self._by_steps(steps) or all(self._streams)
        return self.latest_known and not known

    def _by_steps(self, steps: Sequence[Json]) -> bool:
        """Whether its steps name its messages, and each was shown."""
        made = [(s.get("step_details") or {}).get(MESSAGE) for s in steps]
        ids = {str(each.get("message_id")) for each in made if each}
        return self._all_steps(steps) and ids <= set(self.seen.messages)

    def _unknown(self, steps: Sequence[Json], *, streamed: bool) -> frozenset[str]:
        unknown: set[str] = set() if streamed else set(OF_STREAMS)
        if streamed:
            return frozenset({"first_token"} if self.seen.first_token is None else ())
        if not self._all_steps(steps):
            unknown |= OF_STEPS
            if self.params is None and not self._rounds:
                unknown.add("rounds")
        if not (self.messages_known or self.latest_known or self._by_steps(steps)):
            unknown |= OF_MESSAGES
        return frozenset(unknown)


class Refused:
    """A run that was asked for, and of which none came."""

    def __init__(
        self, params: Json, assistant: Json | None, exchange: Exchange, resources: Json
    ) -> None:
        self.params = params
        self._assistant = assistant
        self._exchange = exchange
        self._resources = resources

    def repeated(self, later: Sequence[object]) -> bool:
        """Whether the same is asked for next, as SDKs do after what may be a moment's failure."""
        following = next((e for e in later if isinstance(e, Refused | Observed)), None)
        is_next = following is not None and following.params == self.params
        return is_next and self._is_momentary()

    def ran(self) -> Ran:
        """The refusal as a turn."""
        exchange = self._exchange
        error = (exchange.answer or {}).get("error")
        told = error_of(error) if isinstance(error, dict) else str(error or exchange.problem)
        words = f"{exchange.status} to {exchange.method} {exchange.path}: {told}"
        return Ran(
            assistant=self._assistant or {},
            params=self.params,
            outcome=Outcome(status=ERROR, error=words, seconds=exchange.seconds),
            why=self._why(),
            resources=self._resources,
            name=str(exchange.asked.get("assistant_id") or ""),
        )

    def _why(self) -> str:
        """Why it tells nothing of how the server answers."""
        status, said = self._exchange.status, str(self._exchange.answer or "")
        if status == 0 or self._exchange.ok:
            return self._exchange.problem or _NO_ANSWER
        if self._is_momentary():
            return _MOMENTARY.format(status)
        return _OF_ANOTHER if "active run" in said else ""

    def _is_momentary(self) -> bool:
        """Whether an SDK would ask again."""
        status = self._exchange.status
        return status == 0 or status >= 500 or status in _AGAIN


def _until_rest(exchange: Exchange) -> float | None:
    """When the last event came that tells something; the end may be read much later.

    A program that answers a function call inside of a stream reads the rest of it afterwards.
    """
    told = [each.seconds for each in exchange.events or () if each.event.name != "done"]
    return told[-1] if told else exchange.seconds


def kind_of(step: Json) -> str:
    """The type of a step that is one of calls, else nothing."""
    return "tool_calls" if (step.get("step_details") or {}).get("tool_calls") else ""


def _moment(shown: Json) -> float:
    return float(shown.get("created_at") or 0)
