"""Servers of a rollout as processes, and callers who talk through them while shares change.

Callers write down which lane gave each answer, and what was said on each thread: once, in order.
Knows the SDK in both colours and the old API's outside; knows no rules.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field
from itertools import count, pairwise

import httpx
import openai
from contract_either import Either
from server_program import BETA, KEY, Served, Upstream

__all__ = ["Book", "Fleet", "Talker", "made", "reread", "rows", "talked"]

LANE = "x-shim-lane"
PATIENCE = 60.0
_THREAD = re.compile(r"/threads/(thread_\w+)")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


class Fleet:
    """An upstream, a native server before it, and servers on one database that route to both."""

    def __init__(self, folder, database, routes, size, delay):
        self.database = database
        self.native_file = folder / "native.db"
        self.upstream = Upstream(folder / "upstream.jsonl", delay)
        self.native = Served(self.upstream.url, f"sqlite:///{self.native_file}")
        given = {
            "SHIM_MODE": "route",
            "SHIM_NATIVE_URL": f"{self.native.root}/v1",
            "SHIM_ROUTES": json.dumps(routes),
        }
        first = Served(self.upstream.url, database, **given)
        first.ready().close()
        self.routers = [first]
        for _ in range(size - 1):
            self.routers.append(Served(self.upstream.url, database, **given))
            self.routers[-1].ready().close()
        self.native.ready().close()

    @property
    def urls(self):
        """Where programs are pointed at."""
        return [f"{each.root}/v1" for each in self.routers]

    def trouble(self):
        """What the servers complained of."""
        return [line for each in (*self.routers, self.native) for line in each.trouble]

    def close(self):
        """End all processes."""
        for each in (*self.routers, self.native):
            each.kill()
        self.upstream.close()


@dataclass
class Told:
    """What callers were told of a thread."""

    lanes: list = field(default_factory=list)
    """Of each answer in order: the phase in which it came, and its lane."""
    messages: list = field(default_factory=list)
    """In order: the role, the id (of the run, where it is an answer), and what the text has."""
    runs: list = field(default_factory=list)
    rounds: int = 0
    """How often the model was asked."""

    def changes(self):
        """The phase, the lane before and the lane after of each change of the lane."""
        return [(b[0], a[1], b[1]) for a, b in pairwise(self.lanes) if a[1] != b[1]]


class Book:
    """What all callers were told."""

    def __init__(self):
        self.phase = 0
        self.over = False
        self.waiting = set()
        """The runs that wait for outputs, until the share changes."""
        self.threads = {}
        self.faults = []
        self.bridges = Counter()
        """By phase: how many runs began in an earlier one and ended in it."""

    def of(self, thread_id):
        """The page of a thread."""
        return self.threads.setdefault(thread_id, Told())

    def seen(self, answer):
        """Note the lane of an answer about a thread, and what no answer may be."""
        asked = f"{answer.request.method} {answer.request.url.path}"
        if answer.status_code >= 400:
            self.faults.append(f"{asked}: {answer.status_code}")
        if found := _THREAD.search(asked):
            self.of(found[1]).lanes.append((self.phase, answer.headers.get(LANE)))

    async def seen_async(self, answer):
        """The same for the other colour."""
        self.seen(answer)

    def begun(self, thread_id, lane, text):
        """A thread was made."""
        page = self.of(thread_id)
        page.lanes.insert(0, (self.phase, lane))
        page.messages.append(("user", None, text))
        return page


class Talker:
    """Talks on threads, old and new, each call at the next server."""

    def __init__(self, clients, book, assistant, seed, olds=()):
        self._clients = clients
        self._turns = count(seed)
        self._book = book
        self._assistant = assistant
        self._chance = random.Random(seed)
        self._name = f"talker {seed}"
        self._numbers = count()
        self._olds = list(olds)

    @property
    def threads(self):
        """The calls at the server whose turn it is."""
        return self._clients[next(self._turns) % len(self._clients)].beta.threads

    async def talk(self):
        """One thread after the other, until it is over."""
        while not self._book.over:
            thread_id = self._olds.pop() if self._olds else await self.begin()
            for _ in range(self._chance.randrange(2, 5)):
                if self._book.over:
                    break
                await self.turn(thread_id)

    async def begin(self):
        """A new thread, made in one of three ways."""
        text, way = f"Echo {self._name} {next(self._numbers)}", self._chance.randrange(3)
        said = {"messages": [{"role": "user", "content": text}]}
        if way == 0:
            raw = await self.threads.with_raw_response.create(**said)
            thread_id = raw.parse().id
            self._book.begun(thread_id, raw.headers[LANE], text)
            await self.answered(thread_id, text)
            return thread_id
        given = {"assistant_id": self._assistant, "thread": said}
        phase = self._book.phase
        if way == 1:
            raw = await self.threads.with_raw_response.create_and_run(**given)
            run, lane = raw.parse(), raw.headers[LANE]
            page = self._book.begun(run.thread_id, lane, text)
            run = await self.polled(run.thread_id, run.id)
        else:
            stream = await self.threads.create_and_run(**given, stream=True)
            run = await self.read(stream)
            page = self._book.begun(run.thread_id, stream.response.headers[LANE], text)
        self._ended(page, run, text, phase)
        return run.thread_id

    async def turn(self, thread_id):
        """Say something on a thread, and have it answered."""
        wanted = "What is the weather?" if self._chance.random() < 0.4 else "Echo"
        text = f"{wanted} {self._name} {next(self._numbers)}"
        said = await self.threads.messages.create(thread_id, role="user", content=text)
        self._book.of(thread_id).messages.append(("user", said.id, text))
        await self.answered(thread_id, text)

    async def answered(self, thread_id, text):
        """A run to its end; one that waits for outputs does so until the share has changed."""
        page, phase = self._book.of(thread_id), self._book.phase
        place = len(page.lanes)
        run = await self.run(thread_id)
        if run.status == "requires_action":
            await self.hold(run.id, phase)
            page.rounds += 1
            said = (await self.threads.messages.list(thread_id)).data
            assert said[0].content[0].text.value == text
            run = await self.hand_in(run, f"sunny {text}")
            text = f"get_weather returned: sunny {text}"
        self._ended(page, run, text, phase)
        ways = {lane for _, lane in page.lanes[place:]}
        assert len(ways) == 1, f"{run.id} changed its lane in the middle: {page.lanes[place:]}"

    async def run(self, thread_id):
        """A run, streamed or polled, until it rests."""
        given = {"thread_id": thread_id, "assistant_id": self._assistant}
        if self._chance.random() < 0.5:
            return await self.read(await self.threads.runs.create(**given, stream=True))
        return await self.polled(thread_id, (await self.threads.runs.create(**given)).id)

    async def hand_in(self, run, output):
        """Submit the outputs that a run waits for."""
        calls = run.required_action.submit_tool_outputs.tool_calls
        given = {
            "thread_id": run.thread_id,
            "run_id": run.id,
            "tool_outputs": [{"tool_call_id": each.id, "output": output} for each in calls],
        }
        if self._chance.random() < 0.5:
            stream = await self.threads.runs.submit_tool_outputs(**given, stream=True)
            return await self.read(stream)
        await self.threads.runs.submit_tool_outputs(**given)
        return await self.polled(run.thread_id, run.id)

    async def hold(self, run_id, phase):
        """Wait until the share has changed."""
        self._book.waiting.add(run_id)
        while self._book.phase == phase:
            if self._book.over:
                break
            await asyncio.sleep(0.02)
        self._book.waiting.discard(run_id)

    async def read(self, stream):
        """What a stream tells last of its run."""
        run = None
        async for event in stream:
            if event.event.startswith("thread.run.") and "step" not in event.event:
                run = event.data
        return run

    async def polled(self, thread_id, run_id):
        """A run, once it rests."""
        due = time.monotonic() + PATIENCE
        while True:
            run = await self.threads.runs.retrieve(run_id, thread_id=thread_id)
            if run.status not in ("queued", "in_progress"):
                return run
            assert time.monotonic() < due, f"{run_id} never ends"
            await asyncio.sleep(0.15)

    def _ended(self, page, run, text, phase):
        assert run.status == "completed", f"{run.id}: {run.status} {run.last_error}"
        page.messages.append(("assistant", run.id, text))
        page.runs.append(run.id)
        page.rounds += 1
        if phase != self._book.phase:
            self._book.bridges[self._book.phase] += 1


def talked(fleet, book, assistant, olds, control):
    """Let talkers of both colours talk while `control` goes on; raises what went wrong in any.

    `olds` has for the seed of each talker the threads that it takes up first. `control` is given
    what raises it early.
    """
    seeds, half = list(olds), len(olds) // 2
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(half + 1))
        blocking = [_client(openai.OpenAI, httpx.Client, url, book.seen) for url in fleet.urls]
        for client in blocking:
            stack.callback(client.close)
        talkers = [_talker(blocking, book, assistant, each, olds[each]) for each in seeds[:half]]
        work = [pool.submit(asyncio.run, each.talk()) for each in talkers]
        others = {each: olds[each] for each in seeds[half:]}
        work.append(pool.submit(asyncio.run, _together(fleet, book, assistant, others)))
        try:
            control(lambda: [each.result() for each in work if each.done()])
        finally:
            book.over = True
            wait(work)
        for each in work:
            each.result()


async def _together(fleet, book, assistant, olds):
    given = [openai.AsyncOpenAI, httpx.AsyncClient]
    async with AsyncExitStack() as stack:
        clients = [_client(*given, url, book.seen_async) for url in fleet.urls]
        for client in clients:
            stack.push_async_callback(client.close)
        talkers = [_talker(clients, book, assistant, *each) for each in olds.items()]
        await asyncio.gather(*(each.talk() for each in talkers))


def _client(kind, transport, url, hook):
    http = transport(event_hooks={"response": [hook]}, timeout=PATIENCE)
    return kind(api_key="sk-caller", base_url=url, max_retries=0, http_client=http)


def _talker(clients, book, assistant, seed, olds):
    faced = [Either(each, lambda _: None) for each in clients]
    return Talker(faced, book, assistant, seed, olds)


def made(fleet, book, number, at_once=8):
    """The lanes of so many new threads, made at all servers in turn."""
    return asyncio.run(_made(fleet, book, number, at_once))


async def _made(fleet, book, number, at_once):
    numbers = iter(range(number))
    lanes = []

    async def maker(http):
        for each in numbers:
            text = f"New {book.phase}/{each}"
            body = {"messages": [{"role": "user", "content": text}]}
            url = f"{fleet.urls[each % len(fleet.urls)]}/threads"
            answer = await http.post(url, json=body)
            assert answer.status_code == 200, answer.text
            lanes.append(answer.headers[LANE])
            book.begun(answer.json()["id"], lanes[-1], text)

    async with _http() as http:
        await asyncio.gather(*(maker(http) for _ in range(at_once)))
    return lanes


def _http():
    return httpx.AsyncClient(headers={**KEY, **BETA}, timeout=PATIENCE)


def reread(url, threads, at_once=8):
    """By thread: the status, the lane and the messages that a server tells, oldest first."""
    return asyncio.run(_reread(url, threads, at_once))


async def _reread(url, threads, at_once):
    todo, found = iter(list(threads)), {}

    async def reader(http):
        for each in todo:
            path = f"{url}/threads/{each}/messages?limit=100&order=asc"
            answer = await http.get(path)
            data = answer.json().get("data", [])
            said = [
                (
                    message["role"],
                    message["id"] if message["role"] == "user" else message["run_id"],
                    message["content"][0]["text"]["value"],
                )
                for message in data
            ]
            found[each] = (answer.status_code, answer.headers.get(LANE), said)

    async with _http() as http:
        await asyncio.gather(*(reader(http) for _ in range(at_once)))
    return found


def rows(file, sql):
    """The first column of what an SQLite file has."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute(sql)]
