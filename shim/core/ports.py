"""The ports: what the core needs of the world. Knows only signatures and the values they carry.

Each port is `async`. Behind a blocking door an implementation blocks and never suspends
(see `shim.drive`), so that the core is written once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from shim.core.wire import Event, Json, Target

__all__ = ["Answer", "Dialect", "Request", "Stream", "Upstream", "Workers"]


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
    image_file_id: bool = True


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

    def events(self) -> AsyncIterator[Json]:
        """The payloads of the server-sent events; raises Unreachable if the connection breaks."""
        ...

    async def aclose(self) -> None:
        """Close the connection; safe to call twice."""
        ...


class Upstream(Protocol):
    """Carries requests to a Responses server."""

    def dialect(self, target: Target) -> Dialect:
        """What the server at the target can do."""
        ...

    async def send(self, request: Request) -> Answer:
        """Send and read the whole answer; raises Unreachable."""
        ...

    async def open(self, request: Request) -> Stream:
        """Send and return once headers are there; raises Unreachable."""
        ...


class Workers(Protocol):
    """Work that outlasts the call which started it."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out work in the background, never bound to the request in hand."""
        ...

    def carry(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Hand on events such that their source runs to its end even if the caller goes away."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def owner(self) -> str:
        """The name under which this process holds leases."""
        ...

    def gone(self, owner: str) -> bool:
        """Whether the process of that name has certainly ended."""
        ...
