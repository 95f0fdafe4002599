"""A streamed run, read by an AssistantEventHandler."""

from __future__ import annotations

import os

from openai import AssistantEventHandler
from typing_extensions import override

from shim import OpenAI
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, and threads are kept in memory
client = OpenAI() if os.environ.get("OPENAI_API_KEY") else connect()


class EventHandler(AssistantEventHandler):
    """Prints the text as it comes."""

    @override
    def on_text_created(self, text):
        print("assistant > ", end="", flush=True)

    @override
    def on_text_delta(self, delta, snapshot):
        print(delta.value, end="", flush=True)

    @override
    def on_text_done(self, text):
        print()

    @override
    def on_end(self):
        run = self.current_run
        print(f"{run.status}, {run.usage.total_tokens} tokens")


assistant = client.beta.assistants.create(model=MODEL, instructions="Answer briefly.")
thread = client.beta.threads.create(messages=[{"role": "user", "content": "Count to 12."}])
with client.beta.threads.runs.stream(
    thread_id=thread.id, assistant_id=assistant.id, event_handler=EventHandler()
) as stream:
    stream.until_done()
client.close()
