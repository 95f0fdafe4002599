"""Clients and servers whose exchanges are recorded, and programs that talk to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shim.compare.reading.sources import read
from shim.core.wire import decode_json
from shim.native.cases import Case
from shim.settings import Settings

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def settings(path: Path, **more: Any) -> Settings:
    """Settings by which all is recorded to a file."""
    memory = "sqlite:///:memory:"
    return Settings(**{"database_url": memory, "dialect": "openai", "record": str(path), **more})


def lines(path: Path) -> list[Any]:
    """The exchanges of a recording, as they stand there."""
    return [decode_json(line) for line in path.read_bytes().splitlines()]


def script(offline: Any) -> None:
    """Two turns: one that calls a function, and one that answers."""
    offline.script.call("get_weather", {"city": "Oslo"}).say("It rains.", usage=(9, 4))
    offline.script.say("Until then.", usage=(20, 3))


def assert_talk(case: Case, *, streamed: bool) -> None:
    """A case says what `talk` said, and what came of it."""
    assert case.assistant == {
        "name": "Weather",
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "tools": [WEATHER],
    }
    assert case.before == ()
    first, second = case.turns
    assert first.asked == ({"role": "user", "content": "Weather in Oslo?"},)
    assert second.asked == ({"role": "user", "content": "Bye"},)
    assert first.params == {"additional_instructions": "In English."}
    assert second.params == {}
    assert [(c.name, json.loads(c.arguments), c.output) for c in first.outputs] == [
        ("get_weather", {"city": "Oslo"}, "rain")
    ]
    assert first.recorded.rounds == (first.outputs,)
    assert [t.recorded.status for t in case.turns] == ["completed"] * 2
    assert [t.recorded.texts for t in case.turns] == [("It rains.",), ("Until then.",)]
    assert second.recorded.usage.total_tokens == 23
    assert all(t.recorded.model == "gpt-4o" and t.recorded.seconds > 0 for t in case.turns)
    if streamed:
        assert first.recorded.steps == ("function", "message_creation")
        assert first.recorded.unknown == second.recorded.unknown == frozenset()
        assert first.recorded.events[0] == "thread.run.created"
        assert first.recorded.events.count("thread.message.delta") == 1
        assert 0 < second.recorded.first_token <= second.recorded.seconds
    else:
        assert {"events", "first_token"} <= first.recorded.unknown
        assert "texts" not in first.recorded.unknown


def the_case(path: Path) -> Case:
    """The only case of a recording, of which nothing is left out."""
    reading = read(path)
    assert reading.left_out == ()
    (case,) = reading.cases
    return case


def _assistant() -> dict[str, Any]:
    tools = [WEATHER]
    return {"model": "gpt-4o", "name": "Weather", "instructions": "Be brief.", "tools": tools}


def talk(client: Any, *, streamed: bool) -> str:
    """A conversation of two runs; the thread's id."""
    beta = client.beta
    assistant = beta.assistants.create(**_assistant())
    thread = beta.threads.create(messages=[{"role": "user", "content": "Weather in Oslo?"}])
    asked = {"thread_id": thread.id, "assistant_id": assistant.id}
    english = {"additional_instructions": "In English."}
    run = _run(beta.threads.runs, {**asked, **english}, streamed=streamed)
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    given = {"tool_outputs": [{"tool_call_id": call.id, "output": "rain"}], "run_id": run.id}
    runs = beta.threads.runs
    if streamed:
        with runs.submit_tool_outputs_stream(thread_id=thread.id, **given) as stream:
            stream.until_done()
    else:
        runs.submit_tool_outputs_and_poll(thread_id=thread.id, **given)
        beta.threads.messages.list(thread.id)
    beta.threads.messages.create(thread.id, role="user", content="Bye")
    _run(runs, asked, streamed=streamed)
    beta.threads.messages.list(thread.id, limit=1)
    return str(thread.id)


def _run(runs: Any, asked: dict[str, Any], *, streamed: bool) -> Any:
    if not streamed:
        return runs.create_and_poll(**asked)
    with runs.stream(**asked) as stream:
        stream.until_done()
        return stream.current_run


async def talk_async(client: Any) -> str:
    """The same, streamed, by an async client."""
    beta = client.beta
    assistant = await beta.assistants.create(**_assistant())
    thread = await beta.threads.create(messages=[{"role": "user", "content": "Weather in Oslo?"}])
    asked = {"thread_id": thread.id, "assistant_id": assistant.id}
    english = {"additional_instructions": "In English."}
    async with beta.threads.runs.stream(**asked, **english) as stream:
        await stream.until_done()
        run = stream.current_run
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    given = {"tool_outputs": [{"tool_call_id": call.id, "output": "rain"}], "run_id": run.id}
    async with beta.threads.runs.submit_tool_outputs_stream(thread_id=thread.id, **given) as stream:
        await stream.until_done()
    await beta.threads.messages.create(thread.id, role="user", content="Bye")
    async with beta.threads.runs.stream(**asked) as stream:
        await stream.until_done()
    return str(thread.id)
