"""One way to reach shim: an SDK client, mounted or pointed at a server, over an embedded upstream.

Knows how the ways differ and what must hold after a test on any of them: the upstream refused
nothing but what the test foresaw, and the conversations equal the threads.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time

import openai
from contract_either import Either
from contract_events import check_order, recorded
from contract_lanes import LANES
from contract_mirror import conversations, said_by_conversation, said_by_thread
from documented import Watched

import shim
from shim import drive
from shim.offline import Offline
from shim.settings import Settings
from shim.wiring import wire

__all__ = ["Api", "Runner", "message_of"]

_URL = "https://api.openai.com/v1"
POLL = 0.01
"""Seconds between two looks at a run."""

_WORKING = ("queued", "in_progress", "cancelling")


HTTP = {lane.http: importlib.import_module(lane.http) for lane in LANES}
"""Loaded before any test: the SDK looks into a module of that name, be it half loaded."""


def message_of(caught):
    """The message in the envelope of a caught error."""
    return caught.value.body["message"]


class Api:
    """A client, the upstream behind it, and what was seen of both."""

    def __init__(self, lane, url="sqlite:///:memory:", server=None, offline=None):
        self.lane = lane
        self.blocking = lane.colour == "sync"
        self.offline = offline or Offline()
        self.refusals = []
        """The statuses of upstream refusals that the test means to provoke, in order."""
        self.made = set()
        self.undocumented = []
        self._server = server
        client = self._pointed_at(server) if server else self._mounted(url)
        self.client = Either(client, self._notice)

    def _mounted(self, url):
        return shim.mount(self._made_client(), self._settings(url), wiring=self._wired)

    def _pointed_at(self, server):
        """A stock client, to which the server is all there is."""
        kind = openai.OpenAI if self.blocking else openai.AsyncOpenAI
        return kind(base_url=server.url, api_key=server.key_for(self.offline))

    def _wired(self, settings, upstream, workers):
        """The engine, with each of its answers held against the published document."""
        return Watched(wire(settings, upstream, workers), self.undocumented)

    def _notice(self, value):
        """Remember the threads that are spoken of."""
        value = getattr(value, "data", value)
        own = getattr(value, "id", None) if getattr(value, "object", None) == "thread" else None
        self.made |= {own or getattr(value, "thread_id", None)} - {None}

    def _settings(self, url):
        kept = self.lane.conversations
        given = {"store": False} if kept == "unstored" else {"conversations": kept}
        return Settings.load(environ={}, database_url=url, **given)

    def _made_client(self):
        """A client as programs make it: shim's own in some lanes, the SDK's in the others."""
        http = HTTP[self.lane.http]
        module = shim if self.lane.conversations == "upstream" else openai
        options = {"api_key": "sk-1", "base_url": _URL}
        if self.blocking:
            inner = http.Client(transport=self.offline.transport(http))
            return module.OpenAI(http_client=inner, **options)
        inner = http.AsyncClient(transport=self.offline.async_transport(http))
        return module.AsyncOpenAI(http_client=inner, **options)

    @property
    def url(self):
        """The base URL, without a slash at its end."""
        return str(self.client.base_url).rstrip("/")

    @property
    def headers(self):
        """What a request needs that is made without the SDK."""
        sent = f"Bearer {self.client.api_key}"
        return {"authorization": sent, "openai-beta": "assistants=v2"}

    @property
    def threads(self):
        """`client.beta.threads`."""
        return self.client.beta.threads

    async def scene(self, text="Hello", **options):
        """An assistant, and a thread in which the user said something."""
        assistant = await self.client.beta.assistants.create(**{"model": "gpt-4o", **options})
        thread = await self.threads.create(messages=[{"role": "user", "content": text}])
        return assistant, thread

    async def json(self, method, *args, **options):
        """The body of the answer to a method of a `with_raw_response` view."""
        answer = await method(*args, **options)
        await answer.parse()
        return answer.http_response.json()

    async def text(self, thread_id):
        """The newest message's text."""
        newest = await self.threads.messages.list(thread_id, limit=1)
        return newest.data[0].content[0].text.value

    async def pause(self, seconds):
        """Wait as a program of this colour does."""
        if self.blocking:
            time.sleep(seconds)  # noqa: ASYNC251 - there is no loop to block
        else:
            await asyncio.sleep(seconds)

    async def rested(self, run):
        """The run, polled until it has ended or waits for outputs."""
        while run.status in _WORKING:
            await self.pause(POLL)
            run = await self.threads.runs.retrieve(run.id, thread_id=run.thread_id)
        return run

    def handler(self, **reactions):
        """An event handler of the SDK whose methods are the given coroutine functions."""
        base = openai.AssistantEventHandler if self.blocking else openai.AsyncAssistantEventHandler
        methods = {name: self._coloured(react) for name, react in reactions.items()}
        return type("Handler", (base,), methods)()

    def _coloured(self, react):
        return (lambda *args: drive.run(react(*args))) if self.blocking else react

    @property
    def background(self):
        """Whether runs that are polled go on at the upstream."""
        return self.lane.conversations != "unstored"

    @property
    def asked(self):
        """The bodies of the requests for responses that the upstream accepted."""
        return [entry.body for entry in self.offline.posts()]

    def perform(self, test):
        """Carry out a test in this colour, then check what must hold after each."""
        work = self._performed(test)
        if self.blocking:
            drive.run(work)
        else:
            asyncio.run(work)

    async def _performed(self, test):
        trouble = _Trouble()
        with trouble:
            await self._carried(test)
        assert trouble.seen == []
        assert self._server is None or self._server.trouble() == []
        assert self.undocumented == []

    async def _carried(self, test):
        try:
            await test
            told = await self._told()
        finally:
            await self.client.close()
        if self.lane.workers:
            self._wait_for(told)
        self._check_upstream()
        self._check_conversations(told)

    def _wait_for(self, told):
        """A client's end is not the server's, which goes on with what it owes the conversations."""
        due = time.monotonic() + 5.0
        while self._said() != told and time.monotonic() < due:
            time.sleep(POLL)

    def _said(self):
        held = conversations(self.offline)
        return {thread_id: said_by_conversation(items) for thread_id, items in held.items()}

    async def _told(self):
        """What each thread that still exists says."""
        told = {}
        for thread_id in self.made:
            try:
                told[thread_id] = await said_by_thread(self.client, thread_id)
            except openai.NotFoundError:
                continue
        return told

    def _check_upstream(self):
        refused = [entry for entry in self.offline.log if entry.status >= 400]
        shown = [(entry.method, entry.path, entry.status, entry.body) for entry in refused]
        assert [entry.status for entry in refused] == self.refusals, shown

    def _check_conversations(self, told):
        if self.lane.conversations != "upstream":
            assert not [e.path for e in self.offline.log if "conversations" in e.path]
            return
        assert self._said() == told


class _Trouble(logging.Handler):
    """What shim logs as an error: something went wrong that no caller was told of."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.seen = []

    def emit(self, record):
        self.seen.append(record.getMessage())

    def __enter__(self):
        logging.getLogger("shim").addHandler(self)

    def __exit__(self, *error):
        logging.getLogger("shim").removeHandler(self)


class Runner:
    """Takes runs to their next rest in one of the ways that programs do."""

    def __init__(self, api, way):
        self.api = api
        self.way = way
        self.events = []
        """The events of the latest stream, checked already; none where the run was polled."""

    async def run(self, thread, assistant, **options):
        """Create a run, and take it as far as it gets."""
        given = {"thread_id": thread.id, "assistant_id": assistant.id, **options}
        return await self._taken(self.api.threads.runs, "create", "stream", given)

    async def create_and_run(self, assistant, **options):
        """The same, with the thread made on the way."""
        given = {"assistant_id": assistant.id, **options}
        return await self._taken(self.api.threads, "create_and_run", "create_and_run_stream", given)

    async def submit(self, run, outputs):
        """Hand in outputs by call id, and take the run further."""
        given = {
            "run_id": run.id,
            "thread_id": run.thread_id,
            "tool_outputs": [{"tool_call_id": k, "output": v} for k, v in outputs.items()],
        }
        names = ("submit_tool_outputs", "submit_tool_outputs_stream")
        return await self._taken(self.api.threads.runs, *names, given)

    async def _taken(self, resource, plain, helped, given):
        match self.way:
            case "polled":
                return await self._polled(await getattr(resource, plain)(**given))
            case "streamed":
                stream = await getattr(resource, plain)(**given, stream=True)
                return await self._streamed(stream)
            case _:
                async with getattr(resource, helped)(**given) as stream:
                    return await self._streamed(stream)

    async def _polled(self, run):
        assert (run.status, run.required_action, run.usage) == ("queued", None, None)
        return await self.api.rested(run)

    async def _streamed(self, stream):
        self.events = await recorded(stream)
        check_order(self.events)
        last = self.events[-1][1]
        run = await self.api.threads.runs.retrieve(last["id"], thread_id=last["thread_id"])
        shown = run.model_dump(exclude_unset=True, warnings=False)
        # the one key that events show differently
        assert {**shown, "tool_resources": last["tool_resources"]} == last
        return run
