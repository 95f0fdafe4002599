"""One database and one upstream that processes share, and what can be seen of both from outside.

Knows how a client is made, a program started and the database read; knows no test.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import openai

import shim
from shim.conversation.mirror import Mirrors
from shim.core.engine import Engine
from shim.core.ports import Batch, World
from shim.core.records import Run
from shim.offline import Offline
from shim.settings import Settings
from shim.storage.contents import Memory
from shim.storage.ledger import Ledger
from shim.storage.outbox import Outbox
from shim.storage.shared_threads import Reads
from shim.wiring import Wired, open_database

__all__ = [
    "FINAL",
    "WEATHER",
    "Place",
    "Program",
    "assert_consistent",
    "oddly",
    "opened",
    "until",
    "until_async",
]

FINAL = ("completed", "failed", "cancelled", "expired", "incomplete")

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

_PROGRAM = Path(__file__).with_name("durability_program.py")
_ROOT = Path(shim.__file__).parents[1]


def until(seen: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What a look gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, f"not seen within {seconds} s"
        time.sleep(0.01)
    return found


async def until_async(seen: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The same, while other tasks go on."""
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, f"not seen within {seconds} s"
        await asyncio.sleep(0.01)
    return found


class Program:
    """A program in a process of its own; each line it writes is a JSON text."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> Any:
        """The next thing the program says."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert text, "the program ended without a word"
        return json.loads(text)

    def take(self, count: int) -> list[Any]:
        """The next things the program says."""
        return [self.line() for _ in range(count)]

    def line_with(self, key: str, value: Any) -> Any:
        """The first line that has a value; those before it are passed over."""
        while (line := self.line()).get(key) != value:
            pass
        return line

    def rest(self) -> list[Any]:
        """All that the program said until its end, but for what its end cut short."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def tell(self, text: str) -> None:
        """Give the program a line to read."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """`kill -9`; nothing in the program gets a chance to tidy up."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Place:
    """A database, an upstream served over HTTP, and the dialect it is spoken to in.

    The database is a file, unless there is the URL of a `server`.
    """

    offline: Offline
    url: str
    database: Path
    dialect: str = "openai"
    server: str | None = None
    store: bool = True
    programs: list[Program] = field(default_factory=list)

    def spoken(self, dialect: str) -> Place:
        """The same place, spoken to in another dialect."""
        return replace(self, dialect=dialect)

    def settings(self) -> Settings:
        """The settings of a client at this place."""
        url = self.database_url()
        return Settings.load({}, database_url=url, dialect=self.dialect, store=self.store)

    def database_url(self) -> str:
        """The database, as the settings name it."""
        return self.server or f"sqlite:///{self.database}"

    def client(self, **odd: Any) -> Any:
        """An SDK client of this process; `odd` is what sets its shim apart, see `oddly`."""
        client = openai.OpenAI(api_key="sk-test", base_url=self.url, max_retries=0)
        return shim.mount(client, self.settings(), wiring=oddly(**odd) if odd else None)

    def async_client(self, **odd: Any) -> Any:
        """The same, for asyncio."""
        client = openai.AsyncOpenAI(api_key="sk-test", base_url=self.url, max_retries=0)
        return shim.mount(client, self.settings(), wiring=oddly(**odd) if odd else None)

    def program(self, *words: str) -> Program:
        """Start `durability_program.py` with words; it is killed when the test ends."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(_ROOT),
            "SHIM_DATABASE_URL": self.database_url(),
            "SHIM_DIALECT": self.dialect,
            "UPSTREAM": self.url,
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(_PROGRAM), *words],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.programs.append(Program(process))
        return self.programs[-1]

    def close(self) -> None:
        """End every program that still runs."""
        for program in self.programs:
            with suppress(ProcessLookupError):
                program.kill()
            for pipe in (program.process.stdin, program.process.stdout):
                if pipe is not None:
                    pipe.close()

    def posts(self) -> list[Any]:
        """The POSTs to /responses that the upstream took, in the order of its log."""
        return self.offline.posts()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the database, each with the fields of its `data`."""
        rows = self._rows_of_server(sql, *values) if self.server else self._rows(sql, *values)
        return [{**json.loads(row.pop("data", "{}")), **row} for row in rows]

    def _rows_of_server(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg.rows import dict_row  # noqa: PLC0415

        with psycopg.connect(self.server or "", row_factory=dict_row) as connection:
            try:
                return connection.execute(sql.replace("?", "%s"), values).fetchall()
            except psycopg.errors.UndefinedTable:
                return []

    def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def asked(self) -> bool:
        """Whether a response has been asked for, or is about to be."""
        return any(row["sent"] for row in self.rows("SELECT * FROM runs"))

    def run_row(self, run_id: str) -> dict[str, Any]:
        """What is stored of a run."""
        return self.rows("SELECT * FROM runs WHERE id = ?", run_id)[0]


@contextmanager
def opened(
    offline: Offline, database: Path, dialect: str, server: str | None = None
) -> Iterator[Place]:
    """A place, for as long as a test needs it."""
    with offline.serve() as served:
        place = Place(offline, served.url, database, dialect, server)
        try:
            yield place
        finally:
            place.close()


Before = Callable[[str, Any, Batch], None]


class _Interrupted(Ledger):
    """A ledger in which something happens just before a run is written or looked for."""

    def __init__(self, database: Any, before: Before) -> None:
        super().__init__(database)
        self._before = before

    async def save_run(self, run: Run, batch: Batch) -> Run:
        self._before("save", run, batch)
        return await super().save_run(run, batch)

    async def add_run(self, run: Run, batch: Batch) -> None:
        self._before("add", run, batch)
        await super().add_run(run, batch)

    async def add_messages(self, thread_id: str, batch: Batch) -> None:
        self._before("add", thread_id, batch)
        await super().add_messages(thread_id, batch)

    async def active_run(self, thread_id: str) -> Run | None:
        self._before("look", thread_id, Batch())
        return await super().active_run(thread_id)


def oddly(
    now: Callable[[], float] = time.time,
    before: Before = lambda *_: None,
) -> Any:
    """What `settings.wire` does, by another clock, or with interruptions.

    `before` is called with "add" or "save", the run (or the id of the thread that messages are
    added to) and what is written with it, or with "look" and the id of a thread whose active run
    is sought.
    """

    def wire(settings: Settings, upstream: Any, workers: Any) -> Wired:
        database = open_database(settings, workers)
        ledger = _Interrupted(database, before)
        contents, mode = Memory(), settings.conversations
        mirrors = Mirrors(
            *(Outbox(database), ledger, upstream, workers, mode),
            contents=contents,
            reads=Reads(database),
        )
        engine = Engine(World(ledger, upstream, workers, mirrors, contents, now=now))
        return Wired(engine, database)

    return wire


def assert_consistent(place: Place, client: Any, thread_id: str) -> None:
    """What the ledger holds of a thread whose runs have ended fits together."""
    runs = list(client.beta.threads.runs.list(thread_id))
    messages = list(client.beta.threads.messages.list(thread_id))
    told = [message.id for message in messages if message.run_id]
    made = []
    for run in runs:
        assert run.status in FINAL
        steps = list(client.beta.threads.runs.steps.list(run.id, thread_id=thread_id))
        assert all(step.status != "in_progress" for step in steps), steps
        made += [
            step.step_details.message_creation.message_id
            for step in steps
            if step.type == "message_creation"
        ]
        if run.status == "completed":
            assert run.usage.total_tokens == sum(step.usage.total_tokens for step in steps)
    assert all(message.status != "in_progress" for message in messages)
    assert sorted(told) == sorted(made)
    asked = place.rows("SELECT response_id FROM turns WHERE response_id IS NOT NULL")
    assert len({row["response_id"] for row in asked}) == len(asked)
