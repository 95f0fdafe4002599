"""What the second response of a run is sent of the first, on servers of each kind."""

from __future__ import annotations

from typing import Any

import pytest
from odd_upstream import Api, call, ended, last_run, message, sse

TOOLS = [{"type": "function", "function": {"name": "f"}}]
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}
OPEN = {"type": "reasoning", "id": "rs_2", "summary": []}
SAID = {"type": "message", "role": "assistant", "content": "Let me see"}
OUTPUT = {"type": "function_call_output", "call_id": "call_a", "output": "1"}


def second(items: list[Any], **settings: Any) -> list[dict[str, Any]]:
    """What the second request holds of the run's own items."""
    api = Api(**settings)
    path, body = api.begun(tools=TOOLS)
    api.odd.posts.extend([sse(ended(*items)), sse(ended(message("ok")))])
    run = last_run(api.streamed(path, body))
    outputs = {"tool_outputs": [{"tool_call_id": "call_a", "output": "1"}]}

    after = api.events(f"{path}/runs/{run['id']}/submit_tool_outputs", outputs)
    api.close()

    assert last_run(after)["status"] == "completed", last_run(after)["last_error"]
    sent: list[dict[str, Any]] = api.posted()[1]["input"]
    return sent[1:]


def test_a_server_that_stored_them_gets_its_items_as_they_were() -> None:
    """Reasoning next to what follows it, hosted tools, ids: all verbatim (Responses spec 4.2)."""
    items = [OPEN, message("Let me see"), SEARCH, call()]

    assert second(items) == [*items, OUTPUT]


def test_a_server_that_stored_nothing_gets_what_it_can_know() -> None:
    """No ids, no open reasoning, no hosted calls, which need an id; sealed reasoning is kept."""
    items = [OPEN, SEALED, message("Let me see"), SEARCH, call()]

    sealed, said, called, output = second(items, store=False)

    assert sealed == SEALED
    assert (said["type"], said["role"], said.get("id")) == ("message", "assistant", None)
    assert (called["call_id"], called.get("id"), called.get("status")) == ("call_a", None, None)
    assert output == OUTPUT


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Let me see", "Let me see"),
        ([{"type": "output_text", "text": "Let me "}, {"type": "output_text", "text": "see"}],
         "Let me see"),
        ([{"type": "refusal", "refusal": "No"}], "No"),
    ],
)  # fmt: skip
def test_a_plain_server_gets_bare_texts_and_calls(content: Any, text: str) -> None:
    """Assistant text as a string, calls with their bare keys, nothing else."""
    said = {**SAID, "content": content, "id": "msg_1"}

    sent = second([OPEN, SEALED, said, SEARCH, call()], dialect="generic")

    bare = {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"}
    assert sent == [{**SAID, "content": text}, bare, OUTPUT]
