"""A store with one of everything behind the engine or the server, which can be put back.

Knows how the store is looked at from outside: all rows of all tables, the files beside it, and what
the upstream was made to keep. Knows no rule of what may be in it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import httpx

from shim import drive
from shim.core.wire import Call, Target, encode_event, encode_json
from shim.offline import Offline
from shim.server.app import asgi, room_of
from shim.server.paths import placed
from shim.settings import Settings
from shim.upstream.http import BlockingUpstream
from shim.wiring import wire
from shim.workers import BlockingWorkers

__all__ = ["EngineStored", "ServerStored"]

KEY = {"authorization": "Bearer sk-test"}
TARGET = Target("http://upstream.invalid/v1", KEY)
HEADERS = {"openai-beta": "assistants=v2"}
FUNCTION = {"type": "function", "function": {"name": "rate", "parameters": {"type": "object"}}}
WRITES = 'open("/mnt/data/made.csv", "w").write("a,b")\nprint("written")'


@dataclass(frozen=True)
class Answered:
    """An answer: its JSON or its events as they were sent; `passed` on from the upstream."""

    status: int
    body: dict | None = None
    frames: tuple[bytes, ...] = ()
    passed: bool = False


class Stored:
    """A store, and the ids of what is there by the names they go by; a subclass answers calls."""

    def __init__(self, folder):
        self._path, self._files = folder / "shim.db", folder / "shim-files"
        self.ids = self._filled()
        self._kept, self._kept_files = folder / "kept.db", folder / "kept-files"
        self._copy(self._path, self._kept)
        shutil.copytree(self._files, self._kept_files)

    def settings(self, folder, **given):
        """Runs go on in this process, so that they are over when it has nothing to do."""
        url = f"sqlite:///{folder / 'shim.db'}"
        return Settings(database_url=url, store=False, dialect="openai", **given)

    def answer(self, method, path, query=(), headers=HEADERS, content=b""):
        """The answer to a call, its events read to their end, once all work for it is done."""
        raise NotImplementedError

    def restore(self):
        """Put back all that was there in the beginning."""
        self._copy(self._kept, self._path)
        shutil.rmtree(self._files)
        shutil.copytree(self._kept_files, self._files)

    def dump(self):
        """All that is kept: rows, files, and what the upstream made.

        But not that a file of ours is there at the upstream too: whoever gives it next uses that
        upload, and it goes with the file.
        """
        with closing(sqlite3.connect(self._path)) as store:
            tables = [
                name
                for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            tables.remove("uploads")
            rows = {table: store.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
        files = {path.name: path.read_bytes() for path in self._files.iterdir()}
        return rows, files, self._made_upstream()

    def _made_upstream(self):
        """How much of each kind was made at the upstream, less what was deleted there."""
        made = Counter()
        for entry in self.offline.log:
            if entry.accepted and entry.path != "/files":
                where, _, _ = entry.path.rpartition("/")
                made[entry.path] += entry.method == "POST"
                made[where] -= entry.method == "DELETE"
        return {path: count for path, count in made.items() if count}

    @staticmethod
    def _copy(source, target):
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)

    def _filled(self):
        assistant = self._made(
            "/assistants", model="gpt-4o", instructions="Help.", tools=[FUNCTION]
        )
        bare = self._made("/assistants", model="gpt-4o")
        hello = {"role": "user", "content": "Hello"}
        thread = self._made("/threads", messages=[hello])
        code = [{"type": "code_interpreter"}]
        self.offline.script.code(WRITES, then="See [it](sandbox:/mnt/data/made.csv).")
        run = self._made(f"/threads/{thread}/runs", assistant_id=assistant, tools=code)
        waiting = self._made("/threads", messages=[hello])
        self.offline.script.calls([("rate", {}, "call_one"), ("rate", {}, "call_two")])
        waiting_run = self._made(f"/threads/{waiting}/runs", assistant_id=assistant)
        messages = self._read(f"/threads/{thread}/messages")["data"]
        calls = self._read(f"/threads/{waiting}/runs/{waiting_run}")["required_action"]
        return {
            "[assistant]": assistant,
            "[bare]": bare,
            "[thread]": thread,
            "[run]": run,
            "[message]": messages[0]["id"],
            "[step]": self._read(f"/threads/{thread}/runs/{run}/steps")["data"][0]["id"],
            "[file]": messages[0]["content"][0]["text"]["annotations"][0]["file_path"]["file_id"],
            "[waiting]": waiting,
            "[waiting_run]": waiting_run,
            "[asked]": self._read(f"/threads/{waiting}/messages")["data"][0]["id"],
            "[empty]": self._made("/threads"),
            "[call_1]": calls["submit_tool_outputs"]["tool_calls"][0]["id"],
            "[call_2]": calls["submit_tool_outputs"]["tool_calls"][1]["id"],
        }

    def _made(self, path, **body):
        return self.answer("POST", path, content=json.dumps(body).encode()).body["id"]

    def _read(self, path):
        return self.answer("GET", path).body


class EngineStored(Stored):
    """The engine by itself, behind blocking ports."""

    def __init__(self, folder):
        self.offline = Offline()
        settings = self.settings(folder)
        self._workers = BlockingWorkers()
        client = httpx.Client(transport=self.offline.transport(httpx))
        upstream = BlockingUpstream(client, self._workers.sleep, settings.dialect)
        self._handler = wire(settings, upstream, self._workers)
        super().__init__(folder)

    def answer(self, method, path, query=(), headers=HEADERS, content=b""):
        reply = drive.run(self._asked(Call(method, path, TARGET, query, content, headers)))
        events = () if reply.events is None else tuple(drive.iterate(reply.events))
        if reply.chunks is not None:
            assert b"".join(drive.iterate(reply.chunks))
        assert self._workers.flush(30)
        body = None if reply.body is None else json.loads(encode_json(reply.body))
        return Answered(reply.status, body, tuple(map(encode_event, events)))

    async def _asked(self, call):
        return await self._handler(call)

    async def _closed(self):
        await self._handler.aclose()

    def close(self):
        """End what runs for it."""
        drive.run(self._closed())
        self.offline.close()


class ServerStored(Stored):
    """The whole server, asked as an ASGI server asks it, before an upstream on a real socket."""

    def __init__(self, folder):
        self.offline = Offline()
        self._upstream = self.offline.serve()
        self._loop = asyncio.new_event_loop()
        self._app = asgi(self.settings(folder, upstream_url=self._upstream.url))
        super().__init__(folder)

    def answer(self, method, path, query=(), headers=HEADERS, content=b""):
        return self._loop.run_until_complete(self._answer(method, path, query, headers, content))

    async def _answer(self, method, path, query, headers, content):
        path = f"/v1{path}"
        sent = {**KEY, **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": urlencode(query).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
        }
        exchange = _Exchange(content)
        await self._app(scope, exchange.receive, exchange.send)
        assert await room_of(self._app).workers.aflush(30)
        return exchange.answered(passed=not placed(scope).ours)

    def close(self):
        """End what runs for it, as `asyncio.run` does."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()
        self._upstream.close()
        self.offline.close()


class _Exchange:
    """One request and its answer, as they pass between an ASGI server and an application."""

    def __init__(self, content):
        half = len(content) // 2
        self._parts = [(content[:half], True), (content[half:], False)]
        self._start, self._sent = {}, []

    async def receive(self):
        if not self._parts:
            await asyncio.get_running_loop().create_future()  # the client stays
        body, more = self._parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._sent.append(message.get("body", b""))

    def answered(self, *, passed):
        kind = dict(self._start["headers"]).get(b"content-type", b"").decode()
        content = b"".join(self._sent)
        status = self._start["status"]
        if kind.startswith("text/event-stream"):
            frames = tuple(part + b"\n\n" for part in content.split(b"\n\n")[:-1])
            return Answered(status, None, frames)
        body = json.loads(content) if kind == "application/json" and content else None
        return Answered(status, body, (), passed)
