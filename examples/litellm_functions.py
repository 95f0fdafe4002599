"""LiteLLM's Assistants functions: only the import changed, from `litellm` to `shim`."""

from __future__ import annotations

import os

from openai import AssistantEventHandler

from shim import (
    add_message,
    create_assistants,
    create_thread,
    get_assistants,
    get_messages,
    run_thread,
    run_thread_stream,
)
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, through a client that every call is given
client = None if os.environ.get("OPENAI_API_KEY") else connect()
provider = {"custom_llm_provider": "openai", "client": client}

create_assistants(**provider, model=f"openai/{MODEL}", instructions="You are a math tutor.")
assistant_id = get_assistants(**provider).data[0].id
thread = create_thread(**provider, messages=[{"role": "user", "content": "What is 3 + 4?"}])

run = run_thread(**provider, thread_id=thread.id, assistant_id=assistant_id)
print(run.status)
for message in get_messages(**provider, thread_id=thread.id, order="asc"):
    print(f"{message.role}: {message.content[0].text.value}")


class Printer(AssistantEventHandler):
    """Prints the answer as it comes."""

    def on_text_delta(self, delta, snapshot):  # noqa: ARG002 - the SDK's signature
        print(delta.value, end="", flush=True)


add_message(**provider, thread_id=thread.id, role="user", content="And 5 + 6?")
with run_thread_stream(
    **provider, thread_id=thread.id, assistant_id=assistant_id, event_handler=Printer()
) as stream:
    stream.until_done()
print()
if client is not None:
    client.close()
