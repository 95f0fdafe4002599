"""LiteLLM's functions on a loop, and whose client they use there."""

from __future__ import annotations

import asyncio
import gc
import inspect

import openai
import pytest
from openai import AsyncAssistantEventHandler
from openai.pagination import AsyncCursorPage
from openai.types.beta import AssistantDeleted
from openai.types.beta.threads import Run

from shim import (
    a_add_message,
    acreate_assistants,
    acreate_thread,
    adelete_assistant,
    aget_assistants,
    aget_messages,
    aget_thread,
    arun_thread,
    arun_thread_stream,
    create_thread,
    get_thread,
)
from shim.functions.accounts import account
from shim.functions.clients import CLIENTS

HELLO = {"role": "user", "content": "Hey, how's it going?"}


def text_of(message):
    return message.content[0].text.value


async def started():
    """An assistant's id and that of a thread with a message."""
    assistant = await acreate_assistants(custom_llm_provider="openai", model="gpt-6-luna")
    thread = await acreate_thread(custom_llm_provider="openai", messages=[HELLO])
    return assistant.id, thread.id


def test_assistants_are_made_listed_and_deleted(run):
    """The three functions of assistants give the SDK's objects."""

    async def work():
        made = await acreate_assistants("openai", model="openai/gpt-6-luna", name="Tutor")
        page = await aget_assistants("openai")
        deleted = await adelete_assistant("openai", assistant_id=made.id)
        return made, page, deleted, (await aget_assistants("openai", limit=5)).data

    made, page, deleted, left = run(work)

    assert (made.name, made.model) == ("Tutor", "gpt-6-luna")
    assert isinstance(page, AsyncCursorPage)
    assert [each.id for each in page.data] == [made.id]
    assert isinstance(deleted, AssistantDeleted)
    assert left == []


def test_a_conversation_is_held(offline, run):
    """Thread, message, polled run and the answer."""
    offline.script.say("Fine.")

    async def work():
        assistant, thread = await started()
        found = await aget_thread("openai", thread)
        added = await a_add_message("openai", thread, "user", "And you?", metadata={"c": "d"})
        done = await arun_thread("openai", thread, assistant, "Be kind.")
        return found, added, done, await aget_messages("openai", thread, order="asc")

    found, added, done, page = run(work)

    assert found.object == "thread"
    assert added.metadata == {"c": "d"}
    assert isinstance(done, Run)
    assert (done.status, done.instructions) == ("completed", "Be kind.")
    assert [text_of(each) for each in page.data] == [HELLO["content"], "And you?", "Fine."]


def test_a_stream_is_a_manager_and_no_coroutine(offline, run):
    """`async with arun_thread_stream(...)`, with the handler that was given."""
    offline.script.say("Fine, thanks.")

    class Handler(AsyncAssistantEventHandler):
        said = ""

        async def on_text_delta(self, delta, snapshot):
            self.said += delta.value

    async def work():
        assistant, thread = await started()
        handler = Handler()
        manager = arun_thread_stream(
            custom_llm_provider="openai",
            thread_id=thread,
            assistant_id=assistant,
            event_handler=handler,
        )
        assert not inspect.isawaitable(manager)
        async with manager as stream:
            await stream.until_done()
        return handler, stream

    handler, stream = run(work)

    assert stream is handler
    assert handler.said == "Fine, thanks."


def test_a_polling_function_can_be_told_to_stream(offline, run):
    """`await arun_thread(stream=True)` gives the manager, as LiteLLM's did."""
    offline.script.say("Fine.")

    async def work():
        assistant, thread = await started()
        async with await arun_thread("openai", thread, assistant, stream=True) as stream:
            return [event.event async for event in stream]

    assert run(work)[-1] == "thread.run.completed"


def test_errors_are_those_of_the_sdk(run):
    """A missing thread is the SDK's 404, an unknown provider its 400."""

    async def work():
        with pytest.raises(openai.NotFoundError):
            await aget_thread("openai", "thread_none")
        with pytest.raises(openai.BadRequestError, match="not supported for 'create_thread'"):
            await acreate_thread("cohere")

    run(work)


def test_each_loop_has_a_client_which_it_closes(served):
    """Two programs' loops in one process share no client; each is closed when its loop winds up."""

    async def work():
        await aget_assistants("openai")
        await aget_assistants("openai")
        return list(CLIENTS._loops[asyncio.get_running_loop()][0].values())

    first, second = asyncio.run(work()), asyncio.run(work())

    assert len(first) == len(second) == 1
    assert first[0] is not second[0]
    assert first[0].is_closed() and second[0].is_closed()
    assert CLIENTS._loops == {}


def test_a_loop_that_was_only_closed_is_forgotten(served):
    """A loop closed without winding up cannot close its client, and is not kept for it."""

    async def work():
        return CLIENTS.asynchronous(account("openai", {}))

    loop = asyncio.new_event_loop()
    first = loop.run_until_complete(work())
    loop.run_until_complete(first.close())
    loop.close()

    second = asyncio.run(work())

    assert second is not first
    assert CLIENTS._loops == {}


def test_a_call_may_have_a_loop_of_its_own(served):
    """`asyncio.run(acreate_thread(...))` ends without a warning; the thread is there."""
    made = [asyncio.run(acreate_thread("openai")) for _ in range(3)]
    gc.collect()

    assert [get_thread("openai", each.id).id for each in made] == [each.id for each in made]


def test_both_colours_share_the_database(run):
    """What one made the other finds."""
    made = create_thread("openai")

    async def work():
        assert (await aget_thread("openai", made.id)).id == made.id
        return await acreate_thread("openai")

    assert get_thread("openai", run(work).id).object == "thread"
