"""What outbox entries put into a conversation, read from the ledger when it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shim.core.ports import Ledger
from shim.core.records import Message, Step
from shim.core.wire import Json
from shim.storage.outbox import Entry
from shim.translate.items import message_item, pair_items

__all__ = ["Group", "groups_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """Items that belong together, and the entry they came from.

    `message_id` names the message that they are, or is empty for calls and their outputs.
    """

    entry: Entry
    message_id: str
    items: Sequence[Json]


async def groups_of(ledger: Ledger, thread_id: str, entries: Sequence[Entry]) -> list[Group]:
    """The items of `message` and `run` entries, in order; what was deleted meanwhile adds none."""
    history = await ledger.history(thread_id)
    found = [_group(entry, record) for entry in entries for record in _of(entry, history)]
    return [group for group in found if group.items]


def _of(entry: Entry, history: Sequence[Message | Step]) -> list[Message | Step]:
    if entry.kind == "run":
        return [record for record in history if record.run_id == entry.payload["run_id"]]
    wanted = entry.payload["message_id"]
    return [record for record in history if record.id == wanted]


def _group(entry: Entry, record: Message | Step) -> Group:
    if isinstance(record, Step):
        return Group(entry, "", pair_items(record))
    item = message_item(record)
    return Group(entry, record.id, [] if item is None else [item])
