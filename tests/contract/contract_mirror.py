"""What a thread says, and what its conversation says, in one form that can be compared.

Knows the public faces of both: the thread is read with the SDK, the conversation from the embedded
upstream. Equal means the same roles, texts (without the markers of citations), images and answered
calls in the same order.
"""

from __future__ import annotations

__all__ = ["conversations", "said_by_conversation", "said_by_thread"]

_ENDED = ("completed", "incomplete", "failed", "cancelled", "expired")
_STAMP = 9


async def said_by_thread(client, thread_id):
    """The thread's messages, and the answered calls of its ended runs, as the SDK reads them."""
    messages = [m async for m in client.beta.threads.messages.list(thread_id, order="asc")]
    steps = await _answered_steps(client, thread_id)
    said = []
    for message in messages:
        while steps and _made(steps[0].id) < _made(message.id):
            said += _pairs(steps.pop(0))
        # as plain data, since older SDKs have no class for some kinds of parts
        parts = message.model_dump(warnings=False)["content"]
        said += _message(message.role, [_part(part) for part in parts])
    return said + [entry for step in steps for entry in _pairs(step)]


async def _answered_steps(client, thread_id):
    found = []
    async for run in client.beta.threads.runs.list(thread_id, order="asc"):
        if run.status in _ENDED:
            steps = client.beta.threads.runs.steps.list(run.id, thread_id=thread_id, order="asc")
            found += [step async for step in steps if step.type == "tool_calls"]
    return found


def _made(object_id):
    """Ids sort by the time at which they were made, across kinds."""
    return object_id.partition("_")[2][:_STAMP]


def _pairs(step):
    calls = [c for c in step.step_details.tool_calls if c.type == "function"]
    answered = [call for call in calls if call.function.output is not None]
    asked = [("call", c.id, c.function.name, c.function.arguments) for c in answered]
    return asked + [("output", call.id, call.function.output) for call in answered]


def _message(role, parts):
    parts = [part for part in parts if part[1]]
    return [("message", role, *parts)] if parts else []


def _part(part):
    match part["type"]:
        case "text":
            return ("text", _unmarked(part["text"]))
        case "image_url":
            return ("image", part["image_url"]["url"])
        case "image_file":
            return ("image", part["image_file"]["file_id"])
        case kind:
            return (kind, part[kind])


def _unmarked(text):
    """A text as the model wrote it; a citation's marker is shim's own (spec 5)."""
    value = text["value"]
    for note in sorted(text["annotations"], key=lambda note: -note["start_index"]):
        if note["type"] == "file_citation":
            value = value[: note["start_index"]] + value[note["end_index"] :]
    return value


def conversations(offline):
    """The conversations that the upstream has, by the thread they belong to."""
    held = offline._service.state.conversations.values()
    return {each.metadata["shim_thread"]: each for each in held}


def said_by_conversation(conversation):
    """The items of a conversation."""
    return [entry for item in conversation.items for entry in _item(item)]


def _item(item):
    match item["type"]:
        case "message":
            return _message(item["role"], [_content(part) for part in item["content"]])
        case "function_call":
            return [("call", item["call_id"], item["name"], item["arguments"])]
        case "function_call_output":
            return [("output", item["call_id"], item["output"])]
        case kind:
            return [(kind, item["id"])]


def _content(part):
    match part["type"]:
        case "input_text" | "output_text":
            return ("text", part["text"])
        case "input_image":
            return ("image", part.get("image_url") or part.get("file_id"))
        case kind:
            return (kind, part[kind])
