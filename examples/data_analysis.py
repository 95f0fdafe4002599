"""The code interpreter: an uploaded table, another one and a chart made of it, both downloaded."""

from __future__ import annotations

import os

from shim import OpenAI
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, and threads are kept in memory
client = OpenAI() if os.environ.get("OPENAI_API_KEY") else connect()

TABLE = b"month,sales\nJanuary,3\nFebruary,7\nMarch,5\n"
QUESTION = "What is the average of the sales? Save them as a CSV file, and draw a bar chart."

file = client.files.create(file=("sales.csv", TABLE), purpose="assistants")
assistant = client.beta.assistants.create(
    model=MODEL,
    instructions="You are a data analyst. Link the files that you make.",
    tools=[{"type": "code_interpreter"}],
    tool_resources={"code_interpreter": {"file_ids": [file.id]}},
)
thread = client.beta.threads.create(messages=[{"role": "user", "content": QUESTION}])
run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
print(run.status)

for step in client.beta.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc"):
    for call in getattr(step.step_details, "tool_calls", []):
        print(f"ran {len(call.code_interpreter.input.splitlines())} lines of Python")

content = client.beta.threads.messages.list(thread.id, limit=1).data[0].content
# the files outlast the thread, and the container in which they were made
client.beta.threads.delete(thread.id)
for part in content:
    if part.type == "image_file":
        chart = client.files.content(part.image_file.file_id).read()
        print(f"a chart of {len(chart)} bytes")
        continue
    print(part.text.value)
    for annotation in part.text.annotations:
        made = client.files.retrieve(annotation.file_path.file_id)
        table = client.files.content(made.id).read()
        print(f"{made.filename} has {len(table)} bytes, linked as {annotation.text}")
client.close()
