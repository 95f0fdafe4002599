"""Citations of uploaded files, found and renamed."""

from __future__ import annotations

from typing import Any

from shim.translate.copies import cited, may_cite, renamed

NAMES = {"file-1": "file-shim1", "file-2": "file-shim2"}


def citation(file_id: str) -> dict[str, Any]:
    return {"type": "file_citation", "file_id": file_id, "index": 3}


def item(*file_ids: str) -> dict[str, Any]:
    notes = [citation(file_id) for file_id in file_ids]
    text = {"type": "output_text", "text": "file-1", "annotations": notes}
    return {"type": "message", "role": "assistant", "content": [text]}


def search(*file_ids: str) -> dict[str, Any]:
    results = [{"file_id": file_id, "text": "file-1"} for file_id in file_ids]
    return {"type": "file_search_call", "id": "fs_1", "results": results}


def test_files_are_found_wherever_they_are_cited() -> None:
    """In searches and texts, of events, items and whole responses, each once."""
    response = {"output": [search("file-1", "file-3"), item("file-2", "file-1")]}

    assert cited({"type": "response.completed", "response": response}) == [
        "file-1",
        "file-3",
        "file-2",
    ]
    assert cited({"type": "x", "annotation": citation("file-2")}) == ["file-2"]
    assert cited([item(), {"type": "file_search_call", "results": None}]) == []


def test_citations_alone_are_renamed() -> None:
    """Other texts, ids of files unknown, and what a program calls `file_id` stay as they are."""
    call = {"type": "function_call", "call_id": "c", "arguments": '{"file_id": "file-1"}'}
    echoed = {"type": "function", "parameters": {"file_id": "file-1"}}
    given = [search("file-1", "file-3"), item("file-2"), call, echoed]

    assert renamed(given, NAMES) == [
        search("file-shim1", "file-3"),
        item("file-shim2"),
        call,
        echoed,
    ]
    assert given == [search("file-1", "file-3"), item("file-2"), call, echoed]


def test_renaming_back_gives_what_was_there() -> None:
    """The upstream gets its items as it gave them."""
    given = [search("file-1"), item("file-2", "file-1"), {"type": "reasoning", "summary": []}]
    back = {ours: theirs for theirs, ours in NAMES.items()}

    assert renamed(renamed(given, NAMES), back) == given


def test_most_events_are_not_searched() -> None:
    """Pieces of text and code cite nothing."""
    assert may_cite({"type": "response.output_item.done"})
    assert may_cite({"type": "response.completed"})
    assert not may_cite({"type": "response.output_text.delta"})
