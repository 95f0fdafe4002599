"""What the upstream remembers: all that was made or uploaded. Knows no request, no shape."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from shim.offline import ids, objects, refusals
from shim.offline.clock import Clock
from shim.offline.context import Links
from shim.offline.ids import Partition
from shim.offline.jobs import Job
from shim.offline.sandboxes import Sandboxes
from shim.offline.stores import Stores
from shim.offline.uploads import Uploads
from shim.offline.wire import Json, Refused

__all__ = ["Conversation", "State"]

_LOCKED = (
    "Another process is currently operating on this conversation. Please retry in a few seconds."
)


@dataclass
class Conversation:
    """A conversation, its items in order, and the job that holds its lock."""

    metadata: Json
    partition: Partition = field(default_factory=Partition)
    created_at: int = field(default_factory=lambda: int(time.time()))
    items: list[Json] = field(default_factory=list)
    holder: Job | None = None
    id: str = ""

    def __post_init__(self) -> None:
        self.id = self.id or ids.conversation_id(self.partition.hex)

    def object(self) -> Json:
        """The conversation as it is shown."""
        return objects.conversation(self.id, self.created_at, self.metadata)

    def free(self) -> None:
        """Refuse if a response is using the conversation (spec 1.6)."""
        if self.holder is not None and not self.holder.over:
            raise Refused(_LOCKED, param="conversation", code="conversation_locked")


@dataclass
class State:
    """Everything that outlives a request."""

    clock: Clock
    indexing_delay: float = 0.0
    code_seconds: float = 10.0
    conversations: dict[str, Conversation] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    _running: list[tuple[Job, Conversation | None]] = field(default_factory=list)
    _items: dict[str, Json] = field(default_factory=dict)
    _whole: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.uploads = Uploads(self.clock)
        self.stores = Stores(self.clock, self.indexing_delay)
        self.sandboxes = Sandboxes(self.clock, self.code_seconds)

    def conversation(self, key: str) -> Conversation:
        """A conversation by its id."""
        if key not in self.conversations:
            raise refusals.not_found("Conversation", key)
        return self.conversations[key]

    def job(self, key: str) -> Job:
        """A stored response by its id."""
        if key not in self.jobs:
            raise refusals.not_found("Response", key)
        return self.jobs[key]

    def item(self, key: str) -> Json | None:
        """A stored item by its id."""
        return self._items.get(key)

    def remember(self, items: list[Json]) -> None:
        """Let items be found by their ids."""
        self._items.update((item["id"], item) for item in items)

    def remember_whole(self, item: Json) -> None:
        """Keep what an item of a hosted tool holds, also where it is not shown."""
        self._whole[item["id"]] = item

    def whole(self, item: Json) -> Json:
        """An item with all that the service itself knows of it."""
        return self._whole.get(item.get("id", ""), item)

    def start(self, job: Job, conversation: Conversation | None, *, stored: bool) -> None:
        """Take up a job. What is not stored leaves nothing in a conversation either (spec 1.5)."""
        self.links.learn(job.course.final["output"])
        if conversation is not None:
            conversation.holder = job
        if stored:
            self.jobs[job.id] = job
            self._running.append((job, conversation))

    def settle(self) -> None:
        """Carry into the conversations what has ended by now."""
        if not self._running:
            return
        for job, conversation in self._running:
            if job.over:
                self._finish(job, conversation)
        self._running = [each for each in self._running if not each[0].settled]

    def _finish(self, job: Job, conversation: Conversation | None) -> None:
        job.settled = True
        made = job.object()
        self.remember([*job.inputs, *made["output"]])
        if conversation is None or made["status"] not in ("completed", "incomplete"):
            return
        conversation.items += [*job.inputs, *made["output"]]
