"""What outbox entries put into a conversation, read from the ledger when it is sent.

Knows the items that messages and tool steps become, how many one call takes, and how an item is
recognised when a conversation shows it again. Sends nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from shim.core.lifecycle import FINAL
from shim.core.made_files import Contents
from shim.core.pictures import pictures
from shim.core.ports import Ledger
from shim.core.records import Message, Native, Step
from shim.core.wire import Json
from shim.storage.outbox import Entry, Pair
from shim.translate.items import message_item, pair_items

__all__ = ["ITEMS_A_CALL", "Group", "batches", "found", "groups_of", "plan"]

ITEMS_A_CALL = 20
"""Responses spec 1.1."""

Record = Message | Native | Step


@dataclass(frozen=True, slots=True)
class Group:
    """Items that are sent together or not at all: a message, or calls with their outputs.

    They belong to the message or step `record_id`, and are told because of `entry`.
    """

    entry: Entry
    record_id: str
    items: Sequence[Json]


async def groups_of(
    ledger: Ledger,
    contents: Contents,
    thread_id: str,
    entries: Sequence[Entry],
    told: Mapping[str, int],
) -> list[Group]:
    """What `message`, `run` and `again` entries still have to tell, in order.

    `told` counts the items of a record that are told already. What was deleted meanwhile adds none.
    """
    again = any(entry.kind == "again" for entry in entries)
    ended = await _ended_runs(ledger, thread_id) if again else frozenset()
    history = await _named(ledger, thread_id, entries)
    groups: list[Group] = []
    seen: set[str] = set()
    for entry in entries:
        records = [record for record in _of(entry, history, ended) if record.id not in seen]
        seen.update(record.id for record in records)
        images = await pictures(ledger, contents, thread_id, records)
        for each in records:
            groups += _groups(entry, each, told.get(each.id, 0), images)
    return groups


async def _named(ledger: Ledger, thread_id: str, entries: Sequence[Entry]) -> Sequence[Record]:
    """The thread's history; where messages alone are told, only these, as it may be long."""
    if any(entry.kind != "message" for entry in entries):
        return await ledger.history(thread_id)
    named = [await ledger.message(thread_id, entry.payload["message_id"]) for entry in entries]
    return [message for message in named if message is not None]


async def _ended_runs(ledger: Ledger, thread_id: str) -> frozenset[str]:
    """The runs whose records are final in any history that is read from now on.

    Imported messages may be of runs that are not in the ledger: nobody works on those.
    """
    runs = {record.run_id for record in await ledger.history(thread_id) if record.run_id}
    return frozenset([run for run in runs if await ledger.run_status(run) in {None, *FINAL}])


def _of(entry: Entry, history: Sequence[Record], ended: frozenset[str]) -> list[Record]:
    match entry.kind:
        case "again":  # what comes after a run that may be at work has entries of its own
            return list(takewhile(lambda r: r.run_id is None or r.run_id in ended, history))
        case "run":
            return [record for record in history if record.run_id == entry.payload["run_id"]]
        case _:
            return [record for record in history if record.id == entry.payload["message_id"]]


def _groups(entry: Entry, record: Record, told: int, images: Mapping[str, str]) -> list[Group]:
    groups = []
    for items in _parcels(record, images):
        left, told = items[told:], max(0, told - len(items))
        if left:
            groups.append(Group(entry, record.id, left))
    return groups


def _parcels(record: Record, images: Mapping[str, str]) -> list[list[Json]]:
    """The items of a record, such that no call is sent without its output."""
    if isinstance(record, Message):
        item = message_item(record, images=images)
        return [] if item is None else [[item]]
    if isinstance(record, Native):
        return []  # it came from there
    items = pair_items(record)
    pairs, most = len(items) // 2, ITEMS_A_CALL // 2
    calls, outputs = items[:pairs], items[pairs:]
    return [calls[n : n + most] + outputs[n : n + most] for n in range(0, pairs, most)]


def batches(groups: Sequence[Group]) -> list[list[Group]]:
    """Groups by what one call takes."""
    made: list[list[Group]] = []
    room = 0
    for group in groups:
        if len(group.items) > room:
            made.append([])
            room = ITEMS_A_CALL
        made[-1].append(group)
        room -= len(group.items)
    return made


def plan(groups: Sequence[Group]) -> list[Pair]:
    """Each item's record and signature, by which it is found again."""
    return [(group.record_id, _signature(item)) for group in groups for item in group.items]


def found(sent: Sequence[Pair], items: Sequence[Json]) -> list[Pair]:
    """The records of those items sent that are among `items`, with their ids; both in order."""
    pairs: list[Pair] = []
    for item in items:
        if len(pairs) < len(sent) and _signature(item) == sent[len(pairs)][1]:
            pairs.append((sent[len(pairs)][0], str(item["id"])))
    return pairs


def _signature(item: Json) -> str:
    """What stays the same when a server shows an item.

    Images are counted only: their address comes back in other forms, or not at all.
    """
    match item.get("type", "message"):
        case "message":
            essence = ["message", item.get("role"), *_essence(item.get("content"))]
        case "function_call" | "function_call_output" as kind:
            essence = [kind, item.get("call_id")]
        case other:
            essence = [other]
    return hashlib.sha256(json.dumps(essence).encode()).hexdigest()[:32]


def _essence(content: object) -> tuple[str, int]:
    """The text of a message's content and the number of its images."""
    if isinstance(content, str):
        return content, 0
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    text = "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
    return text, sum(part.get("type") == "input_image" for part in parts)
