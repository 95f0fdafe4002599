"""What is recorded is what passed, without secrets; and no call is the worse for it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from recorded_place import assert_talk, lines, script, settings, talk, talk_async, the_case

from shim import drive
from shim.compare.reading.sources import read
from shim.core.wire import DONE, Call, Event, Reply, Target
from shim.errors import ApiError, SettingsError, Unreachable
from shim.native.appending import Lines
from shim.native.record import Recorder
from shim.offline import Offline
from shim.settings import Settings
from shim.testing import connect, connect_async

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Target("http://embedded.invalid/v1", {"authorization": "Bearer sk-of-the-upstream-1"})


def test_a_conversation_is_read_back(tmp_path):
    """What a program said and was answered, streamed, is a case with the same in it."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)

    with connect(offline, settings=settings(path)) as client:
        thread_id = talk(client, streamed=True)

    case = the_case(path)
    assert case.id == thread_id
    assert_talk(case, streamed=True)
    assert {line["lane"] for line in lines(path)} == {"responses"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_polled_conversation_is_read_back(tmp_path):
    """Polling shows what was polled for: texts that were listed, no events."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)

    with connect(offline, settings=settings(path)) as client:
        talk(client, streamed=False)

    assert_talk(the_case(path), streamed=False)


def test_an_async_conversation_is_read_back(tmp_path):
    """The async client is recorded as the blocking one is."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)

    async def program():
        async with connect_async(offline, settings=settings(path)) as client:
            await talk_async(client)

    asyncio.run(program())

    assert_talk(the_case(path), streamed=True)


def test_the_seconds_are_those_of_the_events(tmp_path):
    """Each event has the time at which it passed, from the request on."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)

    with connect(offline, settings=settings(path)) as client:
        talk(client, streamed=True)

    streams = [line for line in lines(path) if "events" in line]
    assert len(streams) == 3
    for line in streams:
        offsets = [at for at, _, _ in line["events"]]
        assert offsets == sorted(offsets)
        assert 0 <= offsets[0] <= offsets[-1] <= line["seconds"]
        assert abs(line["at"] - time.time()) < 60
        assert "aborted" not in line


# secrets

SECRETS = [
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "sk-ant-api03-abc_DEF-1234567890",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.abc-DEF_123",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0abcdefghijklmnop",
    "xoxb-123456789012-abcdefABCDEF",
    "AIzaSyA-1234567890abcdefghijklmnopqrstu",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
]
NAMED = {
    "api_key=zzTOP42secret": "zzTOP42secret",
    '{"api_key": "zzTOP42secret"}': "zzTOP42secret",
    "client-secret: zzTOP42secret": "zzTOP42secret",
    "postgresql://user:zzTOP42@db.example/x": "zzTOP42",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "wJalrXUtnFEMI",
    "https://x.example/b?sv=1&sig=abcdefghijklmnopqrst%3D": "abcdefghijklmnopqrst",
    json.dumps(json.dumps({"password": "zzTOP42secret"})): "zzTOP42secret",
}
HARMLESS = [
    "The risk-management plan asks for a sk-shaped key.",
    "A bearer of good news; basic training; the password is required.",
    "See https://example.com/a:b?code=12 and user@example.com, at 12:30.",
    "usage: prompt_tokens 12, completion_tokens 7",
    "asst_0VLdyfoSMFV4tQpzWUT2ywhg thread_abc run_0123456789abcdefghijABCD",
]


def recorded(tmp_path, call, reply, **options):
    """The line of one exchange, and how often a handler's answer came through as it was."""
    path = tmp_path / "out.jsonl"

    async def handler(_):
        return reply

    kept = Lines(path)
    recorder = Recorder(handler, kept, **options)
    answer = drive.run(recorder(call))
    told = None
    if answer.events is not None:
        told = list(drive.iterate(answer.events))
    assert kept.flush()
    return (lines(path)[-1] if path.exists() else None), answer, told


def asking(text, **headers):
    body = json.dumps({"role": "user", "content": text}).encode()
    return Call("POST", "/threads/thread_a/messages", TARGET, body=body, headers=headers)


@pytest.mark.parametrize("secret", [*SECRETS, *NAMED])
def test_secrets_are_taken_out(tmp_path, secret):
    """What looks like a key is written nowhere, in request or answer, and it is counted."""
    reply = Reply(body={"id": "msg_1", "content": [{"text": {"value": f"You said {secret}!"}}]})

    line, answer, _ = recorded(tmp_path, asking(f"Use {secret} please"), reply)

    text = (tmp_path / "out.jsonl").read_text()
    hidden = NAMED.get(secret, secret.removeprefix("Bearer "))
    assert hidden not in text
    assert line["removed"] >= 2
    assert line["body"]["content"].startswith("Use ")
    assert "[removed]" in line["body"]["content"]
    assert secret in answer.body["content"][0]["text"]["value"]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(tmp_path, text):
    """Words that look a little like keys are left as they are."""
    line, _, _ = recorded(tmp_path, asking(text), Reply(body={"said": text}))

    assert line["body"]["content"] == line["answer"]["said"] == text
    assert "removed" not in line


def test_keys_of_callers_are_nowhere(tmp_path):
    """The key of the call in hand, the upstream's and those of settings are not even in bodies."""
    headers = {"authorization": "Bearer my-own-key-of-this-server", "openai-beta": "assistants=v2"}
    words = "my-own-key-of-this-server sk-of-the-upstream-1 native-key-of-ours"

    line, _, _ = recorded(
        tmp_path,
        asking(words, **headers, cookie="a=b"),
        Reply(body={"error": {"message": f"Incorrect API key: {words}"}}, status=401),
        secrets=("native-key-of-ours",),
    )

    assert line["headers"] == {"openai-beta": "assistants=v2"}
    assert line["body"]["content"] == "[removed] [removed] [removed]"
    assert line["removed"] == 6


def test_named_fields_are_emptied(tmp_path):
    """A field that is called like a secret has its text taken out; a schema of it stays."""
    schema = {"type": "object", "properties": {"password": {"type": "string"}}}
    body = {"metadata": {"api_key": "short"}, "tools": [{"parameters": schema}]}

    line, _, _ = recorded(tmp_path, asking("hi"), Reply(body=body))

    assert line["answer"] == {
        "metadata": {"api_key": "[removed]"},
        "tools": [{"parameters": schema}],
    }


def delta(text):
    part = {"index": 0, "type": "text", "text": {"value": text}}
    return Event("thread.message.delta", {"id": "msg_1", "delta": {"content": [part]}})


async def stream_of(*events):
    for event in events:
        yield event


def test_a_secret_in_pieces_is_taken_out(tmp_path):
    """A key that comes in several deltas is in none of them."""
    key = "sk-proj-abcdefghijklmnopqrstuvwx"
    events = [delta(piece) for piece in ("Use ", key[:5], key[5:20], key[20:], " now")]

    line, _, told = recorded(tmp_path, asking("hi"), Reply(events=stream_of(*events, DONE)))

    values = [e[2]["delta"]["content"][0]["text"]["value"] for e in line["events"][:-1]]
    assert "".join(values) == "Use [removed] now"
    assert line["removed"] == 1
    assert told == [*events, DONE]
    assert told[1].data["delta"]["content"][0]["text"]["value"] == key[:5]


# hooks


def only_posts(exchange):
    """A hook that drops what is read and marks the rest."""
    if exchange["method"] == "GET":
        return None
    exchange["body"] = {"changed": True}
    return exchange


def test_a_hook_changes_and_drops(tmp_path):
    """What the hook gives is written; None writes nothing. The caller's answer is as it was."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)

    with connect(offline, settings=settings(path, record_hook=only_posts)) as client:
        thread = client.beta.threads.create(metadata={"a": "b"})
        again = client.beta.threads.retrieve(thread.id)

    (line,) = lines(path)
    assert line["body"] == {"changed": True}
    assert again.metadata == {"a": "b"}


def test_a_hook_that_fails_writes_nothing(tmp_path, caplog):
    """A hook that raises drops the exchange, never writes it as it is, and is told of once."""
    path = tmp_path / "one.jsonl"

    def fails(exchange):
        raise KeyError("customer")

    with connect(Offline(), settings=settings(path, record_hook=fails)) as client:
        client.beta.threads.create()
        client.beta.threads.create()

    assert not path.exists()
    told = [r.message for r in caplog.records if "SHIM_RECORD_HOOK" in r.message]
    assert len(told) == 1
    assert f"not written: KeyError at {__file__}:" in told[0]
    assert "customer" not in told[0]


def test_a_hook_that_is_not_there_is_told(tmp_path):
    """A name that cannot be imported stops the program where it begins, not its recording."""
    with pytest.raises(SettingsError, match="SHIM_RECORD_HOOK"):
        Settings(record_hook="no such thing")
    with (
        connect(Offline(), settings=settings(tmp_path / "a", record_hook="json:no")) as client,
        pytest.raises(Exception, match="SHIM_RECORD_HOOK"),
    ):
        client.beta.threads.create()


# what goes wrong


@pytest.mark.parametrize("place", ["missing/one.jsonl", "/dev/full"])
def test_a_bad_disk_fails_no_call(tmp_path, caplog, place):
    """A folder that is not there, or a full disk, is logged once; calls go on."""
    path = tmp_path / place
    caplog.set_level(logging.WARNING, "shim")

    with connect(Offline(), settings=settings(path)) as client:
        threads = [client.beta.threads.create().id for _ in range(3)]

    assert len(set(threads)) == 3
    assert len([r for r in caplog.records if "cannot be written" in r.message]) == 1


def test_what_is_raised_is_recorded_and_raised(tmp_path):
    """A refusal is written with its status, no answer with the reason; both reach the caller."""
    path = tmp_path / "one.jsonl"
    kept = Lines(path)

    async def handler(call):
        if call.method == "GET":
            raise Unreachable("nobody there", sent=True)
        raise ApiError(400, "No such thing.", code="bad")

    recorder = Recorder(handler, kept)
    with pytest.raises(ApiError):
        drive.run(recorder(asking("hi")))
    with pytest.raises(Unreachable):
        drive.run(recorder(Call("GET", "/threads/thread_a", TARGET)))

    assert kept.flush()
    first, second = lines(path)
    assert (first["status"], first["answer"]["error"]["code"]) == (400, "bad")
    assert (second["status"], second["problem"]) == (502, "Unreachable: nobody there")


def test_a_stream_that_is_left_is_aborted(tmp_path):
    """What was read of a stream is written; the run's end, polled for later, is its outcome."""
    path, offline = tmp_path / "one.jsonl", Offline()
    offline.script.say("A long answer, of which little is read.")

    with connect(offline, settings=settings(path)) as client:
        beta = client.beta
        assistant = beta.assistants.create(model="gpt-4o")
        thread = beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
        asked = {"thread_id": thread.id, "assistant_id": assistant.id}
        with beta.threads.runs.create(**asked, stream=True) as stream:
            run = next(iter(stream)).data
        beta.threads.runs.poll(run.id, thread_id=thread.id)
        beta.threads.messages.list(thread.id)

    (line,) = [each for each in lines(path) if "events" in each]
    assert line["aborted"] is True
    assert [name for _, name, _ in line["events"]] == ["thread.run.created"]
    (turn,) = the_case(path).turns
    assert turn.recorded.texts == ("A long answer, of which little is read.",)
    assert {"events", "first_token"} <= turn.recorded.unknown


def test_a_stream_that_is_dropped_is_written(tmp_path):
    """A program that leaves a loop and closes nothing is recorded, and its run ends."""
    path, offline = tmp_path / "one.jsonl", Offline()
    offline.script.say("A long answer.")

    with connect(offline, settings=settings(path)) as client:
        beta = client.beta
        assistant = beta.assistants.create(model="gpt-4o")
        thread = beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
        asked = {"thread_id": thread.id, "assistant_id": assistant.id}
        for event in beta.threads.runs.create(**asked, stream=True):
            run = event.data
            break
        gc.collect()  # the SDK's stream and its generator hold each other
        ended = beta.threads.runs.poll(run.id, thread_id=thread.id)

    assert ended.status == "completed"
    (line,) = [each for each in lines(path) if "events" in each]
    assert line["aborted"] is True


def test_a_run_whose_stream_broke_has_no_outcome(tmp_path):
    """Where nothing tells of a run's end, its turn is there with the reason."""
    path, offline = tmp_path / "one.jsonl", Offline()
    offline.script.say("A long answer.")
    with connect(offline, settings=settings(path)) as client:
        beta = client.beta
        assistant = beta.assistants.create(model="gpt-4o")
        thread = beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
        asked = {"thread_id": thread.id, "assistant_id": assistant.id}
        with beta.threads.runs.create(**asked, stream=True) as stream:
            next(iter(stream))

    reading = read(path)

    (case,) = reading.cases
    assert case.turns[0].recorded is None
    assert reading.left_out == ((f"{thread.id}/0", "it was queued when it was last seen"),)


# files

_WRITER = """
import sys
from pathlib import Path
from shim.native.appending import Lines
name, path = sys.argv[1:]
lines = Lines(Path(path))
for number in range(200):
    lines.put(lambda n=number: (name * 3000 + f"-{n}\\n").encode())
"""


def test_processes_share_a_file(tmp_path):
    """Lines of several processes stand whole beside each other; nobody has to close anything."""
    path = tmp_path / "shared.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen([sys.executable, "-c", _WRITER, name, str(path)], env=environment)
        for name in "abc"
    ]

    assert [process.wait(60) for process in started] == [0, 0, 0]

    written = path.read_text().splitlines()
    assert len(written) == 600
    assert {(line[0], line.count(line[0])) for line in written} == {(n, 3000) for n in "abc"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_records_too(tmp_path):
    """A process that was forked from a recording one writes its own lines."""
    path = tmp_path / "forked.jsonl"
    kept = Lines(path)
    kept.put(lambda: b'"parent"\n')
    assert kept.flush()

    child = os.fork()
    if child == 0:
        kept.put(lambda: b'"child"\n')
        os._exit(0 if kept.flush() else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert lines(path) == ["parent", "child"]


def test_threads_share_a_client(tmp_path):
    """Calls of many threads are all written, each as a line of its own."""
    path = tmp_path / "one.jsonl"

    with (
        connect(Offline(), settings=settings(path)) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        ids = list(pool.map(lambda _: client.beta.threads.create().id, range(64)))

    assert sorted(line["answer"]["id"] for line in lines(path)) == sorted(ids)


def test_a_file_is_bounded(tmp_path):
    """Beyond its bound the older lines go; what is there is read from both parts, in order."""
    path = tmp_path / "one.jsonl"
    with connect(Offline(), settings=settings(path, record_max_mb=1)) as client:
        for number in range(120):
            client.beta.threads.create(metadata={"n": str(number), **_LARGE})

    parts = [tmp_path / "one.jsonl.1", path]

    assert sum(part.stat().st_size for part in parts) <= 1_000_000
    numbers = [int(line["body"]["metadata"]["n"]) for part in parts for line in lines(part)]
    assert numbers == list(range(numbers[0], 120))
    assert numbers[0] > 0
    assert len(read(path).left_out) == len(numbers)


_LARGE = {f"k{n}": "x" * 500 for n in range(15)}


def test_a_torn_line_is_told_and_no_other_lost(tmp_path):
    """Of a line that was cut off the place is told; one that stands behind it is read."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)
    with connect(offline, settings=settings(path)) as client:
        talk(client, streamed=True)
    whole = path.read_bytes()
    first, *rest = whole.splitlines(keepends=True)
    path.write_bytes(first + rest[0][:40] + whole)

    reading = read(path)

    assert_talk(reading.cases[0], streamed=True)
    assert reading.left_out == (
        ("one.jsonl:2", "is cut off: whoever wrote it was stopped, or its disk was full"),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"shim_recording":2,"method":"GET","path":"/"}', "has the form 2"),
        ('{"shim_recording":1}', "says no method and path"),
        ('{"shim_recording":1,"method":"GET","path":"/x","events":[[1]]}', "has a query or events"),
    ],
)
def test_other_lines_are_told(tmp_path, line, why):
    """A line of another form is named with its place and what is wrong."""
    path = tmp_path / "one.jsonl"
    path.write_text(line + "\n")

    ((place, told),) = read(path).left_out

    assert place == "one.jsonl:1"
    assert told.startswith(why)


def test_recording_costs_little(tmp_path):
    """Reading a stream with a recorder takes little longer an event than without one."""
    events = [delta("word ")] * 20_000 + [DONE]

    def spent(handler):
        best = 1.0
        for _ in range(3):
            reply = drive.run(handler(asking("hi")))
            began = time.perf_counter()
            assert sum(1 for _ in drive.iterate(reply.events)) == len(events)
            best = min(best, time.perf_counter() - began)
        return best / len(events)

    async def bare(_):
        return Reply(events=stream_of(*events))

    kept = Lines(tmp_path / "one.jsonl")
    without, recorded = spent(bare), spent(Recorder(bare, kept))

    assert kept.flush(30)
    print(f"an event: {without * 1e6:.2f} us, recorded {recorded * 1e6:.2f} us")  # noqa: T201
    assert recorded - without < 10e-6
