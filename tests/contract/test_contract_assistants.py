"""Assistants: made, read, changed, deleted."""

from __future__ import annotations

import openai
import pytest
from contract_api import message_of
from contract_tools import PRICE, WEATHER


async def test_an_assistant_needs_only_a_model(api):
    """What is not given has the original's defaults, none of them missing."""
    assistants = api.client.beta.assistants

    made = await api.json(assistants.with_raw_response.create, model="gpt-4o")

    assert made["id"].startswith("asst_")
    assert made["id"][5:].isalnum()
    assert type(made["created_at"]) is int
    defaults = {"object": "assistant", "model": "gpt-4o", "tools": [], "metadata": {}}
    assert {**made, **defaults} == made
    assert (made["temperature"], made["top_p"], made["response_format"]) == (1.0, 1.0, "auto")
    assert [made[key] for key in ("name", "description", "instructions")] == [None, None, None]
    assert (made["reasoning_effort"], made["tool_resources"]) == (None, {})


async def test_an_assistant_is_what_it_was_made(api):
    """All that is given is read back."""
    given = {
        "model": "gpt-4o",
        "name": "Ann",
        "description": "Helps",
        "instructions": "Help.",
        "metadata": {"team": "blue"},
        "temperature": 0.5,
        "top_p": 0.25,
        "response_format": {"type": "text"},
    }

    made = await api.client.beta.assistants.create(**given)
    read = await api.client.beta.assistants.retrieve(made.id)

    assert read == made
    assert {key: made.model_dump(warnings=False)[key] for key in given} == given


async def test_tools_are_shown_whole(api):
    """Function schemas are kept as they are; what a tool leaves out is filled in."""
    tools = [WEATHER, PRICE, {"type": "code_interpreter"}, {"type": "file_search"}]

    made = await api.json(
        api.client.beta.assistants.with_raw_response.create, model="gpt-4o", tools=tools
    )

    weather, price, code, search = made["tools"]
    assert weather["function"] == {**WEATHER["function"], "strict": False}
    assert price["function"]["parameters"] == {"type": "object", "properties": {}}
    assert code == {"type": "code_interpreter"}
    assert search["file_search"]["ranking_options"]["score_threshold"] == 0.0
    assert made["tool_resources"] == {
        "file_search": {"vector_store_ids": []},
        "code_interpreter": {"file_ids": []},
    }


async def test_an_update_changes_what_it_names(api):
    """What is given replaces wholesale, what is absent stays, and the time of making too."""
    made = await api.client.beta.assistants.create(
        model="gpt-4o", name="Ann", instructions="Help.", tools=[WEATHER], metadata={"a": "1"}
    )

    changed = await api.client.beta.assistants.update(
        made.id, name="Bob", tools=[PRICE], metadata={"b": "2"}
    )

    assert (changed.name, changed.instructions, changed.model) == ("Bob", "Help.", "gpt-4o")
    assert [tool.function.name for tool in changed.tools] == ["Menu-price"]
    assert (changed.metadata, changed.created_at) == ({"b": "2"}, made.created_at)
    assert await api.client.beta.assistants.retrieve(made.id) == changed


async def test_null_clears(api):
    """An explicit null is not the same as saying nothing."""
    made = await api.client.beta.assistants.create(
        model="gpt-4o",
        name="Ann",
        description="Helps",
        instructions="Help.",
        temperature=0.5,
        metadata={"a": "1"},
        tools=[WEATHER],
        response_format={"type": "json_object"},
    )
    nulls = dict.fromkeys(("name", "description", "instructions", "temperature", "metadata"))

    changed = await api.client.beta.assistants.update(
        made.id, tools=None, response_format=None, **nulls
    )

    assert (changed.name, changed.description, changed.instructions) == (None, None, None)
    assert (changed.temperature, changed.metadata, changed.tools) == (1.0, {}, [])
    assert changed.response_format == "auto"


async def test_nulls_can_be_given_from_the_start(api):
    """Libraries send every optional argument, set or not."""
    names = ["name", "description", "instructions", "tools", "metadata", "temperature", "top_p"]
    names += ["tool_resources", "response_format", "reasoning_effort"]

    made = await api.client.beta.assistants.create(model="gpt-4o", **dict.fromkeys(names))

    assert (made.name, made.tools, made.metadata, made.top_p) == (None, [], {}, 1.0)
    assert made.model_dump()["tool_resources"] is not None


async def test_a_store_can_be_attached_later(api):
    """The ids of stores are kept and shown."""
    made = await api.client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}])
    resources = {"file_search": {"vector_store_ids": ["vs_1"]}}

    changed = await api.client.beta.assistants.update(made.id, tool_resources=resources)

    assert changed.tool_resources.file_search.vector_store_ids == ["vs_1"]


async def test_an_update_takes_effect_at_once(api, runner):
    """The next run goes by what the assistant is now."""
    assistant, thread = await api.scene("Hello", instructions="Be brief.")
    await api.client.beta.assistants.update(assistant.id, instructions="Be long.", model="gpt-4.1")

    run = await runner.run(thread, assistant)

    assert (run.instructions, run.model) == ("Be long.", "gpt-4.1")
    assert (api.asked[0]["instructions"], api.asked[0]["model"]) == ("Be long.", "gpt-4.1")


async def test_a_deleted_assistant_is_gone(api):
    """It is neither read, nor run, nor deleted again; runs that it had stay."""
    assistant, thread = await api.scene("Hello")
    run = await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    await api.rested(run)

    deleted = await api.client.beta.assistants.delete(assistant.id)

    assert deleted.model_dump() == {
        "id": assistant.id,
        "deleted": True,
        "object": "assistant.deleted",
    }
    asks = {
        "retrieve": lambda: api.client.beta.assistants.retrieve(assistant.id),
        "delete": lambda: api.client.beta.assistants.delete(assistant.id),
        "run": lambda: api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id),
    }
    for ask in asks.values():
        with pytest.raises(openai.NotFoundError) as caught:
            await ask()
        assert message_of(caught) == f"No assistant found with id '{assistant.id}'."
    kept = await api.threads.runs.retrieve(run.id, thread_id=thread.id)
    assert (kept.assistant_id, kept.status) == (assistant.id, "completed")
