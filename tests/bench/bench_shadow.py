"""What a shadow costs the caller: the time of a streamed run with one and without, under load.

Both upstreams are processes of their own, as they are in life: what the shadow's lane takes is not
the program's. Wall time here, since what counts is how long a caller waits; with and without take
turns, so that a slow moment of the machine slows both.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench_rounds import Row, alternate, ratio, spread

from shim.client import OpenAI, mount
from shim.settings import Settings

__all__ = ["shadow"]


def shadow(rounds: int, runs: int, talkers: int, delay: float) -> list[Row]:
    """Milliseconds of a streamed run: of most, of the slowest twentieth, and their ratios."""
    rows: list[Row] = []
    with _upstream(delay) as here, _upstream(delay) as there, tempfile.TemporaryDirectory() as kept:
        for share in (10, 100):
            given = {"lane": f"shim:{there},key=none", "share": share, "file": f"{kept}/shadow"}
            without = lambda: _timed(here, {}, runs, talkers)  # noqa: E731
            with_one = lambda: _timed(here, given, runs, talkers)  # noqa: E731, B023
            _timed(here, given, talkers, talkers)
            shadowed, plain = alternate(rounds, with_one, without)
            rows += _told(f"shadow of {share} %", shadowed, plain)
    return rows


def _told(what: str, shadowed: list[list[float]], plain: list[list[float]]) -> list[Row]:
    rows = []
    for name, of in (("most", median), ("slowest 5 %", _late)):
        ours, theirs = ([of(each) for each in one] for one in (shadowed, plain))
        rows += [
            spread(f"{what}: a run, {name}, without", "ms", theirs),
            spread(f"{what}: a run, {name}, with", "ms", ours),
            ratio(f"{what}: a run, {name}, with / without", ours, theirs),
        ]
    return rows


def _late(values: list[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _timed(url: str, given: dict[str, Any], runs: int, talkers: int) -> list[float]:
    """How many milliseconds each run took, several at once on one client."""
    logging.getLogger("shim").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database_url=f"sqlite:///{folder}/shim.db", dialect="openai", shadow=given
        )
        with mount(OpenAI(api_key="none", base_url=url), settings) as client:
            assistant = client.beta.assistants.create(model="gpt-4o").id

            def run(number: int) -> float:
                thread = {"messages": [{"role": "user", "content": f"Echo {number}"}]}
                began = time.perf_counter()
                for _ in client.beta.threads.create_and_run(
                    assistant_id=assistant, thread=thread, stream=True
                ):
                    pass
                return (time.perf_counter() - began) * 1000

            with ThreadPoolExecutor(talkers) as pool:
                return list(pool.map(run, range(runs)))


@contextmanager
def _upstream(delay: float) -> Iterator[str]:
    """An embedded upstream in a process of its own."""
    words = [sys.executable, "-m", "shim.offline", "--delay", str(delay)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
