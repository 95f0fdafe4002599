"""Many streams at one server: none fails, whoever leaves, and whatever the server is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest
from server_program import BETA, KEY, Served, Upstream, wait_until

COUNTED = " ".join(str(number) for number in range(1, 21))
"""What the model answers."""

FEW_FILES = 256
"""As many as a program may open on some systems, unless it asks for more."""


@pytest.fixture
def delay():
    """The seconds a response takes."""
    return 1.0


@pytest.fixture
def upstream(tmp_path, delay):
    """The upstream, in a process of its own."""
    upstream = Upstream(tmp_path / "upstream.jsonl", delay)
    yield upstream
    upstream.close()


@pytest.fixture
def begin(upstream, tmp_path):
    """Begin servers on one database; what is left of them ends with the test."""
    begun = []
    database = f"sqlite:///{tmp_path / 'shim.db'}"

    def begin(*arguments, **options):
        begun.append(Served(upstream.url, database, *arguments, **options))
        begun[-1].ready().close()
        return begun[-1]

    yield begin
    for served in begun:
        served.kill()


class Crowd:
    """Readers of streams, each with a thread of its own."""

    def __init__(self, size):
        self.size = size
        self.runs = {}
        """By id: the thread of each run."""

    async def read(self, served, leave_after=lambda _: None):
        """How each reader's stream ended; a reader leaves after so many events."""
        limits = httpx.Limits(max_connections=None)
        options = {"headers": {**KEY, **BETA}, "timeout": 60.0, "limits": limits}
        async with httpx.AsyncClient(base_url=f"{served.root}/v1", **options) as http:
            made = await http.post("/assistants", json={"model": "gpt-4o"})
            self._assistant = made.json()["id"]
            readers = [self._read(http, leave_after(number)) for number in range(self.size)]
            return await asyncio.gather(*readers)

    async def _read(self, http, last):
        said = {"messages": [{"role": "user", "content": "Please count to 20"}]}
        body = {"assistant_id": self._assistant, "thread": said, "stream": True}
        number, name = 0, ""
        async with http.stream("POST", "/threads/runs", json=body) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    number, name = number + 1, line.removeprefix("event: ")
                elif name == "thread.run.created" and line.startswith("data: "):
                    run = json.loads(line.removeprefix("data: "))
                    self.runs[run["id"]] = run["thread_id"]
                if number == last:
                    return "left"
        return name

    def ends(self, client):
        """How many runs are in which status."""
        found = (client.get(f"/v1/threads/{t}/runs/{r}").json() for r, t in self.runs.items())
        return Counter(run["status"] for run in found)

    def texts(self, client):
        """What the assistant said on each thread, and how often."""
        told = (client.get(f"/v1/threads/{thread}/messages") for thread in self.runs.values())
        return Counter(
            message["content"][0]["text"]["value"]
            for answer in told
            for message in answer.json()["data"]
            if message["role"] == "assistant"
        )


@pytest.mark.parametrize("delay", [2.0])
def test_streams_come_to_their_end_where_few_files_may_be_open(begin):
    """Each takes two files and more; the server asks for as many as it is allowed to have."""
    crowd = Crowd(200)
    served = begin(files=FEW_FILES)
    limits = Path(f"/proc/{served.process.pid}/limits")

    ends = asyncio.run(crowd.read(served))

    if limits.exists():
        assert f" {FEW_FILES} " not in limits.read_text().partition("Max open files")[2][:30]
    assert Counter(ends) == {"done": 200}
    assert served.trouble == []


def test_runs_go_on_when_their_readers_leave(begin):
    """Some leave at the first event, some in the midst of the answer, some stay."""
    crowd = Crowd(100)
    served = begin()

    ends = asyncio.run(crowd.read(served, lambda number: number % 25 or None))

    assert Counter(ends) == {"left": 96, "done": 4}
    with closing(served.ready()) as client:
        wait_until(lambda: crowd.ends(client) == {"completed": len(crowd.runs)})
        assert crowd.texts(client) == {COUNTED: len(crowd.runs)}
        active = "shim_streams_active 0.0"
        wait_until(lambda: active in client.get("/metrics").text)
    assert served.trouble == []


async def stopped_amid(crowd, served):
    """How the streams ended of a server that was told to stop while all of them went on."""
    reading = asyncio.create_task(crowd.read(served))
    while len(crowd.runs) < crowd.size:  # noqa: ASYNC110 - readers know nothing of who waits
        await asyncio.sleep(0.02)
    served.process.send_signal(SIGTERM)
    return await reading


@pytest.mark.parametrize("delay", [4.0])
def test_a_server_told_to_stop_leaves_its_runs_to_the_next(begin):
    """Each stream says at its end that it was cut short; each run is whole at the next server."""
    crowd = Crowd(40)
    first = begin("--grace", "0.5")

    ends = asyncio.run(stopped_amid(crowd, first))
    status = first.ended()
    second = begin()

    assert Counter(ends) == {"error": 40}
    assert status == 0
    with closing(second.ready()) as client:
        wait_until(lambda: crowd.ends(client) == {"completed": 40})
        assert crowd.texts(client) == {COUNTED: 40}


@pytest.mark.parametrize("delay", [2.0])
def test_a_server_told_to_stop_finishes_its_streams_in_time(begin):
    """Within the time to finish, nobody is cut short."""
    crowd = Crowd(40)
    served = begin("--grace", "15")

    ends = asyncio.run(stopped_amid(crowd, served))

    assert Counter(ends) == {"done": 40}
    assert served.ended() == 0
