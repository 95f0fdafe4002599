"""What the model did in a recording, as replies for the embedded upstream to give again.

Knows how recorded Assistants answers show a model's turn. Knows nothing of shim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from coded import UNSEEN, ran
from recordings import Exchange, Scenario
from searched import cited, clean, found

from shim.offline import Call, Incomplete, Raw, Reply, Say
from shim.offline.outputs import Output

__all__ = ["asks_model", "turns", "unfit", "unread_tool"]

_ASKING = re.compile(
    r"/threads/runs|/threads/thread_\w+/runs(/run_\w+/submit_tool_outputs)?", re.ASCII
)
_OURS = ("assistants", "threads")
_HOSTED = ("code_interpreter", "file_search")
_UNSEEN = "What the model wrote was not read in the recording."


def asks_model(exchange: Exchange) -> bool:
    """Whether a request makes the model take a turn, as far as it is not refused."""
    path = exchange.path.partition("?")[0]
    return exchange.method == "POST" and _ASKING.fullmatch(path) is not None


def unfit(scenario: Scenario) -> str | None:
    """Why a scenario is not replayed, if it is not."""
    if all(_root(exchange) not in _OURS for exchange in scenario.exchanges):
        return "passes through: no Assistants endpoint in it"
    return None


def _root(exchange: Exchange) -> str:
    return exchange.path.strip("/").partition("/")[0].partition("?")[0]


def _step_calls(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """The tool calls that steps, and their deltas, show."""
    for exchange in scenario.exchanges:
        for each in exchange.shown:
            if each.get("type") == "tool_calls" and "tool_calls" in each:
                yield from each["tool_calls"]


def unread_tool(scenario: Scenario) -> str | None:
    """The hosted tool that a run of the scenario had, if the recording never reads what it did."""
    had = [tool["type"] for run in scenario.shown("thread.run") for tool in run["tools"]]
    read = {call["type"] for call in _step_calls(scenario)}
    return next((kind for kind in had if kind in _HOSTED and kind not in read), None)


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
                outputs += [*_said(chunks, annotations), *ran(event.data, code)]
                chunks, annotations, code = [], [], []
            case "thread.message.incomplete":
                short = True
    said = [*outputs, *_said(chunks, annotations)]
    called = [Call(each["name"], each["arguments"], each["id"]) for each in calls.values()]
    end = Incomplete("max_output_tokens") if short else None
    return Reply((*searches, *said, *called), end, _sum(_usage(scenario, key) for key in steps))


def _said(chunks: list[str], annotations: list[dict[str, Any]]) -> list[Output]:
    return [Say("".join(chunks), chunks, annotations)] if chunks else []


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
    return Reply(_done(run, shown), None, _share(scenario, run["id"], first=False))


def _done(run: dict[str, Any], shown: Sequence[dict[str, Any]]) -> tuple[Output, ...]:
    """What the model did, in order, and what it said: as far as steps and messages were read."""
    steps = {o["id"]: o for o in shown if o.get("object") == "thread.run.step"}
    written = [o for o in shown if o.get("role") == "assistant" and o["run_id"] == run["id"]]
    messages = {message["id"]: message for message in written}
    told = [*steps.values()]
    told.reverse()  # lists show the newest first, also of what began in one second
    told.sort(key=lambda step: step["created_at"])
    outputs = [output for step in told for output in _acted(step, messages)]
    if not steps and {"type": "code_interpreter"} in run["tools"]:
        outputs.append(UNSEEN)
    if not any(isinstance(output, Say) for output in outputs):
        outputs.append(_written(written[0] if written else None))
    return tuple(outputs)


def _acted(step: dict[str, Any], messages: dict[str, dict[str, Any]]) -> list[Output]:
    """What the model did in a step: had a hosted tool do something, or wrote a message."""
    details = step["step_details"]
    if details["type"] == "message_creation":
        return [_written(messages.get(details["message_creation"]["message_id"]))]
    return [*found([step]), *ran(step)]


def _written(message: dict[str, Any] | None) -> Say:
    if message is None:
        return Say(_UNSEEN)
    texts = (part["text"] for part in message["content"] if part["type"] == "text")
    text, annotations = clean(next(texts))
    return Say(text, annotations=annotations)


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
