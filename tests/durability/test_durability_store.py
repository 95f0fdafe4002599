"""One database under many: processes, threads, forks, locks, and files that cannot be used."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import openai
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgres"])

BUSY = re.compile(
    r"Thread (thread_[A-Za-z0-9]{24}) already has an active run (run_[A-Za-z0-9]{24})\."
)


@BOTH
@pytest.mark.parametrize("delay", [20.0])
def test_eight_processes_of_eight_threads_start_a_run(place, chat, kind):
    """Of 64 starters at once one gets the run, and 63 the original's 400 that names it."""
    programs = [place.program("contend", chat.thread, chat.assistant, "8") for _ in range(8)]
    assert [program.line() for program in programs] == [{"ready": True}] * 8

    start_at = str(time.time() + 0.2)
    for program in programs:
        program.tell(start_at)
    outcomes = [line for program in programs for line in program.take(8)]
    for program in programs:
        program.kill()

    (won,) = [each for each in outcomes if each["status"] == 200]
    lost = [each for each in outcomes if each["status"] != 200]
    assert [each["status"] for each in lost] == [400] * 63
    named = {BUSY.fullmatch(each["message"]).groups() for each in lost}
    assert named == {(chat.thread, won["id"])}
    assert [row["id"] for row in place.rows("SELECT * FROM runs")] == [won["id"]]
    assert len(place.posts()) == 1
    if kind == "sqlite":
        assert place.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


@BOTH
def test_four_processes_open_a_new_database_at_once(place):
    """Processes that all find no database make one, and each finds its way in."""
    programs = [place.program("remember") for _ in range(4)]
    assert [program.line() for program in programs] == [{"ready": True}] * 4
    assert place.rows("SELECT id FROM assistants") == []

    start_at = str(time.time() + 0.2)
    for program in programs:
        program.tell(start_at)
    made = {program.line()["id"] for program in programs}

    assert {row["id"] for row in place.rows("SELECT id FROM assistants")} == made
    assert len(made) == 4


@BOTH
@pytest.mark.parametrize("dialect", ["openai", "generic"])
@pytest.mark.parametrize("delay", [0.0])
def test_a_client_made_before_a_fork(place, chat):
    """A client that was used before a fork works on both sides of it, at the same time."""
    program = place.program("fork", chat.assistant)

    said = program.take(9)

    assert {each["status"] for each in said} == {"completed"}
    assert all(f"Echo {each['word']}" in each["text"] for each in said)


@BOTH
@pytest.mark.parametrize("dialect", ["openai", "generic"])
@pytest.mark.parametrize("delay", [0.0])
def test_threads_that_share_a_client(place, client, chat):
    """Each of many threads on one client gets the answers to its own questions."""

    def converse(number):
        thread = client.beta.threads.create(
            messages=[{"role": "user", "content": f"Echo {number}"}]
        )
        run = client.beta.threads.runs.create_and_poll(
            thread_id=thread.id, assistant_id=chat.assistant, poll_interval_ms=20
        )
        answer, question = client.beta.threads.messages.list(thread.id)
        return run.status, answer.content[0].text.value, question.content[0].text.value

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(converse, range(24)))

    for number, (status, answer, question) in enumerate(outcomes):
        assert status == "completed"
        assert question == f"Echo {number}"
        assert answer.startswith(f"You said: Echo {number}")
    assert len(place.posts()) == 24


@pytest.fixture
def locked(place):
    """Another process that holds the database for a second."""
    script = textwrap.dedent("""
        import sqlite3, sys, time
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        print("locked", flush=True)
        time.sleep(1)
        connection.execute("COMMIT")
    """)

    def lock():
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(place.database)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "locked\n"
        holders.append(process)

    holders = []
    yield lock
    for process in holders:
        process.wait()
        process.stdout.close()


def test_a_database_locked_for_a_second(client, chat, locked):
    """A write waits for another process that holds the database."""
    locked()
    began = time.monotonic()

    message = client.beta.threads.messages.create(chat.thread, role="user", content="Hello")

    assert 0.5 < time.monotonic() - began < 5
    assert client.beta.threads.messages.retrieve(message.id, thread_id=chat.thread).id == message.id


async def _ticks(stop):
    count = 0
    while not stop.is_set():
        await asyncio.sleep(0.01)
        count += 1
    return count


def test_a_lock_does_not_stop_the_loop(place, chat, locked):
    """While an async client waits for the database, other tasks go on."""

    async def write():
        stop = asyncio.Event()
        async with place.async_client() as client:
            await client.beta.threads.retrieve(chat.thread)
            ticking = asyncio.create_task(_ticks(stop))
            locked()
            await client.beta.threads.messages.create(chat.thread, role="user", content="Hello")
            stop.set()
            return await ticking

    assert asyncio.run(write()) > 10


def test_a_newer_schema_is_refused(place, client, chat):
    """A database of a newer shim is not touched, and the error says what to do."""
    with closing(sqlite3.connect(place.database)) as connection:
        connection.execute("UPDATE shim_schema SET version = 99")
        connection.commit()

    with place.client() as late, pytest.raises(openai.InternalServerError) as refusal:
        late.beta.threads.retrieve(chat.thread)

    assert "schema 99" in refusal.value.message
    assert "upgrade shim" in refusal.value.message
    assert place.rows("SELECT version FROM shim_schema") == [{"version": 99}]


@pytest.mark.parametrize(
    "where", ["below a file", "a folder", "no database", "read-only", "no place"]
)
def test_a_database_that_cannot_be_used(tmp_path, place, where):
    """Where no database can be kept, the error names the file and the setting."""
    file = unusable(tmp_path, where)

    with (
        replace(place, database=file).client() as client,
        pytest.raises(openai.InternalServerError) as refusal,
    ):
        client.beta.assistants.create(model="gpt-4o")

    assert str(file) in refusal.value.message
    assert "SHIM_DATABASE_URL" in refusal.value.message
    assert refusal.value.response.headers["x-should-retry"] == "false"


def unusable(folder, where):
    """The path of a database that cannot be."""
    match where:
        case "below a file":
            (folder / "file").write_text("")
            return folder / "file" / "shim.db"
        case "a folder":
            (folder / "shim.db").mkdir()
            return folder / "shim.db"
        case "no database":
            (folder / "shim.db").write_text("no database at all, but a text of some length" * 99)
            return folder / "shim.db"
        case "read-only":
            return read_only(folder / "shim.db")
        case _:
            return Path("/proc/shim.db")  # where it is not there, its folder cannot be made


def read_only(file):
    """A database on which nothing can be written."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x)")
    file.chmod(0o444)
    if os.access(file, os.W_OK):
        pytest.skip("the user of this test may write everywhere")
    return file
