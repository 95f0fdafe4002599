"""The conversations that mirror threads: which threads get one, and when what waits is carried out.

Knows the outbox and the setting; no run, no door, and nothing of what is sent. What a thread's
conversation has to be told was written to the outbox together with the ledger. It is carried out
after the calls that caused it, by one drainer per thread, and nothing that goes wrong here changes
or delays an answer to a caller.

Of a shared thread it is carried out before: native code shall find it when a caller is told of it,
and what native code added is to be behind it. Waiting for that has a bound.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from shim.conversation.drainer import Create, Drainer
from shim.conversation.reading import Reading
from shim.conversation.remote import Absent, Failed, Gone, Remote
from shim.conversation.servers import Servers
from shim.core import conflicts, relayed
from shim.core.conversations import Caught
from shim.core.ids import mint, names_one
from shim.core.made_files import Contents
from shim.core.ports import Ledger, Request, Upstream, Workers
from shim.core.wire import Json, Target
from shim.errors import Lost, ShimError, Unreachable
from shim.storage.outbox import Claim, Mirrored, Outbox
from shim.storage.shared_threads import Reads

__all__ = ["Mirrors"]

log = logging.getLogger("shim")

_PAUSES = (0.5, 1.0, 2.0, 4.0)
_PATIENCE = 15.0
"""Seconds without progress after which the rest is left to a later call."""

_CLAIM_SECONDS = 8.0
_LOOK_SECONDS = 20.0
_PAUSE = 0.02
_NO_SUCH_API = frozenset({404, 405, 501})
_NO_CONVERSATIONS = "The upstream seems to have no Conversations API"


class _Unread(ShimError):
    """A conversation was not read."""


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
        reads: Reads,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._reads = reads
        self._now = now
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
        if state.shared:
            return await self._drained_apart(thread_id, target)
        claim = await self._claimed(state)
        if claim is None:
            return False
        return await self._holding(claim, self._attempt(claim, state, target, _PATIENCE)) is None

    async def _drained_apart(self, thread_id: str, target: Target) -> bool:
        """Drain a shared thread; between two tries others may read its conversation."""
        for pause in (*_PAUSES, None):
            state = await self._outbox.mirrored(thread_id)
            claim = None if state is None else await self._claimed(state)
            if state is None or claim is None:
                return False
            problem = await self._holding(claim, self._attempt(claim, state, target, 0.0))
            again = isinstance(problem, Failed) and problem.again
            if problem is None or not again or pause is None:
                return problem is None
            await self._workers.sleep(pause)
        return False

    async def told(self, thread_id: str, target: Target, *, patience: float = 0.0) -> bool:
        """Tell a shared thread's conversation what waits, within a bound."""
        state = await self._outbox.mirrored(thread_id)
        if state is None or not (state.shared and state.pending):
            return True
        if self._mode == "local":
            return False
        if state.failures:  # nobody waits again for what has failed just now
            self.drain(thread_id, target)
            return False
        claim = await self._waited(thread_id)
        if claim is None:
            return False
        work = self._attempt(claim, state, target, patience)
        return await self._holding(claim, work) is None

    async def caught_up(
        self, thread_id: str, target: Target, *, whole: bool = False, patience: float = 0.0
    ) -> Caught:
        """Tell a shared thread's conversation what waits, then read it."""
        state = await self._outbox.mirrored(thread_id)
        if self._mode == "local" or state is None or state.conversation_id is None:
            return Caught("local", "conversations are not used here (SHIM_CONVERSATIONS)")
        claim = await self._waited(thread_id)
        if claim is None:
            return Caught("unread", "it is being written to")
        work = self._read(claim, state, target, whole=whole, patience=patience)
        match await self._holding(claim, work):
            case None:
                return Caught("read")
            case Gone() as gone:
                return Caught("gone", str(gone))
            case Failed() as failed:
                return Caught("locked" if failed.locked else "read", str(failed))
            case problem:
                return Caught("unread", str(problem))

    async def found(self, conversation_id: str, target: Target) -> Json | None:
        """The conversation, if the upstream has it; raises ApiError where it does not say."""
        if not names_one(conversation_id):
            return None
        request = Request(
            "GET", f"/conversations/{conversation_id}", target, attempts=2, timeout=_LOOK_SECONDS
        )
        try:
            answer = await self._upstream.send(request)
        except Unreachable as error:
            raise relayed.unreached(f"{conversation_id} could not be looked up", error) from error
        if answer.status < 300 and answer.body.get("object") == "conversation":
            return answer.body
        if answer.status == 404 and conversation_id in str(answer.body):
            return None
        if answer.status in _NO_SUCH_API or answer.status < 300:
            raise conflicts.unknown("thread", conversation_id, why=_NO_CONVERSATIONS)
        raise relayed.refused(answer, f"{conversation_id} could not be looked up.")

    async def _is_deleted(self, thread_id: str) -> bool:
        return all(e.kind == "delete_thread" for e in await self._outbox.entries(thread_id, 1))

    def _is_dead(self, owner: str) -> bool:
        return self._workers.gone(owner.partition("|")[0])

    async def _claimed(self, state: Mirrored) -> Claim | None:
        owner = f"{self._workers.owner()}|{mint('drain')}"
        dead = state.owner if state.owner and self._is_dead(state.owner) else None
        return await self._outbox.claim(state.thread_id, owner, dead=dead)

    async def _waited(self, thread_id: str) -> Claim | None:
        """The claim of a thread once nobody else has it, within a bound."""
        ends = time.monotonic() + _CLAIM_SECONDS
        while (state := await self._outbox.mirrored(thread_id)) is not None:
            if (claim := await self._claimed(state)) is not None:
                return claim
            if time.monotonic() > ends:
                break
            await self._workers.sleep(_PAUSE)
        return None

    async def _holding(
        self, claim: Claim, work: Coroutine[Any, Any, ShimError | None]
    ) -> Exception | None:
        """Carry out work under a claim, then give the claim back; gives what went wrong."""
        problem: Exception | None = None
        told: str | None = "interrupted"
        try:
            problem = await work
            told = None if problem is None else str(problem)
        except Lost as lost:
            log.info("%s is drained by somebody else: %s", claim.thread_id, lost)
            problem = lost
        except Exception as error:
            log.exception("draining %s failed inside shim", claim.thread_id)
            problem, told = error, f"{type(error).__name__}: {error}"
        finally:
            await claim.release(told)
        return problem

    async def _read(
        self, claim: Claim, state: Mirrored, target: Target, *, whole: bool, patience: float
    ) -> ShimError | None:
        """Drain, then read; gives _Unread where it was not read, else the drain's problem."""
        problem = await self._attempt(claim, state, target, patience)
        if isinstance(problem, Gone):
            return problem
        if await self._outbox.doubtful(claim.thread_id):  # what is there could be ours
            return _Unread(str(problem))
        remote = Remote(self._upstream, target)
        reading = Reading(claim, self._reads, remote, str(state.conversation_id))
        try:
            await reading.read(int(self._now()), whole=whole)
        except Gone as gone:
            return gone
        except Failed as failed:
            log.warning("the conversation of %s was not read: %s", claim.thread_id, failed)
            return _Unread(str(failed))
        return problem

    async def _attempt(
        self, claim: Claim, state: Mirrored, target: Target, patience: float
    ) -> ShimError | None:
        """Drain until nothing waits; gives the problem that stops it, if one does."""
        remote = Remote(self._upstream, target)
        drainer = Drainer(
            *(claim, self._outbox, self._ledger, remote, self._creating(remote)),
            contents=self._contents,
            shared=state.shared,
        )
        failures, progress, since = 0, 0, time.monotonic()
        while True:
            try:
                await drainer.run()
            except Absent as absent:
                return await self._give_up(claim, absent)
            except Gone as gone:
                log.warning("%s: %s", claim.thread_id, gone)
                return gone
            except Failed as failed:
                if drainer.progress > progress:
                    failures, progress, since = 0, drainer.progress, time.monotonic()
                pause = _pause(failed, failures, patience - (time.monotonic() - since))
                if pause is None:
                    log.warning("the conversation of %s waits: %s", claim.thread_id, failed)
                    return failed
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

    async def _give_up(self, claim: Claim, absent: Absent) -> ShimError | None:
        if self._mode == "upstream":
            log.warning("the conversation of %s waits: %s", claim.thread_id, absent)
            return absent
        await claim.forget()
        log.info("%s: threads are kept in the ledger alone", absent)
        return None


def _pause(failed: Failed, failures: int, patience: float) -> float | None:
    """The seconds until the next try, or None if there shall be none for now."""
    if not failed.again or failures >= len(_PAUSES):
        return None
    pause = max(failed.after, _PAUSES[failures] * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    return pause if pause < patience else None
