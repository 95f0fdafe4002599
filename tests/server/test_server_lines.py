"""The server's lines to the upstream: no client of httpx bears more than it does well."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing

import httpx
import pytest

from shim.core.ports import Request
from shim.core.wire import Target
from shim.offline import Offline
from shim.server.lines import Lines
from shim.server.metrics import Metrics
from shim.settings import Settings
from shim.workers import AsyncWorkers

MANY = 32


def test_many_streams_are_spread_over_clients():
    """A further client is opened where one is busy; one that is free again is used before it."""

    async def use(url):
        lines = Lines(Settings(), AsyncWorkers(), Metrics())
        body = {"model": "gpt-4o", "input": "Hello", "stream": True}
        target = Target(url, {"authorization": "Bearer sk-1"})
        asked = Request("POST", "/responses", target, body)
        first = lines.client()
        async with AsyncExitStack() as open_streams:
            streams = [await lines.open(asked) for _ in range(MANY + 1)]
            for stream in streams:
                await open_streams.enter_async_context(aclosing(stream))
            second = lines.client()
            seen = [first is second]
            async for _ in streams[0].events():
                pass
            await streams[1].aclose()
            seen += [lines.client() is first, first.busy]
        seen += [first.busy, second.busy]
        await lines.close()
        return [*seen, first.is_closed, second.is_closed]

    with Offline(delay=0.2).serve() as served:
        seen = asyncio.run(use(served.url))

    assert seen == [False, True, MANY - 2, 0, 0, True, True]


def test_what_fails_or_is_read_at_once_keeps_no_client_busy():
    """An upstream that is not there, and an answer read whole."""

    async def use(url):
        lines = Lines(Settings(), AsyncWorkers(), Metrics())
        client = lines.client()
        await client.get(f"{url}/models")
        counts = [client.busy]
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:9/v1/models")
        counts.append(client.busy)
        await lines.close()
        return counts

    with Offline().serve() as served:
        counts = asyncio.run(use(served.url))

    assert counts == [0, 0]


def test_connections_are_not_used_where_a_server_may_close_them():
    """One is used again at once; one that was idle for long is left to whoever closes it first."""
    made = []

    async def answer(reader, writer):
        made.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    async def quiet(reader, writer):
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    async def use():
        counts = []
        lines = Lines(Settings(), AsyncWorkers(), Metrics())
        async with await asyncio.start_server(quiet, "127.0.0.1") as server:
            port = server.sockets[0].getsockname()[1]
            for pause in (0.0, 0.5, 1.7):
                await asyncio.sleep(pause)
                await lines.client().get(f"http://127.0.0.1:{port}/v1/models")
                counts.append(len(made))
            await lines.close()
            for each in made:
                each.close()
                await each.wait_closed()
        return counts

    assert asyncio.run(use()) == [1, 1, 2]
