"""What one call costs in this process: the SDK over shim, against the SDK over a canned server.

The canned server gives the very bytes that shim gave, so the difference is shim's: understanding
the call, SQLite on a file, making the answer. `mirrored` says that the thread has a conversation at
the upstream: what the process writes to it in the background is counted with the call.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from bench_canned import Reply, client, response_events, settings
from bench_rounds import Row, alternate, clock, compared

__all__ = ["calls"]

Act = Callable[[Any, dict[str, Any]], Any]
"""A call of the SDK, given a client and the ids of what there is."""

Mounted = tuple[Any, dict[str, Any]]
"""A client with shim, and the ids of what there is in it."""

_LONG = "The quick brown fox jumps over the lazy dog. " * 10

_CALLS: dict[str, Act] = {
    "threads.create": lambda api, _: api.beta.threads.create(),
    "threads.retrieve": lambda api, ids: api.beta.threads.retrieve(ids["thread"]),
    "messages.create": lambda api, ids: api.beta.threads.messages.create(
        ids["thread"], role="user", content=_LONG
    ),
    "messages.list of 20": lambda api, ids: api.beta.threads.messages.list(ids["full"]),
    "runs.retrieve": lambda api, ids: api.beta.threads.runs.retrieve(
        ids["run"], thread_id=ids["full"]
    ),
}
_MIRRORED = ("threads.create", "messages.create")


def calls(rounds: int, repeats: int) -> list[Row]:
    """Microseconds a call, and how many times as much as the SDK alone takes."""
    rows: list[Row] = []
    for name, act in _CALLS.items():
        with _shim("local") as mounted:
            rows += _measured(name, act, mounted, rounds, repeats)
    for name in _MIRRORED:
        with _shim("upstream") as mounted:
            rows += _measured(f"{name}, mirrored", _CALLS[name], mounted, rounds, repeats)
    return rows


def _measured(name: str, act: Act, mounted: Mounted, rounds: int, repeats: int) -> list[Row]:
    ours, ids = mounted
    answer = _answer_of(act, ours, ids)
    with client(lambda _: answer) as stock:
        sides = (
            lambda: _timed(_in_a_new_thread(act, mounted), _settling(ours), repeats),
            lambda: _timed(lambda: act(stock, ids), lambda: None, repeats),
        )
        alternate(1, *sides)
        shim, sdk = alternate(rounds, *sides)
    return compared(name, "us", shim, sdk, "SDK alone")


def _timed(call: Callable[[], Any], settle: Callable[[], Any], repeats: int) -> float:
    """Microseconds a call, with what it leaves to the background."""
    began = clock()
    for _ in range(repeats):
        call()
        settle()
    return (clock() - began) * 1e6 / repeats


def _in_a_new_thread(act: Act, mounted: Mounted) -> Callable[[], Any]:
    """The call on a thread that was made for this round, so that none grows for ever."""
    ours, ids = mounted
    now = {**ids, "thread": ours.beta.threads.create().id}
    _settling(ours)()
    return lambda: act(ours, now)


def _settling(ours: Any) -> Callable[[], None]:
    """Waits for what goes on in the background."""
    flush = ours._client.door._workers.flush
    return lambda: flush(None)


def _answer_of(act: Act, ours: Any, ids: dict[str, Any]) -> bytes:
    """The bytes that shim answers a call with."""
    seen: list[bytes] = []
    door = ours._client.door
    answer = door.handle_request

    def noted(request: Any) -> Any:
        response = answer(request)
        seen.append(response.content)
        return response

    door.handle_request = noted
    act(ours, ids)
    del door.handle_request
    return seen[-1]


@contextmanager
def _shim(conversations: str) -> Iterator[Mounted]:
    """A shim client with a thread, and with a full thread whose run has ended."""
    with tempfile.TemporaryDirectory() as folder:
        kept = settings(str(Path(folder) / "shim.db"), conversations)
        with client(_upstream(), kept) as ours:
            yield ours, _made(ours)
            _check_nothing_waits(Path(folder) / "shim.db")


def _check_nothing_waits(path: Path) -> None:
    """A conversation that could not be written to would have cost nothing."""
    with closing(sqlite3.connect(path)) as connection:
        (waiting,) = connection.execute("SELECT COUNT(*) FROM outbox").fetchone()
    if waiting:
        raise RuntimeError(f"{waiting} writes were not mirrored")


def _made(ours: Any) -> dict[str, Any]:
    threads = ours.beta.threads
    given = [{"role": "user", "content": _LONG} for _ in range(19)]
    full = threads.create(messages=given).id
    assistant = ours.beta.assistants.create(model="gpt-4o", tools=[_TOOL], instructions=_LONG).id
    with threads.runs.create(full, assistant_id=assistant, stream=True) as events:
        run = next(event.data.id for event in events if event.event == "thread.run.completed")
    return {"thread": threads.create().id, "full": full, "run": run}


_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city"],
        },
    },
}


def _upstream() -> Reply:
    """Answers responses by a short stream, and the conversations as far as shim reads answers."""
    number = count()
    stream = response_events(20)

    def reply(request: Any) -> bytes | Sequence[bytes]:
        path = request.url.path
        if path.endswith("/responses"):
            return stream
        if path.endswith("/items"):
            items = json.loads(request.content)["items"]
            made = [{**item, "id": f"msg_{next(number)}"} for item in items]
            return json.dumps({"object": "list", "data": made}).encode()
        return json.dumps({"id": f"conv_{next(number)}", "object": "conversation"}).encode()

    return reply
