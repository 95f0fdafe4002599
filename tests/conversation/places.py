"""A place to test in: a mounted SDK client, an embedded upstream, and what both have stored.

Knows both colours of client and how to speed up time; knows nothing of what a test expects.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from dataclasses import replace

import openai
from equality import differences

import shim
from shim import drive
from shim.conversation.mirror import Mirrors
from shim.core.wire import Target
from shim.offline import Offline
from shim.settings import Settings
from shim.storage.contents import Memory
from shim.storage.ledger import Ledger
from shim.storage.outbox import Outbox
from shim.storage.shared_threads import Reads
from shim.storage.sqlite import SQLite
from shim.upstream.http import BlockingUpstream, module_of
from shim.wiring import wire
from shim.workers import BlockingWorkers

__all__ = ["WEATHER", "Place", "http_module"]

SPEED = 1000
TARGET = Target("https://api.openai.com/v1", {"authorization": "Bearer sk-test"})

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def http_module():
    """The HTTP library that this SDK uses of itself."""
    with openai.OpenAI(api_key="k") as client:
        return module_of(client._client)


async def _block(seconds):
    time.sleep(seconds)  # noqa: ASYNC251 - a blocking port


class Hasty:
    """Workers who sleep a fraction of what they are told, so that tries follow at once."""

    def __init__(self, workers):
        self._workers = workers

    def __getattr__(self, name):
        return getattr(self._workers, name)

    async def sleep(self, seconds):
        """Sleep, but not for long."""
        await self._workers.sleep(seconds / SPEED)


class Brisk:
    """An upstream of some dialect whose Conversations API is not waited for very long."""

    def __init__(self, upstream, flags, timeout):
        self._upstream = upstream
        self._flags = flags
        self._timeout = timeout

    def dialect(self, target):
        """The dialect, with the test's own flags."""
        return replace(self._upstream.dialect(target), **self._flags)

    async def send(self, request):
        """Send with a short timeout."""
        if request.path.startswith("/conversations"):
            request = replace(request, timeout=self._timeout)
        return await self._upstream.send(request)

    async def open(self, request):
        """Send."""
        return await self._upstream.open(request)

    async def download(self, request):
        """Send."""
        return await self._upstream.download(request)


class Place:
    """One database and one upstream, and clients of some colour between them."""

    def __init__(self, colour, path, offline=None, *, flags=None, timeout=0.1, **settings):
        self.blocking = colour == "sync"
        self.offline = offline or Offline()
        self.loop = None if self.blocking else asyncio.new_event_loop()
        given = {"database_url": f"sqlite:///{path}", "dialect": "openai", **settings}
        self._settings = Settings(**given)
        self._flags, self._timeout = flags or {}, timeout
        self._database = SQLite(str(path), _block)
        self.ledger, self.outbox = Ledger(self._database), Outbox(self._database)
        self._workers, self._clients = [], []
        self.client = self.connect()

    def connect(self, **options):
        """A further client with workers and a memory of its own, as in another process."""
        http = http_module()
        transport = self.offline.transport if self.blocking else self.offline.async_transport
        given = (http.Client if self.blocking else http.AsyncClient)(transport=transport(http))
        kind = openai.OpenAI if self.blocking else openai.AsyncOpenAI
        options = {"api_key": "sk-test", "http_client": given, "max_retries": 0, **options}
        client = shim.mount(kind(**options), self._settings, wiring=self._wired)
        self._clients.append(client)
        return client

    def _wired(self, settings, upstream, workers):
        self._workers.append(Hasty(workers))
        return wire(settings, Brisk(upstream, self._flags, self._timeout), self._workers[-1])

    def get(self, result):
        """The result of a call of either colour; of a streamed one, its events."""
        if not self.blocking:
            return self.loop.run_until_complete(_awaited(result))
        return list(result) if isinstance(result, openai.Stream) else result

    def settle(self):
        """Wait until nothing goes on in the background any more."""
        for workers in self._workers:
            done = workers.flush(20) if self.blocking else self.get(workers.aflush(20))
            assert done, "something goes on in the background"

    def close(self):
        """Close clients, loop and database."""
        for client in self._clients:
            self.get(client.close())
        if self.loop is not None:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
        self._database.close()

    def drain(self, thread, mode="upstream"):
        """Drain as `shim doctor --drain` does; whether all was done."""
        http = http_module()
        with http.Client(transport=self.offline.transport(http)) as client:
            workers = Hasty(BlockingWorkers())
            upstream = Brisk(
                BlockingUpstream(client, workers.sleep, "openai"), self._flags, self._timeout
            )
            mirrors = Mirrors(
                *(self.outbox, self.ledger, upstream, workers, mode),
                contents=Memory(),
                reads=Reads(self._database),
            )
            return drive.run(mirrors.drain_now(thread, TARGET))

    # what programs do

    def thread(self, *texts, **more):
        """A new thread with these messages of the user."""
        messages = [{"role": "user", "content": text} for text in texts]
        return self.get(self.client.beta.threads.create(messages=messages, **more)).id

    def say(self, thread, content="Hello", role="user", client=None):
        """A new message; gives its id."""
        messages = (client or self.client).beta.threads.messages
        return self.get(messages.create(thread, role=role, content=content)).id

    def delete(self, thread, message=None):
        """Delete a message, or the thread."""
        threads = self.client.beta.threads
        if message is None:
            self.get(threads.delete(thread))
        else:
            # by path: the SDK has `messages.delete` only since 1.22
            path = f"/threads/{thread}/messages/{message}"
            headers = {"OpenAI-Beta": "assistants=v2"}
            options = {"headers": headers}
            self.get(self.client.delete(path, cast_to=object, options=options))

    def run(self, thread, *tools, **more):
        """A streamed run up to its next rest; gives the run."""
        assistant = self.get(self.client.beta.assistants.create(model="gpt-4o", tools=tools))
        more = {"assistant_id": assistant.id, "stream": True, **more}
        return _last(self.get(self.client.beta.threads.runs.create(thread, **more)))

    def answer(self, run, output="sunny"):
        """Answer all open calls of a run, and take it to its next rest."""
        calls = run.required_action.submit_tool_outputs.tool_calls
        outputs = [{"tool_call_id": call.id, "output": output} for call in calls]
        runs = self.client.beta.threads.runs
        submitted = runs.submit_tool_outputs(
            run.id, thread_id=run.thread_id, tool_outputs=outputs, stream=True
        )
        return _last(self.get(submitted))

    def turn(self, thread, *tools, calls=("get_weather",)):
        """A run that makes calls and, when they are answered, speaks; gives the run."""
        self.offline.script.calls([(name, {"city": "Oslo"}, None) for name in calls])
        self.offline.script.say(f"Called {len(calls)}.")
        return self.answer(self.run(thread, *(tools or (WEATHER,))))

    # what came of it

    def state(self, thread):
        """How it stands with the thread's conversation."""
        return drive.run(self.outbox.mirrored(thread))

    def waiting(self, thread):
        """The kinds of what waits for the thread's conversation."""
        return [entry.kind for entry in drive.run(self.outbox.entries(thread, 1000))]

    def differences(self, thread):
        """By what the thread's conversation differs from it, once nothing goes on any more."""
        self.settle()
        return differences(self.ledger, self.offline, thread)

    def posts(self):
        """The numbers of items in the accepted calls that add items."""
        asked = [e for e in self.offline.log if e.accepted and e.method == "POST"]
        return [len(e.body["items"]) for e in asked if e.path.endswith("/items")]

    def asked(self, method, path="/conversations"):
        """The requests below a path, whatever became of them."""
        log = self.offline.log
        return [each for each in log if each.method == method and each.path.startswith(path)]

    def conversations(self):
        """All conversations that the upstream holds."""
        return self.offline._service.state.conversations


async def _awaited(result):
    if inspect.isawaitable(result):
        result = await result
    return [each async for each in result] if isinstance(result, openai.AsyncStream) else result


def _last(events):
    return [each.data for each in events if each.event.startswith("thread.run.")][-1]
