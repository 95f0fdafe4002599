"""A user's own program on two lanes, as an assertion and as a mark of pytest's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shim.offline import Call, Offline, Say
from shim.parity import assert_parity
from shim.settings import Settings
from shim.testing import connect

ROOT = Path(__file__).resolve().parents[2]
TOOL = {
    "type": "function",
    "function": {"name": "find_order", "parameters": {"type": "object", "properties": {}}},
}


class Desk:
    """A model that looks orders up, unless it is the forgetful one or talks like a pirate."""

    def reply(self, view):
        output = next((item for item in view.turn if "output" in item), None)
        if output is not None:
            return [Say(f"It {output['output']}.")]
        if view.model == "forgetful":
            return [Say("I do not know.")]
        return [Call("find_order", {"number": 17})]


@pytest.fixture
def desk():
    """The address of a server with that model."""
    with Offline(model=Desk()).serve() as served:
        yield f"shim,upstream_url={served.url},upstream_key=offline,dialect=openai"


def order(client):
    """A program of the year 2024."""
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[TOOL])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "My order 17?"}])
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=10
    )
    while run.status == "requires_action":
        calls = run.required_action.submit_tool_outputs.tool_calls
        run = client.beta.threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=thread.id,
            tool_outputs=[{"tool_call_id": c.id, "output": "was sent"} for c in calls],
            poll_interval_ms=10,
        )
    return client.beta.threads.messages.list(thread.id).data[0].content[0].text.value


async def order_async(client):
    """The same in another colour, streamed."""
    assistant = await client.beta.assistants.create(model="gpt-4o", tools=[TOOL])
    thread = await client.beta.threads.create(messages=[{"role": "user", "content": "My order?"}])
    async with client.beta.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id
    ) as stream:
        await stream.until_done()
    run = await stream.get_final_run()
    if run.status == "requires_action":
        calls = run.required_action.submit_tool_outputs.tool_calls
        outputs = [{"tool_call_id": c.id, "output": "was sent"} for c in calls]
        async with client.beta.threads.runs.submit_tool_outputs_stream(
            run_id=run.id, thread_id=thread.id, tool_outputs=outputs
        ) as stream:
            await stream.until_done()


@pytest.mark.parametrize("program", [order, order_async])
def test_the_same_lane_twice_passes(program, desk):
    """The program's runs are read back from what it asked, and nothing differs."""
    summary = assert_parity(program, a=desk, b=desk)

    assert summary.verdict == "same"
    assert [turn.pair.a[0].text for turn in summary.turns] == ["It was sent."]


@pytest.mark.parametrize("program", [order, order_async])
def test_a_model_that_forgets_a_call_fails(program, desk):
    """The failure names the call and shows both answers."""
    with pytest.raises(AssertionError) as failure:
        assert_parity(program, a=desk, b=f"{desk},model=forgetful")

    assert "tool_diff: does not call find_order" in str(failure.value)
    assert "I do not know." in str(failure.value)


def test_what_is_to_be_ignored_is(desk):
    """A kind that is ignored does not fail a test; nor does what a program raises get lost."""

    def wrong(client):
        order(client)
        raise ZeroDivisionError

    ignore = ("tool_diff", "steps_diff", "expect_diff")
    assert_parity(order, a=desk, b=f"{desk},model=forgetful", ignore=ignore)
    with pytest.raises(ZeroDivisionError):
        assert_parity(wrong, a=desk, b=desk)


def test_a_recording_is_a_lane(desk, tmp_path):
    """What was recorded once is played to the program, and the other lane is held against it."""
    path = tmp_path / "old.jsonl"
    settings = Settings(database_url="sqlite:///:memory:", dialect="openai", record=str(path))
    with connect(Offline(model=Desk()), settings=settings) as client:
        order(client)

    summary = assert_parity(order, a=f"recording:{path}", b=desk)

    assert summary.verdict == "same"
    with pytest.raises(AssertionError, match="find_order"):
        assert_parity(order, a=f"recording:{path}", b=f"{desk},model=forgetful")


TESTS = """
import pytest
from test_parity import order, order_async
DESK = "{desk}"

@pytest.mark.parity(a=DESK, b=DESK)
def test_same(parity_client, tmp_path):
    assert order(parity_client) == "It was sent."

@pytest.mark.parity(a=DESK, b=DESK)
async def test_async(parity_client):
    await order_async(parity_client)

@pytest.mark.parity(a=DESK, b=DESK + ",model=forgetful")
def test_forgets(parity_client):
    order(parity_client)

def test_unmarked(parity_client):
    pass
"""


def test_the_mark_in_a_users_project(desk, tmp_path):
    """Marked tests run on both lanes, plain and async; one without the mark says what it needs."""
    (tmp_path / "test_bot.py").write_text(TESTS.format(desk=desk))
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])

    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "pytest", "-q", "--strict-markers"),
            *("-p", "shim.parity", "-p", "no:cacheprovider", "test_bot.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert "2 passed, 1 error" in done.stdout.replace("1 failed, ", ""), done.stdout
    assert "does not call find_order" in done.stdout
    assert "parity_client is for tests marked" in done.stdout
