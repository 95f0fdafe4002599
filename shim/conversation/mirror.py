"""The conversations that mirror threads: which threads get one, and when what waits is carried out.

Knows the outbox and the setting; no run, no door, and nothing of what is sent. What a thread's
conversation has to be told was written to the outbox together with the ledger. It is carried out
after the calls that caused it, by one drainer per thread, and nothing that goes wrong here changes
or delays an answer to a caller.
"""

from __future__ import annotations

import logging
import random
import time

from shim.conversation.drainer import Create, Drainer
from shim.conversation.remote import Absent, Failed, Remote
from shim.conversation.servers import Servers
from shim.core.ids import mint
from shim.core.made_files import Contents
from shim.core.ports import Ledger, Upstream, Workers
from shim.core.wire import Json, Target
from shim.errors import Lost
from shim.storage.outbox import Claim, Outbox

__all__ = ["Mirrors"]

log = logging.getLogger("shim")

_PAUSES = (0.5, 1.0, 2.0, 4.0)
_PATIENCE = 15.0
"""Seconds without progress after which the rest is left to a later call."""


class Mirrors:
    """Keeps the threads' conversations. `mode` is the setting: auto, upstream or local."""

    def __init__(
        self,
        outbox: Outbox,
        ledger: Ledger,
        upstream: Upstream,
        workers: Workers,
        mode: str,
        *,
        contents: Contents,
    ) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._contents = contents
        self._upstream = upstream
        self._workers = workers
        self._mode = mode
        self._servers = Servers(workers)
        self._draining: set[tuple[str, str]] = set()

    def wanted(self, target: Target) -> bool:
        """Whether threads made now get a conversation at the upstream."""
        if self._mode != "auto":
            return self._mode == "upstream"
        absent = self._upstream.dialect(target).conversations is False
        return not absent and not self._servers.absent(target.base_url)

    def drain(self, thread_id: str, target: Target) -> None:
        """Carry out what waits for the thread, once the call in hand is done."""
        if self.wanted(target) or self._stranded(target):
            self.clean(thread_id, target)

    def _stranded(self, target: Target) -> bool:
        """Whether the thread may wait for a conversation which we know by now it cannot get."""
        return self._mode == "auto" and self._servers.absent_lately(target.base_url)

    def clean(self, thread_id: str, target: Target) -> None:
        """The same, whether or not threads made now get a conversation."""
        key = (self._workers.owner(), thread_id)  # a fork drains for itself
        if key not in self._draining:
            self._draining.add(key)
            self._workers.spawn(self._until_empty(key, target), aside=True)

    async def _until_empty(self, key: tuple[str, str], target: Target) -> None:
        """Drain, and again if something came in while we finished."""
        thread_id = key[1]
        while True:
            try:
                drained = await self.drain_now(thread_id, target)
            finally:
                self._draining.discard(key)
            if not drained or not await self._outbox.entries(thread_id, 1):
                return
            if key in self._draining:
                return
            self._draining.add(key)

    async def drain_now(self, thread_id: str, target: Target) -> bool:
        """Carry out what waits for the thread; whether all of it was done."""
        state = await self._outbox.mirrored(thread_id)
        if state is None or not state.pending:
            return True
        if self._mode == "local" and not await self._is_deleted(thread_id):
            return False
        owner = f"{self._workers.owner()}|{mint('drain')}"
        dead = state.owner if state.owner and self._is_dead(state.owner) else None
        claim = await self._outbox.claim(thread_id, owner, dead=dead)
        if claim is None:
            return False
        problem: str | None = "interrupted"
        try:
            problem = await self._attempt(claim, target)
        except Lost as lost:
            log.info("%s is drained by somebody else: %s", thread_id, lost)
        except Exception as error:
            log.exception("draining %s failed inside shim", thread_id)
            problem = f"{type(error).__name__}: {error}"
        finally:
            await claim.release(problem)
        return problem is None

    async def _is_deleted(self, thread_id: str) -> bool:
        return all(e.kind == "delete_thread" for e in await self._outbox.entries(thread_id, 1))

    def _is_dead(self, owner: str) -> bool:
        return self._workers.gone(owner.partition("|")[0])

    async def _attempt(self, claim: Claim, target: Target) -> str | None:
        """Drain until nothing waits; gives the problem that stops it, if one does."""
        remote = Remote(self._upstream, target)
        create = self._creating(remote)
        drainer = Drainer(
            claim, self._outbox, self._ledger, remote, create, contents=self._contents
        )
        failures, progress, since = 0, 0, time.monotonic()
        while True:
            try:
                await drainer.run()
            except Absent as absent:
                return await self._give_up(claim, absent)
            except Failed as failed:
                if drainer.progress > progress:
                    failures, progress, since = 0, drainer.progress, time.monotonic()
                pause = _pause(failed, failures, _PATIENCE - (time.monotonic() - since))
                if pause is None:
                    log.warning("the conversation of %s waits: %s", claim.thread_id, failed)
                    return str(failed)
                failures += 1
                await self._workers.sleep(pause)
            else:
                return None

    def _creating(self, remote: Remote) -> Create:
        async def create(metadata: Json) -> str:
            if self._mode == "upstream":
                return await remote.create(metadata)
            return await self._servers.ask(remote.target.base_url, lambda: remote.create(metadata))

        return create

    async def _give_up(self, claim: Claim, absent: Absent) -> str | None:
        if self._mode == "upstream":
            log.warning("the conversation of %s waits: %s", claim.thread_id, absent)
            return str(absent)
        await claim.forget()
        log.info("%s: threads are kept in the ledger alone", absent)
        return None


def _pause(failed: Failed, failures: int, patience: float) -> float | None:
    """The seconds until the next try, or None if there shall be none for now."""
    if not failed.again or failures >= len(_PAUSES):
        return None
    pause = max(failed.after, _PAUSES[failures] * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    return pause if pause < patience else None
