"""Recordings in the forms of others, and what a recording tells of runs: odd orders, odd ends."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest
import yaml
from recorded_place import WEATHER, assert_talk, lines, script, settings, talk, the_case

from shim.compare.lanes import Recorded
from shim.compare.reading.recordings import exchanges
from shim.compare.reading.sources import read
from shim.compare.running import Kept, Plan, run
from shim.core.wire import Event, encode_event
from shim.native.cases import ERROR
from shim.native.exchanges import line_of
from shim.offline import Offline
from shim.testing import connect

BASE = "https://api.example.com/v1"


@pytest.fixture
def recorded(tmp_path):
    """The lines of a recorded conversation, streamed."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)
    with connect(offline, settings=settings(path)) as client:
        talk(client, streamed=True)
    return lines(path)


def url_of(line):
    query = (
        "&".join(f"{name}={value}" for name, value in line["query"]) if line.get("query") else ""
    )
    return f"{BASE}{line['path']}{'?' if query else ''}{query}"


def sent(line):
    return json.dumps(line["body"]) if "body" in line else ""


def answered(line):
    """The kind and the text of an answer."""
    if "events" in line:
        told = [encode_event(Event(name, data)) for _, name, data in line["events"]]
        return "text/event-stream; charset=utf-8", b"".join(told)
    return "application/json", json.dumps(line["answer"]).encode()


def as_vcrpy(line, body):
    kind, content = answered(line)
    return {
        "request": {
            "method": line["method"],
            "uri": url_of(line),
            "body": sent(line) or None,
            "headers": {"Content-Type": ["application/json"]},
        },
        "response": {
            "status": {"code": line["status"], "message": "OK"},
            "headers": {"Content-Type": [kind]},
            "body": body(content),
        },
    }


def as_the_gem(line):
    kind, content = answered(line)
    return {
        "request": {
            "method": line["method"].lower(),
            "uri": url_of(line),
            "body": {"encoding": "UTF-8", "string": sent(line)},
            "headers": {"Content-Type": ["application/json"]},
        },
        "response": {
            "status": {"code": line["status"], "message": "OK"},
            "headers": {"Content-Type": [kind]},
            "body": {
                "encoding": "ASCII-8BIT",
                "base64_string": base64.b64encode(content).decode(),
            },
        },
    }


def as_session(line):
    kind, content = answered(line)
    told = content.decode()
    return {
        "RequestUri": url_of(line),
        "RequestMethod": line["method"],
        "RequestHeaders": {"Content-Type": "application/json"},
        "RequestBody": line.get("body"),
        "StatusCode": line["status"],
        "ResponseHeaders": {"Content-Type": kind},
        "ResponseBody": told.splitlines(keepends=True) if "events" in line else line["answer"],
    }


def as_har(line):
    kind, content = answered(line)
    return {
        "startedDateTime": f"2026-01-02T03:04:{line['at'] % 60:09.6f}Z",
        "time": line["seconds"] * 1000,
        "request": {
            "method": line["method"],
            "url": url_of(line),
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "postData": {"mimeType": "application/json", "text": sent(line)},
        },
        "response": {
            "status": line["status"],
            "headers": [{"name": "Content-Encoding", "value": "gzip"}],
            "content": {"mimeType": kind, "text": content.decode()},
        },
    }


def forms(made):
    """The same recording, as several recorders keep it: a name and a text of each."""
    plain = [as_vcrpy(line, lambda content: {"string": content.decode()}) for line in made]
    packed = [as_vcrpy(line, lambda content: {"string": gzip.compress(content)}) for line in made]
    base64s = [
        as_vcrpy(line, lambda content: {"base64_string": base64.b64encode(content).decode()})
        for line in made
    ]
    entries = [as_har(line) for line in made]
    return {
        "vcrpy.yaml": yaml.safe_dump({"interactions": plain, "version": 1}),
        "packed.yaml": yaml.safe_dump({"interactions": packed, "version": 1}),
        "vcrpy.json": json.dumps({"interactions": base64s, "version": 1}),
        "gem.yml": yaml.safe_dump({"http_interactions": [as_the_gem(line) for line in made]}),
        "session.json": json.dumps({"Entries": [as_session(line) for line in made]}),
        "browser.har": json.dumps({"log": {"version": "1.2", "entries": entries}}),
    }


FORMS = ["vcrpy.yaml", "packed.yaml", "vcrpy.json", "gem.yml", "session.json", "browser.har"]


@pytest.mark.parametrize("name", FORMS)
def test_other_recorders_are_read(recorded, tmp_path, name):
    """What other recorders keep makes the case that shim's own lines make, but for times."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / name).write_text(forms(recorded)[name])

    case, alone = the_case(folder), the_case(folder / name)

    own = the_case(tmp_path / "one.jsonl")
    times = {"seconds": None, "first_token": None, "unknown": frozenset()}
    for other in (case, alone):
        assert other.assistant == own.assistant
        for mine, theirs in zip(own.turns, other.turns, strict=True):
            assert theirs.asked == mine.asked
            assert theirs.params == mine.params
            assert theirs.outputs == mine.outputs
            assert theirs.recorded.model_copy(update=times) == mine.recorded.model_copy(
                update=times
            )
            assert theirs.recorded.unknown == {"first_token"}


def test_deflated_answers_are_read(tmp_path):
    """Both kinds of deflate are, the standard's and the bare one."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bare = packer.compress(b'{"id": "thread_b"}') + packer.flush()
    made = []
    for content in (zlib.compress(b'{"id": "thread_a"}'), bare):
        line = {"method": "POST", "path": "/threads", "status": 200, "answer": {}}
        each = as_vcrpy(line, lambda _, content=content: {"string": content})
        each["response"]["headers"]["Content-Encoding"] = ["deflate"]
        made.append(each)
    path = tmp_path / "one.yaml"
    path.write_text(yaml.safe_dump({"interactions": made}))

    assert [each.answer["id"] for each in exchanges(path)] == ["thread_a", "thread_b"]


def test_what_cannot_be_read_has_its_place(recorded, tmp_path):
    """An entry that is none is told with its number; the others are read."""
    whole = json.loads(forms(recorded)["session.json"])
    whole["Entries"].insert(1, {"RequestUri": "nothing else"})
    path = tmp_path / "session.json"
    path.write_text(json.dumps(whole))

    reading = read(path)

    texts = [case.turns[0].recorded.texts for case in reading.cases]
    assert texts == [("It rains.",)]
    ((place, why),) = reading.left_out
    assert place == "session.json#2"
    assert "RequestHeaders" in why


def test_a_folder_may_hold_all_kinds(recorded, tmp_path):
    """Recordings that name the same ids are kept apart, and no two cases have one id."""
    folder = tmp_path / "all"
    folder.mkdir()
    for name, text in forms(recorded).items():
        (folder / name).write_text(text)
    (folder / "notes.yaml").write_text("just: notes")

    reading = read(folder)

    ids = [case.id for case in reading.cases]
    assert len(ids) == len(set(ids)) == len(FORMS)
    assert reading.left_out == (("notes.yaml", "is no recording that is known"),)


# what a recording tells of runs


def served(tmp_path, play):
    """What is read of a program's recording."""
    path, offline = tmp_path / "one.jsonl", Offline()
    with connect(offline, settings=settings(path), max_retries=0) as client:
        play(client, offline)
    return read(path)


def begun(client, **more):
    """The ids of a new assistant and a thread in which something is asked."""
    assistant = client.beta.assistants.create(model="gpt-4o", **more)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    return {"thread_id": thread.id, "assistant_id": assistant.id}


def test_outputs_given_inside_a_stream_count_once(tmp_path):
    """A handler submits while it reads the first stream: no second is counted twice."""

    def play(client, offline):
        offline.script.call("get_weather", {"city": "Oslo"}).say("It rains.")
        asked = begun(client, tools=[WEATHER])
        runs = client.beta.threads.runs
        for event in runs.create(**asked, stream=True):
            if event.event == "thread.run.requires_action":
                (call,) = event.data.required_action.submit_tool_outputs.tool_calls
                output = {"tool_call_id": call.id, "output": "rain"}
                given = {"run_id": event.data.id, "thread_id": asked["thread_id"]}
                with runs.submit_tool_outputs_stream(**given, tool_outputs=[output]) as stream:
                    stream.until_done()

    reading = served(tmp_path, play)

    (case,) = reading.cases
    (turn,) = case.turns
    first, second = [line for line in lines(tmp_path / "one.jsonl") if "events" in line][::-1]
    assert first["at"] < second["at"]
    assert turn.recorded.texts == ("It rains.",)
    assert turn.recorded.steps == ("function", "message_creation")
    assert turn.recorded.seconds < first["seconds"]
    assert turn.recorded.unknown == frozenset()


def test_messages_that_were_there_are_placed(tmp_path):
    """What an answer shows of a thread that was begun before stands before the first turn."""
    path, offline = tmp_path / "one.jsonl", Offline()
    plain = settings(path, record="", database_url=f"sqlite:///{tmp_path}/a.db")
    with connect(offline, settings=plain) as client:
        offline.script.say("Hello.")
        asked = begun(client, instructions="Be brief.")
        client.beta.threads.runs.create_and_poll(**asked)
    recording = settings(path, database_url=f"sqlite:///{tmp_path}/a.db")
    with connect(offline, settings=recording) as client:
        offline.script.say("So long.")
        client.beta.threads.messages.create(asked["thread_id"], role="user", content="Bye")
        client.beta.threads.runs.create_and_poll(**asked)
        client.beta.threads.messages.list(asked["thread_id"])

    case = the_case(path)

    assert [message["content"] for message in case.before] == ["Hi", "Hello."]
    assert [turn.asked[0]["content"] for turn in case.turns] == ["Bye"]
    assert case.turns[0].recorded.texts == ("So long.",)
    assert case.assistant == {"model": "gpt-4o", "instructions": "Be brief."}


def test_a_thread_begun_before_cannot_be_compared(tmp_path):
    """Where nothing shows what was said before, the turns are there with that reason."""
    path, offline = tmp_path / "one.jsonl", Offline()
    plain = settings(path, record="", database_url=f"sqlite:///{tmp_path}/a.db")
    with connect(offline, settings=plain) as client:
        asked = begun(client)
    with connect(
        offline, settings=settings(path, database_url=f"sqlite:///{tmp_path}/a.db")
    ) as client:
        client.beta.threads.runs.create_and_poll(**asked)

    reading = read(path)

    (case,) = reading.cases
    assert "before the recording began" in case.turns[0].why
    assert reading.left_out == ((case.id, case.turns[0].why),)


def test_a_deleted_message_is_not_said_again(tmp_path):
    """After a message was deleted the thread goes on as another case, without it."""

    def play(client, offline):
        offline.script.say("Hello.").say("Bye.")
        asked = begun(client)
        client.beta.threads.runs.create_and_poll(**asked)
        listed = client.beta.threads.messages.list(asked["thread_id"], order="asc").data
        client.beta.threads.messages.delete(listed[0].id, thread_id=asked["thread_id"])
        client.beta.threads.messages.create(asked["thread_id"], role="user", content="Bye")
        client.beta.threads.runs.create_and_poll(**asked)
        client.beta.threads.messages.list(asked["thread_id"])

    first, second = served(tmp_path, play).cases

    assert [turn.asked[0]["content"] for turn in first.turns] == ["Hi"]
    assert [message["content"] for message in second.before] == ["Hello."]
    assert [turn.asked[0]["content"] for turn in second.turns] == ["Bye"]


def test_what_a_run_brings_along_is_its_own(tmp_path):
    """Additional messages and a run's own settings are its parameters, and stand nowhere twice."""

    def play(client, offline):
        offline.script.say("Hello.").say("Bye.")
        asked = begun(client, instructions="Be brief.")
        extra = [{"role": "user", "content": "More"}]
        runs, messages = client.beta.threads.runs, client.beta.threads.messages
        runs.create_and_poll(**asked, additional_messages=extra, model="gpt-4.1", temperature=0.2)
        messages.list(asked["thread_id"])
        messages.create(asked["thread_id"], role="user", content="Bye")
        runs.create_and_poll(**asked, tool_choice="none")
        messages.list(asked["thread_id"])

    (case,) = served(tmp_path, play).cases

    first, second = case.turns
    assert first.params == {
        "additional_messages": [{"role": "user", "content": "More"}],
        "model": "gpt-4.1",
        "temperature": 0.2,
    }
    assert second.params == {"tool_choice": "none"}
    assert [[m["content"] for m in turn.asked] for turn in case.turns] == [["Hi"], ["Bye"]]
    assert case.assistant == {"model": "gpt-4o", "instructions": "Be brief."}


def test_refused_runs_are_turns(tmp_path):
    """A run that was refused is a turn of its own; a moment's failure that was repeated is none."""
    path = tmp_path / "one.jsonl"
    assistant = {"id": "asst_a", "object": "assistant", "created_at": 1, "model": "gpt-4o"}
    thread = {"id": "thread_a", "object": "thread", "created_at": 2}
    begun = {"id": "run_a", "object": "thread.run", "created_at": 3, "thread_id": "thread_a"}
    asked = {"assistant_id": "asst_a"}
    error = {"error": {"message": "No.", "code": "bad"}}

    def to(path, status, answer, **body):
        return {"method": "POST", "path": path, "status": status, "answer": answer, "body": body}

    runs = "/threads/thread_a/runs"
    told = [
        to("/assistants", 200, assistant, model="gpt-4o"),
        to("/threads", 200, thread, messages=[{"role": "user", "content": "Hi"}]),
        to(runs, 400, error, **asked, temperature=9),
        to(runs, 503, {"error": {"message": "Overloaded."}}, **asked),
        to(runs, 200, {**begun, "status": "queued"}, **asked),
        to(runs, 400, {"error": {"message": "thread_a already has an active run run_a."}}, **asked),
        to(runs, 500, {"error": {"message": "Broken."}}, **asked),
    ]
    path.write_bytes(b"".join(line_of({"at": float(n), **each}) for n, each in enumerate(told)))

    reading = read(path)

    (case,) = reading.cases
    statuses = [turn.recorded and turn.recorded.status for turn in case.turns]
    assert statuses == [ERROR, None, ERROR, ERROR]
    assert case.turns[0].recorded.error == "400 to POST /threads/thread_a/runs: bad: No."
    assert [turn.why for turn in case.turns] == [
        "",
        "it was queued when it was last seen",
        "it was refused because of another run",
        "the server could not answer (500)",
    ]


def test_a_turn_that_cannot_be_compared_is_not_asked(tmp_path):
    """The reason of a turn is that of its pair; nobody is asked in vain."""
    path, offline = tmp_path / "one.jsonl", Offline()
    offline.script.call("get_weather", {"city": "Oslo"})
    with connect(offline, settings=settings(path)) as client:
        asked = begun(client, tools=[WEATHER])
        run_ = client.beta.threads.runs.create_and_poll(**asked)
        client.beta.threads.runs.cancel(run_.id, thread_id=run_.thread_id)
    (case,) = read(path).cases
    lane = Recorded("old")

    (pair,) = run(Plan(lane, lane), [case], Kept(tmp_path / "out", {}), lambda _: None)

    assert pair.b == ()
    assert pair.why in {
        "it was cancelled by its caller",
        "it was cancelling when it was last seen",
    }


def test_the_talk_is_read_whole(recorded, tmp_path):
    """The recording that these tests rewrite is whole itself."""
    assert_talk(the_case(tmp_path / "one.jsonl"), streamed=True)
