"""What users write, as mypy sees it: checked by `mypy --strict tests/typing/api.py`, never run."""

from __future__ import annotations

import openai
from openai.types.beta import Assistant, Thread
from openai.types.beta.threads import Message, Run
from typing_extensions import assert_type

import shim
from shim import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI, Settings, mount
from shim.offline import Offline
from shim.testing import connect, connect_async


def sync(client: OpenAI) -> None:
    """The SDK's own types come back."""
    assert_type(client.beta.assistants.create(model="m"), Assistant)
    thread = client.beta.threads.create()
    assert_type(thread, Thread)
    assert_type(client.beta.threads.messages.create(thread.id, role="user", content="x"), Message)
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id="asst_1")
    assert_type(run, Run)
    with client.with_options(timeout=3).beta.threads.runs.stream(
        thread_id=thread.id, assistant_id="asst_1"
    ) as stream:
        stream.until_done()


async def asynchronous(client: AsyncOpenAI) -> None:
    """And so they do in async code."""
    assert_type(await client.beta.assistants.create(model="m"), Assistant)
    assert_type(await client.beta.threads.runs.cancel("run_1", thread_id="thread_1"), Run)


def subclasses() -> None:
    """Clients of shim go wherever the SDK's are asked for."""
    plain: openai.OpenAI = OpenAI(api_key="k", timeout=3)
    azure: openai.AzureOpenAI = AzureOpenAI(api_key="k", api_version="v", azure_endpoint="e")
    ours: OpenAI = azure_as_ours(AzureOpenAI(api_key="k", api_version="v", azure_endpoint="e"))
    a_plain: openai.AsyncOpenAI = AsyncOpenAI(api_key="k")
    a_azure: openai.AsyncAzureOpenAI = AsyncAzureOpenAI(
        api_key="k", api_version="v", azure_endpoint="e"
    )
    del plain, azure, ours, a_plain, a_azure


def azure_as_ours(client: AzureOpenAI) -> OpenAI:
    """An Azure client of shim's is a client of shim's."""
    return client


def mounted() -> None:
    """`mount` gives back what it was given."""
    assert_type(mount(openai.OpenAI(api_key="k")), openai.OpenAI)
    assert_type(shim.mount(openai.AsyncOpenAI(), Settings(store=False)), openai.AsyncOpenAI)


def by_function() -> None:
    """LiteLLM's functions give the SDK's types."""
    assert_type(shim.create_assistants("openai", "m"), Assistant)
    assert_type(shim.create_thread("azure", messages=[{"role": "user", "content": "x"}]), Thread)
    assert_type(shim.add_message("openai", "thread_1", "user", "x"), Message)
    assert_type(shim.run_thread("openai", "thread_1", "asst_1"), Run)
    with shim.run_thread_stream(custom_llm_provider="openai") as stream:
        stream.until_done()


async def by_async_function() -> None:
    """And so they do in async code."""
    assert_type(await shim.acreate_thread("openai"), Thread)
    assert_type((await shim.aget_messages("openai", "thread_1")).data, list[Message])
    async with shim.arun_thread_stream(custom_llm_provider="openai") as stream:
        await stream.until_done()


def tested(offline: Offline) -> None:
    """The testing aids make shim's clients."""
    assert_type(connect(offline), OpenAI)
    assert_type(connect_async(offline, timeout=3), AsyncOpenAI)
