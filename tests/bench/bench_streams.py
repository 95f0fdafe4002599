"""A streamed run through shim, against the response it is made of asked for directly.

The upstream is canned, so what is measured is what happens in this process. Three sides:

* `direct`: `responses.create(stream=True)`;
* `shim`: `beta.threads.runs.create(stream=True)` of a shim client, over the same upstream;
* `old API`: the same Assistants events from a canned Assistants server, without shim.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench_canned import async_client, client, response_events, settings
from bench_rounds import Row, alternate, clock, compared

__all__ = ["streams"]

Timed = tuple[float, float]
"""Seconds to the first token, and from there on for each further one."""

_OF_A_RESPONSE = "response.output_text.delta"
_OF_A_RUN = "thread.message.delta"


def streams(rounds: int, deltas: int) -> list[Row]:
    """First token and per-event cost, sync and async."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_sync(Path(folder), rounds, deltas), *_async(Path(folder), rounds, deltas)]


def _sync(folder: Path, rounds: int, deltas: int) -> list[Row]:
    upstream = response_events(deltas)
    stock, ours = client(lambda _: upstream), client(lambda _: upstream, _settings(folder, "s"))
    assistant = ours.beta.assistants.create(model="gpt-4o").id

    def shim() -> Timed:
        thread = _thread(ours)
        return _read(lambda: _run(ours, thread, assistant), _OF_A_RUN)

    recorded = _recorded(ours, _thread(ours), assistant)
    old = client(lambda _: recorded)
    sides = (
        shim,
        lambda: _read(lambda: _response(stock), _OF_A_RESPONSE),
        lambda: _read(lambda: _run(old, "thread_1", assistant), _OF_A_RUN),
    )
    rows = _measured("sync", rounds, sides)
    for each in (stock, ours, old):
        each.close()
    return rows


def _async(folder: Path, rounds: int, deltas: int) -> list[Row]:
    upstream = response_events(deltas)
    loop = asyncio.new_event_loop()
    do = loop.run_until_complete
    stock = async_client(lambda _: upstream)
    ours = async_client(lambda _: upstream, _settings(folder, "a"))
    assistant = do(ours.beta.assistants.create(model="gpt-4o")).id

    def shim() -> Timed:
        thread = do(_athread(ours))
        return do(_aread(lambda: _run(ours, thread, assistant), _OF_A_RUN))

    recorded = do(_arecorded(ours, do(_athread(ours)), assistant))
    old = async_client(lambda _: recorded)
    sides = (
        shim,
        lambda: do(_aread(lambda: _response(stock), _OF_A_RESPONSE)),
        lambda: do(_aread(lambda: _run(old, "thread_1", assistant), _OF_A_RUN)),
    )
    rows = _measured("async", rounds, sides)
    for each in (stock, ours, old):
        do(each.close())
    do(loop.shutdown_asyncgens())
    loop.close()
    return rows


def _measured(colour: str, rounds: int, sides: Sequence[Callable[[], Timed]]) -> list[Row]:
    alternate(1, *sides)  # what is done only once (imports, classes made by the SDK) is left out
    rows: list[Row] = []
    timed = alternate(rounds, *sides)
    for place, what, unit, scale in ((0, "first token", "ms", 1e3), (1, "each event", "us", 1e6)):
        ours, direct, old = ([each[place] * scale for each in side] for side in timed)
        rows += compared(f"{colour}, {what}", unit, ours, direct, "direct")
        rows += compared(f"{colour}, {what}", unit, ours, old, "old API")
    return list(dict.fromkeys(rows))


def _settings(folder: Path, name: str) -> Any:
    return settings(str(folder / f"{name}.db"))


def _thread(ours: Any) -> str:
    return ours.beta.threads.create(messages=[{"role": "user", "content": "Go on"}]).id


async def _athread(ours: Any) -> str:
    made = await ours.beta.threads.create(messages=[{"role": "user", "content": "Go on"}])
    return made.id


def _run(ours: Any, thread: str, assistant: str, resource: str = "runs") -> Any:
    runs = getattr(ours.beta.threads, resource)
    return runs.create(thread_id=thread, assistant_id=assistant, stream=True)


def _response(stock: Any) -> Any:
    return stock.responses.create(model="gpt-4o", input="Go on", stream=True)


def _read(begin: Any, wanted: str) -> Timed:
    began = clock()
    seen, first = 0, began
    with begin() as events:
        for event in events:
            if getattr(event, "event", None) == wanted or getattr(event, "type", None) == wanted:
                seen += 1
                if seen == 1:
                    first = clock()
    return first - began, (clock() - first) / max(seen - 1, 1)


async def _aread(begin: Any, wanted: str) -> Timed:
    began = clock()
    seen, first = 0, began
    async with await begin() as events:
        async for event in events:
            if getattr(event, "event", None) == wanted or getattr(event, "type", None) == wanted:
                seen += 1
                if seen == 1:
                    first = clock()
    return first - began, (clock() - first) / max(seen - 1, 1)


def _recorded(ours: Any, thread: str, assistant: str) -> list[bytes]:
    """The bytes that a caller of shim is given for a run."""
    runs = ours.beta.threads.runs.with_streaming_response
    options = {"thread_id": thread, "assistant_id": assistant, "stream": True}
    with runs.create(**options) as answer:
        return list(answer.iter_bytes())


async def _arecorded(ours: Any, thread: str, assistant: str) -> list[bytes]:
    runs = ours.beta.threads.runs.with_streaming_response
    options = {"thread_id": thread, "assistant_id": assistant, "stream": True}
    async with runs.create(**options) as answer:
        return [chunk async for chunk in answer.iter_bytes()]
