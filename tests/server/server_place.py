"""A server on real sockets, in a thread of the test, before an embedded upstream."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import httpx
import openai
import uvicorn
from server_program import BETA, KEY, wait_until
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shim.offline import Offline
from shim.server.app import asgi, room_of
from shim.server.serving import address_of, listening
from shim.settings import Settings


class Running:
    """An ASGI application that is served on a port of its own until it is closed."""

    def __init__(self, app):
        self.app = app
        self.listener = listening(Settings(port=0))
        self.root = address_of(self.listener)
        self.url = f"{self.root}/v1"
        config = uvicorn.Config(app, log_config=None, lifespan="auto", timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()
        wait_until(lambda: self.server.started or not self.thread.is_alive())

    def close(self):
        """Stop it as a signal does."""
        self.server.should_exit = True
        self.thread.join()


class Echo:
    """An upstream that tells what it was asked, or answers as a test says."""

    def __init__(self):
        self.seen = []
        self.answers = {}
        """By path: a coroutine function from the request to an answer."""
        self.running = Running(Starlette(routes=[Route("/{path:path}", self)]))
        self.url = f"{self.running.root}/base/v1"

    async def __call__(self, scope, receive, send):
        """Remember the request, and answer it."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode().removeprefix("/base/v1")
        react = self.answers.get(path)
        answer = await (react(request) if react else self.told(request, path))
        await answer(scope, receive, send)

    async def told(self, request, path):
        """An answer that says what was asked."""
        self.seen.append(
            {
                "method": request.method,
                "path": path,
                "query": request.scope["query_string"].decode(),
                "headers": dict(request.headers),
                "body": (await request.body()).decode("latin-1"),
            }
        )
        return JSONResponse(self.seen[-1], headers={"x-request-id": "req_of_the_upstream"})

    def close(self):
        """Stop it."""
        self.running.close()


class World:
    """A server, the embedded upstream behind it, and clients of both kinds."""

    def __init__(self, folder, delay=0.0, **settings):
        self.offline = Offline(delay=delay)
        self.upstream = self.offline.serve()
        given = {
            "upstream_url": self.upstream.url,
            "database_url": f"sqlite:///{folder / 'shim.db'}",
            "dialect": "openai",
            "grace": 5,
        }
        self.settings = Settings(**{**given, **settings})
        self.app = asgi(self.settings)
        self.running = Running(self.app)
        self.http = httpx.Client(base_url=self.running.root, headers=KEY, timeout=20)

    @property
    def url(self):
        """The base URL that programs are pointed at."""
        return self.running.url

    @property
    def room(self):
        """What the server works with."""
        return room_of(self.app)

    def client(self, **options):
        """A stock SDK client."""
        given = {"base_url": self.url, "api_key": "sk-caller", "max_retries": 0}
        return openai.OpenAI(**{**given, **options})

    def async_client(self, **options):
        """The same in the other colour."""
        given = {"base_url": self.url, "api_key": "sk-caller", "max_retries": 0}
        return openai.AsyncOpenAI(**{**given, **options})

    def ask(self, method, path, body=None, **headers):
        """One request for the Assistants API without an SDK."""
        return self.http.request(method, path, json=body, headers={**BETA, **headers})

    def scene(self, text="Hello", path="/v1"):
        """The ids of an assistant, and of a thread in which the user said something."""
        assistant = self.ask("POST", f"{path}/assistants", {"model": "gpt-4o"}).json()["id"]
        said = {"messages": [{"role": "user", "content": text}]}
        return assistant, self.ask("POST", f"{path}/threads", said).json()["id"]

    def close(self):
        """Close all of it."""
        self.http.close()
        self.running.close()
        self.upstream.close()
        self.offline.close()


def events_of(lines):
    """The events of a stream as pairs of a name and the data, read line by line."""
    name = None
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
            yield name, data if data == "[DONE]" else json.loads(data)


@contextmanager
def served(app):
    """Serve another application for the time of a block."""
    running = Running(app)
    try:
        yield running
    finally:
        running.close()
