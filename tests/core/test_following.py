"""Runs in background mode that run code are followed, so that nothing is lost if nobody polls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from code_runs import CODE, CSV, FUNCTION, LINK, begun, mounted

import shim
from shim.offline import Offline
from shim.offline.outputs import Call
from shim.settings import Settings


@pytest.fixture
def offline() -> Iterator[Offline]:
    offline = Offline()
    yield offline
    offline.close()


def until(seen: Callable[[], Any], seconds: float = 6.0) -> Any:
    """What a look gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, "not seen"
        time.sleep(0.02)
    return found


def looks(offline: Offline) -> list[str]:
    """How the upstream was asked for responses."""
    return [e.path for e in offline.log if e.method == "GET" and e.path.startswith("/responses/")]


def created(client: openai.OpenAI, tools: Any = CODE) -> tuple[str, str]:
    """A run that was begun and not looked at: its thread and its id."""
    thread_id, assistant_id = begun(client, tools=tools)
    made = client.beta.threads.runs.create(thread_id=thread_id, assistant_id=assistant_id)
    return thread_id, made.id


def test_files_are_copied_although_nobody_looks(offline: Offline, tmp_path: Path) -> None:
    """The file is kept some moments after the response has ended, and nobody looks after that."""
    client = mounted(offline, str(tmp_path / "shim.db"), files=str(tmp_path / "made"))
    offline.script.code(CSV, then=LINK, delay=0.3)

    created(client)
    (kept,) = until(lambda: list((tmp_path / "made").glob("file-*")))
    asked = len(looks(offline))
    time.sleep(1.2)

    assert kept.read_bytes() == b"month,sales\nMar,5\n"
    assert asked == len(looks(offline)) == 1
    client.close()


def test_a_poller_and_the_follower_do_not_ask_twice(offline: Offline) -> None:
    """However many look, the upstream is asked once a second at most."""
    client = mounted(offline)
    offline.script.code(CSV, then=LINK, delay=2.5)
    began = time.monotonic()
    thread_id, run_id = created(client)

    while client.beta.threads.runs.retrieve(run_id, thread_id=thread_id).status != "completed":
        time.sleep(0.05)

    assert len(looks(offline)) <= time.monotonic() - began + 1
    client.close()


def test_runs_without_code_are_not_followed(offline: Offline) -> None:
    """Nothing is to be fetched from them."""
    client = mounted(offline)
    offline.script.say("Hello", delay=0.2)

    created(client, [FUNCTION])
    time.sleep(1.4)

    assert looks(offline) == []
    client.close()


def test_a_run_that_waits_for_outputs_is_followed_again_afterwards(
    offline: Offline, tmp_path: Path
) -> None:
    """While it waits nobody asks; what comes after the outputs is followed as the first was."""
    client = mounted(offline, str(tmp_path / "shim.db"), files=str(tmp_path / "made"))
    offline.script.mixed([Call("rate", {})])
    thread_id, run_id = created(client, [*CODE, FUNCTION])
    runs = client.beta.threads.runs
    until(lambda: runs.retrieve(run_id, thread_id=thread_id).status == "requires_action")
    (call,) = runs.retrieve(
        run_id, thread_id=thread_id
    ).required_action.submit_tool_outputs.tool_calls
    time.sleep(1.2)
    asked = len(looks(offline))
    offline.script.code(CSV, then=LINK, delay=0.2)

    runs.submit_tool_outputs(
        run_id, thread_id=thread_id, tool_outputs=[{"tool_call_id": call.id, "output": "5"}]
    )
    until(lambda: list((tmp_path / "made").glob("file-*")))

    assert asked == 1
    client.close()


def test_a_client_that_is_closed_follows_no_more(offline: Offline, tmp_path: Path) -> None:
    """Closing does not wait for the run, which whoever looks next takes up."""
    client = mounted(offline, str(tmp_path / "shim.db"))
    offline.script.code(CSV, then=LINK, delay=3.0)
    thread_id, run_id = created(client)

    began = time.monotonic()
    client.close()
    took = time.monotonic() - began
    time.sleep(max(0.0, 3.1 - took))
    asked = len(looks(offline))

    again = mounted(offline, str(tmp_path / "shim.db"))
    run = again.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
    assert (took < 2.5, asked, run.status) == (True, 0, "completed")
    again.close()


def test_a_loop_ends_with_a_run_in_hand(offline: Offline, tmp_path: Path) -> None:
    """Behind an async door nothing is left pending, nor awaited, when the program's loop ends."""
    module: Any = httpx
    if not issubclass(openai.DefaultHttpxClient, httpx.Client):
        import httpx2 as module  # noqa: PLC0415 - what openai 3 brings
    http = module.AsyncClient(transport=offline.async_transport(module))
    settings = Settings.load({}, database_url=f"sqlite:///{tmp_path / 'shim.db'}", dialect="openai")
    client = shim.mount(openai.AsyncOpenAI(api_key="k", http_client=http, max_retries=0), settings)
    offline.script.code(CSV, then=LINK, delay=1.2)

    async def program(seconds: float) -> str:
        threads = client.beta.threads
        assistant = await client.beta.assistants.create(model="gpt-4o", tools=CODE)
        messages: Any = [{"role": "user", "content": "Analyse."}]
        run = await threads.create_and_run(assistant_id=assistant.id, thread={"messages": messages})
        await asyncio.sleep(seconds)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        return run.id

    loop = asyncio.new_event_loop()
    run_id = loop.run_until_complete(program(0.1))
    loop.close()

    assert run_id.startswith("run_")
    assert looks(offline) == []
    asyncio.run(client.close())


def test_an_async_client_follows_too(offline: Offline, tmp_path: Path) -> None:
    """A task looks from time to time, as long as the loop runs."""
    module: Any = httpx
    if not issubclass(openai.DefaultHttpxClient, httpx.Client):
        import httpx2 as module  # noqa: PLC0415 - what openai 3 brings
    made = tmp_path / "made"
    url = f"sqlite:///{tmp_path / 'shim.db'}"
    settings = Settings.load({}, database_url=url, dialect="openai", files=str(made))
    offline.script.code(CSV, then=LINK, delay=0.3)

    async def program() -> None:
        http = module.AsyncClient(transport=offline.async_transport(module))
        sdk = openai.AsyncOpenAI(api_key="k", http_client=http, max_retries=0)
        async with shim.mount(sdk, settings) as client:
            assistant = await client.beta.assistants.create(model="gpt-4o", tools=CODE)
            messages: Any = [{"role": "user", "content": "Analyse."}]
            await client.beta.threads.create_and_run(
                assistant_id=assistant.id, thread={"messages": messages}
            )
            for _ in range(250):
                if list(made.glob("file-*")):
                    return
                await asyncio.sleep(0.02)

    asyncio.run(program())

    assert [path.read_bytes() for path in made.glob("file-*")] == [b"month,sales\nMar,5\n"]


def test_a_key_that_may_not_see_a_response_is_told_of(offline: Offline) -> None:
    """The run goes on for whoever may see it, and its notes say what happened."""
    client = mounted(offline)
    offline.script.code(CSV, then=LINK)
    thread_id, run_id = created(client)
    offline.faults.add("/responses/", method="GET", status=401)
    runs = client.beta.threads.runs

    seen = runs.with_raw_response.retrieve(run_id, thread_id=thread_id)
    done = until(lambda: _ended(client, thread_id, run_id))

    assert seen.parse().status == "queued"
    assert (
        "refused the key of a call that looked at the run's response (401)"
        in (seen.headers["x-shim-notes"])
    )
    assert done.status == "completed"
    client.close()


def _ended(client: openai.OpenAI, thread_id: str, run_id: str) -> Any:
    run = client.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
    return run if run.status == "completed" else None
