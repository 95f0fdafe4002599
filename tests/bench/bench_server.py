"""Many streamed runs at one `shim serve`, against as many responses asked for directly.

Upstream, server and callers are processes of their own on one machine and share its processors, so
times are the clock's. Streams begin one after the other, all at once, or so many a second, which is
nearest to what servers see. A stream that fails ends the measurement.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from bench_rounds import Row, alternate, compared, spread

__all__ = ["server"]

_HEADERS = {"authorization": "Bearer sk-bench", "openai-beta": "assistants=v2"}
_ASKED = "Please count to 30"
_RESPONSE = ("response.output_text.delta", "response.completed")
_RUN = ("thread.message.delta", "thread.run.completed")
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=50)
_MAKING = 20
"""Threads that are made at a time, before anything is measured."""

Timed = tuple[float, float]
"""Seconds to the first token of a stream, and to its end."""

Begin = Callable[["_Place", int], Coroutine[Any, Any, Timed]]
"""The stream of a number."""


def server(rounds: int, streams: int, delay: float, pace: int, alone: int) -> list[Row]:
    """First tokens and ends of `streams` streams at once and at a pace, and the server's memory."""
    rows: list[Row] = []
    with _place(0.0) as place:
        rows += _compared(place, "one at a time", rounds, alone, pace=0)
    with _place(delay) as place:
        before = place.megabytes()
        rows += _compared(place, f"{streams} at once", rounds, streams, pace=streams * 1000)
        rows += _compared(place, f"{streams}, {pace} a second", rounds, streams, pace=pace)
        peak, after = max(place.seen), place.megabytes()
    rows += [
        spread("memory of the server: before", "MB", [before]),
        spread(f"memory of the server: most, with {streams} streams", "MB", [peak]),
        spread("memory of the server: after", "MB", [after]),
    ]
    return rows


def _compared(place: _Place, what: str, rounds: int, number: int, pace: int) -> list[Row]:
    place.make_threads(number)
    sides = (
        lambda: place.do(_streams(place, _run, number, pace)),
        lambda: place.do(_streams(place, _response, number, pace)),
    )
    alternate(1, *sides)  # what is done only once is left out
    ours, direct = alternate(rounds, *sides)
    rows: list[Row] = []
    for name, value in (("first token", _firsts), ("last first token", _latest), ("end", _ends)):
        pair = [[value(timed) * 1e3 for timed in side] for side in (ours, direct)]
        rows += compared(f"{what}, {name}", "ms", *pair, "direct")
    return rows


def _firsts(timed: Sequence[Timed]) -> float:
    return median(first for first, _ in timed)


def _latest(timed: Sequence[Timed]) -> float:
    return max(first for first, _ in timed)


def _ends(timed: Sequence[Timed]) -> float:
    return median(whole for _, whole in timed)


async def _streams(place: _Place, begin: Begin, number: int, pace: int) -> list[Timed]:
    """So many streams: one after the other where there is no pace."""
    if not pace:
        return [await begin(place, each) for each in range(number)]
    watching = asyncio.create_task(place.watch())

    async def paced(each: int) -> Timed:
        await asyncio.sleep(each / pace)
        return await begin(place, each)

    timed = await asyncio.gather(*(paced(each) for each in range(number)))
    watching.cancel()
    return timed


async def _response(place: _Place, each: int) -> Timed:
    body = {"model": "gpt-4o", "input": _ASKED, "stream": True}
    return await _read(place, f"{place.upstream}/responses", body, _RESPONSE)


async def _run(place: _Place, each: int) -> Timed:
    url = f"{place.root}/v1/threads/{place.threads[each]}/runs"
    return await _read(place, url, {"assistant_id": place.assistant, "stream": True}, _RUN)


async def _read(place: _Place, url: str, body: dict[str, Any], names: tuple[str, str]) -> Timed:
    began, first, ended = time.monotonic(), 0.0, False
    async with place.http.stream("POST", url, json=body, headers=_HEADERS) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("event: "):
                continue
            name = line.removeprefix("event: ")
            if name == names[0] and not first:
                first = time.monotonic() - began
            ended = ended or name == names[1]
    if not (ended and first):
        raise RuntimeError(f"a stream of {url} failed: status {answer.status_code}")
    return first, time.monotonic() - began


class _Place:
    """An upstream, a server before it, and a client of both."""

    def __init__(self, upstream: str, served: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.upstream = upstream
        self.root = served.root
        self.http = httpx.AsyncClient(timeout=300, limits=_LIMITS)
        self.seen: list[float] = []
        """The server's memory now and then, while there were streams."""
        self.threads: list[str] = []
        self.do = loop.run_until_complete
        self._process = served.process.pid
        self.assistant = self.do(self._made("assistants", {"model": "gpt-4o"}))

    def make_threads(self, number: int) -> None:
        """See to it that there are so many threads."""
        self.threads = self.do(self._threads(number))

    async def _threads(self, number: int) -> list[str]:
        room = asyncio.Semaphore(_MAKING)
        body = {"messages": [{"role": "user", "content": _ASKED}]}

        async def one() -> str:
            async with room:
                return await self._made("threads", body)

        return await asyncio.gather(*(one() for _ in range(number)))

    async def _made(self, what: str, body: dict[str, Any]) -> str:
        answer = await self.http.post(f"{self.root}/v1/{what}", json=body, headers=_HEADERS)
        return str(answer.json()["id"])

    async def watch(self) -> None:
        """Look at the memory twice a second until cancelled."""
        while True:
            self.seen.append(await asyncio.to_thread(self.megabytes))
            await asyncio.sleep(0.5)

    def megabytes(self) -> float:
        """What the server holds in memory now."""
        command = ["ps", "-o", "rss=", "-p", str(self._process)]
        return int(subprocess.run(command, check=True, capture_output=True).stdout) / 1024


@contextmanager
def _place(delay: float) -> Iterator[_Place]:
    """A place whose responses take `delay` seconds."""
    sys.path.append(str(Path(__file__).parents[1]))  # pytest has it there, a script has not
    program = import_module("server_program")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = program.Upstream(folder / "log.jsonl", delay)
        stack.callback(upstream.close)
        served = program.Served(upstream.url, f"sqlite:///{folder / 'shim.db'}")
        stack.callback(served.kill)
        served.ready().close()
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        place = _Place(upstream.url, served, loop)
        stack.callback(lambda: place.do(place.http.aclose()))
        yield place
        if served.trouble:
            raise RuntimeError("".join(served.trouble))
