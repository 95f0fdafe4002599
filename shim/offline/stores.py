"""Vector stores: their files, chunked and searched, and how they age. Knows no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shim.offline import extraction, filters, ids, ranking
from shim.offline.clock import Clock
from shim.offline.ranking import Chunk
from shim.offline.uploads import StoredFile
from shim.offline.wire import Json, Refused

__all__ = [
    "AUTO",
    "Batch",
    "Hit",
    "StoreFile",
    "Stores",
    "VectorStore",
    "as_made",
    "counts",
]

_DAY = 86_400
_CHUNK_BYTES = 1024
"""A chunk costs so much besides its text (1045 bytes were recorded for a file of 21)."""

AUTO: Json = {
    "type": "static",
    "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
}
"""What the strategy `auto` comes to."""


@dataclass
class StoreFile:
    """A file in a vector store; it takes until `ready_at` to be indexed."""

    file: StoredFile
    store_id: str
    created_at: int
    ready_at: float
    strategy: Json
    attributes: Json
    chunks: list[Chunk] = field(default_factory=list)
    cancelled: bool = False

    def __post_init__(self) -> None:
        text = extraction.text_of_file(self.file.filename, self.file.content)
        static = self.strategy["static"]
        size, overlap = static["max_chunk_size_tokens"], static["chunk_overlap_tokens"]
        self.chunks = ranking.chunks(text, size, overlap)

    def status(self, now: float) -> str:
        """How far it is."""
        if self.cancelled:
            return "cancelled"
        if now < self.ready_at:
            return "in_progress"
        return "completed" if self.chunks else "failed"

    def usage_bytes(self, now: float) -> int:
        """What it takes of its store."""
        if self.status(now) != "completed":
            return 0
        return sum(len(c.text.encode()) + _CHUNK_BYTES for c in self.chunks)

    def object(self, now: float) -> Json:
        """The file as its store shows it, in the recorded order."""
        status = self.status(now)
        return {
            "id": self.file.id,
            "object": "vector_store.file",
            "usage_bytes": self.usage_bytes(now),
            "created_at": self.created_at,
            "vector_store_id": self.store_id,
            "status": status,
            "last_error": _UNREADABLE if status == "failed" else None,
            "chunking_strategy": self.strategy,
            "attributes": self.attributes,
        }


_UNREADABLE: Json = {
    "code": "invalid_file",
    "message": "The file could not be parsed because it contains no text.",
}


def as_made(made: Json) -> Json:
    """What creating it answers: indexing never ends before the answer (recorded)."""
    return {**made, "usage_bytes": 0, "status": "in_progress", "last_error": None}


def counts(files: Iterable[StoreFile], now: float) -> Json:
    """How many files are how far."""
    states = [each.status(now) for each in files]
    names = ("in_progress", "completed", "failed", "cancelled")
    return {**{name: states.count(name) for name in names}, "total": len(states)}


@dataclass
class Batch:
    """Files that came into a store together."""

    id: str
    store_id: str
    created_at: int
    files: list[StoreFile]
    cancelled: bool = False

    def object(self, now: float) -> Json:
        """The batch as it is shown."""
        counted = counts(self.files, now)
        status = "in_progress" if counted["in_progress"] else "completed"
        return {
            "id": self.id,
            "object": "vector_store.file_batch",
            "created_at": self.created_at,
            "status": "cancelled" if self.cancelled else status,
            "vector_store_id": self.store_id,
            "file_counts": counted,
        }

    def cancel(self, now: float) -> None:
        """Stop what is not indexed yet."""
        for each in self.files:
            if each.status(now) == "in_progress":
                each.cancelled = self.cancelled = True


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    file: StoreFile
    score: float
    text: str


@dataclass
class VectorStore:
    """A vector store. It expires some days after it was last used, if it was so made."""

    name: str | None
    description: str | None
    expires_after: Json | None
    metadata: Json
    created_at: int
    last_active_at: int
    id: str = field(default_factory=ids.store_id)
    files: dict[str, StoreFile] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)

    @property
    def expires_at(self) -> int | None:
        """When it expires, unless it is used before."""
        if self.expires_after is None:
            return None
        return self.last_active_at + int(self.expires_after["days"]) * _DAY

    def is_expired(self, now: float) -> bool:
        """Whether it was left alone for too long."""
        return self.expires_at is not None and self.expires_at <= now

    def object(self, now: float) -> Json:
        """The store as it is shown, in the recorded order."""
        counted = counts(self.files.values(), now)
        status = "in_progress" if counted["in_progress"] else "completed"
        return {
            "id": self.id,
            "object": "vector_store",
            "created_at": self.created_at,
            "name": self.name,
            "description": self.description,
            "usage_bytes": sum(each.usage_bytes(now) for each in self.files.values()),
            "file_counts": counted,
            "status": "expired" if self.is_expired(now) else status,
            "expires_after": self.expires_after,
            "expires_at": self.expires_at,
            "last_active_at": self.last_active_at,
            "metadata": self.metadata,
        }

    def searchable(self, now: float, wanted: Json | None) -> list[tuple[StoreFile, Chunk]]:
        """The passages of the files that are indexed and pass a filter."""
        return [
            (each, chunk)
            for each in self.files.values()
            if each.status(now) == "completed" and filters.passes(each.attributes, wanted)
            for chunk in each.chunks
        ]


class Stores:
    """All vector stores, oldest first."""

    def __init__(self, clock: Clock, indexing_delay: float) -> None:
        self._clock = clock
        self._delay = indexing_delay
        self._stores: dict[str, VectorStore] = {}

    def create(self, **given: Any) -> VectorStore:
        """A new store, empty."""
        now = self._clock.stamp()
        made = VectorStore(**given, created_at=now, last_active_at=now)
        self._stores[made.id] = made
        return made

    def get(self, key: str) -> VectorStore:
        """A store by its id, also an expired one."""
        if key not in self._stores:
            text = f"No vector store found with id '{key}'."
            raise Refused(text, status=404, param="vector_store_id")
        return self._stores[key]

    def live(self, key: str) -> VectorStore:
        """A store that can be worked with; working with it makes it live on."""
        store = self.get(key)
        if store.is_expired(self._clock.now()):
            raise Refused(f"Vector store '{key}' has expired.", param="vector_store_id")
        store.last_active_at = self._clock.stamp()
        return store

    def __contains__(self, key: object) -> bool:
        return key in self._stores

    def remove(self, key: str) -> None:
        """Forget a store; its files stay."""
        del self._stores[self.get(key).id]

    def all(self) -> list[VectorStore]:
        """Every store, oldest first."""
        return list(self._stores.values())

    def put(
        self, store: VectorStore, file: StoredFile, strategy: Json, attributes: Json
    ) -> StoreFile:
        """Begin to index a file in a store; one that is there already is indexed anew."""
        now = self._clock.now()
        made = StoreFile(file, store.id, int(now), now + self._delay, strategy, attributes)
        store.files.pop(file.id, None)
        store.files[file.id] = made
        return made

    def forget(self, file_id: str) -> None:
        """Take a deleted file out of all stores."""
        for store in self._stores.values():
            store.files.pop(file_id, None)

    def search(self, keys: Sequence[str], queries: Sequence[str], wanted: Json | None) -> list[Hit]:
        """The passages of some stores that share words with a query, the best first."""
        now = self._clock.now()
        found = [each for key in keys for each in self.live(key).searchable(now, wanted)]
        scores = ranking.rank(queries, [chunk for _, chunk in found])
        hits = [Hit(f, score, c.text) for (f, c), score in zip(found, scores, strict=True)]
        return sorted((h for h in hits if h.score > 0), key=lambda hit: -hit.score)
