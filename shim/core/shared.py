"""Shared threads: conversations of native code that are threads here as well, under either id.

A `conv_...` id is taken where the id of a thread is. The conversation's thread has an id of its
own, `thread_...`, by which answers call it; both lead to it. It belongs to the tenant who named the
conversation first: to another it is unknown, and one conversation is never two threads. Before a
run, a new message and a list the conversation is read, so that what native code did there counts;
what is added here is told to it before the answer is given, or the run seen to have ended.

Knows what calls answer; the conversations themselves are a port.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shim.core import conflicts
from shim.core.conversations import PATIENCE
from shim.core.ids import mint
from shim.core.ports import World
from shim.core.records import ACTIVE, Run, Thread
from shim.core.routes import CONVERSATION
from shim.core.wire import Call, Target
from shim.errors import ApiError, Lost

__all__ = ["Shared", "stays"]

_NONE_HERE = (
    "Conversations are not used here, so none is taken for a thread: SHIM_CONVERSATIONS or "
    "SHIM_STORE says so, or the upstream has no Conversations API"
)
_UNREAD = "the conversation {0} could not be read, and what native code added may be missing: {1}"
_UNTOLD = "the conversation {0} has not been told all of this thread yet, and will be"
_STAYS = (
    "the conversation {0} stays as it is, since native code uses it: client.conversations.delete "
    "deletes it"
)
_NO_RUN = "The conversation {0} of {1} could not be read, so no run was made: {2}"
_LOCKED = (
    "Thread {0} already has an active run: a response is using its conversation {1}. Please retry "
    "in a few seconds."
)


class Shared:
    """What calls do for shared threads besides."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def named(self, call: Call, ids: Mapping[str, str]) -> Mapping[str, str]:
        """The ids of a call, with the thread's own in the place of its conversation's."""
        given = ids.get("thread_id", "")
        if not given.startswith(CONVERSATION):
            return ids
        return {**ids, "thread_id": await self._thread_of(given, call)}

    async def _thread_of(self, conversation_id: str, call: Call) -> str:
        """The thread of a conversation, made if it is nobody's; raises the original's 404."""
        ledger = self._world.ledger
        while (held := await ledger.holder(conversation_id)) is None:
            record = await self._found(conversation_id, call.target)
            try:
                await ledger.share(call.tenant, record, call.target.base_url)
            except Lost:
                continue  # somebody else was first: see who
            return record.id
        if held.tenant != call.tenant or not held.there:
            raise conflicts.unknown("thread", conversation_id)
        if not held.shared:
            await ledger.begin_sharing(conversation_id, held.thread_id)
        return held.thread_id

    async def _found(self, conversation_id: str, target: Target) -> Thread:
        if not self._world.conversations.wanted(target):
            raise conflicts.unknown("thread", conversation_id, why=_NONE_HERE)
        found = await self._world.conversations.found(conversation_id, target)
        if found is None:
            raise conflicts.unknown("thread", conversation_id)
        created_at = found.get("created_at")
        moment = created_at if isinstance(created_at, int) else int(self._world.now())
        metadata = found.get("metadata")
        return Thread(
            *(mint("thread"), moment, dict(metadata) if isinstance(metadata, dict) else {}),
            conversation_id=conversation_id,
        )

    async def read(self, thread: Thread, target: Target, *, whole: bool = False) -> Sequence[str]:
        """Read a shared thread's conversation; the notes say what could not be."""
        if not thread.shared:
            return ()
        caught = await self._world.conversations.caught_up(thread.id, target, whole=whole)
        if caught.state == "gone":
            raise _gone(thread)
        unread = caught.state in ("unread", "local")
        return [_UNREAD.format(thread.conversation_id, caught.problem)] if unread else ()

    async def ready(self, thread: Thread, target: Target) -> Sequence[str]:
        """The same before a run, which is not begun where native code is at work, or unread."""
        if not thread.shared:
            return ()
        caught = await self._world.conversations.caught_up(thread.id, target, patience=PATIENCE)
        match caught.state:
            case "gone":
                raise _gone(thread)
            case "locked":
                words = _LOCKED.format(thread.id, thread.conversation_id)
                raise ApiError(400, words, code="conversation_locked")
            case "unread":
                words = _NO_RUN.format(thread.conversation_id, thread.id, caught.problem)
                raise ApiError(503, words, type="server_error")
            case "local":
                return [_UNREAD.format(thread.conversation_id, caught.problem)]
            case _:
                return ()

    async def ended(self, thread: Thread, runs: Sequence[Run], target: Target) -> Sequence[str]:
        """Before ended runs are shown: see to it that native code finds what they left."""
        if all(run.status in ACTIVE for run in runs):
            return ()
        return await self.told(thread, target)

    async def told(self, thread: Thread, target: Target) -> Sequence[str]:
        """Tell a shared thread's conversation what is new; the note says where that has to wait."""
        if not thread.shared or await self._world.conversations.told(thread.id, target):
            return ()
        return [_UNTOLD.format(thread.conversation_id)]


def stays(thread: Thread) -> Sequence[str]:
    """What is to be said of the conversation of a thread that is deleted."""
    return [_STAYS.format(thread.conversation_id)] if thread.shared else ()


def _gone(thread: Thread) -> ApiError:
    why = f"Its conversation {thread.conversation_id} is not at the upstream any more"
    return conflicts.unknown("thread", thread.id, why=why)
