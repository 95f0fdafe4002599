"""The conversations that mirror threads. Knows the Conversations API and the outbox; no run.

What a thread's conversation has to be told waits in the outbox, written together with the ledger.
Here it is carried out, in order, by one drainer per thread, after the calls that caused it; nothing
that goes wrong here changes an answer to a caller. After a try that got no answer, the
conversation's tail is read first, and what has arrived is not sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shim.conversation.contents import Group, groups_of
from shim.core.ids import mint
from shim.core.ports import Answer, Ledger, Request, Upstream, Workers
from shim.core.wire import Json, Target
from shim.errors import ShimError, Unreachable
from shim.storage.outbox import Entry, Outbox

__all__ = ["Mirrors"]

log = logging.getLogger("shim")

_ITEMS_A_CALL = 20
_ENTRIES = 50
_LEASE_SECONDS = 120.0
_TIMEOUT = 20.0
_PAUSES = (0.5, 1.0, 2.0)
_ABSENT = frozenset({404, 405, 501})
_LATER = frozenset({401, 403, 404, 408, 409, 429})
_LOCKED = "conversation_locked"


class _Failed(ShimError):
    """The upstream did not do it; the text says why. It is tried again with a later call."""


class _NoConversations(ShimError):
    """The upstream has no Conversations API."""


class Mirrors:
    """Keeps the threads' conversations. `mode` is the setting: auto, upstream or local."""

    def __init__(
        self, outbox: Outbox, ledger: Ledger, upstream: Upstream, workers: Workers, mode: str
    ) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._upstream = upstream
        self._workers = workers
        self._mode = mode
        self._without: set[str] = set()
        self._draining: set[str] = set()

    def wanted(self, target: Target) -> bool:
        """Whether threads made now get a conversation at the upstream."""
        if self._mode != "auto":
            return self._mode == "upstream"
        absent = self._upstream.dialect(target).conversations is False
        return not absent and target.base_url not in self._without

    def drain(self, thread_id: str, target: Target) -> None:
        """Carry out what waits for the thread, once the call in hand is done."""
        if self.wanted(target):
            self.clean(thread_id, target)

    def clean(self, thread_id: str, target: Target) -> None:
        """The same, whether or not threads made now get a conversation."""
        if thread_id not in self._draining:
            self._draining.add(thread_id)
            self._workers.spawn(self._until_empty(thread_id, target))

    async def _until_empty(self, thread_id: str, target: Target) -> None:
        """Drain, and again if something came in while we finished."""
        while True:
            try:
                drained = await self.drain_now(thread_id, target)
            finally:
                self._draining.discard(thread_id)
            if not drained or not await self._outbox.entries(thread_id, 1):
                return
            if thread_id in self._draining:
                return
            self._draining.add(thread_id)

    async def drain_now(self, thread_id: str, target: Target) -> bool:
        """Carry out what waits for the thread; whether all of it was done."""
        state = await self._outbox.mirrored(thread_id)
        if state is None or not state.pending:
            return True
        owner = f"{self._workers.owner()}|{mint('drain')}"
        dead = state.owner if state.owner and self._is_dead(state.owner) else None
        now = time.time()
        if not await self._outbox.claim(thread_id, owner, now, now + _LEASE_SECONDS, dead=dead):
            return False
        problem: str | None = "interrupted"
        try:
            problem = await self._attempt(thread_id, target)
        finally:
            await self._outbox.release(thread_id, owner, problem)
        return problem is None

    def _is_dead(self, owner: str) -> bool:
        return self._workers.gone(owner.partition("|")[0])

    async def _attempt(self, thread_id: str, target: Target) -> str | None:
        """Drain until nothing waits; gives the problem that stops it, if one does."""
        drainer = _Drainer(self._outbox, self._ledger, self._upstream, thread_id, target)
        for pause in (*_PAUSES, None):
            try:
                await drainer.run()
            except _NoConversations as error:
                return await self._give_up(thread_id, target, str(error))
            except _Failed as error:
                if pause is None:
                    log.warning("the conversation of %s waits: %s", thread_id, error)
                    return str(error)
                await self._workers.sleep(pause)
            else:
                return None
        return None

    async def _give_up(self, thread_id: str, target: Target, problem: str) -> str | None:
        if self._mode == "upstream":
            return problem
        self._without.add(target.base_url)
        await self._outbox.forget(thread_id)
        log.info("%s: threads are kept in the ledger alone", problem)
        return None


@dataclass(slots=True)
class _Drainer:
    """Carries out the entries of one thread with the credentials of one target."""

    outbox: Outbox
    ledger: Ledger
    upstream: Upstream
    thread_id: str
    target: Target
    conversation_id: str | None = None

    async def run(self) -> None:
        while entries := await self.outbox.entries(self.thread_id, _ENTRIES):
            state = await self.outbox.mirrored(self.thread_id)
            self.conversation_id = state.conversation_id if state else None
            match entries[0].kind:
                case "delete_thread":
                    await self._delete_thread(entries[0])
                case "delete_message":
                    await self._delete_message(entries[0])
                case "open":
                    await self._open()
                    await self.outbox.done(self.thread_id, entries[:1])
                case _:
                    await self._tell(entries)

    async def _open(self) -> str:
        if self.conversation_id is not None:
            return self.conversation_id
        body = {"metadata": {"shim_thread": self.thread_id}}
        answer = await self._send("POST", "/conversations", body)
        conversation_id = answer.body.get("id")
        if answer.status in _ABSENT or (answer.status < 300 and not conversation_id):
            raise _NoConversations(f"{self.target.base_url} has no Conversations API")
        if answer.status >= 300:
            raise _Failed(_problem(answer))
        self.conversation_id = str(conversation_id)
        await self.outbox.opened(self.thread_id, self.conversation_id)
        return self.conversation_id

    async def _tell(self, entries: Sequence[Entry]) -> None:
        """Send the next items: of the oldest entries that add any, as many as one call takes."""
        conversation_id = await self._open()
        adding = _leading(entries)
        groups: Sequence[Group] = await groups_of(self.ledger, self.thread_id, adding)
        if any(entry.ambiguous for entry in adding):
            groups = await self._without_arrived(conversation_id, adding, groups)
        for batch in _batches(groups):
            await self._add(conversation_id, batch)
        await self.outbox.done(self.thread_id, adding)

    async def _without_arrived(
        self, conversation_id: str, adding: Sequence[Entry], groups: Sequence[Group]
    ) -> Sequence[Group]:
        """Strike out the items that an unanswered try brought to the conversation."""
        arrived = await self._unacknowledged(conversation_id)
        left: list[Group] = []
        kept: list[tuple[str, str]] = []
        for group in groups:
            ids, arrived = arrived[: len(group.items)], arrived[len(group.items) :]
            kept += [(group.message_id, item_id) for item_id in ids]
            if len(ids) < len(group.items):
                left.append(Group(group.entry, group.message_id, group.items[len(ids) :]))
        await self.outbox.done(self.thread_id, (), kept)
        await self.outbox.doubt(self.thread_id, adding, doubtful=False)
        return left

    async def _unacknowledged(self, conversation_id: str) -> list[str]:
        """The ids at the conversation's tail that no answer has told us, oldest first."""
        known = set(await self.outbox.item_ids(self.thread_id))
        unknown: list[str] = []
        query: tuple[tuple[str, str], ...] = (("limit", "100"), ("order", "desc"))
        while True:
            path = f"/conversations/{conversation_id}/items"
            answer = await self._send("GET", path, query=query)
            if answer.status >= 300:
                raise _Failed(_problem(answer))
            ids = [item["id"] for item in answer.body.get("data", ())]
            for item_id in ids:
                if item_id in known:
                    return unknown[::-1]
                unknown.append(item_id)
            if not ids or not answer.body.get("has_more"):
                return unknown[::-1]
            query = (("limit", "100"), ("order", "desc"), ("after", ids[-1]))

    async def _add(self, conversation_id: str, groups: Sequence[Group]) -> None:
        entries = [group.entry for group in groups]
        items = [item for group in groups for item in group.items]
        await self.outbox.doubt(self.thread_id, entries, doubtful=True)
        path = f"/conversations/{conversation_id}/items"
        answer = await self._send("POST", path, {"items": items})
        if answer.status < 300:
            await self.outbox.done(self.thread_id, (), _paired(groups, answer.body))
            await self.outbox.doubt(self.thread_id, entries, doubtful=False)
        elif answer.status >= 500:
            raise _Failed(_problem(answer))
        else:
            await self.outbox.doubt(self.thread_id, entries, doubtful=False)
            await self._refused(conversation_id, groups, answer)

    async def _refused(self, conversation_id: str, groups: Sequence[Group], answer: Answer) -> None:
        """Find the item that is refused and leave it out, or wait if it is not the items' fault."""
        error = answer.body.get("error") or {}
        if answer.status in _LATER or error.get("code") == _LOCKED:
            raise _Failed(_problem(answer))
        if len(groups) == 1:
            log.warning("%s: an item was refused: %s", self.thread_id, _problem(answer))
            return
        for group in groups:
            await self._add(conversation_id, [group])

    async def _delete_message(self, entry: Entry) -> None:
        for item_id in await self.outbox.item_ids(self.thread_id, entry.payload["message_id"]):
            await self._delete(f"/conversations/{self.conversation_id}/items/{item_id}")
        await self.outbox.done(self.thread_id, [entry])

    async def _delete_thread(self, entry: Entry) -> None:
        left = entry.payload
        for conversation_id in left["conversations"]:
            for item_id in left["items"]:
                await self._delete(f"/conversations/{conversation_id}/items/{item_id}")
            await self._delete(f"/conversations/{conversation_id}")
        for response_id in left["responses"]:
            await self._delete(f"/responses/{response_id}")
        await self.outbox.forget(self.thread_id)

    async def _delete(self, path: str) -> None:
        answer = await self._send("DELETE", path)
        if answer.status >= 300 and answer.status not in _ABSENT:
            raise _Failed(_problem(answer))

    async def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: tuple[tuple[str, str], ...] = (),
    ) -> Answer:
        request = Request(method, path, self.target, body, query, timeout=_TIMEOUT)
        try:
            return await self.upstream.send(request)
        except Unreachable as error:
            raise _Failed(str(error)) from error


def _leading(entries: Sequence[Entry]) -> list[Entry]:
    """The entries up to the first that does something else than add items."""
    leading = []
    for entry in entries:
        if entry.kind not in ("message", "run"):
            break
        leading.append(entry)
    return leading


def _batches(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups by what one call takes; a group is split only where it alone is too large."""
    batches: list[list[Group]] = []
    room = 0
    for group in groups:
        for start in range(0, len(group.items), _ITEMS_A_CALL):
            part = group.items[start : start + _ITEMS_A_CALL]
            if len(part) > room:
                batches.append([])
                room = _ITEMS_A_CALL
            batches[-1].append(Group(group.entry, group.message_id, part))
            room -= len(part)
    return batches


def _paired(groups: Sequence[Group], body: Json) -> list[tuple[str, str]]:
    """Message ids with the ids of the items that a call made, which answers them in order."""
    owners = [group.message_id for group in groups for _ in group.items]
    made = [str(item.get("id") or "") for item in body.get("data") or ()]
    return [pair for pair in zip(owners, made, strict=False) if pair[1]]


def _problem(answer: Answer) -> str:
    error = answer.body.get("error") or {}
    return f"the upstream answered {answer.status}: {error.get('message') or 'no reason given'}"
