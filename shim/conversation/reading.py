"""Reads in what native code did in a shared thread's conversation. Done under the thread's claim.

Items are read newest first, a hundred a call, until one that was read before: what stands behind it
in the conversation has been read too, since items are only added at the end. Items that native code
has deleted are missed in what was read, asked for by themselves, and taken out of the thread.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from shim.conversation.remote import Failed, Remote
from shim.core.wire import Json
from shim.storage.outbox import Claim
from shim.storage.shared_threads import Known, Reads, Taken
from shim.translate.natives import lacks_address, moment_of, record_of

__all__ = ["Reading"]

log = logging.getLogger("shim")


@dataclass(frozen=True, slots=True)
class _Window:
    """The newest items of a conversation, oldest first; `whole` if they are all that it has."""

    items: Sequence[Json]
    whole: bool


class Reading:
    """One reading of a conversation into its thread; raises Failed, Gone, and Lost."""

    def __init__(self, claim: Claim, reads: Reads, remote: Remote, conversation_id: str) -> None:
        self._claim = claim
        self._reads = reads
        self._remote = remote
        self._conversation_id = conversation_id

    async def read(self, now: int, *, whole: bool) -> None:
        """Take in what is new, and out what is gone; with `whole`, compare all that there is."""
        known = await self._reads.known(self._claim.thread_id)
        window = await self._window(known, whole=whole)
        placed = _placed(window.items, known)
        new = [item for item in window.items if item["id"] not in known]
        await self._reads.take_in(self._claim, await self._taken(new, placed, now))
        # last: until then, what was not taken in stands behind nothing that counts as read
        gone = [each for each in _missing(window, known) if await self._is_gone(each)]
        seen = [(key, place) for key, place in placed.items() if key in known]
        await self._reads.settle(self._claim, seen, gone)
        if new or gone:
            log.info(
                "%s: %s items of native code came into its conversation, %s are gone",
                *(self._claim.thread_id, len(new), len(gone)),
            )

    async def _window(self, known: Mapping[str, Known], *, whole: bool) -> _Window:
        read = {key for key, each in known.items() if each.place is not None}
        items: list[Json] = []
        async with aclosing(self._remote.pages(self._conversation_id)) as pages:
            async for page in pages:
                items += page.items
                if page.last:
                    return _Window(items[::-1], whole=True)
                if not whole and any(item["id"] in read for item in page.items):
                    break
                await self._claim.renew()
        return _Window(items[::-1], whole=False)

    async def _taken(
        self, items: Sequence[Json], places: Mapping[str, int], now: int
    ) -> list[Taken]:
        began = await self._reads.created_at(self._claim.thread_id) or now
        taken: list[Taken] = []
        moment = began
        for item in items:
            whole = await self._with_addresses(item) if lacks_address(item) else item
            # the order is the conversation's, whatever the ids say
            moment = max(moment, moment_of(item["id"], began, now) or now)
            record, files = record_of(whole, self._claim.thread_id, moment)
            taken.append(Taken(item["id"], places[item["id"]], record, files))
        return taken

    async def _is_gone(self, each: Known) -> bool:
        await self._claim.renew()
        return await self._remote.item(self._conversation_id, each.item_id) is None

    async def _with_addresses(self, item: Json) -> Json:
        await self._claim.renew()
        whole = await self._remote.item(self._conversation_id, item["id"])
        if whole is None:
            raise Failed(f"{item['id']} was deleted while it was read")
        return whole


def _placed(items: Sequence[Json], known: Mapping[str, Known]) -> dict[str, int]:
    """New places, behind all others, for the items that have none yet."""
    last = max((each.place for each in known.values() if each.place is not None), default=0)
    without = [
        item["id"] for item in items if item["id"] not in known or known[item["id"]].place is None
    ]
    return {item_id: last + number for number, item_id in enumerate(without, 1)}


def _missing(window: _Window, known: Mapping[str, Known]) -> list[Known]:
    """What was read once and is not among the items any more, where it would have to be.

    What shim put there and has not seen yet is not missed: it may be slow to show.
    """
    there = {item["id"] for item in window.items}
    places = [known[key].place for key in there if key in known]
    first = 0 if window.whole else min((place for place in places if place), default=None)
    if first is None:
        return []
    return [
        each
        for key, each in known.items()
        if each.place is not None and each.place >= first and key not in there
    ]
