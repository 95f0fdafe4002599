"""Programs that do what they like with a thread, at once: whatever comes, the thread is sound."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from durability_place import FINAL, until

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

SECONDS = 2.5


@pytest.fixture
def delay():
    """Short, so that much happens."""
    return 0.02


def begin(runs, thread, chance):
    """Make a run, and read its events to the end, in part, or not at all."""
    streamed = chance.random() < 0.6
    run = runs.create(thread_id=thread.thread, assistant_id=thread.assistant, stream=streamed)
    if streamed:
        with run:
            for _, _ in zip(range(chance.choice((0, 3, 8, 1000))), run, strict=False):
                pass


def newest(runs, thread):
    """The newest run of a thread."""
    return runs.list(thread.thread, limit=1).data[0]


def cancel(runs, thread, _chance):
    """Cancel the newest run."""
    runs.cancel(newest(runs, thread).id, thread_id=thread.thread)


def submit(runs, thread, chance):
    """Submit what the newest run waits for, if it waits."""
    run = newest(runs, thread)
    if run.required_action is None:
        return
    calls = run.required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": call.id, "output": "sunny"} for call in calls]
    streamed = chance.random() < 0.5
    given = runs.submit_tool_outputs(
        run.id, thread_id=thread.thread, tool_outputs=outputs, stream=streamed
    )
    if streamed:
        list(given)


DEEDS = (begin, begin, begin, cancel, submit, submit, submit)


def live(client, thread, seed):
    """Do one thing after another; only what the API refuses with a 400 may be refused."""
    chance = random.Random(seed)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            chance.choice(DEEDS)(client.beta.threads.runs, thread, chance)
            client.beta.threads.messages.create(
                thread.thread, role="user", content="What is the weather in Paris?"
            )
        except openai.BadRequestError:
            pass
        except IndexError:
            pass  # no run yet


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("seed", [1, 2])
def test_programs_that_share_a_thread(place, client, errand, sound, seed):
    """Clients of two dialects begin, leave, cancel and feed the runs of one thread at once."""
    other = place.spoken("generic").client()

    with ThreadPoolExecutor(6) as pool:
        done = [
            pool.submit(live, (client, other)[number % 2], errand, seed * 100 + number)
            for number in range(6)
        ]
    for each in done:
        each.result()
    other.close()
    until(lambda: ended(client, errand), 20)

    assert len(place.posts()) <= sum(row["sent"] for row in place.rows("SELECT * FROM runs"))
    sound(errand.thread, errand.assistant)


def ended(client, thread):
    """Whether the newest run has ended; one that waits for outputs is cancelled."""
    run = newest(client.beta.threads.runs, thread)
    if run.status == "requires_action":
        client.beta.threads.runs.cancel(run.id, thread_id=thread.thread)
    return run.status in FINAL
