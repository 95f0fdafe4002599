"""Programs on one PostgreSQL: each goes on with what another began, also when that one is killed.

Nothing is shared but the database and the upstream, as between machines. `Place.program` says what
a program speaks to: a client of its own now, and as well a server of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from durability_place import FINAL, assert_consistent, until

pytestmark = [
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
    pytest.mark.parametrize("kind", ["postgres"]),
    pytest.mark.parametrize("dialect", ["openai", "generic"]),
]


@pytest.fixture
def delay():
    """Short, so that much happens."""
    return 0.05


def test_each_step_in_another_process(place, client, errand, finished, sound):
    """A run begun by one program is polled by a second, and its outputs come from a third."""
    one = place.program("create", errand.thread, errand.assistant)
    run_id = one.line()["id"]

    waiting = finished(run_id, errand.thread)
    calls = [call.id for call in waiting.required_action.submit_tool_outputs.tool_calls]
    other = place.program("submit", errand.thread, run_id, *calls)
    submitted = other.line()
    run = finished(run_id, errand.thread)

    assert waiting.status == "requires_action"
    assert submitted["id"] == run_id
    assert run.status == "completed"
    assert len(place.posts()) == 2
    sound(errand.thread, errand.assistant)


def test_one_of_two_is_killed_under_load(place, client, chat):
    """No run is stuck, and of what was acknowledged nothing is lost or there twice, by count."""
    survivor = place.program("load", chat.assistant, "survivor", "6")
    victim = place.program("load", chat.assistant, "victim", "1000")
    said = []
    while sum("run" in line for line in said) < 16:
        said.append(victim.line())

    victim.kill()
    said += victim.rest()
    lived = survivor.rest()

    assert survivor.process.wait(30) == 0
    assert Counter(line["status"] for line in lived if "run" in line) == {"completed": 24}
    assert {line["status"] for line in said if "run" in line} == {"completed"}
    for thread_id in {line["thread"] for line in said}:
        until(lambda thread_id=thread_id: over(client, thread_id), 20)
    for thread_id in {line["thread"] for line in [*said, *lived]}:
        assert_consistent(place, client, thread_id)
    assert_counted(client, [*said, *lived], in_flight=4)
    assert place.rows("SELECT id FROM runs WHERE status NOT IN ('completed', 'failed')") == []
    sent = place.rows("SELECT * FROM runs")
    assert len(place.posts()) <= sum(row["sent"] for row in sent)


def over(client, thread_id):
    """Whether every run of a thread has ended."""
    return all(run.status in FINAL for run in client.beta.threads.runs.list(thread_id))


def assert_counted(client, said, in_flight):
    """What was acknowledged is there once; besides it, at most one call of each talker's."""
    more = Counter()
    for thread_id in {line["thread"] for line in said}:
        ours = [line for line in said if line["thread"] == thread_id]
        messages = list(client.beta.threads.messages.list(thread_id, limit=100))
        asked = [each for each in messages if each.role == "user"]
        runs = {run.id: run.status for run in client.beta.threads.runs.list(thread_id, limit=100)}
        texts = Counter(each.content[0].text.value for each in asked)
        answers = Counter(each.run_id for each in messages if each.role == "assistant")

        assert set(texts.values()) <= {1}, texts
        assert {line["message"] for line in ours if "message" in line} <= {m.id for m in asked}
        assert all(runs[line["run"]] == "completed" for line in ours if "run" in line)
        assert all(answers[line["run"]] == 1 for line in ours if "run" in line)
        assert set(answers.values()) <= {1}, answers
        more["messages"] += len(asked) - sum("message" in line for line in ours)
        more["runs"] += len(runs) - sum("run" in line for line in ours)
    assert more["messages"] <= in_flight, more
    assert more["runs"] <= in_flight, more


@pytest.mark.parametrize("delay", [0.01])
def test_callers_who_give_up_leave_no_run_behind(place, chat):
    """A run that was stored while its async caller gave up goes on to its end all the same."""

    async def storm():
        async with place.async_client() as client:
            threads = client.beta.threads
            for number in range(40):
                said = [{"role": "user", "content": "Hello"}]
                thread = await threads.create(messages=said)
                begun = threads.runs.create(thread_id=thread.id, assistant_id=chat.assistant)
                task = asyncio.create_task(begun)
                await asyncio.sleep(number % 20 / 1000)
                task.cancel()
                await asyncio.wait([task])

    asyncio.run(storm())

    with place.client() as client:
        for row in place.rows("SELECT id, thread_id FROM runs"):
            until(lambda thread_id=row["thread_id"]: over(client, thread_id), 20)
    ends = place.rows("SELECT status FROM runs")
    assert {row["status"] for row in ends} == {"completed"}
