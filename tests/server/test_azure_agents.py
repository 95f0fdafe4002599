"""Programs written with `azure-ai-agents`, the library of Foundry's classic agents."""

from __future__ import annotations

import asyncio
import json

import pytest

agents = pytest.importorskip("azure.ai.agents", reason="pip install azure-ai-agents")

from azure.ai.agents import aio, models  # noqa: E402 - after the line above
from azure.core.credentials import AzureKeyCredential  # noqa: E402
from azure.core.exceptions import HttpResponseError  # noqa: E402
from azure.core.pipeline.policies import AzureKeyCredentialPolicy  # noqa: E402


def connected(world, kind=agents.AgentsClient):
    """The library's client; its own policy for tokens wants TLS, one for keys does not."""
    key = AzureKeyCredential("sk-caller")
    policy = AzureKeyCredentialPolicy(key, "api-key")
    endpoint = f"{world.running.root}/api/projects/mine"
    return kind(endpoint, key, authentication_policy=policy, retry_total=0)


def weather(place: str) -> str:
    """
    The weather.

    :param place: Where.
    """
    return json.dumps({"place": place, "sky": "clear"})


def test_an_agent_answers(world):
    """Agent, thread, message, polled run, steps, and all of it read back."""
    with connected(world) as client:
        agent = client.create_agent(model="gpt-4o", name="helper", instructions="Be brief.")
        thread = client.threads.create()
        client.messages.create(thread_id=thread.id, role="user", content="Hello")
        run = client.runs.create_and_process(
            thread_id=thread.id, agent_id=agent.id, polling_interval=0.05
        )
        messages = list(client.messages.list(thread_id=thread.id))
        steps = list(client.run_steps.list(thread_id=thread.id, run_id=run.id))
        listed = [each.id for each in client.list_agents()]
        last = client.messages.get_last_message_text_by_role(thread.id, models.MessageRole.AGENT)
        client.threads.delete(thread.id)
        client.delete_agent(agent.id)

    assert (run.status, run.last_error) == (models.RunStatus.COMPLETED, None)
    assert [each.role for each in messages] == [models.MessageRole.AGENT, models.MessageRole.USER]
    assert last.text.value
    assert [each.type for each in steps] == [models.RunStepType.MESSAGE_CREATION]
    assert listed == [agent.id]


def test_a_stream_is_read(world):
    """Its events are the library's own objects."""
    with connected(world) as client:
        agent = client.create_agent(model="gpt-4o")
        thread = client.threads.create()
        client.messages.create(thread_id=thread.id, role="user", content="Hello")
        with client.runs.stream(thread_id=thread.id, agent_id=agent.id) as stream:
            seen = [(kind, type(data).__name__) for kind, data, _ in stream]

    assert ("thread.message.delta", "MessageDeltaChunk") in seen
    assert ("thread.run.completed", "ThreadRun") in seen
    assert seen[-1][0] == "done"


def test_functions_are_called(world):
    """By hand of the library: `enable_auto_function_calls`, polled and streamed."""
    world.offline.script.call("weather", {"place": "Rome"}).say("Clear.")
    world.offline.script.call("weather", {"place": "Oslo"}).say("Clear too.")
    functions = models.FunctionTool({weather})
    with connected(world) as client:
        client.enable_auto_function_calls({weather})
        agent = client.create_agent(model="gpt-4o", tools=functions.definitions)
        thread = client.threads.create()
        ids = {"thread_id": thread.id, "agent_id": agent.id}
        client.messages.create(thread_id=thread.id, role="user", content="The weather in Rome?")
        run = client.runs.create_and_process(**ids, polling_interval=0.05)
        with client.runs.stream(**ids) as stream:
            kinds = [kind for kind, _, _ in stream]
        texts = [each.text_messages[-1].text.value for each in client.messages.list(thread.id)]

    assert run.status == models.RunStatus.COMPLETED
    assert {"thread.run.requires_action", "thread.run.completed"} <= set(kinds)
    assert texts == ["Clear too.", "Clear.", "The weather in Rome?"]


def test_files_are_searched(world):
    """Uploads and stores go to the upstream, also by the library's polling helpers."""
    with connected(world) as client:
        file = client.files.upload_and_poll(
            file=("facts.txt", b"The password is 'swordfish'."),
            purpose=models.FilePurpose.AGENTS,
            polling_interval=0.05,
        )
        store = client.vector_stores.create_and_poll(
            file_ids=[file.id], name="facts", polling_interval=0.05
        )
        search = models.FileSearchTool(vector_store_ids=[store.id])
        agent = client.create_agent(
            model="gpt-4o", tools=search.definitions, tool_resources=search.resources
        )
        run = client.create_thread_and_process_run(
            agent_id=agent.id,
            thread={"messages": [{"role": "user", "content": "What is the password?"}]},
            polling_interval=0.05,
        )
        listed = [each.id for each in client.vector_store_files.list(store.id)]
        client.vector_stores.delete(store.id)
        client.files.delete(file.id)

    assert (run.status, run.last_error) == (models.RunStatus.COMPLETED, None)
    assert listed == [file.id]


def test_the_async_client_works(world):
    """The same in the other colour."""

    async def use():
        async with connected(world, aio.AgentsClient) as client:
            agent = await client.create_agent(model="gpt-4o")
            thread = await client.threads.create()
            await client.messages.create(thread_id=thread.id, role="user", content="Hello")
            run = await client.runs.create_and_process(
                thread_id=thread.id, agent_id=agent.id, polling_interval=0.05
            )
            return run, [each.role async for each in client.messages.list(thread_id=thread.id)]

    run, roles = asyncio.run(use())

    assert run.status == models.RunStatus.COMPLETED
    assert roles == [models.MessageRole.AGENT, models.MessageRole.USER]


def test_foundrys_own_tools_are_refused(world):
    """With the library's error, which names the tool and those that there are."""
    bing = models.BingGroundingTool(connection_id="/connections/bing")
    with connected(world) as client, pytest.raises(HttpResponseError) as caught:
        client.create_agent(model="gpt-4o", tools=bing.definitions)

    assert caught.value.status_code == 400
    assert "bing_grounding" in caught.value.message


def test_what_is_not_there_is_the_librarys_error(world):
    """An unknown id is a 404 with the original's text."""
    with connected(world) as client, pytest.raises(HttpResponseError) as caught:
        client.threads.get("thread_unknown")

    assert caught.value.status_code == 404
    assert "No thread found with id" in caught.value.message
