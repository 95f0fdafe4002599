"""Answers of the upstream that are read as they arrive: events, and the bytes of a file.

Knows when a connection is given back. Knows neither HTTP library: a `Source` reads for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from shim.core.wire import Json
from shim.upstream.events import EventParser

__all__ = ["HttpDownload", "HttpStream"]


class Source(Protocol):
    """Reads and closes the responses of one HTTP library, in one colour."""

    def chunks(self, response: Any) -> AsyncGenerator[bytes, None]:
        """The decoded bytes of an answer as they arrive."""
        ...

    async def close(self, response: Any) -> None:
        """Give the connection back; safe to call twice."""
        ...


class _Opened:
    """An answer whose headers are there; with a response of its own, the rest is to be read."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        *,
        body: Json | None = None,
        response: Any = None,
        source: Source | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body: Json = body or {}
        self._response = response
        self._source = source

    async def aclose(self) -> None:
        """Close the connection; safe to call twice."""
        if self._source is not None:
            await self._source.close(self._response)


class HttpStream(_Opened):
    """An opened answer: a stream of events, or a body that is already complete."""

    async def events(self) -> AsyncGenerator[Json, None]:
        """The payloads of the events; of a plain JSON answer, the one event it amounts to."""
        if self._source is None:
            if self.status < 400:
                yield _terminal(self.body)
            return
        parser = EventParser()
        try:
            async with aclosing(self._source.chunks(self._response)) as chunks:
                async for chunk in chunks:
                    for payload in parser.feed(chunk):
                        yield payload
            for payload in parser.end():
                yield payload
        finally:
            await self.aclose()


class HttpDownload(_Opened):
    """An opened answer whose bytes are wanted, or the error that came in their place."""

    @property
    def size(self) -> int | None:
        """How many bytes will come, where the server says so of what it sends as it is."""
        length = self.headers.get("content-length", "")
        plain = self.headers.get("content-encoding", "identity") == "identity"
        return int(length) if plain and length.isdecimal() else None

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they arrive; raises Unreachable if the connection breaks."""
        if self._source is None:
            return
        try:
            async with aclosing(self._source.chunks(self._response)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            await self.aclose()


def _terminal(body: Json) -> Json:
    """A whole response as its last event: some servers answer so although asked to stream."""
    if body.get("error") and "status" not in body:
        return {"type": "error", **body}
    return {"type": f"response.{body.get('status') or 'completed'}", "response": body}
