"""File search: a question about an uploaded document, its citations made into footnotes."""

from __future__ import annotations

import os

from shim import OpenAI
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, and threads are kept in memory
client = OpenAI() if os.environ.get("OPENAI_API_KEY") else connect()

HANDBOOK = b"""# Handbook

Every employee has 28 days of holiday a year.

The office is closed between Christmas and New Year.
"""

file = client.files.create(file=("handbook.md", HANDBOOK), purpose="assistants")
assistant = client.beta.assistants.create(
    model=MODEL,
    instructions="Answer from the handbook.",
    tools=[{"type": "file_search"}],
    tool_resources={"file_search": {"vector_stores": [{"file_ids": [file.id]}]}},
)
question = "How many days of holiday does an employee have?"
thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
print(run.status)

text = client.beta.threads.messages.list(thread.id, limit=1).data[0].content[0].text
value, notes = text.value, []
for number, annotation in enumerate(text.annotations, 1):
    value = value.replace(annotation.text, f" [{number}]")
    cited = client.files.retrieve(annotation.file_citation.file_id)
    notes.append(f"[{number}] {cited.filename}")
print(value, *notes, sep="\n")
client.close()
