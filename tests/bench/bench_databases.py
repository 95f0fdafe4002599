"""What a call costs on PostgreSQL, against SQLite in a file.

By the wall's clock: on PostgreSQL the process waits for the server, and its caller with it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from bench_canned import client, settings
from bench_rounds import Row, alternate, ratio, spread

__all__ = ["databases"]

_CALLS: dict[str, Callable[[Any, str], Any]] = {
    "messages.create": lambda api, thread: api.beta.threads.messages.create(
        thread, role="user", content="The quick brown fox jumps over the lazy dog. " * 10
    ),
    "threads.retrieve": lambda api, thread: api.beta.threads.retrieve(thread),
}


def databases(rounds: int, repeats: int) -> list[Row]:
    """Microseconds a call on each, and how many times as many on PostgreSQL."""
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        file = settings(str(Path(folder) / "shim.db"))
        server = replace(file, database_url=_server(stack))
        clients = [stack.enter_context(client(_nothing, each)) for each in (file, server)]
        for name, act in _CALLS.items():
            sides = [_timed(act, each, repeats) for each in clients]
            alternate(1, *sides)
            sqlite, postgres = alternate(rounds, *sides)
            rows += [
                spread(f"{name}: SQLite", "us", sqlite),
                spread(f"{name}: PostgreSQL", "us", postgres),
                ratio(f"{name}: PostgreSQL / SQLite", postgres, sqlite),
            ]
    return rows


def _server(stack: ExitStack) -> str:
    tests = str(Path(__file__).resolve().parent.parent)
    if tests not in sys.path:
        sys.path.append(tests)
    from postgres_server import server  # noqa: PLC0415 - loads the driver, which is an extra

    return server(stack).schema()


def _timed(act: Callable[[Any, str], Any], api: Any, repeats: int) -> Callable[[], float]:
    def timed() -> float:
        thread = api.beta.threads.create().id
        began = perf_counter()
        for _ in range(repeats):
            act(api, thread)
        return (perf_counter() - began) * 1e6 / repeats

    return timed


def _nothing(_: Any) -> Any:
    raise AssertionError("nothing is asked of the upstream here")
