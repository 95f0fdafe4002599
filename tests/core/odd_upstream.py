"""An upstream that answers whatever a test tells it to, and the engine in front of it.

For answers that the embedded upstream, which keeps to the real service's rules, would never give.
Knows nothing of Assistants; has no assertions.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import httpx

from shim import drive
from shim.core.wire import Call, Event, Reply, Target
from shim.settings import Settings
from shim.upstream.http import BlockingUpstream
from shim.wiring import Wired, wire
from shim.workers import BlockingWorkers

BETA = {"openai-beta": "assistants=v2"}
USED = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}

Answering = Callable[[httpx.Request], httpx.Response]


def sse(*events: dict[str, Any], status: int = 200) -> Answering:
    """A stream of these events, then the end of the body."""
    text = "".join(
        f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n" for event in events
    )
    headers = {"content-type": "text/event-stream"}
    return lambda _: httpx.Response(status, headers=headers, content=text.encode())


def plain(body: Any, status: int = 200, **headers: str) -> Answering:
    """A JSON answer."""
    given = {"content-type": "application/json", **headers}
    return lambda _: httpx.Response(status, headers=given, content=json.dumps(body).encode())


def page(text: str, status: int, **headers: str) -> Answering:
    """An answer that is no JSON."""
    given = {"content-type": "text/html", **headers}
    return lambda _: httpx.Response(status, headers=given, content=text.encode())


def message(text: str, **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {**item, "id": "msg_u", **more}


def call(call_id: str = "call_a", name: str = "f", arguments: Any = "{}", **more: Any) -> Any:
    item = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name}
    return {**item, "arguments": arguments, "status": "completed", **more}


def response(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "status": status}
    return {**whole, "output": list(output), "usage": USED, **more}


def ended(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": response(*output, status=status, **more)}


def created(**more: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": response(status="in_progress", **more)}


def added(item: Any, index: int | None = 0) -> dict[str, Any]:
    event = {"type": "response.output_item.added", "item": item}
    return event if index is None else {**event, "output_index": index}


def done(item: Any, index: int | None = 0) -> dict[str, Any]:
    return {**added(item, index), "type": "response.output_item.done"}


def text(delta: str, index: int | None = 0, **more: Any) -> dict[str, Any]:
    event = {"type": "response.output_text.delta", "delta": delta, **more}
    return event if index is None else {**event, "output_index": index}


def arguments(delta: str, **more: Any) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "delta": delta, **more}


class Odd:
    """Answers POST /responses by `posts`, in turn, everything else by `gets`."""

    def __init__(self) -> None:
        self.posts: deque[Answering] = deque()
        self.gets: deque[Answering] = deque()
        self.log: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.path.removeprefix("/v1")
        self.log.append((request.method, path, body))
        if path.startswith("/conversations"):
            return httpx.Response(404, json={"detail": "Not Found"})
        if path.startswith("/vector_stores/"):
            store = {"id": path.rpartition("/")[2], "object": "vector_store", "status": "completed"}
            counts = {"file_counts": {"in_progress": 0, "total": 1}}
            return httpx.Response(200, json={**store, **counts})
        answers = self.posts if (request.method, path) == ("POST", "/responses") else self.gets
        if not answers:
            return httpx.Response(404, json={"detail": "Not Found"})
        return answers.popleft()(request)


class Api:
    """The engine behind a blocking door, over an odd upstream."""

    def __init__(self, answering: Answering | None = None, **settings: Any) -> None:
        self.odd = Odd()
        self.now: float | None = None
        self.workers = BlockingWorkers()
        self.workers.sleep = self._wait  # type: ignore[method-assign]
        self.client = httpx.Client(transport=httpx.MockTransport(answering or self.odd))
        given = {"database_url": "sqlite:///:memory:", "dialect": "openai", **settings}
        loaded = Settings.load({}, **given)
        upstream = BlockingUpstream(self.client, self.workers.sleep, loaded.dialect)
        self.handler: Wired = wire(loaded, upstream, self.workers)

    async def _wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.01))  # noqa: ASYNC251 - blocking is the contract

    def ask(
        self, method: str, path: str, body: Any = None, *, query: Any = (), raw: bytes | None = None
    ) -> Reply:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        target = Target("http://upstream.test/v1", {"authorization": "Bearer sk-very-secret"})
        asked = Call(method, path, target, query=tuple(query), body=content, headers=BETA)

        async def answered() -> Reply:
            return await self.handler(asked)

        return drive.run(answered())

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        reply = self.ask(method, path, body, **more)
        assert reply.status == 200, reply.body
        return reply.body or {}

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        reply = self.ask(method, path, body, **more)
        assert reply.status in (400, 404), (reply.status, reply.body)
        error: dict[str, Any] = (reply.body or {})["error"]
        return error

    def begun(self, said: str = "Hello", /, **assistant: Any) -> tuple[str, dict[str, Any]]:
        made = self.ok("POST", "/assistants", {"model": "gpt-4o", **assistant})
        thread = self.ok("POST", "/threads", {"messages": [{"role": "user", "content": said}]})
        return f"/threads/{thread['id']}", {"assistant_id": made["id"]}

    def events(self, path: str, body: dict[str, Any]) -> list[Event]:
        reply = self.ask("POST", path, {**body, "stream": True})
        assert reply.events is not None, reply.body
        return list(drive.iterate(reply.events))

    def streamed(self, path: str, body: dict[str, Any]) -> list[Event]:
        return self.events(f"{path}/runs", body)

    def polled(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        run = self.ok("POST", f"{path}/runs", body)
        self.workers.flush(10)
        return self.ok("GET", f"{path}/runs/{run['id']}")

    def steps(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        path = f"/threads/{run['thread_id']}/runs/{run['id']}/steps"
        found: list[dict[str, Any]] = self.ok("GET", path, query=[("order", "asc")])["data"]
        return found

    def messages(self, path: str) -> list[dict[str, Any]]:
        query = [("order", "asc"), ("limit", "100")]
        found: list[dict[str, Any]] = self.ok("GET", f"{path}/messages", query=query)["data"]
        return found

    def posted(self) -> list[Any]:
        return [b for method, path, b in self.odd.log if (method, path) == ("POST", "/responses")]

    def close(self) -> None:
        self.workers.flush(10)
        self.client.close()
        drive.run(self.handler.aclose())


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def last_run(events: list[Event]) -> dict[str, Any]:
    found = [e.data for e in events if e.name.startswith("thread.run.") and "step" not in e.name]
    assert isinstance(found[-1], dict)
    return found[-1]
