"""What the model did in a recording, as replies for the embedded upstream to give again.

Knows how recorded Assistants answers show a model's turn. Knows nothing of shim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from recordings import Exchange, Scenario
from searched import cited, clean, found

from shim.offline import Call, Incomplete, Raw, Reply, Say
from shim.offline.outputs import Output

__all__ = ["asks_model", "attached_tool", "turns", "unfit"]

_ASKING = re.compile(
    r"/threads/runs|/threads/thread_\w+/runs(/run_\w+/submit_tool_outputs)?", re.ASCII
)
_OURS = ("assistants", "threads")
_HOSTED = ("code_interpreter", "file_search")
_UNSEEN = "What the model wrote was not read in the recording."
_UNSEEN_CODE = {
    "type": "code_interpreter_call",
    "status": "completed",
    "code": "# What the tool ran was not read in the recording.",
    "container_id": "cntr_unseen",
    "outputs": [],
}


def asks_model(exchange: Exchange) -> bool:
    """Whether a request makes the model take a turn, as far as it is not refused."""
    path = exchange.path.partition("?")[0]
    return exchange.method == "POST" and _ASKING.fullmatch(path) is not None


def unfit(scenario: Scenario) -> str | None:
    """Why a scenario is not replayed, if it is not.

    To have a hosted tool is not enough: some recordings never look at what it did.
    """
    if all(_root(exchange) not in _OURS for exchange in scenario.exchanges):
        return "passes through: no Assistants endpoint in it"
    coded = any(call["type"] == "code_interpreter" for call in _step_calls(scenario))
    if coded and any(_root(exchange) == "files" for exchange in scenario.exchanges):
        return "polled code_interpreter runs over uploaded files are not scripted yet (next)"
    return None


def _root(exchange: Exchange) -> str:
    return exchange.path.strip("/").partition("/")[0].partition("?")[0]


def _step_calls(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """The tool calls that steps, and their deltas, show."""
    for exchange in scenario.exchanges:
        for each in exchange.shown:
            if each.get("type") == "tool_calls" and "tool_calls" in each:
                yield from each["tool_calls"]


def attached_tool(scenario: Scenario) -> str | None:
    """The hosted tool that a run of the scenario had, if it had one."""
    had = [tool["type"] for run in scenario.shown("thread.run") for tool in run["tools"]]
    return next((kind for kind in had if kind in _HOSTED), None)


def turns(scenario: Scenario) -> dict[int, Reply]:
    """The model's turn for each exchange that asked for one, by the exchange's number."""
    asking = [n for n, each in enumerate(scenario.exchanges) if _accepted(each)]
    replies = {}
    for number, until in pairwise([*asking, len(scenario.exchanges)]):
        exchange = scenario.exchanges[number]
        if exchange.streamed:
            replies[number] = _streamed(exchange, scenario)
        else:
            replies[number] = _polled(scenario.exchanges[number:until], scenario)
    return replies


def _accepted(exchange: Exchange) -> bool:
    return asks_model(exchange) and exchange.status == 200


def _streamed(exchange: Exchange, scenario: Scenario) -> Reply:
    """The turn that a stream tells piece by piece."""
    outputs: list[Output] = []
    chunks: list[str] = []
    code: list[str] = []
    annotations: list[dict[str, Any]] = []
    calls: dict[int, dict[str, Any]] = {}
    steps: list[str] = []
    searches: list[Raw] = []
    short = False
    for event in exchange.answer:
        match event.name:
            case "thread.message.delta":
                for part in event.data["delta"]["content"]:
                    _hear(part["text"], chunks, annotations)
            case "thread.run.step.delta":
                for entry in event.data["delta"]["step_details"]["tool_calls"]:
                    if piece := entry.get("code_interpreter", {}).get("input"):
                        code.append(piece)
                    else:
                        _gather(calls, entry)
            case "thread.run.step.created":
                steps.append(event.data["id"])
            case "thread.run.step.completed":
                searches += found([event.data])
                outputs += [*_said(chunks, annotations), *_ran(event.data["step_details"], code)]
                chunks, annotations, code = [], [], []
            case "thread.message.incomplete":
                short = True
    said = [*outputs, *_said(chunks, annotations)]
    called = [Call(each["name"], each["arguments"], each["id"]) for each in calls.values()]
    end = Incomplete("max_output_tokens") if short else None
    return Reply((*searches, *said, *called), end, _sum(_usage(scenario, key) for key in steps))


def _said(chunks: list[str], annotations: list[dict[str, Any]]) -> list[Output]:
    return [Say("".join(chunks), chunks, annotations)] if chunks else []


def _ran(details: dict[str, Any], chunks: list[str]) -> list[Output]:
    """The code of a step, with what it printed."""
    calls = [each for each in details.get("tool_calls", ()) if each["type"] == "code_interpreter"]
    ran = [each["code_interpreter"] for each in calls]
    items = [{**_UNSEEN_CODE, "code": each["input"], "outputs": each["outputs"]} for each in ran]
    return [Raw(item, chunks) for item in items]


def _hear(text: dict[str, Any], chunks: list[str], annotations: list[dict[str, Any]]) -> None:
    """A piece of a message: a chunk, or the marker of a citation, which the upstream leaves out."""
    if not text.get("annotations"):
        chunks.append(text["value"])
    for each in text.get("annotations", ()):
        annotations.append(cited(each, sum(map(len, chunks))))


def _gather(calls: dict[int, dict[str, Any]], entry: dict[str, Any]) -> None:
    if "function" not in entry:
        return
    call = calls.setdefault(entry["index"], {"id": entry.get("id"), "name": "", "arguments": ""})
    call["name"] += entry["function"].get("name", "")
    call["arguments"] += entry["function"].get("arguments", "")


def _polled(exchanges: Sequence[Exchange], scenario: Scenario) -> Reply:
    """The turn whose end was found by asking: calls, or a message of the run."""
    run = exchanges[0].answer
    shown = [each for exchange in exchanges for each in exchange.shown]
    waiting = [o for o in shown if o.get("id") == run["id"] and o.get("required_action")]
    if waiting:
        wanted = waiting[0]["required_action"]["submit_tool_outputs"]["tool_calls"]
        calls = [Call(c["function"]["name"], c["function"]["arguments"], c["id"]) for c in wanted]
        return Reply(tuple(calls), None, _share(scenario, run["id"], first=True))
    written = [o for o in shown if o.get("role") == "assistant" and o["run_id"] == run["id"]]
    text, annotations = clean(written[0]["content"][0]["text"]) if written else (_UNSEEN, [])
    used = [Raw(_UNSEEN_CODE)] if {"type": "code_interpreter"} in run["tools"] else []
    steps = {o["id"]: o for o in shown if o.get("type") == "tool_calls" and "step_details" in o}
    outputs = (*used, *found(steps.values()), Say(text, annotations=annotations))
    return Reply(outputs, None, _share(scenario, run["id"], first=False))


def _sum(used: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    """The tokens of a response, if they are known: of all its steps together."""
    known = [each for each in used if each is not None]
    return (sum(n for n, _ in known), sum(n for _, n in known)) if known else None


def _usage(scenario: Scenario, key: str | None) -> tuple[int, int] | None:
    """The tokens of a run or step, from the last answer that shows them."""
    shown = [*scenario.shown("thread.run"), *scenario.shown("thread.run.step")]
    used = [each["usage"] for each in shown if each["id"] == key and each.get("usage")]
    return (used[-1]["prompt_tokens"], used[-1]["completion_tokens"]) if used else None


def _share(scenario: Scenario, run_id: str, *, first: bool) -> tuple[int, int] | None:
    """A turn's part of the run's tokens: where steps were not read only the sum is known."""
    total = _usage(scenario, run_id)
    asked = [e for e in scenario.exchanges if _accepted(e) and run_id in (e.path + str(e.answer))]
    if total is None or len(asked) == 1:
        return total
    halves = [number // len(asked) for number in total]
    if first:
        return halves[0], halves[1]
    left = [number - half * (len(asked) - 1) for number, half in zip(total, halves, strict=True)]
    return left[0], left[1]
