"""A run as part of a timeline, made of what is shown of it. Knows the objects of the wire.

What a run goes by is told by its request where that is there, else by the run itself: what differs
from its assistant was asked for. What came of it is told by objects and events; what they do not
show is `unknown`, and a run that did not end, or not by itself, tells why it cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shim.compare.reading.timeline import Ran
from shim.core import objects
from shim.core.records import ACTIVE, Assistant, Run
from shim.core.wire import Json
from shim.migrate.definitions import defined
from shim.migrate.parts import Odd
from shim.migrate.shapes import Shapes
from shim.native.cases import UNANSWERED, FunctionCall, Outcome
from shim.native.outcomes import ENDED, calls_of, outcome_of

__all__ = [
    "OF_MESSAGES",
    "OF_STEPS",
    "OF_STREAMS",
    "Shown",
    "asked_of",
    "definition_of",
    "ran_of",
    "without_empty",
]

OF_STREAMS = frozenset({"events", "first_token"})
OF_STEPS = frozenset({"steps", "retrieved"})
OF_MESSAGES = frozenset({"texts", "refusals", "citations", "files"})
"""The fields of an outcome that streams, steps and messages tell."""

_OVERRIDES = ("model", "instructions", "tools", "temperature", "top_p", "response_format")
_OVERRIDES_ALL = (*_OVERRIDES, "reasoning_effort")
_LIMITS = ("max_completion_tokens", "max_prompt_tokens", "truncation_strategy", "tool_choice")
_NOT_BY_ITSELF = {
    "cancelled": "it was cancelled by its caller",
    "expired": "it expired: nobody went on with it, or it took too long",
}
_NOT_ENDED = "it was {0} when it was last seen"


@dataclass(slots=True)
class Shown:
    """What is shown of a run. `rounds` are its function calls, None where steps tell them.

    `assistant` and `params` are None where only the run itself tells them.
    """

    run: Json
    steps: Sequence[Json] = ()
    messages: Sequence[Json] = ()
    rounds: Sequence[Sequence[FunctionCall]] | None = None
    events: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    seconds: float | None = None
    first_token: float | None = None
    assistant: Json | None = None
    params: Json | None = None
    resources: Json = field(default_factory=dict)
    name: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()


def ran_of(shown: Shown) -> Ran:
    """The run as part of a timeline."""
    assistant, params = asked_of(shown.run, shown.assistant, shown.params)
    outcome, why = _came_of(shown)
    return Ran(
        assistant=assistant,
        params=params,
        outcome=outcome,
        outputs=tuple(c for c in (outcome.calls if outcome else ()) if c.output is not None),
        why=shown.why or why,
        resources=shown.resources,
        name=shown.name,
    )


def _came_of(shown: Shown) -> tuple[Outcome | None, str]:
    """The outcome, and why it cannot be compared, if it cannot."""
    made = outcome_of(shown.run, shown.steps, shown.messages, rounds=shown.rounds)
    made = made.model_copy(
        update={
            "events": shown.events,
            "unknown": shown.unknown,
            "first_token": shown.first_token,
            "seconds": _spent(shown.run) if shown.seconds is None else shown.seconds,
            "notes": shown.notes,
        }
    )
    if made.status in ENDED:
        return made, _NOT_BY_ITSELF.get(made.status, "")
    if made.status == "requires_action":
        waits = tuple(calls_of(shown.run))
        known = {call.id for call in made.calls}
        rounds = made.rounds if {call.id for call in waits} <= known else (*made.rounds, waits)
        update = {"status": UNANSWERED, "unmatched": waits, "rounds": rounds}
        return made.model_copy(update=update), ""
    return None, _NOT_ENDED.format(made.status or "not there")


def _spent(run: Json) -> float | None:
    """Whole seconds, by the run's own times."""
    ends = ("completed_at", "failed_at", "cancelled_at")
    end = next((run[name] for name in ends if run.get(name)), None)
    begin = run.get("created_at")
    return None if end is None or begin is None else float(end - begin)


def definition_of(assistant: Json | Assistant) -> Json:
    """What is set of an assistant, as `assistants.create` takes it."""
    if isinstance(assistant, Assistant):
        assistant = objects.assistant(assistant)
    try:
        return _without_empty(defined(Shapes().assistant(assistant)))
    except Odd:  # with tools of another server's, as they stand there
        names = ("name", "description", "metadata", "tool_resources", *_OVERRIDES_ALL)
        given = {name: assistant.get(name) for name in names}
        return _without_empty({k: v for k, v in given.items() if v not in (None, [], {})})


def without_empty(resources: Json) -> Json:
    """The resources of those tools for which any are named."""
    return {kind: held for kind, held in resources.items() if held and any(held.values())}


def _without_empty(definition: Json) -> Json:
    resources = without_empty(definition.get("tool_resources") or {})
    kept = {key: value for key, value in definition.items() if key != "tool_resources"}
    if "tools" in kept:
        kept["tools"] = _tools(kept["tools"])
    return {**kept, "tool_resources": resources} if resources else kept


def _tools(shown: Iterable[Json]) -> list[Json]:
    """Tools as they are asked for: an answer says of each function that it is not strict."""
    tools = [dict(tool) for tool in shown]
    for tool in tools:
        function = tool.get("function")
        if isinstance(function, dict) and function.get("strict") is False:
            tool["function"] = {k: v for k, v in function.items() if k != "strict"}
    return tools


def asked_of(run: Json, assistant: Json | None, params: Json | None) -> tuple[Json, Json]:
    """The assistant's definition and the run's own parameters.

    Of an assistant that is not known the run tells what it goes by, but for what it was asked for.
    """
    told = _told_by(run)
    if params is None:
        base = {name: told[name] for name in _OVERRIDES_ALL if name in told}
        return (base if assistant is None else assistant), _differing(told, assistant)
    if assistant is not None:
        return assistant, params
    own = {name for name in _OVERRIDES_ALL if params.get(name) is not None}
    own |= {"instructions"} if params.get("additional_instructions") else set()
    # a model is needed even where the run has one of its own
    return {
        name: told[name]
        for name in _OVERRIDES_ALL
        if name in told and (name not in own or name == "model")
    }, params


def _told_by(run: Json) -> Json:
    """What a run goes by, without what is so where nothing is said."""
    names = (*_OVERRIDES_ALL, *_LIMITS, "parallel_tool_calls", "metadata")
    try:
        record: Mapping[str, object] = _fields(Shapes().run(_ended(run), ""))
    except Odd:
        record = run
    told = {name: record.get(name) for name in names}
    if told["parallel_tool_calls"] is True:
        del told["parallel_tool_calls"]
    if _is_auto(told["truncation_strategy"]):
        del told["truncation_strategy"]
    tools: Any = record.get("tools") or ()
    told["tools"] = _tools(tools)
    return {key: value for key, value in told.items() if value not in (None, [], {})}


def _fields(run: Run) -> dict[str, object]:
    names = (*_OVERRIDES_ALL, *_LIMITS, "parallel_tool_calls", "metadata")
    return {name: getattr(run, name) for name in names}


def _ended(run: Json) -> Json:
    """The run, such that nothing is told of its having been active."""
    return {**run, "status": "completed"} if run.get("status") in ACTIVE else run


def _is_auto(strategy: object) -> bool:
    return isinstance(strategy, Mapping) and strategy.get("type") == "auto"


def _differing(told: Json, assistant: Json | None) -> Json:
    """What a run was asked for: what it goes by and its assistant does not."""
    of_runs = {name: value for name, value in told.items() if name not in _OVERRIDES_ALL}
    if assistant is None:
        return of_runs
    params = {name: told.get(name) for name in _OVERRIDES_ALL if not _same(name, told, assistant)}
    base, whole = assistant.get("instructions") or "", params.get("instructions") or ""
    if base and whole.startswith(f"{base}\n"):
        del params["instructions"]
        params["additional_instructions"] = whole[len(base) + 1 :]
    return {**{key: value for key, value in params.items() if value is not None}, **of_runs}


def _same(name: str, told: Json, assistant: Json) -> bool:
    return bool((told.get(name) or None) == (assistant.get(name) or None))
