"""Which servers have the Conversations API, as far as this process has asked them.

Knows base URLs and nothing of conversations: the question that tells is handed in.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from shim.conversation.remote import Absent, Failed
from shim.core.ports import Workers

__all__ = ["Servers"]

_PATIENCE = 15.0
_PAUSE = 0.05
_LATELY = 60.0


class Servers:
    """What servers have answered. A server that is not known yet is asked by one at a time."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._known: dict[str, bool] = {}
        self._learnt: dict[str, float] = {}
        self._asking: dict[tuple[str, str], object] = {}

    def absent(self, base_url: str) -> bool:
        """Whether the server is known to have no Conversations API."""
        return self._known.get(base_url) is False

    def absent_lately(self, base_url: str) -> bool:
        """Whether that was learnt so recently that threads may have been made not knowing it."""
        lately = time.monotonic() - self._learnt.get(base_url, -_LATELY) < _LATELY
        return lately and self.absent(base_url)

    async def ask(self, base_url: str, question: Callable[[], Awaitable[str]]) -> str:
        """The answer to the question; raises Absent, unasked where that is known."""
        me, place = object(), (self._workers.owner(), base_url)  # a fork asks for itself
        await self._wait(base_url, place, me)
        if self.absent(base_url):
            raise Absent(f"{base_url} has no Conversations API")
        try:
            answer = await question()
        except Absent as absent:
            if self._known.get(base_url):  # it did have it: this passes
                raise Failed(str(absent), again=False) from absent
            self._learnt[base_url] = time.monotonic()
            self._known[base_url] = False
            raise
        finally:
            if self._asking.get(place) is me:
                del self._asking[place]
        self._known[base_url] = True
        return answer

    async def _wait(self, base_url: str, place: tuple[str, str], me: object) -> None:
        give_up = time.monotonic() + _PATIENCE
        while base_url not in self._known and self._asking.setdefault(place, me) is not me:
            if time.monotonic() > give_up:
                raise Failed(f"{base_url} has not answered another thread yet", again=False)
            await self._workers.sleep(_PAUSE)
