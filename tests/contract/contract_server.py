"""`shim serve` for all tests of a lane: each has an upstream, a key and so a tenant of its own.

Knows how the server is run, in one process or in two, and that its callers' keys go upstream, where
they tell the tests apart. What it learns of one upstream it would believe of all, and forgets.
"""

from __future__ import annotations

import itertools

import httpx
from server_program import BETA, Served

from shim import drive, offline
from shim.settings import Settings
from shim.storage.database import Statement
from shim.wiring import open_database
from shim.workers import BlockingWorkers

__all__ = ["Server"]


class Server:
    """A server before as many embedded upstreams as there are tests."""

    def __init__(self, database, workers):
        self._upstreams = {}
        self._numbers = itertools.count(1)
        self._database = open_database(Settings(database_url=database), BlockingWorkers())
        self._upstream = offline.Served(self._handle)
        environment = {"SHIM_ACCESS": "callers", "SHIM_GRACE": "1", "SHIM_WORKERS": str(workers)}
        self._served = Served(self._upstream.url, database, **environment)
        self.url = f"{self._served.root}/v1"
        self._served.ready().close()

    def key_for(self, upstream):
        """A key whose calls go to that upstream, which has been asked about it once."""
        key = f"sk-{next(self._numbers)}"
        self._upstreams[key] = upstream
        headers = {**BETA, "authorization": f"Bearer {key}"}
        answer = httpx.get(f"{self.url}/assistants", headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        upstream.log.clear()
        drive.run(self._database.execute(Statement("DELETE FROM refused_parameters")))
        return key

    def trouble(self):
        """What the server has logged that is no request, since it was last asked."""
        seen = self._served.trouble
        self._served.lines[1:] = []
        return [line for line in seen if " ERROR " in line or "Traceback" in line]

    def _handle(self, method, path, query, headers, body):
        sent = {name.lower(): value for name, value in headers.items()}
        key = sent["authorization"].removeprefix("Bearer ")
        return self._upstreams[key].handle(method, path, query, headers, body)

    def close(self):
        """Stop it as a signal does."""
        status = self._served.stop()
        self._upstream.close()
        drive.run(self._database.aclose())
        assert status == 0
