"""Servers that cost next to nothing: answers made beforehand, under the SDK's own HTTP module.

What is left of a call over one of them is what the SDK, and shim where it is mounted, cost by
themselves. Knows the SDK's seam for transports; nothing of what the answers mean.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import openai

import shim
from shim.settings import Settings

__all__ = ["async_client", "client", "http", "response_events", "settings"]

Reply = Callable[[Any], bytes | Sequence[bytes]]
"""From a request to its answer: a body, or the chunks of an event stream."""

_THEIRS = next(k for k in openai.DefaultHttpxClient.__mro__ if k.__module__ != "openai")
http: Any = sys.modules[_THEIRS.__module__.partition(".")[0]]
"""The HTTP module of the installed SDK: `httpx` or `httpx2`."""

_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


class _Chunks(http.SyncByteStream, http.AsyncByteStream):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def _made(answer: bytes | Sequence[bytes]) -> Any:
    if isinstance(answer, bytes):
        return http.Response(200, headers=_JSON, content=answer)
    return http.Response(200, headers=_EVENTS, stream=_Chunks(answer))


class _Canned(http.BaseTransport, http.AsyncBaseTransport):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def handle_request(self, request: Any) -> Any:
        request.read()
        return _made(self._reply(request))

    async def handle_async_request(self, request: Any) -> Any:
        await request.aread()
        return _made(self._reply(request))


def client(reply: Reply, with_shim: Settings | None = None) -> Any:
    """A client whose server is canned, behind shim if settings for it are given."""
    stock = openai.OpenAI(api_key="k", http_client=http.Client(transport=_Canned(reply)))
    return stock if with_shim is None else shim.mount(stock, with_shim)


def async_client(reply: Reply, with_shim: Settings | None = None) -> Any:
    """The same for async code."""
    inner = http.AsyncClient(transport=_Canned(reply))
    stock = openai.AsyncOpenAI(api_key="k", http_client=inner)
    return stock if with_shim is None else shim.mount(stock, with_shim)


def settings(database: str, conversations: str = "local", dialect: str = "openai") -> Settings:
    """Shim's settings for a database file of its own; `local` keeps threads in it alone."""
    url = f"sqlite:///{database}"
    return Settings(database_url=url, dialect=dialect, conversations=conversations)


def response_events(deltas: int) -> list[bytes]:
    """A streamed response of one message in so many pieces, each event a chunk of its own."""
    piece = " word"
    part = {"type": "output_text", "text": piece * deltas, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant"}
    done = {**item, "status": "completed", "content": [part]}
    of_item = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    told: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": _response("in_progress", [])}),
        ("response.in_progress", {"response": _response("in_progress", [])}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
        ),
        ("response.content_part.added", {**of_item, "part": {**part, "text": ""}}),
        *[("response.output_text.delta", {**of_item, "delta": piece, "logprobs": []})] * deltas,
        ("response.output_text.done", {**of_item, "text": piece * deltas, "logprobs": []}),
        ("response.content_part.done", {**of_item, "part": part}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
        ("response.completed", {"response": _response("completed", [done])}),
    ]
    return [_chunk(name, place, data) for place, (name, data) in enumerate(told)]


def _chunk(name: str, place: int, data: dict[str, Any]) -> bytes:
    payload = {"type": name, "sequence_number": place, **data}
    return f"event: {name}\ndata: {json.dumps(payload)}\n\n".encode()


def _response(status: str, output: list[Any]) -> dict[str, Any]:
    spent = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 20,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": "gpt-4o",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "metadata": {},
        "store": True,
        "usage": spent if status == "completed" else None,
    }
