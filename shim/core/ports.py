"""The ports: what the core needs of the world. Knows only signatures and the values they carry.

Each port is `async`. Behind a blocking door an implementation blocks and never suspends
(see `shim.drive`), so that the core is written once.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from shim.core.conversations import Conversations, SharedThreads
from shim.core.made_files import Contents, MadeFiles
from shim.core.records import (
    Assistant,
    Container,
    File,
    Listing,
    Message,
    Native,
    Run,
    Step,
    Thread,
)
from shim.core.wire import Event, Json, Target

if TYPE_CHECKING:
    from shim.core.params import ListParams

__all__ = [
    "Answer",
    "Batch",
    "Dialect",
    "Download",
    "InHand",
    "Ledger",
    "Mirror",
    "Passage",
    "Passing",
    "Request",
    "Resources",
    "Stream",
    "Upstream",
    "Workers",
    "World",
]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a Responses server can do. The core asks these flags, never a server's name.

    `conversations` is None where only asking tells.
    """

    name: str
    conversations: bool | None = None
    background: bool = False
    store: bool = False
    retrieve: bool = True
    input_tokens: bool = False
    include: bool = False
    prompt_cache_key: bool = False
    metadata: bool = False
    obfuscation_switch: bool = False
    plain_history: bool = True
    """Replay assistant text as a plain string and function calls with their bare keys."""
    file_search: bool = False
    code_interpreter: bool = False
    files: bool = False  # take uploads, so that files of shim's own can be given to the tools
    image_ids: bool = True  # take an image by the id of a file of theirs
    deployments: bool = False  # as on Azure: they are models, paths name them, keys are `api-key`s


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the upstream: `path` is relative to the target's base URL (`/responses`).

    `attempts` is how often it may be sent in all; it is repeated only when the upstream certainly
    did not carry it out. `timeout` in seconds overrides the target's.
    """

    method: str
    path: str
    target: Target
    body: Json | None = None
    query: tuple[tuple[str, str], ...] = ()
    attempts: int = 1
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """A request that is handed on as it came: what is sent is all there, key and query included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""
    timeout: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the upstream. `body` is the parsed JSON, or `{"error": {"message": text}}`."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """An opened streamed answer. With a status of 400 or more, `body` holds the error."""

    status: int
    headers: Mapping[str, str]
    body: Json

    def events(self) -> AsyncGenerator[Json, None]:
        """The payloads of the server-sent events; raises Unreachable if the connection breaks."""
        ...

    async def aclose(self) -> None:
        """Close the connection; safe to call twice."""
        ...


class Download(Protocol):
    """An opened answer whose bytes are wanted; with a status of 400 or more, `body` is the error.

    `size` is how many bytes will come, where the server says so.
    """

    status: int
    headers: Mapping[str, str]
    body: Json

    @property
    def size(self) -> int | None: ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they arrive; raises Unreachable if the connection breaks."""
        ...

    async def aclose(self) -> None:
        """Close the connection; safe to call twice."""
        ...


class Passage(Protocol):
    """Hands requests on, as they are, to a server that may be another than the upstream."""

    async def pass_on(self, passing: Passing) -> Download:
        """Send once, following no redirect; whatever its status, the answer is to be read."""
        ...

    async def current(self, key: str, url: str) -> str:
        """The key, or the token of Entra ID that it stands for; raises SettingsError."""
        ...


class Upstream(Passage, Protocol):
    """Carries requests to a Responses server."""

    def dialect(self, target: Target) -> Dialect:
        """What the server at the target can do."""
        ...

    async def send(self, request: Request) -> Answer:
        """Send and read the whole answer; raises Unreachable."""
        ...

    async def upload(self, request: Request, filename: str, content: bytes) -> Answer:
        """Send a file in a form, the body's keys as its other fields; raises Unreachable."""
        ...

    async def download(self, request: Request) -> Download:
        """Send and return once headers are there, to read bytes; raises Unreachable."""
        ...

    async def open(self, request: Request) -> Stream:
        """Send and return once headers are there; raises Unreachable."""
        ...


class Workers(Protocol):
    """Work that outlasts the call which started it. `blocking` tells the colour of its door."""

    blocking: bool

    def spawn(self, work: Coroutine[Any, Any, None], *, aside: bool = False) -> None:
        """Carry out work in the background, never bound to the request in hand.

        `aside` says that no caller counts on it, so that none is held up by it.
        """
        ...

    def later(self, seconds: float, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin work aside after a while; never if its door is closed or the program ends first."""
        ...

    def carry(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Hand on events such that their source runs to its end even if the caller goes away."""
        ...

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out work and wait for it; it goes on to its end if the caller goes away."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def owner(self) -> str:
        """The name under which this process holds leases."""
        ...

    def gone(self, owner: str) -> bool:
        """Whether who goes by that name, a process or a loop in it, has certainly ended."""
        ...


@dataclass(frozen=True, slots=True)
class Mirror:
    """An entry for a thread's conversation, carried out later.

    `kind` and `payload`: `open` {"server"} (there shall be a conversation, at that base URL),
    `message` {"message_id"}, `run` {"run_id"} (what an ended run left), `delete_message`
    {"message_id"}.
    """

    kind: str
    payload: Json


@dataclass(frozen=True, slots=True)
class Resources:
    """A thread's new `tool_resources`, and the version of the thread of which they were made.

    `stores` are those among them that shim made for the thread.
    """

    was: int
    now: Json
    stores: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together with a move of a run (or the making of a thread or messages).

    `files` are new or there already. `container` is the one that the thread's code ran in,
    `listings` say which are to be looked through, and may be there already too. `resources` are
    what messages bring to their thread.
    """

    new: Sequence[Message | Step] = ()
    changed: Sequence[Message | Step] = ()
    items: Sequence[Json] = ()
    response_id: str | None = None
    mirror: Sequence[Mirror] = ()
    files: Sequence[File] = ()
    container: Container | None = None
    resources: Resources | None = None
    listings: Sequence[Listing] = ()


class Ledger(MadeFiles, SharedThreads, Protocol):
    """The store. A method whose write needs a state that is not there raises Lost.

    `tenant` owns assistants and threads; what hangs on a thread is reached through it. Lists give
    one record more than the limit where more follow.
    """

    async def add_assistant(self, tenant: str, record: Assistant) -> None: ...
    async def assistant(self, tenant: str, assistant_id: str) -> Assistant | None: ...
    async def save_assistant(self, record: Assistant) -> Assistant: ...
    async def delete_assistant(self, tenant: str, assistant_id: str) -> None: ...
    async def assistants(self, tenant: str, params: ListParams) -> list[Assistant]: ...

    async def add_thread(self, tenant: str, record: Thread, batch: Batch) -> None: ...
    async def add_thread_and_run(
        self, tenant: str, record: Thread, run: Run, batch: Batch
    ) -> None: ...
    async def thread(self, tenant: str, thread_id: str) -> Thread | None: ...
    async def save_thread(self, record: Thread) -> Thread:
        """Only while the stored thread has `record.version`; gives it back with its new version."""
        ...

    async def delete_thread(self, thread_id: str) -> None: ...
    async def made_stores(self, thread_id: str) -> list[str]:
        """The vector stores that shim made for the thread."""
        ...

    async def add_messages(self, thread_id: str, batch: Batch) -> None:
        """Only while no run of the thread is active, and it has the version of the resources."""
        ...

    async def message(self, thread_id: str, message_id: str) -> Message | None: ...
    async def messages(self, thread_id: str, params: ListParams) -> list[Message]: ...
    async def save_message_metadata(self, message_id: str, metadata: dict[str, str]) -> None: ...
    async def delete_message(self, thread_id: str, message_id: str) -> None: ...
    async def history(self, thread_id: str) -> list[Message | Native | Step]:
        """The thread's messages and tool steps, and what else native code said, oldest first."""
        ...

    async def add_run(self, run: Run, batch: Batch) -> None:
        """Only while no run of the thread is active, and it has the version of the resources."""
        ...

    async def run(self, thread_id: str, run_id: str) -> Run | None: ...
    async def active_run(self, thread_id: str) -> Run | None: ...
    async def runs(self, thread_id: str, params: ListParams) -> list[Run]: ...
    async def run_status(self, run_id: str) -> str | None: ...
    async def save_run(self, run: Run, batch: Batch) -> Run:
        """Only while the stored run has `run.version`; gives back the run with its new version."""
        ...

    async def save_run_metadata(self, run_id: str, metadata: dict[str, str]) -> None: ...
    async def turn_items(self, run_id: str) -> list[Json]:
        """The items of the run's responses and the outputs submitted, in order, as on the wire."""
        ...

    async def step(self, run_id: str, step_id: str) -> Step | None: ...
    async def steps(self, run_id: str, params: ListParams) -> list[Step]: ...
    async def open_steps(self, run_id: str) -> list[Step]: ...
    async def open_messages(self, run_id: str) -> list[Message]: ...

    async def refused_parameters(self, server: str, model: str) -> frozenset[str]: ...
    async def remember_refused(self, server: str, model: str, name: str) -> None: ...


@dataclass(slots=True)
class InHand:
    """What this process has in hand besides runs, so that it is not begun twice.

    `copying`: files and containers, by id, and until when each is surely being fetched. `again`:
    when a look may try each once more. `following`: runs, and until when each is surely followed.
    `sweep_at`: when files may be looked through again for those whose time is over.
    """

    copying: dict[str, float] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)
    following: dict[str, float] = field(default_factory=dict)
    sweep_at: float = 0.0


@dataclass(frozen=True, slots=True)
class World:
    """All that the core is given: its ports, and the settings that change what runs send."""

    ledger: Ledger
    upstream: Upstream
    workers: Workers
    conversations: Conversations
    contents: Contents
    now: Callable[[], float] = time.time
    store: bool = True
    pairs: bool = True
    """Whether earlier runs' calls and outputs are sent with their messages."""
    models: Mapping[str, str] = field(default_factory=dict)
    most_bytes: int = 100_000_000
    """How large a file may be to be kept."""
    files_days: int = 0
    """How many days a file is kept; 0 until it is deleted."""
    in_hand: InHand = field(default_factory=InHand)
    ended: Callable[[Run], None] = lambda _: None
    """Told of each run that this process has ended, once it is stored."""
