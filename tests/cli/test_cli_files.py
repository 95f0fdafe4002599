"""Files that code made, on the command line: those of a thread, what is kept, what is swept."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from shim.core.ports import Batch
from shim.core.records import File, Run
from shim.storage.ledger import Ledger

OLD = 1_790_000_000
FINDINGS = ("files", "sweep")


@pytest.fixture
def made(shell, tmp_path):
    """A thread with a run that made three files: kept, kept and not named, and lost."""
    thread_id = shell.thread()
    shell.run(thread_id)
    folder = tmp_path / "shim-files"
    folder.mkdir()
    files = [
        File("file-shim1", OLD, "a.csv", thread_id, "run_1", size=3, status="kept"),
        File("file-shim2", OLD, "b.csv", thread_id, "run_1", size=4, status="kept", named=False),
        File("file-shim3", OLD, "c.csv", thread_id, "run_1", status="lost", problem="it is gone"),
    ]
    for file in files[:2]:
        (folder / file.id).write_bytes(b"x" * (file.size or 0))

    async def work(database):
        ledger = Ledger(database)
        run = await ledger.active_run(thread_id)
        assert isinstance(run, Run)
        await ledger.save_run(run, Batch(files=files))

    shell.stored(work)
    return thread_id


def found(result):
    """The findings on files, as (subject, state, text)."""
    findings = json.loads(result.stdout)
    return [(f["subject"], f["state"], f["text"]) for f in findings if f["subject"] in FINDINGS]


def test_a_threads_files_are_shown_with_its_runs(shell, made):
    """Each has its id, name and size, what became of it, and whether an answer names it."""
    shown = shell("threads", "show", made).output
    (run,) = json.loads(shell("threads", "show", made, "--json").stdout)["runs"]

    assert "  file   file-shim1  a.csv  3 bytes  kept\n" in shown
    assert "  file   file-shim2  b.csv  4 bytes  kept  not named in the answer\n" in shown
    assert "  file   file-shim3  c.csv  lost: it is gone\n" in shown
    assert [(file["id"], file["named"]) for file in run["files"]] == [
        ("file-shim1", True),
        ("file-shim2", False),
        ("file-shim3", True),
    ]


def test_the_doctor_tells_what_is_kept(shell, made):
    """How many files, where, and how many of them belong to no thread any more."""
    before = found(shell("doctor", "--json", "--offline"))
    shell.stored(lambda database: Ledger(database).delete_thread(made))
    after = found(shell("doctor", "--json", "--offline"))

    text = f"2 files that code made, 0.0 MB, in {shell.path.parent / 'shim-files'}"
    assert before == [("files", "ok", text)]
    assert after == [("files", "ok", f"{text}; the threads of 2 are deleted")]


def test_the_doctor_tells_what_waits(shell, made):
    """A copy that a program did not finish is to be had by the next call on the thread."""
    before = File("file-shim4", OLD, "d.csv", made, "run_1", source_id="cfile_1")

    async def work(database):
        ledger = Ledger(database)
        await ledger.save_run(await ledger.active_run(made), Batch(files=[before]))

    shell.stored(work)

    text = "files and containers still to be fetched: 1"
    assert ("files", "note", text) in found(shell("doctor", "--json", "--offline"))


@pytest.mark.usefixtures("made")
def test_the_doctor_sweeps_when_it_is_told_to(shell, tmp_path):
    """Without the option it says what would go; with it, the contents are deleted."""
    days = {"SHIM_FILES_DAYS": "2"}

    told = shell("doctor", "--json", "--offline", **days)
    folder = tmp_path / "shim-files"
    before = sorted(path.name for path in folder.iterdir())
    swept = shell("doctor", "--json", "--offline", "--sweep", **days)

    assert ("files", "note", "2 files older than 2 days") in found(told)
    assert before == ["file-shim1", "file-shim2"]
    assert found(swept) == [("sweep", "ok", "2 files older than 2 days deleted")]
    assert list(folder.iterdir()) == []
    with closing(sqlite3.connect(shell.path)) as connection:
        statuses = connection.execute("SELECT status FROM files ORDER BY id").fetchall()
    assert statuses == [("expired",), ("expired",), ("lost",)]


def test_a_sweep_needs_to_know_how_long_files_are_kept(shell):
    """Without a number of days there is nothing to go by, and the doctor says so."""
    result = shell("doctor", "--json", "--offline", "--sweep")

    assert found(result) == [("sweep", "problem", "files are kept until they are deleted")]
    assert result.exit_code == 1
