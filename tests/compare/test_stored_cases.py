"""Threads of a database, and of exports, as cases: what was asked, what came of it, samples."""

from __future__ import annotations

import json

import pytest
from driven_place import WEATHER

from shim import drive
from shim.cli.database import opened
from shim.compare.reading.histories import of_history
from shim.compare.reading.sources import read
from shim.compare.reading.stored import Choice, stored
from shim.errors import SettingsError
from shim.migrate import layout
from shim.native.cases import UNANSWERED
from shim.offline import Offline
from shim.settings import Settings
from shim.storage.imports import Imports
from shim.testing import connect


@pytest.fixture
def place(tmp_path):
    """A client whose threads are in a file, the upstream under it, and that file."""
    offline = Offline()
    settings = Settings(database_url=f"sqlite:///{tmp_path}/shim.db", dialect="openai")
    with connect(offline, settings=settings) as client:
        yield client, offline, settings


def talked(client, offline):
    """A thread with a plain turn and one that calls a function, and its assistant."""
    offline.script.say("Hello!", usage=(3, 2))
    offline.script.call("get_weather", {"city": "Oslo"}).say("It rains.")
    beta = client.beta
    assistant = beta.assistants.create(
        model="gpt-4o", instructions="Be brief.", tools=[WEATHER], name="Weather"
    )
    thread = beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    beta.threads.messages.create(thread.id, role="user", content="Weather?")
    run = beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, additional_instructions="In English."
    )
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "rain"}],
    )
    return thread, assistant


def cases_of(settings, **choice):
    with opened(settings) as database:
        return stored(database, Choice(**choice))


def test_a_thread_is_a_case(place):
    """What was asked, said, called and answered is all there, run by run."""
    client, offline, settings = place
    thread, _ = talked(client, offline)

    reading = cases_of(settings)

    (case,) = reading.cases
    assert reading.left_out == ()
    assert case.id == thread.id
    assert case.assistant == {
        "name": "Weather",
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "tools": [WEATHER],
    }
    assert case.strata == {"assistant": "Weather", "tools": "function", "model": "gpt-4o"}
    first, second = case.turns
    assert [first.asked, second.asked] == [
        ({"role": "user", "content": "Hi"},),
        ({"role": "user", "content": "Weather?"},),
    ]
    assert second.params == {"additional_instructions": "In English."}
    assert first.recorded.texts == ("Hello!",)
    assert first.recorded.usage.total_tokens == 5
    assert second.recorded.texts == ("It rains.",)
    assert second.recorded.steps == ("function", "message_creation")
    assert [(c.name, json.loads(c.arguments), c.output) for c in second.outputs] == [
        ("get_weather", {"city": "Oslo"}, "rain")
    ]
    assert first.recorded.unknown == {"events", "first_token"}


def test_an_assistant_is_the_one_of_its_time(place):
    """A run after a change of the assistant is another case, before which all stands."""
    client, offline, settings = place
    thread, assistant = talked(client, offline)
    client.beta.assistants.update(assistant.id, instructions="Be verbose.")
    offline.script.say("Good morning.")
    client.beta.threads.messages.create(thread.id, role="user", content="Again")
    client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)

    before, after = cases_of(settings).cases

    assert [case.assistant["instructions"] for case in (before, after)] == [
        "Be brief.",
        "Be verbose.",
    ]
    assert after.id == f"{thread.id}.2"
    told = [each.get("content") or each["call"]["output"] for each in after.before]
    assert told == ["Hi", "Hello!", "Weather?", "rain", "It rains."]
    assert [turn.asked[0]["content"] for turn in after.turns] == ["Again"]


def test_open_calls_and_other_ends_are_told(place):
    """A run that waits for outputs has ended at its calls; a cancelled one cannot be compared."""
    client, offline, settings = place
    beta = client.beta
    assistant = beta.assistants.create(model="gpt-4o", tools=[WEATHER])
    offline.script.call("get_weather", {"city": "Oslo"})
    waiting = beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Weather?"}]}
    )
    offline.script.call("get_weather", {"city": "Rome"})
    cancelled = beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Weather?"}]}
    )
    beta.threads.runs.cancel(cancelled.id, thread_id=cancelled.thread_id)
    beta.threads.create()

    reading = cases_of(settings)

    one, two = reading.cases
    assert one.turns[0].recorded.status == UNANSWERED
    assert [call.name for call in one.turns[0].recorded.unmatched] == ["get_weather"]
    assert two.turns[0].recorded.status == "cancelled"
    whys = dict(reading.left_out)
    assert whys[f"{cancelled.thread_id}/0"] == "it was cancelled by its caller"
    assert f"{waiting.thread_id}/0" not in whys
    assert sorted(whys.values())[1] == "no run of this thread is told of"


def test_an_export_makes_the_same_cases(place, tmp_path):
    """A thread that was exported to a folder is read as it is from the database."""
    client, offline, settings = place
    talked(client, offline)
    folder = tmp_path / "export"
    with opened(settings) as database:
        imports = Imports(database)
        (thread_id,) = drive.run(imports.thread_ids(tenant=None, since=0, assistants=()))
        history = drive.run(imports.history(thread_id))
        layout.write_assistants(folder, drive.run(imports.assistants(None)))
        layout.write_thread(folder, history)
    (there,) = cases_of(settings).cases

    (case,) = read(folder).cases

    same = {"source", "strata", "turns"}
    assert case.model_dump(exclude=same) == there.model_dump(exclude=same)
    assert [turn.recorded.texts for turn in case.turns] == [("Hello!",), ("It rains.",)]
    assert [turn.outputs for turn in case.turns] == [turn.outputs for turn in there.turns]


def test_messages_alone_make_turns(tmp_path):
    """Where a source has no runs, what the assistant said tells of them; its rest is unknown."""
    lines = [
        {"thread_id": "thread_a", "id": "msg_1", "role": "user", "content": "Hi"},
        {"thread_id": "thread_a", "id": "msg_2", "role": "assistant", "content": "Hello!"},
        {"thread_id": "thread_a", "id": "msg_3", "role": "user", "content": "Bye"},
        {"thread_id": "thread_a", "id": "msg_4", "role": "assistant", "content": "So long."},
    ]
    for number, line in enumerate(lines):
        line |= {"object": "thread.message", "created_at": 1_700_000_000 + number}
        line["content"] = [{"type": "text", "text": {"value": line["content"], "annotations": []}}]
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))

    alone = read(path)
    known = read(path, {"model": "gpt-4o"})

    (case,) = known.cases
    assert [turn.asked[0]["content"] for turn in case.turns] == ["Hi", "Bye"]
    assert [turn.recorded.texts for turn in case.turns] == [("Hello!",), ("So long.",)]
    assert {"steps", "usage", "rounds"} <= case.turns[0].recorded.unknown
    assert case.assistant == {"model": "gpt-4o"}
    assert known.left_out == ()
    assert [one for one, _ in alone.left_out] == ["thread_a"]


def many(client, offline, counts):
    """Threads of several assistants, so many of each."""
    for name, count in counts.items():
        tools = [WEATHER] if name == "weather" else []
        assistant = client.beta.assistants.create(model="gpt-4o", name=name, tools=tools)
        for _ in range(count):
            thread = {"messages": [{"role": "user", "content": "Hi"}]}
            client.beta.threads.create_and_run_poll(assistant_id=assistant.id, thread=thread)


def test_a_sample_is_spread_over_strata(place):
    """Each stratum has its share, one at the least; the same seed gives the same sample."""
    client, offline, settings = place
    many(client, offline, {"weather": 12, "plain": 6, "rare": 1})

    reading = cases_of(settings, sample=6, stratify=("assistant", "tools"), seed=7)
    again = cases_of(settings, sample=6, stratify=("assistant", "tools"), seed=7)
    other = cases_of(settings, sample=6, stratify=("assistant", "tools"), seed=8)

    names = [case.strata["assistant"] for case in reading.cases]
    assert (names.count("weather"), names.count("plain"), names.count("rare")) == (3, 2, 1)
    assert again == reading
    assert [case.id for case in other.cases] != [case.id for case in reading.cases]


def test_threads_are_chosen_by_assistant(place):
    """Only threads in which an assistant ran are taken, and none that are older."""
    client, offline, settings = place
    many(client, offline, {"weather": 2, "plain": 1})
    (plain,) = [a for a in client.beta.assistants.list().data if a.name == "plain"]

    chosen = cases_of(settings, assistants=(plain.id,))
    later = cases_of(settings, since=4_000_000_000)

    assert [case.strata["assistant"] for case in chosen.cases] == ["plain"]
    assert later.cases == ()


def test_unknown_strata_are_refused():
    """A stratum that nothing knows is named, with those that are known."""
    with pytest.raises(SettingsError, match="'colour' is not one of the strata: assistant, tools"):
        Choice(stratify=("colour",))


def test_stored_files_do_not_stand_twice(place):
    """Resources that hold what is attached to messages are left to the attachments."""
    client, _, settings = place
    file = client.files.create(file=("a.txt", b"Oslo has rain."), purpose="assistants")
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}])
    attached = [{"file_id": file.id, "tools": [{"type": "file_search"}]}]
    message = {"role": "user", "content": "Rain?", "attachments": attached}
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [message]}
    )
    with opened(settings) as database:
        history = drive.run(Imports(database).history(run.thread_id))

    (case,) = of_history(history, lambda *_: None, "here").cases

    assert history.thread.tool_resources != {}
    assert case.resources == {}
    assert case.turns[0].asked[0]["attachments"] == attached
