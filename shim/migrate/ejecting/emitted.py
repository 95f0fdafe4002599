"""The small functions that ejected code may need, as text, and what each needs itself.

Each is written for asyncio; the blocking form is the same without `async` and `await`. Knows no
program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["HELPERS", "IMPORTS", "NEEDS", "blocking", "trimmed"]

HELPERS = {
    "ASSISTANTS": "",
    "function_calls": '''
def function_calls(response):
    """The function calls that a response asks for; without any it is done."""
    return [item for item in response.output if item.type == "function_call"]
''',
    "status_of": '''
def status_of(response):
    """The word for how a run stood: a response that asks for calls is `completed`."""
    waits = response.status == "completed" and function_calls(response)
    return "requires_action" if waits else response.status
''',
    "settings_of": '''
def settings_of(response):
    """What the next response of the same run is asked with, as this one was."""
    settings = response.to_dict()
    names = SETTINGS
    return {name: settings[name] for name in names if settings.get(name) is not None}
''',
    "messages_of": '''
async def messages_of(client, conversation_id, *, order="desc", limit=None, **options):
    """The messages of a conversation, newest first; calls and reasoning are items as well."""
    found = []
    items = client.conversations.items.list(conversation_id, order=order, limit=100, **options)
    async for item in items:
        if len(found) == limit:
            break
        if item.type == "message":
            found.append(item)
    return found
''',
    "cited": '''
def cited(part):
    """A text with a marker where each citation belongs; each citation knows its marker."""
    found = []
    for each in getattr(part, "annotations", None) or []:
        if each.type == "file_citation":
            found.append((each.index, each.index, each))
        elif each.type == "container_file_citation" and each.end_index > each.start_index:
            found.append((each.start_index, each.end_index, each))
    value, done, annotations = "", 0, []
    for number, (start, end, each) in enumerate(sorted(found, key=lambda one: one[:2])):
        is_made = each.type == "container_file_citation"
        text = part.text[start:end] if is_made else f"【0:{number}†{each.filename}】"
        value += part.text[done:start]
        place = {"text": text, "start_index": len(value), "end_index": len(value) + len(text)}
        annotations.append(SimpleNamespace(**{**each.to_dict(), **place}))
        value, done = value + text, end
    return SimpleNamespace(value=value + part.text[done:], annotations=annotations)
''',
    "parts_of": '''
def parts_of(message):
    """The parts of a message, and before a text the images of code, which are annotations."""
    parts = []
    for part in message.content:
        for each in getattr(part, "annotations", None) or []:
            if each.type == "container_file_citation" and each.end_index == each.start_index:
                parts.append(each)
        parts.append(part)
    return parts
''',
    "steps_of": '''
def steps_of(response, *, order="desc"):
    """What was done for a response, in the order in which steps were listed; no reasoning."""
    items = [item for item in response.output if item.type != "reasoning"]
    return items if order == "asc" else items[::-1]
''',
    "response_tool": '''
def response_tool(tool):
    """A tool as Responses takes it: flat, and `strict` only where it was said."""
    inner = tool.get(tool["type"]) or {}
    if tool["type"] == "function":
        inner = {"parameters": {"type": "object", "properties": {}}, **inner}
        inner["strict"] = bool(inner.get("strict"))
<file_search>
    if tool["type"] == "file_search":
        inner = {"vector_store_ids": [], **inner}
        if "ranking_options" in inner:  # the old rankers are not known
            inner["ranking_options"] = {**inner["ranking_options"], "ranker": "auto"}
</file_search>
<code_interpreter>
    if tool["type"] == "code_interpreter":
        inner = {"container": {"type": "auto", "file_ids": []}, **inner}
</code_interpreter>
    return {"type": tool["type"], **inner}
''',
    "with_resources": '''
def with_resources(tools, resources):
    """Tools with their vector stores and files, which stood apart from them."""
    resources = resources or {}
    stores = (resources.get("file_search") or {}).get("vector_store_ids")
    files = (resources.get("code_interpreter") or {}).get("file_ids")
    made = []
    for tool in tools:
        if tool["type"] == "file_search" and stores is not None:
            tool = {**tool, "vector_store_ids": list(stores)}
        if tool["type"] == "code_interpreter" and files is not None:
            tool = {**tool, "container": {"type": "auto", "file_ids": list(files)}}
        made.append(tool)
    return made
''',
    "changed": '''
def changed(settings, **changes):
    """Settings, after a change that all see who have them."""
    settings.update(changes)
    return settings
''',
    "given": '''
def given(**settings):
    """Those settings that are given, since None means that the assistant's hold."""
    return {name: value for name, value in settings.items() if value is not None}
''',
    "usable": '''
def usable(settings):
    """Settings without a search of no files, which is refused."""
    tools = settings.get("tools", [])
    return {
        **settings,
        "tools": [each for each in tools if each.get("vector_store_ids", True)],
    }
''',
    "with_files": '''
async def with_files(client, conversation_id, settings):
    """Settings with the conversation's own files in the tools that they are for."""
    kept = (await client.conversations.retrieve(conversation_id)).metadata or {}
    tools = []
    for tool in settings.get("tools", []):
<file_search>
        if tool["type"] == "file_search":
            own = kept.get("vector_store_ids", "").split()
            tool = {**tool, "vector_store_ids": [*tool["vector_store_ids"], *own]}
</file_search>
<code_interpreter>
        if tool["type"] == "code_interpreter":
            files = [*tool["container"]["file_ids"], *kept.get("code_files", "").split()]
            tool = {**tool, "container": {**tool["container"], "file_ids": files}}
</code_interpreter>
        tools.append(tool)
    return usable({**settings, "tools": tools})
''',
    "keep_files": '''
async def keep_files(client, conversation_id, name, ids):
    """Write down, with a conversation, more ids of its files."""
    kept = (await client.conversations.retrieve(conversation_id)).metadata or {}
    both = [*kept.get(name, "").split(), *ids]
    kept = {**kept, name: " ".join(dict.fromkeys(both))}
    await client.conversations.update(conversation_id, metadata=kept)
''',
    "keep_resources": '''
async def keep_resources(client, conversation_id, resources, metadata=None):
    """Write down, with a conversation, the stores and files of its own that tools find."""
    kept = metadata or (await client.conversations.retrieve(conversation_id)).metadata or {}
    stores = (resources.get("file_search") or {}).get("vector_store_ids")
    files = (resources.get("code_interpreter") or {}).get("file_ids")
    for name, ids in (("vector_store_ids", stores), ("code_files", files)):
        if ids is not None:
            kept = {**kept, name: " ".join(ids)}
    return await client.conversations.update(conversation_id, metadata=kept)
''',
    "attach": '''
async def attach(client, conversation_id, attachments):
    """Put a message's files where the tools find them."""
    for each in attachments or []:
        kinds = [tool["type"] for tool in each.get("tools") or []]
        if "code_interpreter" in kinds:
            await keep_files(client, conversation_id, "code_files", [each["file_id"]])
        if "file_search" in kinds:
            kept = (await client.conversations.retrieve(conversation_id)).metadata or {}
            stores = kept.get("vector_store_ids", "").split()
            if not stores:
                stores = [(await client.vector_stores.create()).id]
                await keep_files(client, conversation_id, "vector_store_ids", stores)
            await client.vector_stores.files.create_and_poll(
                each["file_id"], vector_store_id=stores[0]
            )
''',
    "new_conversation": '''
async def new_conversation(client, *, messages=(), tool_resources=None, metadata=None):
    """A conversation with messages, 20 a call at most, and their files."""
    items = [message_item(each) for each in messages or ()]
    conversation = await client.conversations.create(items=items[:20], metadata=metadata)
    for start in range(20, len(items), 20):
        await client.conversations.items.create(conversation.id, items=items[start : start + 20])
    if tool_resources:
        await keep_resources(client, conversation.id, tool_resources)
    for each in messages or ():
        await attach(client, conversation.id, each.get("attachments"))
    return conversation
''',
    "message_item": '''
def message_item(message):
    """A message as an item of a conversation."""
    role = message["role"]
    return {"type": "message", "role": role, "content": content_of(message["content"], role)}
''',
    "content_of": '''
def content_of(content, role="user"):
    """The content of a message, its parts as Responses calls them."""
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        if part["type"] == "text":
            kind = "output_text" if role == "assistant" else "input_text"
            parts.append({"type": kind, "text": part["text"]})
        else:
            image = dict(part[part["type"]])
            if "url" in image:
                image["image_url"] = image.pop("url")
            parts.append({"type": "input_image", "detail": "auto", **image})
    return parts
''',
    "add_message": '''
async def add_message(client, conversation_id, item, attachments):
    """Add a message and its files to a conversation."""
    await attach(client, conversation_id, attachments)
    return (await client.conversations.items.create(conversation_id, items=[item])).data[0]
''',
    "call_outputs": '''
def call_outputs(outputs):
    """Outputs of function calls as items."""
    return [
        {
            "type": "function_call_output",
            "call_id": each["tool_call_id"],
            "output": each.get("output") or "",
        }
        for each in outputs
    ]
''',
    "text_format": '''
def text_format(response_format):
    """What an answer has to look like, as Responses is told it."""
    if response_format is None or response_format == "auto":
        return {"format": {"type": "text"}}
    schema = dict(response_format.get("json_schema") or {})
    if schema:
        schema["strict"] = bool(schema.get("strict"))
    return {"format": {"type": response_format["type"], **schema}}
''',
    "events_of": '''
async def events_of(stream):
    """The events of a response; the last comes when the stream is over.

    Until then the conversation is locked, and takes no outputs of calls.
    """
    last = None
    async for event in stream:
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            last = event
        else:
            yield event
    if last is not None:
        yield last
''',
    "final_response": '''
async def final_response(stream):
    """The response at the end of a stream, which is read to there."""
    response = None
    async for event in stream:
        response = getattr(event, "response", response)
    return response
''',
    "call_delta": '''
def call_delta(event):
    """What an event tells of a tool call, None where it tells nothing."""
    if event.type == "response.code_interpreter_call_code.delta":
        return CallDelta("code_interpreter", input=event.delta)
    if event.type == "response.function_call_arguments.delta":
        return CallDelta("function", arguments=event.delta)
    outputs = getattr(getattr(event, "item", None), "outputs", None)
    if event.type == "response.output_item.done" and outputs:
        return CallDelta("code_interpreter", outputs=outputs)
    return None
''',
    "CallDelta": '''
@dataclass
class CallDelta:
    """A piece of a tool call: of its code or arguments, or what the code gave."""

    type: str
    input: str = ""
    arguments: str = ""
    outputs: list = field(default_factory=list)
''',
}

NEEDS = {
    "status_of": ("function_calls",),
    "with_files": ("usable",),
    "attach": ("keep_files",),
    "new_conversation": ("message_item", "attach", "keep_resources"),
    "message_item": ("content_of",),
    "add_message": ("attach",),
    "call_delta": ("CallDelta",),
}

IMPORTS = {
    "cited": "from types import SimpleNamespace",
    "CallDelta": "from dataclasses import dataclass, field",
}


def trimmed(text: str, words: Iterable[str]) -> str:
    """A helper without what is for tools that the program does not have."""
    for tool in ("file_search", "code_interpreter"):
        inner = r"\1" if tool in words else ""
        text = re.sub(rf"<{tool}>\n(.*?)</{tool}>\n", inner, text, flags=re.DOTALL)
    return text


def blocking(text: str) -> str:
    """The same without asyncio."""
    text = re.sub(r"\(await ([\w.]+\(\w*\))\)\.", r"\1.", text)
    return re.sub(r"\b(?:async|await) ", "", text)
