"""A conversation where the id of a thread is: on every lane the same thread, or the same 404."""

from __future__ import annotations

import openai
import pytest
from contract_api import POLL, message_of
from contract_mirror import conversations
from contract_tools import WEATHER

NONE = "conv_" + "0" * 48


async def conversation_of(api, thread_id):
    """The id of a thread's conversation, once it is there."""
    while thread_id not in (held := conversations(api.offline)):
        await api.pause(POLL)
    return held[thread_id].id


async def test_an_unknown_conversation_is_no_thread(api):
    """The 404 is the original's; where conversations are not used it says so."""
    used = api.lane.conversations == "upstream"
    api.refusals = [404] if used else []

    with pytest.raises(openai.NotFoundError) as caught:
        await api.threads.messages.list(NONE)

    assert message_of(caught).startswith(f"No thread found with id '{NONE}'.")
    assert ("SHIM_CONVERSATIONS" in message_of(caught)) is not used


async def test_native_turns_are_in_the_thread(api, runner):
    """What native code adds between the runs is listed and answered, under either id."""
    if api.lane.conversations != "upstream":
        pytest.skip("conversations are not used")
    assistant, thread = await api.scene("One", tools=[WEATHER])
    await runner.run(thread, assistant)
    conversation = await conversation_of(api, thread.id)
    await api.threads.retrieve(conversation)

    asked = {"model": "gpt-4o", "input": "Two", "conversation": conversation}
    await api.client.post("/responses", cast_to=object, body=asked)
    await api.threads.messages.create(conversation, role="user", content="Three")
    run = await runner.run(thread, assistant)
    listed = [m async for m in api.threads.messages.list(conversation, order="asc")]

    texts = [message.content[0].text.value for message in listed]
    assert run.status == "completed"
    assert texts[::2] == ["One", "Two", "Three"]
    assert texts[-1] == "You said: Three (I also saw 4 earlier messages.)"
    assert {message.thread_id for message in listed} == {thread.id}
