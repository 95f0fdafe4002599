"""Function tools, streamed and async: outputs are submitted from inside the event handler."""

from __future__ import annotations

import asyncio
import json
import os

from openai import AsyncAssistantEventHandler
from typing_extensions import override

from shim import AsyncOpenAI
from shim.testing import connect_async

MODEL = os.environ.get("MODEL", "gpt-6-luna")
GET_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


async def get_weather(city):
    return f"sunny in {city}"


class EventHandler(AsyncAssistantEventHandler):
    """Answers the run's calls and prints the text as it comes."""

    def __init__(self, client):
        super().__init__()
        self.client = client

    @override
    async def on_event(self, event):
        if event.event == "thread.run.requires_action":
            await self.submit(event.data)
        elif event.event == "thread.run.completed":
            print(f"\n{event.data.status}, {event.data.usage.total_tokens} tokens")

    @override
    async def on_text_delta(self, delta, snapshot):
        print(delta.value, end="", flush=True)

    async def submit(self, run):
        calls = run.required_action.submit_tool_outputs.tool_calls
        results = await asyncio.gather(
            *(get_weather(**json.loads(call.function.arguments)) for call in calls)
        )
        outputs = [
            {"tool_call_id": call.id, "output": result}
            for call, result in zip(calls, results, strict=True)
        ]
        async with self.client.beta.threads.runs.submit_tool_outputs_stream(
            thread_id=run.thread_id,
            run_id=run.id,
            tool_outputs=outputs,
            event_handler=EventHandler(self.client),
        ) as stream:
            await stream.until_done()


async def main():
    # without a key the embedded model answers, and threads are kept in memory
    client = AsyncOpenAI() if os.environ.get("OPENAI_API_KEY") else connect_async()
    async with client:
        assistant = await client.beta.assistants.create(model=MODEL, tools=[GET_WEATHER])
        thread = await client.beta.threads.create()
        await client.beta.threads.messages.create(
            thread.id, role="user", content="What is the weather in Bergen?"
        )
        async with client.beta.threads.runs.stream(
            thread_id=thread.id, assistant_id=assistant.id, event_handler=EventHandler(client)
        ) as stream:
            await stream.until_done()


asyncio.run(main())
