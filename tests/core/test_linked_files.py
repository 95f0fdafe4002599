"""Links to files that the upstream does not annotate, through the SDK on the offline service."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from code_runs import AN_HOUR, CHART, CODE, CSV, FUNCTION, LINK, begun, mounted, run

from shim.offline import Offline
from shim.offline.outputs import Call, Code, Say


@pytest.fixture
def offline() -> Iterator[Offline]:
    offline = Offline()
    yield offline
    offline.close()


@pytest.fixture
def client(offline: Offline) -> Iterator[openai.OpenAI]:
    sdk = mounted(offline)
    yield sdk
    sdk.close()


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_a_later_answer_links_what_earlier_code_made(
    client: openai.OpenAI, offline: Offline, how: str
) -> None:
    """No code runs for it and nothing is cited: the file comes from the thread's container."""
    offline.script.mixed([Code(CSV), Say("Done.")])
    thread_id, assistant_id = begun(client)
    run(client, thread_id, assistant_id, how)
    client.beta.threads.messages.create(thread_id, role="user", content="Where is it?")
    offline.script.mixed([Say(f"😀 {LINK} or [none](sandbox:/mnt/data/none.csv).")])

    run(client, thread_id, assistant_id, how)
    (part,) = client.beta.threads.messages.list(thread_id).data[0].content
    first, second = part.text.annotations
    table = client.files.content(first.file_path.file_id).read()
    offline.clock.advance(AN_HOUR)

    assert table == client.files.content(first.file_path.file_id).read()
    assert table == b"month,sales\nMar,5\n"
    for note in (first, second):
        assert part.text.value[note.start_index : note.end_index] == note.text
    with pytest.raises(openai.NotFoundError, match=r"none\.csv|no such file"):
        client.files.content(second.file_path.file_id)


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_a_chart_before_a_function_call_is_among_the_messages(
    client: openai.OpenAI, offline: Offline, how: str
) -> None:
    """It is there while the run waits, and stays a message of its own."""
    offline.script.mixed([Code(CHART), Call("rate", {})])
    thread_id, assistant_id = begun(client, tools=[*CODE, FUNCTION])

    waiting = run(client, thread_id, assistant_id, how)
    (part,) = client.beta.threads.messages.list(thread_id, run_id=waiting.id).data[0].content
    offline.script.mixed([Say("Three per cent.")])
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": call.id, "output": "3"}]
    done = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=waiting.id, thread_id=thread_id, tool_outputs=outputs, poll_interval_ms=20
    )

    assert (waiting.status, done.status) == ("requires_action", "completed")
    assert client.files.content(part.image_file.file_id).read().startswith(b"\x89PNG")
    texts, shown = client.beta.threads.messages.list(thread_id, run_id=done.id).data
    assert [one.type for one in texts.content] == ["text"]
    assert [one.type for one in shown.content] == ["image_file"]
