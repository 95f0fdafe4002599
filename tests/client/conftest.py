"""A server, a handler and clients of every kind for the tests of the client door."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
from importlib import import_module
from itertools import product

import openai
import pytest

from shim.client import mount
from shim.core.wire import DONE, Event, Reply
from shim.upstream.http import module_of

MODULES = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
if "httpx2" in MODULES and openai.__version__ < "2.47":
    MODULES.remove("httpx2")

THREAD = {"id": "thread_1", "object": "thread", "created_at": 1, "metadata": {}}
RUN = {"id": "run_1", "object": "thread.run", "status": "queued"}


class Server:
    """The world behind the given HTTP client: answers everything, remembers every request."""

    def __init__(self, http):
        self.http = http
        self.requests = []

    def __call__(self, request):
        """The answer to any request."""
        self.requests.append(request)
        headers = {"set-cookie": "seen=yes; Path=/", "x-server": "real"}
        body = {"object": "list", "data": [], "path": request.url.path}
        return self.http.Response(200, json=body, headers=headers)


class Engine:
    """A handler in place of shim's engine; `answers` maps a path to a reply or an exception."""

    def __init__(self):
        self.calls = []
        self.answers = {}
        self.wired = []
        self.seen = []

    def __call__(self, settings, upstream, workers):
        """The handler, as shim's own wiring gives it."""
        self.wired.append((settings, upstream, workers))
        return self.handle

    async def handle(self, call):
        """Answer a call as the test has said."""
        self.calls.append(call)
        answer = self.answers.get(call.path, THREAD)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return await answer(call)
        if call.path.endswith("/runs") and b"stream" in call.body:
            return Reply(events=self.workers.carry(self.events()))
        return answer if isinstance(answer, Reply) else Reply(body=answer)

    async def events(self):
        """The events of a run, noted as they are made."""
        for name in ("created", "queued", "in_progress", "completed"):
            self.seen.append(name)
            yield Event(f"thread.run.{name}", {**RUN, "status": name, "model": "é"})
        self.seen.append("done")
        yield DONE

    @property
    def upstream(self):
        """The upstream of the last wiring."""
        return self.wired[-1][1]

    @property
    def workers(self):
        """The workers of the last wiring."""
        return self.wired[-1][2]


class Lane:
    """Mounted SDK clients of one HTTP library and colour, and a loop to run their calls on."""

    def __init__(self, module, colour):
        self.http = import_module(module)
        self.blocking = colour == "blocking"
        self.server = Server(self.http)
        self.engine = Engine()
        self.clients = []
        self.loop = None if self.blocking else asyncio.new_event_loop()

    def given(self, **options):
        """An HTTP client as a user would make it."""
        kind = self.http.Client if self.blocking else self.http.AsyncClient
        client = kind(transport=self.http.MockTransport(self.server), **options)
        self.clients.append(client)
        return client

    def kind(self, name="OpenAI"):
        """The SDK's class of that name in this lane's colour."""
        return getattr(openai, name if self.blocking else f"Async{name}")

    def stock(self, name="OpenAI", http_client=None, **options):
        """A stock SDK client over a user's HTTP client."""
        options = {"api_key": "sk-1", **options}
        return self.kind(name)(http_client=http_client or self.given(), **options)

    def client(self, name="OpenAI", **options):
        """A mounted client before this lane's engine and server."""
        return mount(self.stock(name, **options), wiring=self.engine)

    def azure(self, **options):
        """A mounted Azure client."""
        options = {"azure_endpoint": "https://me.openai.azure.com", **options}
        return self.client("AzureOpenAI", api_version="2024-05-01-preview", **options)

    def run(self, work):
        """The result of a call, on the lane's loop where there is one."""
        return self.loop.run_until_complete(work) if inspect.isawaitable(work) else work

    def read(self, stream, count=None):
        """The names of a stream's events, up to a count."""

        async def read():
            names = []
            async for event in await stream:
                names.append(event.event)
                if len(names) == count:
                    break
            return names

        if not self.blocking:
            return self.run(read())
        return [event.event for event, _ in zip(stream, range(count or 99), strict=False)]

    def flush(self):
        """Wait for the work in the background."""
        return (
            self.engine.workers.flush(5)
            if self.blocking
            else self.run(self.engine.workers.aflush(5))
        )

    def end(self):
        """Close what the test has made."""
        for client in self.clients:
            self.run(client.close() if self.blocking else client.aclose())
        if self.loop is not None:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


@pytest.fixture(params=list(product(MODULES, ["blocking", "async"])), ids="-".join)
def lane(request):
    """A lane of each HTTP library and colour."""
    lane = Lane(*request.param)
    yield lane
    lane.end()


@pytest.fixture
def blocking_lane():
    """A lane of the SDK's newest HTTP library, without a loop."""
    lane = Lane(MODULES[-1], "blocking")
    yield lane
    lane.end()


@pytest.fixture
def default_http():
    """The HTTP module that the SDK uses of itself."""
    return module_of(openai.OpenAI(api_key="k")._client)
