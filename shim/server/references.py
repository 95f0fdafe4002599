"""Which of the upstream's objects a body names, and which an answer tells of. Pure.

Knows the keys under which ids stand; no path, no tenant. Keys are taken in any case, and whatever
stands deeper is looked at too: what is no reference to the upstream cannot be told to be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shim.core.wire import Json
from shim.storage.owners import Owned

__all__ = ["REFERENCES", "made_in", "named_in"]

REFERENCES = {
    "approval_request_id": "item",
    "audio": "audio",
    "container": "container",
    "container_id": "container",
    "conversation": "conversation",
    "conversation_id": "conversation",
    "file_id": "file",
    "file_ids": "file",
    "input_file_id": "file",
    "part_ids": "part",
    "previous_response_id": "response",
    "prompt": "prompt",
    "response_id": "response",
    "skill_id": "skill",
    "vector_store_id": "vector_store",
    "vector_store_ids": "vector_store",
}
_BY_OBJECT = {"audio", "container", "conversation", "prompt"}
"""Keys under which an object may stand whose `id` is meant; a text under `audio` or `prompt` is
none."""

_NO_TEXT = {"audio", "prompt"}
_ITEMS = {"input", "items"}
_OPAQUE = {"annotations", "attributes", "metadata", "parameters", "schema"}
"""What the upstream looks up no id in: a caller's own words, schemas, and what it said itself."""

_KINDS = {
    "container": "container",
    "conversation": "conversation",
    "file": "file",
    "response": "response",
    "response.compaction": "response",
    "upload": "upload",
    "upload.part": "part",
    "vector_store": "vector_store",
    "vector_store.file_batch": "batch",
    "vector_store.files_batch": "batch",
}


def named_in(body: Any) -> set[Owned]:
    """What a body names, by kind and id."""
    found: set[Owned] = set()
    waiting = [body]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            for key, value in here.items():
                name = key.lower()
                found.update(_named(name, value))
                if name not in _OPAQUE:
                    waiting.append(value)
    return found


def _named(name: str, value: Any) -> Iterator[Owned]:
    if name in _ITEMS and isinstance(value, list):
        yield from (("item", each) for each in _ids([one for one in value if not _is_whole(one)]))
    kind = REFERENCES.get(name)
    if kind is None:
        return
    values = value if isinstance(value, list) else [value]
    if name in _BY_OBJECT:
        yield from ((kind, each) for each in _ids(values))
    if name not in _NO_TEXT:
        yield from ((kind, each) for each in values if isinstance(each, str) and each)


def _is_whole(item: Any) -> bool:
    """Whether a message says all that it is, so that its id is nothing to look up."""
    return isinstance(item, dict) and {"role", "content"} <= item.keys()


def _ids(values: list[Any]) -> Iterator[str]:
    """The ids of the objects among these; keys in any case, as elsewhere."""
    for value in values:
        for key, each in value.items() if isinstance(value, dict) else ():
            if key.lower() == "id" and isinstance(each, str) and each:
                yield each


def made_in(answer: Any) -> set[Owned]:
    """What an answer, or an event of one, tells of that is its asker's."""
    if not isinstance(answer, dict):
        return set()
    kind = answer.get("object")
    if kind == "list":
        return {owned for each in answer.get("data") or () for owned in _listed(each)}
    found = _itself(answer) if isinstance(kind, str) else set()
    for key in ("response", "file"):  # an event's; a finished upload's
        found |= made_in(answer.get(key)) if isinstance(answer.get(key), dict) else set()
    if isinstance(answer.get("item"), dict):
        found |= _item(answer["item"])
    return found


def _itself(answer: Json) -> set[Owned]:
    found: set[Owned] = set()
    if (kind := _KINDS.get(answer["object"])) and isinstance(answer.get("id"), str):
        found.add((kind, answer["id"]))
    if isinstance(answer.get("conversation"), dict):
        found |= {("conversation", key) for key in _ids([answer["conversation"]])}
    for item in answer.get("output") or ():
        found |= _item(item)
    for choice in answer.get("choices") or ():
        said = (choice.get("message") or choice.get("delta") or {}).get("audio")
        found |= {("audio", key) for key in _ids([said])}
    return found


def _listed(each: Any) -> set[Owned]:
    if isinstance(each, dict) and "object" not in each:
        return _item(each)
    return set()  # lists of objects are of those that are known


def _item(item: Any) -> set[Owned]:
    """An item of a response or conversation, and the container in which its code ran."""
    if not isinstance(item, dict):
        return set()
    found: set[Owned] = {("item", key) for key in _ids([item])}
    if isinstance(item.get("container_id"), str):
        found.add(("container", item["container_id"]))
    return found
