"""One server for all tests: each has an upstream, a tenant and a key of its own there.

Knows how the server is run in a thread, and that it sees upstreams at addresses of their own, so
that what it learns of one is not believed of another.
"""

from __future__ import annotations

import itertools
import threading
import time

import uvicorn

from shim.core.wire import Target
from shim.offline import Served
from shim.server.access import Admitted
from shim.server.app import asgi
from shim.server.serving import address_of, listening
from shim.settings import Settings

__all__ = ["Server"]


class Server:
    """A server on SQLite, before as many embedded upstreams as there are tests."""

    def __init__(self, folder):
        self._upstreams = {}
        self._numbers = itertools.count(1)
        self._served = Served(self._handle)
        settings = Settings(
            database_url=f"sqlite:///{folder / 'shim.db'}", dialect="openai", port=0, grace=1
        )
        listener = listening(settings)
        self.url = f"{address_of(listener)}/v1"
        config = uvicorn.Config(asgi(settings, access=self), log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def key_for(self, offline):
        """A key whose calls go to that upstream."""
        key = f"sk-{next(self._numbers)}"
        self._upstreams[key] = offline
        return key

    async def admit(self, headers):
        """Let each key in as a tenant of its own (see `shim.server.access`)."""
        key = headers["authorization"].removeprefix("Bearer ")
        url = f"http://127.0.0.1:{self._served.port}/{key}/v1"
        return Admitted(key, Target(url, {"authorization": f"Bearer {key}"}))

    def _handle(self, method, path, query, headers, body):
        sent = {name.lower(): value for name, value in headers.items()}
        key = sent["authorization"].removeprefix("Bearer ")
        path = path.removeprefix(f"/{key}/v1")
        return self._upstreams[key].handle(method, path, query, headers, body)

    def close(self):
        """Stop it as a signal does."""
        self._server.should_exit = True
        self._thread.join()
        self._served.close()
