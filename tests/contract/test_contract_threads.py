"""Threads: made, read, changed, deleted."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of


async def test_a_thread_can_be_made_of_nothing(api):
    """No body at all is enough."""
    made = await api.json(api.threads.with_raw_response.create)

    assert made["id"].startswith("thread_")
    assert made["id"][7:].isalnum()
    assert type(made["created_at"]) is int
    assert {"object": "thread", "metadata": {}, "tool_resources": {}}.items() <= made.items()


async def test_a_thread_can_begin_with_messages(api):
    """They stand in it in the order given, with what they were given."""
    messages = [
        {"role": "user", "content": "Hi", "metadata": {"n": "1"}},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
    ]

    thread = await api.threads.create(messages=messages, metadata={"for": "me"})

    found = [m async for m in api.threads.messages.list(thread.id, order="asc")]
    assert [(m.role, m.content[0].text.value) for m in found] == [
        ("user", "Hi"),
        ("assistant", "Hello"),
    ]
    assert [m.metadata for m in found] == [{"n": "1"}, {}]
    assert thread.metadata == {"for": "me"}


@pytest.mark.parametrize(
    "given", [{"messages": []}, {"metadata": None, "tool_resources": None}, {"tool_resources": {}}]
)
async def test_a_thread_can_be_made_of_empty_things(api, given):
    """Libraries send what they have, be it nothing."""
    thread = await api.threads.create(**given)

    assert thread.metadata == {}
    assert (await api.threads.messages.list(thread.id)).data == []


async def test_a_thread_reads_as_the_original_did(api):
    """A read, unlike the answer to creating it, shows an empty list of files."""
    thread = await api.threads.create(metadata={"for": "me"})

    read = await api.json(api.threads.with_raw_response.retrieve, thread.id)

    assert (read["id"], read["metadata"]) == (thread.id, {"for": "me"})
    assert read["tool_resources"] == {"code_interpreter": {"file_ids": []}}


async def test_the_metadata_of_a_thread_is_replaced(api):
    """The map that is given is the map that is kept."""
    thread = await api.threads.create(metadata={"a": "1", "b": "2"})

    changed = await api.threads.update(thread.id, metadata={"c": "3"})

    assert changed.metadata == {"c": "3"}
    assert (await api.threads.retrieve(thread.id)).metadata == {"c": "3"}


async def test_the_resources_of_a_thread_are_kept(api):
    """Files and stores are shown as they were given, and can be replaced."""
    files = {"code_interpreter": {"file_ids": ["file-1"]}}
    stores = {"file_search": {"vector_store_ids": ["vs_1"]}}

    made = await api.json(api.threads.with_raw_response.create, tool_resources=files)
    changed = await api.json(
        api.threads.with_raw_response.update, made["id"], tool_resources=stores
    )

    assert (made["tool_resources"], changed["tool_resources"]) == (files, stores)


async def test_a_deleted_thread_is_gone(api):
    """With its messages and runs; and its conversation is deleted too."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)

    deleted = await api.threads.delete(thread.id)

    assert deleted.model_dump() == {
        "id": thread.id,
        "deleted": True,
        "object": "thread.deleted",
    }
    for ask in (
        lambda: api.threads.retrieve(thread.id),
        lambda: api.threads.delete(thread.id),
        lambda: api.threads.messages.list(thread.id),
        lambda: api.threads.messages.create(thread.id, role="user", content="Hi"),
        lambda: api.threads.runs.retrieve(run.id, thread_id=thread.id),
        lambda: api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            await ask()
        assert message_of(caught) == f"No thread found with id '{thread.id}'."


async def test_a_thread_with_a_waiting_run_can_be_deleted(api):
    """Nobody is stopped from clearing up."""
    assistant, thread = await api.scene("Hello")
    api.offline.script.call("anything")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    assert (await api.rested(run)).status == "requires_action"

    await api.threads.delete(thread.id)

    with pytest.raises(openai.NotFoundError):
        await api.threads.retrieve(thread.id)
