"""File search: questions about a PDF and a Markdown file, their citations made into footnotes."""

from __future__ import annotations

import os
from pathlib import Path

from shim import OpenAI
from shim.testing import connect

MODEL = os.environ.get("MODEL", "gpt-6-luna")
# without a key the embedded model answers, and threads are kept in memory
client = OpenAI() if os.environ.get("OPENAI_API_KEY") else connect()

HANDBOOK = Path(__file__).with_name("handbook.pdf")
NEWS = b"# News\n\nThe canteen moves to the third floor in March.\n"

store = client.beta.vector_stores.create(name="Handbook")
with HANDBOOK.open("rb") as file:
    batch = client.beta.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store.id, files=[file]
    )
print(batch.status)
assistant = client.beta.assistants.create(
    model=MODEL,
    instructions="Answer from the files.",
    tools=[{"type": "file_search"}],
    tool_resources={"file_search": {"vector_store_ids": [store.id]}},
)
news = client.files.create(file=("news.md", NEWS), purpose="assistants")
thread = client.beta.threads.create()


def ask(question, attachments):
    """The answer, with footnotes: the loop of OpenAI's own guide."""
    client.beta.threads.messages.create(
        thread.id, role="user", content=question, attachments=attachments
    )
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    messages = list(client.beta.threads.messages.list(thread.id, run_id=run.id))
    text = messages[0].content[0].text
    value, notes = text.value, []
    for index, annotation in enumerate(text.annotations):
        value = value.replace(annotation.text, f" [{index}]")
        if citation := getattr(annotation, "file_citation", None):
            cited = client.files.retrieve(citation.file_id)
            notes.append(f"[{index}] {cited.filename}")
    print(value, *notes, sep="\n")


ask("How many days of holiday does an employee have?", [])
ask("Where does the canteen move?", [{"file_id": news.id, "tools": [{"type": "file_search"}]}])
client.close()
