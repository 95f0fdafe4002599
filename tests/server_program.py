"""`shim serve`, and the embedded upstream, each as a process of its own.

Knows how they are begun, ended and killed; knows no test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM

import httpx

__all__ = ["BETA", "KEY", "Served", "Upstream", "answers", "wait_until"]

BETA = {"openai-beta": "assistants=v2"}
KEY = {"authorization": "Bearer sk-caller"}
ROOT = Path(__file__).resolve().parents[1]
CODE = "from shim.cli import main; main()"


def wait_until(holds, seconds=15.0):
    """Wait for something to hold; fails where it does not within the time."""
    due = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < due, "waited in vain"
        time.sleep(0.01)


class Served:
    """`shim serve` in a process of its own; `files` is how many it may open unless it asks."""

    def __init__(self, upstream, database, *arguments, files=None, **environment):
        given = {
            "SHIM_UPSTREAM_URL": upstream,
            "SHIM_DATABASE_URL": database,
            "SHIM_DIALECT": "openai",
            "SHIM_PORT": "0",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.process = subprocess.Popen(
            [*_limited(files), sys.executable, "-c", CODE, "serve", *arguments],
            env={**os.environ, **given},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        self.lines.extend(iter(self.process.stderr.readline, ""))
        self.process.stderr.close()

    @property
    def output(self):
        """What it has written so far."""
        return "".join(self.lines)

    @property
    def trouble(self):
        """The lines that are no requests, without the first."""
        return [line for line in self.lines[1:] if " shim.access INFO " not in line]

    @property
    def root(self):
        """Its address, once it listens."""
        wait_until(lambda: "shim serves at" in self.output or self.process.poll() is not None)
        return re.search(r"shim serves at (\S+)/v1", self.output)[1]

    def ready(self):
        """A client of it, once it answers."""
        client = httpx.Client(base_url=self.root, headers={**KEY, **BETA}, timeout=20)
        wait_until(lambda: answers(client))
        return client

    def stop(self, number=SIGTERM):
        """Its exit status after a signal."""
        self.process.send_signal(number)
        return self.ended()

    def kill(self):
        """`kill -9`, as often as a test likes."""
        if self.process.poll() is None:
            self.stop(SIGKILL)

    def ended(self):
        """Its exit status once it has ended."""
        status = self.process.wait(20)
        self._reader.join()
        return status


def _limited(files):
    return [] if files is None else ["sh", "-c", f'ulimit -S -n {files}; exec "$0" "$@"']


def answers(client):
    """Whether a server is there, and ready."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


class Upstream:
    """The embedded upstream in a process of its own, which logs what it is asked."""

    def __init__(self, log, delay):
        self._log = log
        command = [sys.executable, "-m", "shim.offline", "--delay", str(delay), "--log", str(log)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def posts(self):
        """The bodies of the requests for responses that it took."""
        entries = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [
            entry["body"]
            for entry in entries
            if entry["accepted"] and (entry["method"], entry["path"]) == ("POST", "/responses")
        ]

    def close(self):
        """End it."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
