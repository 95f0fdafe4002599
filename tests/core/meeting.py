"""An upstream that lets something else happen just before it answers: two calls that meet.

Knows requests by method and how their paths end; has no assertions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import openai

import shim
from shim.offline import Offline
from shim.settings import Settings
from shim.testing import connect, connect_async

__all__ = ["Meeting", "uploaded", "waited"]


class Meeting(Offline):
    """The embedded upstream; clients of both colours share one database."""

    def __init__(self, database_url: str, **given: Any) -> None:
        super().__init__(**given)
        self._meetings: list[tuple[str, str, Callable[[], object]]] = []
        self.settings = Settings(database_url=database_url, dialect="openai")

    def meet(self, method: str, end: str, action: Callable[[], object]) -> None:
        """Do something, once, before the next such request is handled."""
        self._meetings.append((method, end, action))

    def handle(
        self, method: str, path: str, query: Any, headers: Mapping[str, str], body: bytes
    ) -> Any:
        """Answer a request, after what is to happen before it."""
        for meeting in list(self._meetings):
            if method == meeting[0] and path.endswith(meeting[1]) and meeting in self._meetings:
                self._meetings.remove(meeting)
                meeting[2]()
        return super().handle(method, path, query, headers, body)

    def client(self) -> shim.OpenAI:
        """A further client, as in another process."""
        return connect(self, settings=self.settings, max_retries=0)

    def async_client(self) -> shim.AsyncOpenAI:
        """The same for async code."""
        return connect_async(self, settings=self.settings, max_retries=0)

    def stores(self) -> dict[str, list[str]]:
        """The vector stores that there are, with the files in them."""
        everything = self._service.state.stores.all()
        return {store.id: sorted(store.files) for store in everything}

    def uploads(self) -> list[str]:
        """The files that were uploaded and not deleted."""
        return [file.id for file in self._service.state.uploads.all()]


def waited(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether something became true in time; work goes on after the calls that began it."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def uploaded(client: openai.OpenAI, name: str, content: bytes = b"Filip likes cake.") -> str:
    """The id of a file that was uploaded."""
    return client.files.create(file=(name, content), purpose="assistants").id
