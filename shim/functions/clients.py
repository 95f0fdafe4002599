"""The clients of calls that bring none, made once for each account and closed in the end.

A blocking client is shared by the threads of a process and closed when it exits. An async client
belongs to one event loop and is closed when that loop winds up. Knows nothing of what is called.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator
from typing import Any

import shim.client
from shim import drive
from shim.client import AsyncOpenAI, OpenAI
from shim.functions.accounts import Account

__all__ = ["CLIENTS", "Clients"]

MOST = 64
"""Accounts remembered at a time; a program with more of them makes clients anew."""

Held = dict[Account, Any]


class Clients:
    """Remembers clients by what they are made of."""

    def __init__(self) -> None:
        self._processes: dict[int, Held] = {}
        self._loops: dict[asyncio.AbstractEventLoop, tuple[Held, AsyncGenerator[None] | None]] = {}
        self._locks: dict[int, threading.Lock] = {}

    def blocking(self, account: Account) -> OpenAI:
        """The client of this process; one made before a fork stays with the parent."""
        with self._lock():
            if os.getpid() not in self._processes:
                self._processes[os.getpid()] = {}
                atexit.register(self.close, os.getpid())
            client: OpenAI = _kept(self._processes[os.getpid()], account, "")
            return client

    def asynchronous(self, account: Account) -> AsyncOpenAI:
        """The client of the running loop; without one it is nobody's, and the caller's to keep."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return _kept({}, account, "Async")  # type: ignore[no-any-return]
        with self._lock():
            client: AsyncOpenAI = _kept(self._of(loop), account, "Async")
            return client

    def close(self, process: int) -> None:
        """Close the blocking clients of a process, unless it is another that exits."""
        if process == os.getpid():
            for client in self._processes.pop(process, {}).values():
                client.close()

    async def aclose(self) -> None:
        """Close the clients of the running loop, work in the background included."""
        held, _ = self._loops.pop(asyncio.get_running_loop(), ({}, None))
        for client in held.values():
            await client.close()

    def _of(self, loop: asyncio.AbstractEventLoop) -> Held:
        """The clients of a loop. Loops that were closed without winding up are forgotten."""
        for other in [one for one in self._loops if one.is_closed()]:
            del self._loops[other]
        if loop not in self._loops:
            end = self._end()
            # A loop closes the async generators that were begun on it: so it is told of its end.
            next(drive.iterate(end))
            self._loops[loop] = {}, end
        return self._loops[loop][0]

    async def _end(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.aclose()

    def _lock(self) -> threading.Lock:
        """A lock of this process: one held across a fork is not waited for."""
        return self._locks.setdefault(os.getpid(), threading.Lock())


def _kept(held: Held, account: Account, colour: str) -> Any:
    client = held.get(account)
    if client is None or client.is_closed():
        kind = getattr(shim.client, f"{colour}{account.kind}")
        client = held[account] = kind(**dict(account.options))
        if len(held) > MOST:
            del held[next(iter(held))]  # not closed: a stream of it may be going on
    return client


CLIENTS = Clients()
