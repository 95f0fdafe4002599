"""The quickstart of the Assistants API: an assistant, a thread, a message, a polled run."""

from __future__ import annotations

import os

from shim import OpenAI
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, and threads are kept in memory
client = OpenAI() if os.environ.get("OPENAI_API_KEY") else connect()

assistant = client.beta.assistants.create(
    name="Math Tutor",
    instructions="You are a personal math tutor. Answer briefly.",
    model=MODEL,
)
thread = client.beta.threads.create()
client.beta.threads.messages.create(
    thread_id=thread.id,
    role="user",
    content="I need to solve the equation 3x + 11 = 14. Can you help me?",
)
run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
print(run.status)
if run.status == "completed":
    for message in client.beta.threads.messages.list(thread_id=thread.id, order="asc"):
        print(f"{message.role}: {message.content[0].text.value}")
else:
    print(run.last_error)
client.close()
