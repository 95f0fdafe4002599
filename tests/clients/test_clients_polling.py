"""Programs that poll in ways no manual advises, and that the original put up with."""

from __future__ import annotations

import asyncio
import time

import pytest

LOOKS = 400
"""More looks than any of these runs needs."""


async def polled(client, pause):
    """The status of a run, looked at until it has ended or the looks are used up."""
    assistant = await client.beta.assistants.create(model="gpt-4o", instructions="Be brief.")
    run = await client.beta.threads.create_and_run(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Hi"}]}
    )
    for _ in range(LOOKS):
        if run.status not in ("queued", "in_progress"):
            break
        pause()
        run = await client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
    return run.status


@pytest.mark.parametrize("seconds", [0, 0.02])
def test_a_loop_that_blocks_while_it_polls_sees_the_run_end(make_async_client, seconds):
    """`time.sleep` or no sleep at all in a coroutine, as openai 1.21's own async `poll` does it."""

    async def program():
        async with make_async_client() as client:
            return await polled(client, lambda: time.sleep(seconds))

    assert asyncio.run(program()) == "completed"


def test_others_run_while_a_program_polls_without_a_pause(make_async_client):
    """A web server's other requests are answered meanwhile, as they were while a call waited."""

    async def program():
        rounds = 0

        async def other():
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0)

        async with make_async_client() as client:
            task = asyncio.create_task(other())
            for _ in range(20):
                await client.beta.threads.create()
            task.cancel()
        return rounds

    assert asyncio.run(program()) >= 20


def test_a_loop_that_is_not_asyncios_is_told_so(make_async_client):
    """The error names the way out, and asks not to be tried again."""

    async def program():
        http = make_async_client()._client
        request = http.build_request("POST", "https://api.openai.com/v1/threads")
        return await http.door.handle_async_request(request)

    answer = driven_without_asyncio(program())

    assert answer.status_code == 500
    assert "need an asyncio loop" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"


def driven_without_asyncio(work):
    """The result of a coroutine, driven as a loop of another make would."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value
