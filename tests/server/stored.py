"""An engine over a store with one of everything, which can be put back to how it was.

Knows how the store is looked at from outside: all rows of all tables, the files beside it, and what
the upstream was made to keep. Knows no rule of what may be in it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

from shim import drive
from shim.core.wire import Call, Target
from shim.offline import Offline
from shim.settings import Settings, wire
from shim.upstream.http import BlockingUpstream
from shim.workers import BlockingWorkers

__all__ = ["HEADERS", "Stored"]

TARGET = Target("http://upstream.invalid/v1", {"authorization": "Bearer sk-test"})
HEADERS = {"openai-beta": "assistants=v2"}
FUNCTION = {"type": "function", "function": {"name": "rate", "parameters": {"type": "object"}}}
WRITES = 'open("/mnt/data/made.csv", "w").write("a,b")\nprint("written")'


class Stored:
    """The engine, behind blocking ports, and the ids of what is there by the names they go by."""

    def __init__(self, folder, http):
        self.offline = Offline()
        self._path, self._files = folder / "shim.db", folder / "shim-files"
        settings = Settings(database_url=f"sqlite:///{self._path}", store=False, dialect="openai")
        self.workers = BlockingWorkers()
        client = http.Client(transport=self.offline.transport(http))
        upstream = BlockingUpstream(client, self.workers.sleep, settings.dialect)
        self.handler = wire(settings, upstream, self.workers)
        self.ids = self._filled()
        self._kept, self._kept_files = folder / "kept.db", folder / "kept-files"
        self._copy(self._path, self._kept)
        shutil.copytree(self._files, self._kept_files)

    def answer(self, call):
        """The answer to a call, its events read to their end, once all work for it is done."""
        reply = drive.run(self._asked(call))
        events = [] if reply.events is None else list(drive.iterate(reply.events))
        if reply.chunks is not None:
            assert b"".join(drive.iterate(reply.chunks))
        assert self.workers.flush(30)
        return reply, events

    async def _asked(self, call):
        return await self.handler(call)

    async def _closed(self):
        await self.handler.aclose()

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
        made = [
            entry.path
            for entry in self.offline.log
            if entry.accepted and entry.method != "GET" and entry.path != "/files"
        ]
        return rows, files, made

    def close(self):
        """End what runs for it."""
        self.workers.flush(10)
        drive.run(self._closed())
        self.offline.close()

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
        reply, _ = self.answer(Call("POST", path, TARGET, (), json.dumps(body).encode(), HEADERS))
        return reply.body["id"]

    def _read(self, path):
        return self.answer(Call("GET", path, TARGET, headers=HEADERS))[0].body
