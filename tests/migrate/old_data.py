"""Dumps of the old API as people have them: seeded, with images, attachments and odd content."""

from __future__ import annotations

import json
import random

__all__ = ["assistant", "dump", "message", "run", "step", "thread", "written"]

_BEGAN = 1_700_000_000
_WORDS = (
    "Grüße",
    "zero\u200bwidth",
    "  spaces  ",
    "line\nbreak",
    "日本語",
    "\U0001f680",
    "'; --",
    "x",
)


def assistant(number, **more):
    """An assistant as the API showed it."""
    return {
        "id": f"asst_{number:024}",
        "object": "assistant",
        "created_at": _BEGAN + number,
        "name": f"Assistant {number}",
        "description": None,
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "tools": [{"type": "file_search"}, {"type": "code_interpreter"}],
        "top_p": 1.0,
        "temperature": 0.5,
        "reasoning_effort": None,
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}},
        "metadata": {"team": "a"},
        "response_format": "auto",
        **more,
    }


def thread(number, **more):
    """A thread as the API showed it."""
    return {
        "id": f"thread_{number:024}",
        "object": "thread",
        "created_at": _BEGAN + number,
        "metadata": {"user": f"u-{number}"},
        "tool_resources": {},
        **more,
    }


def message(thread_id, name, text="Hello", *, at=_BEGAN, role="user", **more):
    """A message as the API showed it."""
    return {
        "id": f"msg_{name}",
        "object": "thread.message",
        "created_at": at,
        "assistant_id": None,
        "thread_id": thread_id,
        "run_id": None,
        "role": role,
        "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        "attachments": [],
        "metadata": {},
        **more,
    }


def run(thread_id, name, *, at=_BEGAN, **more):
    """A run as the API showed it."""
    return {
        "id": f"run_{name}",
        "object": "thread.run",
        "created_at": at,
        "assistant_id": f"asst_{0:024}",
        "thread_id": thread_id,
        "status": "completed",
        "started_at": at,
        "expires_at": None,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": at + 1,
        "required_action": None,
        "last_error": None,
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}],
        "tool_resources": {},
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "max_completion_tokens": None,
        "max_prompt_tokens": None,
        "truncation_strategy": {"type": "auto", "last_messages": None},
        "incomplete_details": None,
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
        "response_format": "auto",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        **more,
    }


def step(of_run, name, details, **more):
    """A step of a run as the API showed it."""
    return {
        "id": f"step_{name}",
        "object": "thread.run.step",
        "created_at": of_run["created_at"],
        "run_id": of_run["id"],
        "assistant_id": of_run["assistant_id"],
        "thread_id": of_run["thread_id"],
        "type": details["type"],
        "status": "completed",
        "cancelled_at": None,
        "completed_at": of_run["created_at"],
        "expires_at": None,
        "failed_at": None,
        "last_error": None,
        "step_details": details,
        "usage": None,
        **more,
    }


def _content(chance, number):
    text = f"{number} {chance.choice(_WORDS)} {'word ' * chance.randrange(30)}"
    parts = [{"type": "text", "text": {"value": text, "annotations": []}}]
    if chance.random() < 0.1:
        parts.append({"type": "image_file", "image_file": {"file_id": f"file-{number}"}})
    if chance.random() < 0.1:
        parts.append({"type": "image_url", "image_url": {"url": "https://a.example/b.png"}})
    return parts


def _answer(chance, thread_id, name, at, run_id):
    cited = {
        "type": "file_citation",
        "text": "【4:0†a.txt】",
        "start_index": 6,
        "end_index": 17,
        "file_citation": {"file_id": "file-a"},
    }
    text = {"value": "Answer【4:0†a.txt】.", "annotations": [cited]}
    content = [{"type": "text", "text": text}]
    if chance.random() < 0.05:
        content = [{"type": "refusal", "refusal": "I will not."}]
    return message(
        thread_id,
        name,
        at=at,
        role="assistant",
        content=content,
        run_id=run_id,
        assistant_id=f"asst_{0:024}",
        metadata={"n": name},
    )


def _turn(chance, thread_id, name, at):
    """What a user asked, the run, its steps, and the answer."""
    asked = message(thread_id, f"{name}a", at=at, content=_content(chance, name))
    if chance.random() < 0.2:
        tools = [{"type": "file_search"}]
        asked["attachments"] = [{"file_id": f"file-{name}", "tools": tools}]
    ran = run(thread_id, name, at=at)
    answer = _answer(chance, thread_id, f"{name}b", at, ran["id"])
    creation = {"type": "message_creation", "message_creation": {"message_id": answer["id"]}}
    function = {"name": "look", "arguments": "{}", "output": "found"}
    call = {"id": f"call_{name}", "type": "function", "function": function}
    calls = {"type": "tool_calls", "tool_calls": [call]}
    ran["steps"] = [step(ran, f"{name}a", calls), step(ran, f"{name}b", creation)]
    return [asked, answer], ran


def dump(threads, messages, seed=1):
    """Thread files by id; some turns have the same second, so that the source's order counts."""
    chance = random.Random(seed)
    files = {}
    for number in range(threads):
        head = thread(number)
        held, runs = [], []
        for turn in range(messages // 2):
            both, ran = _turn(chance, head["id"], f"{number}x{turn}", _BEGAN + turn // 3)
            held += both
            runs.append(ran)
        files[head["id"]] = {
            "export_schema": "assistants-thread-export/v1",
            "thread_id": head["id"],
            "thread": head,
            "messages": held,
            "runs": runs,
            "files": {},
            "errors": [],
        }
    return files


def written(folder, threads, messages, seed=1):
    """The folder, with a dump in the layout of an export."""
    (folder / "threads").mkdir(parents=True)
    (folder / "assistants.json").write_text(json.dumps([assistant(n) for n in range(3)]))
    (folder / "manifest.json").write_text("{}")
    for thread_id, held in dump(threads, messages, seed).items():
        (folder / "threads" / f"{thread_id}.json").write_text(json.dumps(held, indent=1))
    return folder
