"""Callers who talk to several servers at once, and write down what they were told.

A talker has one thread. What it says is said once: where it got no answer it notes its doubt, sees
to it that the thread rests, and goes on with something else. Knows HTTP and the old API's outside.
"""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count

import httpx
from server_place import BETA, KEY

__all__ = ["FINAL", "WEATHER", "Talker", "reached"]

FINAL = ("completed", "failed", "cancelled", "expired", "incomplete")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PAUSE = 0.05
PATIENCE = 30.0
"""Seconds within which everything must come to rest, whoever was killed."""


class Doubt(Exception):
    """There was no answer: it may have been carried out, or not."""


def reached():
    """An HTTP client for as many calls as there are."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    return httpx.AsyncClient(headers={**KEY, **BETA}, timeout=PATIENCE, limits=limits)


class Talker:
    """Talks on a thread of its own, to one server after the other."""

    def __init__(self, http, roots, assistant, name):
        self.http = http
        self.assistant = assistant
        self.name = name
        self.thread = None
        self.messages = {}
        """By text: the id of a message, or None where its making got no answer."""
        self.runs = {}
        """By id: how each run ended, as far as it was told."""
        self.doubts = 0
        self.broken = 0
        """Calls without an answer, and streams that broke after they had begun."""
        self._roots = roots
        self._turns = count(sum(map(ord, name)))

    async def begin(self):
        """Make the thread."""
        while self.thread is None:
            try:
                self.thread = (await self.post("/threads", {}))["id"]
            except Doubt:
                continue

    async def talk(self, stop):
        """One round after the other, until told to stop."""
        await self.begin()
        for number in count():
            if stop.is_set():
                return
            try:
                await self.round(number)
            except Doubt:
                self.doubts += 1
                await self.rest()

    async def round(self, number):
        """Say something, and have it answered in one of four ways."""
        tool = number % 8 >= 4
        text = f"{'What is the weather?' if tool else 'Echo'} {self.name} {number}"
        self.messages[text] = None
        said = await self.post(f"{self.path}/messages", {"role": "user", "content": text})
        self.messages[text] = said["id"]
        match number % 4:
            case 0 | 1:
                run = await self.post(f"{self.path}/runs", {"assistant_id": self.assistant})
                self.runs[run["id"]] = run["status"]
            case 2:
                await self.stream(f"{self.path}/runs", {"assistant_id": self.assistant})
            case _:
                body = {"assistant_id": self.assistant}
                await self.stream(f"{self.path}/runs", body, leave="thread.message.delta")
        await self.rest()

    async def rest(self):
        """See every run of the thread to its end, at whichever server answers."""
        due = time.monotonic() + PATIENCE
        while True:
            runs = await self.get(f"{self.path}/runs?limit=100")
            self.runs.update((run["id"], run["status"]) for run in runs["data"])
            going = [run for run in runs["data"] if run["status"] not in FINAL]
            if not going:
                return
            assert time.monotonic() < due, f"stuck: {going}"
            if going[0]["status"] == "requires_action":
                await self.hand_in(going[0])
            await asyncio.sleep(PAUSE)

    async def hand_in(self, run):
        """Submit the outputs of a run, every other time as a stream."""
        calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        body = {"tool_outputs": [{"tool_call_id": c["id"], "output": "sunny"} for c in calls]}
        path = f"{self.path}/runs/{run['id']}/submit_tool_outputs"
        try:
            await (self.stream(path, body) if next(self._turns) % 2 else self.post(path, body))
        except Doubt:
            self.doubts += 1

    @property
    def path(self):
        """Where the thread is."""
        return f"/threads/{self.thread}"

    async def get(self, path):
        """An answer, from whichever server gives one."""
        due = time.monotonic() + PATIENCE
        while True:
            try:
                answer = await self.http.get(f"{next(self)}{path}")
            except httpx.TransportError:
                assert time.monotonic() < due, "no server answers"
                await asyncio.sleep(PAUSE)
            else:
                assert answer.status_code == 200, answer.text
                return answer.json()

    async def post(self, path, body):
        """An answer, or doubt; what never arrived is sent to the next server."""
        while True:
            try:
                answer = await self.http.post(f"{next(self)}{path}", json=body)
            except httpx.ConnectError:
                await asyncio.sleep(PAUSE)
            except httpx.TransportError as error:
                raise Doubt from error
            else:
                assert answer.status_code == 200, answer.text
                return answer.json()

    async def stream(self, path, body, leave=None):
        """Read a stream to its end, or `leave` after an event of that name; doubt if it breaks."""
        while True:
            try:
                return await self._read(f"{next(self)}{path}", {**body, "stream": True}, leave)
            except httpx.ConnectError:
                await asyncio.sleep(PAUSE)
            except httpx.TransportError as error:
                raise Doubt from error

    async def _read(self, url, body, leave):
        async with self.http.stream("POST", url, json=body) as answer:
            assert answer.status_code == 200, await answer.aread()
            try:
                name = await self._events(answer, leave)
            except httpx.TransportError:
                self.broken += 1
                raise
            assert name in ("done", leave), f"a stream ended with {name}"

    async def _events(self, answer, leave):
        """The name of the last event that was read."""
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name.startswith("thread.run."):
                self._note(name, json.loads(line.removeprefix("data: ")))
            if name == leave:
                break
        return name

    def _note(self, name, run):
        if name.count(".") == 2:
            self.runs[run["id"]] = run["status"]

    def __next__(self):
        """The server whose turn it is."""
        return self._roots[next(self._turns) % len(self._roots)]
