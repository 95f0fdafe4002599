"""The records: how shim holds assistants, threads, messages, runs, steps and files. No rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from shim.core.wire import Json

__all__ = [
    "ACTIVE",
    "RESOURCE_IDS",
    "RUN_SECONDS",
    "Assistant",
    "Container",
    "File",
    "Listing",
    "Message",
    "Native",
    "Run",
    "Step",
    "Thread",
    "Usage",
]

RUN_SECONDS = 600
"""How long a run may take: `expires_at` is `created_at` plus this (Assistants spec 2.4)."""

RESOURCE_IDS = {"file_search": "vector_store_ids", "code_interpreter": "file_ids"}
"""The tools that have resources, in the order in which they are shown, and the key of their ids."""

ACTIVE = frozenset({"queued", "in_progress", "requires_action", "cancelling"})
"""The statuses in which a run holds its thread, shows when it expires, and shows no usage yet."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more responses."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Assistant:
    """An assistant; None means the caller did not say."""

    id: str
    created_at: int
    model: str
    name: str | None = None
    description: str | None = None
    instructions: str | None = None
    tools: tuple[Json, ...] = ()
    tool_resources: Json = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    response_format: Any = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread, and the conversation that mirrors it once there is one.

    `version` counts the changes of its metadata and resources. A `shared` one has a conversation
    that native code uses as well.
    """

    id: str
    created_at: int
    metadata: dict[str, str] = field(default_factory=dict)
    tool_resources: Json = field(default_factory=dict)
    conversation_id: str | None = None
    version: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """The container in which a thread's code runs, and the uploaded files that it was given."""

    id: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file that code made in a run, and whether shim has its content.

    `status` is pending (it is to be copied from its container, where it is `source_id`), kept, lost
    with the `problem`, expired, or deleted. Of a file that an answer names by its `path` alone, the
    `source_id` is found out before it is copied; one that no answer names or shows is not `named`.
    `content` is there only until it is put where contents are kept.
    """

    id: str
    created_at: int
    filename: str
    thread_id: str
    run_id: str
    size: int | None = None
    container_id: str | None = None
    source_id: str | None = None
    path: str = ""
    named: bool = True
    status: str = "pending"
    problem: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A container in which a response of a run ran code, to be looked through for what it left."""

    thread_id: str
    run_id: str
    turn: int
    container_id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `content` holds wire parts. `position` orders it in its thread.

    `native` is the item by which native code said it, where the content cannot tell all of it.
    """

    id: str
    created_at: int
    thread_id: str
    role: str
    content: tuple[Json, ...]
    attachments: tuple[Json, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    assistant_id: str | None = None
    run_id: str | None = None
    status: str = "completed"
    incomplete_details: Json | None = None
    incomplete_at: int | None = None
    completed_at: int | None = None
    position: int = 0
    native: Json | None = None


@dataclass(frozen=True, slots=True)
class Native:
    """An item that native code put into a shared thread's conversation, and that is no message.

    `data` is the item as it stands there; `id` is its own.
    """

    id: str
    thread_id: str
    data: Json
    position: int = 0

    @property
    def run_id(self) -> None:
        """The run that it is of: none."""
        return


@dataclass(frozen=True, slots=True)
class Step:
    """A run step. `usage` is kept from the moment it is known, and shown once the step is done.

    `turn` counts the response of the run that it belongs to.
    """

    id: str
    created_at: int
    run_id: str
    assistant_id: str
    thread_id: str
    type: str
    expires_at: int
    status: str = "in_progress"
    step_details: Json = field(default_factory=dict)
    cancelled_at: int | None = None
    completed_at: int | None = None
    expired_at: int | None = None
    failed_at: int | None = None
    last_error: Json | None = None
    usage: Usage | None = None
    turn: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A run: what the caller sees, what is sent upstream, and who works on it.

    `sent` counts the responses asked for, `response_id` names the latest once it is known, `used`
    sums their tokens. `halvings` counts how often half of the earlier messages was left out because
    the model's context was full. `owner` and `lease_until` say who works on the run and how long
    that counts. `assistant_version` is that of its assistant, where it is known.
    """

    id: str
    created_at: int
    thread_id: str
    assistant_id: str
    expires_at: int
    model: str
    status: str = "queued"
    started_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    required_action: Json | None = None
    last_error: Json | None = None
    instructions: str | None = None
    tools: tuple[Json, ...] = ()
    tool_resources: Json = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    max_completion_tokens: int | None = None
    max_prompt_tokens: int | None = None
    truncation_strategy: Json | None = None
    incomplete_details: Json | None = None
    response_format: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    used: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    waits: bool = False
    sent: int = 0
    halvings: int = 0
    response_id: str | None = None
    background: bool = False
    cancelled_by: float | None = None
    owner: str | None = None
    lease_until: float = 0.0
    looked_at: float = 0.0
    version: int = 0
    assistant_version: int | None = None

    def with_notes(self, notes: Iterable[str]) -> Run:
        """The run with notes that it may not have yet."""
        return replace(self, notes=tuple(dict.fromkeys([*self.notes, *notes])))
