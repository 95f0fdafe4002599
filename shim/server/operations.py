"""What the published document says of each endpoint beside its route. Data, by the route's `does`.

Knows the names that OpenAI's own document gave the operations, so that generated clients keep their
methods, which query parameters an endpoint looks at, and the schema of what it answers. Knows no
path and no body: those are the routes'.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OPERATIONS", "Operation"]

_PAGE = ("limit", "order", "after", "before")


@dataclass(frozen=True, slots=True)
class Operation:
    """`answer` names a schema; None is a file's bytes. `streams` says that it can send events."""

    id: str
    summary: str
    answer: str | None
    query: tuple[str, ...] = ()
    streams: bool = False


OPERATIONS = {
    "assistants.create": Operation("createAssistant", "Create an assistant.", "Assistant"),
    "assistants.list": Operation("listAssistants", "List assistants.", "AssistantList", _PAGE),
    "assistants.retrieve": Operation("getAssistant", "Read an assistant.", "Assistant"),
    "assistants.update": Operation(
        "modifyAssistant",
        "Change an assistant: what is given replaces, what is absent stays.",
        "Assistant",
    ),
    "assistants.delete": Operation("deleteAssistant", "Delete an assistant.", "Deleted"),
    "threads.create": Operation("createThread", "Create a thread.", "Thread"),
    "threads.retrieve": Operation("getThread", "Read a thread.", "Thread"),
    "threads.update": Operation(
        "modifyThread", "Change a thread's metadata and tool resources.", "Thread"
    ),
    "threads.delete": Operation(
        "deleteThread", "Delete a thread and all that hangs on it.", "Deleted"
    ),
    "messages.create": Operation("createMessage", "Add a message to a thread.", "Message"),
    "messages.list": Operation(
        "listMessages",
        "List a thread's messages, or those that one run made.",
        "MessageList",
        (*_PAGE, "run_id"),
    ),
    "messages.retrieve": Operation("getMessage", "Read a message.", "Message"),
    "messages.update": Operation(
        "modifyMessage", "Change a message's metadata.", "MessageModified"
    ),
    "messages.delete": Operation("deleteMessage", "Delete a message.", "Deleted"),
    "runs.create": Operation(
        "createRun",
        "Run an assistant on a thread; answers a queued run, or the events of the run.",
        "Run",
        ("include[]",),
        streams=True,
    ),
    "runs.create_with_thread": Operation(
        "createThreadAndRun",
        "Create a thread and run an assistant on it.",
        "Run",
        ("include[]",),
        streams=True,
    ),
    "runs.list": Operation("listRuns", "List a thread's runs.", "RunList", _PAGE),
    "runs.retrieve": Operation("getRun", "Read a run.", "Run"),
    "runs.update": Operation("modifyRun", "Change a run's metadata.", "Run"),
    "runs.cancel": Operation("cancelRun", "Cancel a run.", "Run"),
    "runs.submit": Operation(
        "submitToolOuputsToRun",  # spelt as in OpenAI's document
        "Hand in the outputs of all calls that a run waits for; the run goes on.",
        "Run",
        streams=True,
    ),
    "steps.list": Operation(
        "listRunSteps", "List a run's steps.", "RunStepList", (*_PAGE, "include[]")
    ),
    "steps.retrieve": Operation("getRunStep", "Read a run step.", "RunStep", ("include[]",)),
    "files.retrieve": Operation("retrieveFile", "Read what is known of a file.", "File"),
    "files.content": Operation("downloadFile", "Read a file's bytes.", None),
    "files.delete": Operation("deleteFile", "Delete a file.", "Deleted"),
}
