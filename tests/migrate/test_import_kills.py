"""An import that is killed goes on where it was; the size of the dump is set by SHIM_TEST_DUMP."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import pytest
from old_data import written

THREADS, MESSAGES = map(int, os.environ.get("SHIM_TEST_DUMP", "120x20").split("x"))
PROGRAM = "from shim.cli import main; main()"


def imported(path):
    """How many threads are in the database by now."""
    if path.exists():
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT COUNT(*) FROM threads").fetchone()[0]
    return 0


def killed_at(count, folder, path, environment):
    """Begin an import, and kill it once this many threads are there."""
    command = [sys.executable, "-c", PROGRAM, "import", str(folder)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while imported(path) < count:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.timeout(600)
def test_an_import_survives_two_kills(sqlite_shell, tmp_path):
    """Killed twice and resumed, every message is there once, in order; again changes nothing."""
    folder = written(tmp_path / "dump", THREADS, MESSAGES, seed=7)
    path = tmp_path / "shim.db"
    environment = {**os.environ, **sqlite_shell.variables}

    killed_at(THREADS // 5, folder, path, environment)
    first = imported(path)
    killed_at(THREADS // 2, folder, path, environment)
    second = imported(path)
    began = time.monotonic()
    report, code = sqlite_shell.told("import", folder)
    took = time.monotonic() - began
    verified, verdict = sqlite_shell.told("verify", folder)
    before = sqlite_shell.everything()
    again, _ = sqlite_shell.told("import", folder)

    sys.stderr.write(f"killed at {first} and {second} of {THREADS}; the rest took {took:.1f} s\n")
    assert 0 < first < second < THREADS
    assert (code, verdict) == (0, 0)
    assert report["outcomes"]["thread"]["imported"] == THREADS - second
    assert report["outcomes"]["thread"]["unchanged"] == second
    assert verified["counted"]["messages"] == THREADS * (MESSAGES // 2) * 2
    assert verified["differences"] == []
    assert again["outcomes"]["thread"] == {"unchanged": THREADS}
    assert sqlite_shell.everything() == before
