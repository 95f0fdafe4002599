"""Two servers on one PostgreSQL, as behind a balancer: each goes on with what the other began.

One is killed with `kill -9` while many talk to both, again and again. What is there after that is
counted: against what the callers were told, and against what the upstream was asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest
from server_program import BETA, KEY, Served, Upstream, wait_until
from talkers import FINAL, WEATHER, Talker, reached

TALKERS = 12
KILLS = 4
MOST_KILLS = 12
"""On a busy machine the first kills may find no stream to break."""
ABANDONED = "The process that worked on this run ended"
DELTA = "thread.message.delta"


@pytest.fixture
def delay():
    """The seconds a response takes."""
    return 0.3


@pytest.fixture
def upstream(tmp_path, delay):
    """The upstream, in a process of its own."""
    upstream = Upstream(tmp_path / "upstream.jsonl", delay)
    yield upstream
    upstream.close()


@pytest.fixture
def database(postgres):
    """The database that the servers share."""
    return postgres.schema()


@pytest.fixture
def dialect():
    """The dialect in which the upstream is spoken to."""
    return "openai"


@pytest.fixture
def begin(upstream, database, dialect):
    """Begin servers; what is left of them ends with the test."""
    begun = []

    def begin(*arguments):
        begun.append(Served(upstream.url, database, *arguments, SHIM_DIALECT=dialect))
        begun[-1].ready().close()
        return begun[-1]

    yield begin
    for served in begun:
        served.kill()


@pytest.fixture
def two(begin):
    """Two servers."""
    return [begin(), begin()]


@pytest.fixture
def rows(postgres, database):
    """Rows of the database."""
    return lambda sql: postgres.sql(sql, url=database)


def talked(roots, doing):
    """What a coroutine function gives of an HTTP client and an assistant's id."""

    async def work():
        async with reached() as http:
            body = {"model": "gpt-4o", "tools": [WEATHER]}
            made = await http.post(f"{roots[0]}/assistants", json=body)
            return await doing(http, made.json()["id"])

    return asyncio.run(work())


def roots_of(servers):
    """Where the API is at each of them."""
    return [f"{served.root}/v1" for served in servers]


@pytest.mark.parametrize("ways", ["polled", "streamed"])
def test_each_step_of_a_run_at_the_other_server(two, upstream, ways):
    """Begun at one, looked at from the other, given its outputs there, looked at from the one."""
    roots = roots_of(two)

    async def doing(http, assistant):
        here, there = (Talker(http, [root], assistant, "x") for root in roots)
        await here.begin()
        there.thread = here.thread
        said = {"role": "user", "content": "What is the weather in Oslo?"}
        await here.post(f"{here.path}/messages", said)
        body = {"assistant_id": assistant}
        step = here.stream if ways == "streamed" else here.post
        await step(f"{here.path}/runs", body)
        waiting = await _until_rests(there)
        calls = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = {"tool_outputs": [{"tool_call_id": calls[0]["id"], "output": "sunny"}]}
        step = there.stream if ways == "streamed" else there.post
        await step(f"{here.path}/runs/{waiting['id']}/submit_tool_outputs", outputs)
        ended = await _until_rests(here)
        return waiting, ended, await here.get(f"{here.path}/messages")

    waiting, ended, messages = talked(roots, doing)

    assert (waiting["status"], ended["status"]) == ("requires_action", "completed")
    assert "sunny" in messages["data"][0]["content"][0]["text"]["value"]
    assert len(upstream.posts()) == 2


async def _until_rests(talker):
    while True:
        (run,) = (await talker.get(f"{talker.path}/runs"))["data"]
        if run["status"] in (*FINAL, "requires_action"):
            return run
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("delay", [3.0])
def test_a_stream_at_one_server_is_cancelled_at_the_other(two):
    """The stream tells of it and ends; until then the thread is locked at both."""
    roots = roots_of(two)

    async def doing(http, assistant):
        here, there = (Talker(http, [root], assistant, "x") for root in roots)
        await here.begin()
        there.thread = here.thread
        await here.post(f"{here.path}/messages", {"role": "user", "content": "Echo this"})
        reading = asyncio.create_task(here.stream(f"{here.path}/runs", {"assistant_id": assistant}))
        while not here.runs:  # noqa: ASYNC110 - the stream's reader knows nothing of who waits
            await asyncio.sleep(0.01)
        said = {"role": "user", "content": "More"}
        refused = await http.post(f"{roots[1]}{here.path}/messages", json=said)
        (run_id,) = here.runs
        cancelling = await there.post(f"{here.path}/runs/{run_id}/cancel", {})
        await reading
        return refused, cancelling, here.runs[run_id]

    refused, cancelling, end = talked(roots, doing)

    assert refused.status_code == 400
    assert "while a run" in refused.json()["error"]["message"]
    assert (cancelling["status"], end) == ("cancelling", "cancelled")


@pytest.mark.parametrize("dialect", ["openai", "generic"])
def test_servers_are_killed_under_load(two, begin, upstream, rows):
    """No run is stuck, and no message lost or doubled, however often one of them is killed."""
    talkers, told = stormed(two, begin, Served.kill, until=_felt)

    wait_until(lambda: rows("SELECT * FROM outbox") == [])
    assert _felt(talkers)
    assert_ended(rows, talkers)
    asked = Counter(_last_of(post) for post in upstream.posts())
    for talker, thread in zip(talkers, told, strict=True):
        assert_counted(talker, thread, asked)
    assert_mirrored(rows, upstream, told)
    for served in two:
        assert served.trouble == []


def test_servers_are_stopped_in_turn_under_load(two, begin, upstream, rows):
    """As when a new version is rolled out: no run fails, and no stream breaks."""
    talkers, told = stormed(two, begin, Served.stop)

    wait_until(lambda: rows("SELECT * FROM outbox") == [])
    assert {status for (status,) in rows("SELECT status FROM runs")} == {"completed"}
    assert sum(talker.broken for talker in talkers) == 0
    asked = Counter(_last_of(post) for post in upstream.posts())
    for talker, thread in zip(talkers, told, strict=True):
        assert_counted(talker, thread, asked)
    assert_mirrored(rows, upstream, told)


def _felt(talkers):
    """Whether calls got no answer, and streams broke."""
    return any(talker.doubts for talker in talkers) and any(talker.broken for talker in talkers)


def stormed(two, begin, end, until=lambda talkers: True):
    """Talkers, and what their threads say, after `end` was done to the servers again and again."""

    async def doing(http, assistant):
        stop, roots = asyncio.Event(), roots_of(two)
        talkers = [Talker(http, roots, assistant, f"t{number}") for number in range(TALKERS)]
        talking = [asyncio.create_task(talker.talk(stop)) for talker in talkers]
        try:
            for number in range(MOST_KILLS):
                if number >= KILLS and until(talkers):
                    break
                await asyncio.sleep(1.5)
                await asyncio.to_thread(_end_and_begin_again, two, number % 2, begin, end)
            await asyncio.sleep(1.0)
        finally:
            stop.set()
            await asyncio.gather(*talking)
        for talker in talkers:
            last = {"role": "user", "content": f"Last {talker.name}"}
            await talker.post(f"{talker.path}/messages", last)
            await talker.post(f"{talker.path}/runs", {"assistant_id": assistant})
        await asyncio.gather(*(talker.rest() for talker in talkers))
        return talkers, [await _told(talker) for talker in talkers]

    return talked(roots_of(two), doing)


def _end_and_begin_again(servers, place, begin, end):
    port = str(httpx.URL(servers[place].root).port)
    end(servers[place])
    servers[place] = begin("--port", port)


async def _told(talker):
    """All messages of a thread, oldest first, and its runs by id."""
    pages = [f"{talker.path}/{kind}?limit=100&order=asc" for kind in ("messages", "runs")]
    messages, runs = [(await talker.get(page))["data"] for page in pages]
    return messages, {run["id"]: run for run in runs}


def _last_of(body):
    """What the user said last, in a request for a response."""
    said = [item for item in body["input"] if item.get("role") == "user"]
    return said[-1]["content"] if isinstance(said[-1]["content"], str) else _text(said[-1])


def _text(message):
    part = message["content"][0]["text"]
    return part if isinstance(part, str) else part["value"]


def assert_ended(rows, talkers):
    """Every run has ended; those that failed were killed before their response had an id."""
    ends = Counter(status for (status,) in rows("SELECT status FROM runs"))
    assert ends.keys() <= {"completed", "failed"}, ends
    assert ends["failed"] <= MOST_KILLS * TALKERS
    assert ends["completed"] > TALKERS
    assert sum(ends.values()) == sum(len(talker.runs) for talker in talkers)


def assert_counted(talker, thread, asked):
    """A thread is what its talker was told, and each question was asked no more than once."""
    messages, runs = thread
    said = [message for message in messages if message["role"] == "user"]
    texts = Counter(map(_text, said))
    answers = Counter(each["run_id"] for each in messages if each["role"] == "assistant")
    acknowledged = {each for each in talker.messages.values() if each}
    unsure = [text for text, each in talker.messages.items() if each is None]

    assert set(texts.values()) == {1}
    assert acknowledged <= {message["id"] for message in said}
    assert texts.keys() <= {*talker.messages, f"Last {talker.name}"}
    assert len(texts) <= len(acknowledged) + len(unsure) + 1
    for run_id, run in runs.items():
        assert talker.runs[run_id] == run["status"]
        if run["status"] == "failed":
            assert run["last_error"]["message"].startswith(ABANDONED)
            assert answers[run_id] <= 1
        else:
            assert answers[run_id] == 1
    for text in texts:
        assert asked[text] <= (2 if "weather" in text else 1), text
    _check_answers(messages)


def _check_answers(messages):
    """Each whole answer is one to what was said before it."""
    question = None
    for message in messages:
        if message["role"] == "user":
            question = _text(message)
        elif message["status"] == "completed" and "weather" not in question:
            assert question in _text(message)


def assert_mirrored(rows, upstream, told):
    """Each conversation at the upstream says what its thread says, in the same order."""
    kept = dict(rows("SELECT thread_id, conversation_id FROM mirrors"))
    with httpx.Client(base_url=upstream.url, headers={**KEY, **BETA}) as client:
        for messages, _ in told:
            path = f"/conversations/{kept[messages[0]['thread_id']]}/items"
            items = client.get(path, params={"limit": 100, "order": "asc"}).json()["data"]
            spoken = [(item["role"], _text(item)) for item in items if item["type"] == "message"]
            assert spoken == [(each["role"], _text(each)) for each in messages if each["content"]]
            calls = Counter(item["call_id"] for item in items if item["type"] != "message")
            assert set(calls.values()) <= {2}  # the call and its output
