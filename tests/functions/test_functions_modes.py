"""LiteLLM's functions where calls go to a native server, or to either of two lanes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import openai
import pytest
from openai import AssistantEventHandler, AsyncAssistantEventHandler

import shim

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "server"))

from server_place import Echo, World

HELLO = {"role": "user", "content": "Hey, how's it going?"}
ANSWER = "You said: Hey, how's it going?"
TO_NATIVE = {"otherwise": "native"}
TO_RESPONSES = {"otherwise": "responses", "migrate": True}


@pytest.fixture
def native(tmp_path):
    """A server that still speaks Assistants."""
    folder = tmp_path / "native"
    folder.mkdir()
    world = World(folder)
    yield world
    world.close()


@pytest.fixture
def mode(served, native, monkeypatch):
    """Sets the mode, as the environment does it."""

    def put(name, routes=None):
        monkeypatch.setenv("SHIM_MODE", name)
        monkeypatch.setenv("SHIM_NATIVE_URL", native.url)
        if routes is not None:
            monkeypatch.setenv("SHIM_ROUTES", json.dumps(routes))

    return put


def texts(page):
    """What was said, oldest first."""
    return [message.content[0].text.value for message in page.data][::-1]


async def conversation_of(handler):
    """All the functions that there are for a loop, once; gives what came of them."""
    made = await shim.acreate_assistants("openai", model="gpt-6-luna", name="Tutor")
    page = await shim.aget_assistants("openai")
    thread = await shim.acreate_thread("openai", messages=[HELLO])
    same = await shim.aget_thread("openai", thread.id)
    polled = await shim.arun_thread("openai", thread.id, made.id)
    await shim.a_add_message("openai", thread.id, role="user", content="Again")
    streaming = await shim.arun_thread("openai", thread.id, made.id, stream=True)
    async with streaming as stream:
        events = [event.event async for event in stream]
    await shim.a_add_message("openai", thread.id, role="user", content="Once more")
    manager = shim.arun_thread_stream(
        custom_llm_provider="openai",
        thread_id=thread.id,
        assistant_id=made.id,
        event_handler=handler,
    )
    async with manager as stream:
        await stream.until_done()
    messages = await shim.aget_messages("openai", thread.id)
    deleted = await shim.adelete_assistant("openai", assistant_id=made.id)
    return {
        "listed": [each.name for each in page.data],
        "same": same.id == thread.id,
        "polled": polled.status,
        "events": (events[0], events[-1]),
        "texts": texts(messages),
        "deleted": deleted.deleted,
        "thread": thread.id,
    }


class Heard(AsyncAssistantEventHandler):
    """Notes the texts that were heard."""

    def __init__(self):
        super().__init__()
        self.texts = []

    async def on_text_done(self, text):
        """Note a text."""
        self.texts.append(text.value)


CASES = [("native", None), ("route", TO_NATIVE), ("route", TO_RESPONSES)]


@pytest.mark.parametrize(("name", "routes"), CASES)
def test_all_functions_work_on_a_loop(mode, run, native, name, routes):
    """Assistants, threads, messages, runs, streams: each as if there were no other lane."""
    mode(name, routes)
    handler = Heard()

    seen = run(lambda: conversation_of(handler))

    assert seen["listed"] == ["Tutor"]
    assert (seen["same"], seen["polled"], seen["deleted"]) == (True, "completed", True)
    assert seen["events"] == ("thread.run.created", "thread.run.completed")
    assert seen["texts"][:2] == [HELLO["content"], ANSWER]
    assert len(seen["texts"]) == 6
    assert handler.texts == seen["texts"][-1:]
    there = native.ask("GET", f"/v1/threads/{seen['thread']}").status_code
    assert there == (404 if routes is TO_RESPONSES else 200)


@pytest.mark.parametrize(("name", "routes"), CASES)
def test_all_functions_work_without_a_loop(mode, native, name, routes):
    """The same for the functions that block."""
    mode(name, routes)
    heard = []

    class Handler(AssistantEventHandler):
        def on_text_done(self, text):
            heard.append(text.value)

    made = shim.create_assistants("openai", "gpt-6-luna", name="Tutor")
    listed = [each.name for each in shim.get_assistants("openai").data]
    thread = shim.create_thread("openai", messages=[HELLO])
    run = shim.run_thread("openai", thread.id, made.id)
    shim.add_message("openai", thread.id, role="user", content="Again")
    with shim.run_thread_stream(
        custom_llm_provider="openai",
        thread_id=thread.id,
        assistant_id=made.id,
        event_handler=Handler(),
    ) as stream:
        stream.until_done()
    said = texts(shim.get_messages("openai", thread.id))
    deleted = shim.delete_assistant("openai", assistant_id=made.id)

    assert shim.get_thread("openai", thread.id).id == thread.id
    assert (listed, run.status, deleted.deleted) == (["Tutor"], "completed", True)
    assert said[:2] == [HELLO["content"], ANSWER]
    assert heard == said[-1:]
    there = native.ask("GET", f"/v1/threads/{thread.id}").status_code
    assert there == (404 if routes is TO_RESPONSES else 200)


def test_functions_called_at_once_share_a_loop(mode, run):
    """Many at a time, to both lanes, each with an answer of its own."""
    import asyncio  # noqa: PLC0415 - for this test alone

    mode("route", {"rules": [{"percent": 50, "lane": "responses"}], "otherwise": "native"})

    async def one(number, assistant_id):
        said = {"role": "user", "content": f"Number {number}"}
        thread = await shim.acreate_thread("openai", messages=[said])
        await shim.arun_thread("openai", thread.id, assistant_id)
        return texts(await shim.aget_messages("openai", thread.id))

    async def work():
        made = await shim.acreate_assistants("openai", model="gpt-6-luna")
        return await asyncio.gather(*(one(number, made.id) for number in range(12)))

    assert run(work) == [[f"Number {n}", f"You said: Number {n}"] for n in range(12)]


@pytest.mark.parametrize(("name", "routes"), CASES)
def test_errors_are_the_sdks_own(mode, run, name, routes):
    """An unknown thread is a 404 that names it, from whichever lane."""
    mode(name, routes)

    async def work():
        await shim.aget_messages("openai", "thread_000000000000000000000000")

    with pytest.raises(openai.NotFoundError, match="No thread found with id 'thread_0"):
        run(work)
    with pytest.raises(openai.NotFoundError, match="No thread found with id 'thread_0"):
        shim.get_messages("openai", "thread_000000000000000000000000")


def test_a_thread_is_moved_by_a_function(mode, run, native):
    """One that the native server has is carried on here when a function next uses it."""
    there = native.client().beta.threads.create(messages=[HELLO])
    mode("route", TO_RESPONSES)

    async def work():
        made = await shim.acreate_assistants("openai", model="gpt-6-luna")
        await shim.arun_thread("openai", there.id, made.id)
        return texts(await shim.aget_messages("openai", there.id))

    assert run(work) == [HELLO["content"], ANSWER]
    assert len(native.client().beta.threads.messages.list(there.id).data) == 1


@pytest.mark.parametrize("name", ["responses", "route"])
def test_a_conversation_may_be_named_as_a_thread(mode, run, served, name):
    """Native code and LiteLLM's functions take turns on it, in both colours."""
    if name == "route":
        mode(name, TO_NATIVE)
    client = openai.OpenAI()
    conversation = client.conversations.create(items=[HELLO]).id

    async def work():
        made = await shim.acreate_assistants("openai", model="gpt-6-luna")
        await shim.arun_thread("openai", conversation, made.id)
        await shim.a_add_message("openai", conversation, role="user", content="Again")
        return texts(await shim.aget_messages("openai", conversation))

    said = run(work)
    client.responses.create(model="gpt-6-luna", conversation=conversation, input="Natively")
    blocking = texts(shim.get_messages("openai", conversation))
    client.close()

    assert said == [HELLO["content"], ANSWER, "Again"]
    assert blocking[:4] == [*said, "Natively"]
    assert len(blocking) == 5


def test_azures_account_is_passed_on_too(mode, run, native):
    """With the key of the call; the native server answers in Azure's place."""
    mode("native")
    account = {
        "api_key": "sk-azure",
        "api_base": "https://example.openai.azure.com",
        "api_version": "2024-05-01-preview",
    }

    async def work():
        made = await shim.acreate_assistants("azure", model="azure/gpt-6-luna", **account)
        thread = await shim.acreate_thread("azure", messages=[HELLO], **account)
        await shim.arun_thread("azure", thread.id, made.id, **account)
        return thread.id, texts(await shim.aget_messages("azure", thread.id, **account))

    thread, said = run(work)

    assert said == [HELLO["content"], ANSWER]
    assert native.ask("GET", f"/v1/threads/{thread}").status_code == 200


@pytest.fixture
def echo():
    """A server that tells what it was asked."""
    echo = Echo()
    yield echo
    echo.close()


@pytest.mark.parametrize("key", ["", "sk-native"])
def test_the_key_that_is_set_goes_to_the_native_server(mode, run, echo, monkeypatch, key):
    """Else the caller's own, in either colour."""
    mode("native")
    monkeypatch.setenv("SHIM_NATIVE_URL", echo.url)
    monkeypatch.setenv("SHIM_NATIVE_KEY", key)

    async def work():
        await shim.acreate_thread("openai", messages=[HELLO])

    run(work)
    shim.create_thread("openai", messages=[HELLO])

    keys = [each["headers"]["authorization"] for each in echo.seen]
    assert keys == [f"Bearer {key or 'sk-env'}"] * 2
    assert [each["path"] for each in echo.seen] == ["/threads"] * 2
