"""Carries out what waits for one thread's conversation, in order.

Knows entries and what they ask of the conversation; not when to drain, nor how often to try. What
is sent is noted before, and what arrived after: so a try that got no answer, or a process that
ended in the middle of one, leaves behind what to look for before anything is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from shim.conversation.contents import Group, batches, found, groups_of, plan
from shim.conversation.remote import Failed, Gone, Refused, Remote
from shim.core.made_files import Contents
from shim.core.ports import Ledger
from shim.core.wire import Json
from shim.errors import Lost, ShimError
from shim.storage.outbox import Claim, Entry, Outbox, Pair

__all__ = ["Create", "Drainer"]

log = logging.getLogger("shim")

_ENTRIES = 50
_ADDING = frozenset({"message", "run", "again"})

Create = Callable[[Json], Awaitable[str]]


class Drainer:
    """Drains the claimed thread. `create` makes a conversation; `progress` counts successes.

    Native code uses the conversation of a `shared` thread: it is neither deleted nor replaced.
    """

    def __init__(
        self,
        claim: Claim,
        outbox: Outbox,
        ledger: Ledger,
        remote: Remote,
        create: Create,
        *,
        contents: Contents,
        shared: bool,
    ) -> None:
        self._claim = claim
        self._thread_id = claim.thread_id
        self._outbox = outbox
        self._ledger = ledger
        self._contents = contents
        self._remote = remote
        self._create = create
        self._shared = shared
        self._began_again = False
        self.progress = 0

    async def run(self) -> None:
        """Drain until nothing waits; raises Failed, Absent, and Lost where the claim is lost.

        Where the conversation of a shared thread is gone, Gone is raised.
        """
        while entries := await self._outbox.entries(self._thread_id, _ENTRIES):
            try:
                await self._carry_out(entries)
            except Gone as gone:
                await self._begin_again(gone)
            else:
                self.progress += 1

    async def _carry_out(self, entries: Sequence[Entry]) -> None:
        match entries[0].kind:
            case "delete_thread":
                await self._delete_thread(entries[0])
            case "delete_message":
                await self._delete_message(entries[0])
            case "open":
                await self._conversation()
                await self._claim.done(entries[:1])
            case _:
                await self._tell(_leading(entries))

    async def _begin_again(self, gone: Gone) -> None:
        if self._shared:
            raise gone
        if self._began_again:
            raise Failed(str(gone), again=False) from gone
        self._began_again = True
        log.warning("%s: %s; it gets a new one", self._thread_id, gone)
        await self._claim.again()

    async def _conversation(self) -> str:
        """The thread's conversation, made if there is none."""
        state = await self._outbox.mirrored(self._thread_id)
        if state is not None and state.conversation_id:
            return state.conversation_id
        await self._claim.renew()
        made = await self._create({"shim_thread": self._thread_id})
        try:
            await self._claim.opened(made)
        except Lost:
            with suppress(ShimError):
                await self._remote.delete(f"/conversations/{made}")
            raise
        self.progress += 1
        return made

    async def _tell(self, entries: Sequence[Entry]) -> None:
        """Send what the entries add and is not there yet."""
        conversation_id = await self._conversation()
        for entry in entries:
            if entry.ambiguous:
                await self._look_for(entry, conversation_id)
        told = await self._outbox.told(self._thread_id)
        groups = await groups_of(self._ledger, self._contents, self._thread_id, entries, told)
        for batch in batches(groups):
            await self._add(conversation_id, batch)
        await self._claim.done(entries)

    async def _look_for(self, entry: Entry, conversation_id: str) -> None:
        """Learn from the conversation's tail what a try without an answer brought there."""
        known = await self._outbox.item_ids(self._thread_id)
        tail = await self._remote.tail(conversation_id, frozenset(known))
        await self._claim.settle(entry, found(entry.sent, tail))

    async def _add(self, conversation_id: str, batch: Sequence[Group]) -> None:
        entry, sent = batch[0].entry, plan(batch)
        await self._claim.doubt(entry, sent)
        try:
            items = [item for group in batch for item in group.items]
            made = await self._remote.add(conversation_id, items)
        except Refused as refused:
            await self._claim.settle(entry, ())
            await self._leave_out(conversation_id, batch, refused)
        except Failed as failed:
            if failed.locked and not entry.ambiguous:  # no earlier try is in doubt either
                await self._claim.settle(entry, ())
            raise
        else:  # whatever else went wrong, an earlier try may still arrive: the doubt stays
            await self._claim.settle(entry, _acknowledged(sent, made))
        self.progress += 1

    async def _leave_out(
        self, conversation_id: str, batch: Sequence[Group], refused: Refused
    ) -> None:
        """Find what is refused by sending each group alone, and go on without it."""
        if len(batch) > 1:
            for group in batch:
                await self._add(conversation_id, [group])
            return
        record_id, items = batch[0].record_id, batch[0].items
        log.warning("%s: %s is not in the conversation: %s", self._thread_id, record_id, refused)
        await self._claim.refuse(record_id, len(items))

    async def _delete_message(self, entry: Entry) -> None:
        state = await self._outbox.mirrored(self._thread_id)
        for item_id in await self._outbox.item_ids(self._thread_id, entry.payload["message_id"]):
            if state is not None and state.conversation_id:
                await self._delete(f"/conversations/{state.conversation_id}/items/{item_id}")
        await self._claim.done([entry])

    async def _delete_thread(self, entry: Entry) -> None:
        """Items outlive their conversation (Responses spec 1.1), so they are deleted before it."""
        for response_id in entry.payload.get("cancel", ()):
            await self._claim.renew()
            await self._remote.cancel(response_id)
        state = await self._outbox.mirrored(self._thread_id)
        if state is not None and state.conversation_id and not self._shared:
            path = f"/conversations/{state.conversation_id}"
            with suppress(Gone):
                for item in await self._remote.tail(state.conversation_id):
                    await self._delete(f"{path}/items/{item['id']}")
            await self._delete(path)
        for response_id in entry.payload["responses"]:
            await self._delete(f"/responses/{response_id}")
        if container_id := entry.payload.get("container"):
            await self._delete(f"/containers/{container_id}")
        for store_id in await self._outbox.made_stores(self._thread_id):
            await self._delete(f"/vector_stores/{store_id}")
            await self._claim.forget_store(store_id)
        await self._claim.forget()

    async def _delete(self, path: str) -> None:
        await self._claim.renew()
        await self._remote.delete(path)
        self.progress += 1


def _leading(entries: Sequence[Entry]) -> list[Entry]:
    """The entries up to the first that does something else than add items."""
    leading = []
    for entry in entries:
        if entry.kind not in _ADDING:
            break
        leading.append(entry)
    return leading


def _acknowledged(sent: Sequence[Pair], made: Sequence[Json]) -> list[Pair]:
    """Records with the ids of their items, in whichever order the answer has them."""
    for order in (made, made[::-1]):
        pairs = found(sent, order)
        if len(pairs) == len(sent):
            return pairs
    return [(record_id, str(item["id"])) for (record_id, _), item in zip(sent, made, strict=True)]
