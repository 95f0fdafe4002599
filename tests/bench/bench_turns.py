"""What a turn asks of the upstream: requests counted in the embedded upstream's own log.

A turn is a message and a run to its end. A run without tools has one model turn, one with function
tools two: the call, and the answer to its output. Mirror writes, those that keep the thread's
conversation, are counted apart: they go on in the background.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

import openai
from bench_canned import http, settings
from bench_rounds import Row, spread

import shim
from shim.offline import Offline

__all__ = ["turns"]

_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}

Turn = Callable[[Any, str, str], None]
"""Takes a thread and an assistant of a client through a run."""


def turns(delay: float, pause: int) -> list[Row]:
    """Requests a turn. A response takes `delay` seconds; the caller polls every `pause` ms."""
    rows: list[Row] = []
    for tools in (False, True):
        what = "with a function call" if tools else "without tools"
        rows += _counted(f"polled, {what}", _polled(pause), delay, "openai", tools)
        rows += _counted(f"polled by a worker, {what}", _polled(pause), delay, "generic", tools)
        rows += _counted(f"streamed, {what}", _streamed, delay, "openai", tools)
    return rows


def _counted(name: str, turn: Turn, delay: float, dialect: str, tools: bool) -> list[Row]:
    """The requests of one turn by their kind. Only the `openai` dialect has background mode."""
    offline = Offline(delay=delay)
    if tools:
        offline.script.call("get_weather")
    offline.script.say("It is sunny.")
    with tempfile.TemporaryDirectory() as folder, _client(offline, folder, dialect) as client:
        assistant = client.beta.assistants.create(model="gpt-4o", tools=[_TOOL] if tools else [])
        thread = client.beta.threads.create()
        _settle(client)
        made = len(offline.log)
        client.beta.threads.messages.create(thread.id, role="user", content="And today?")
        began = monotonic()
        turn(client, thread.id, assistant.id)
        lasted = monotonic() - began
        _settle(client)
    kinds = Counter(_kind(entry) for entry in offline.log[made:])
    figures = [("model turns", "", 1 + tools), ("lasted", "s", lasted)]
    figures += [(kind, "requests", kinds[kind]) for kind in _KINDS]
    return [spread(f"{name}: {what}", unit, [value]) for what, unit, value in figures]


_KINDS = ("POST /responses", "GET /responses/{id}", "mirror writes", "others")


def _kind(entry: Any) -> str:
    if entry.path.startswith("/conversations"):
        return "mirror writes"
    if entry.method == "POST" and entry.path == "/responses":
        return "POST /responses"
    return "GET /responses/{id}" if entry.method == "GET" else "others"


def _client(offline: Offline, folder: str, dialect: str) -> Any:
    inner = http.Client(transport=offline.transport(http))
    stock = openai.OpenAI(api_key="k", http_client=inner)
    return shim.mount(stock, settings(f"{folder}/shim.db", "upstream", dialect))


def _settle(client: Any) -> None:
    """Wait for what goes on in the background."""
    client._client.door._workers.flush(None)


def _polled(pause: int) -> Turn:
    def turn(client: Any, thread: str, assistant: str) -> None:
        runs = client.beta.threads.runs
        run = runs.create_and_poll(thread_id=thread, assistant_id=assistant, poll_interval_ms=pause)
        if run.status == "requires_action":
            run = runs.submit_tool_outputs_and_poll(
                run_id=run.id,
                thread_id=thread,
                tool_outputs=_outputs(run),
                poll_interval_ms=pause,
            )
        _check(run)

    return turn


def _streamed(client: Any, thread: str, assistant: str) -> None:
    runs = client.beta.threads.runs
    run = _last(runs.create(thread_id=thread, assistant_id=assistant, stream=True))
    if run.status == "requires_action":
        outputs = _outputs(run)
        stream = runs.submit_tool_outputs(
            run_id=run.id, thread_id=thread, tool_outputs=outputs, stream=True
        )
        run = _last(stream)
    _check(run)


def _last(stream: Any) -> Any:
    """The run as its stream tells it last."""
    with stream:
        return [event.data for event in stream if event.event.startswith("thread.run.")][-1]


def _outputs(run: Any) -> list[Any]:
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": "sunny"} for call in calls]


def _check(run: Any) -> None:
    if run.status != "completed":
        raise RuntimeError(f"the run is {run.status}: {run.last_error}")
