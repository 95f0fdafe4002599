"""The ports for the threads' conversations: who keeps them, and what is known of shared ones.

A thread whose conversation native code uses as well is a *shared* one: what that code adds there is
read in. Knows only signatures and the values they carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from shim.core.records import Thread
from shim.core.wire import Json, Target

__all__ = ["PATIENCE", "Caught", "Conversations", "Held", "SharedThreads"]

PATIENCE = 8.0
"""Seconds that a run waits for a conversation which a response of native code is using."""


@dataclass(frozen=True, slots=True)
class Held:
    """The thread of a conversation: whose it is, and whether it is `there` and `shared` already."""

    thread_id: str
    tenant: str
    there: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class Caught:
    """How far a shared thread has caught up with its conversation, and the problem if there is one.

    `read`: all that native code did is in the thread. `locked`: so it is, but a response of native
    code uses the conversation now. `unread`: it could not be read, for now or with these
    credentials. `gone`: the upstream has none of that id. `local`: conversations are not used here.
    """

    state: Literal["read", "locked", "unread", "gone", "local"]
    problem: str = ""


class Conversations(Protocol):
    """Who keeps the threads' conversations at the upstream, if anyone does."""

    def wanted(self, target: Target) -> bool:
        """Whether threads made now are mirrored."""
        ...

    def drain(self, thread_id: str, target: Target) -> None:
        """Carry out, after the call in hand, what waits for the thread's conversation."""
        ...

    def clean(self, thread_id: str, target: Target) -> None:
        """Delete, after the call in hand, what a deleted thread left at the upstream."""
        ...

    async def found(self, conversation_id: str, target: Target) -> Json | None:
        """The conversation, if the upstream has it; raises ApiError where it does not say."""
        ...

    async def caught_up(
        self, thread_id: str, target: Target, *, whole: bool = False, patience: float = 0.0
    ) -> Caught:
        """Tell a shared thread's conversation what waits, and read in what native code did there.

        `whole` compares all of it, not its newest items alone. What cannot be told at once is tried
        again for `patience` seconds.
        """
        ...

    async def told(self, thread_id: str, target: Target, *, patience: float = 0.0) -> bool:
        """Tell a shared thread's conversation what waits; whether all of it is there now.

        What cannot be told at once is tried again for `patience` seconds. Of a thread that is not
        shared nothing is told.
        """
        ...


class SharedThreads(Protocol):
    """The part of the ledger about shared threads."""

    async def holder(self, conversation_id: str) -> Held | None:
        """The thread that a conversation is the one of, or was until it was deleted."""
        ...

    async def share(self, tenant: str, record: Thread, server: str) -> None:
        """Make a thread over a conversation, at that base URL, that is nobody's yet."""
        ...

    async def begin_sharing(self, conversation_id: str, thread_id: str) -> None:
        """From now on a thread's own conversation is shared."""
        ...

    async def message_id(self, thread_id: str, item_id: str) -> str | None:
        """The message that an item of the thread's conversation is."""
        ...
