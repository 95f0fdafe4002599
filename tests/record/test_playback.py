"""A recording is played to programs: what was recorded is given out, what was not is explained."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import openai
import pytest
from recorded_place import script, settings, talk, talk_async

from shim import drive
from shim.compare.clients import over, over_async
from shim.compare.playback import CODE, Playback
from shim.compare.reading.recordings import exchanges
from shim.core.wire import Call, Event, Reply, Target
from shim.errors import ApiError, SettingsError, Unreachable
from shim.native.exchanges import Exchange, Timed
from shim.offline import Offline
from shim.testing import connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "replay"))

from recordings import FOLDER

TARGET = Target("http://nowhere.invalid/v1")
FILES = sorted([*FOLDER.glob("*/*.json"), *FOLDER.glob("*/*.y*ml")])


def call_of(exchange):
    """The call that an exchange recorded."""
    body = b"" if exchange.body is None else json.dumps(exchange.body).encode()
    headers = dict(exchange.headers)
    if exchange.content:
        body = b"\0" * exchange.content["bytes"]
        headers["content-type"] = exchange.content["kind"]
    return Call(exchange.method, exchange.path, TARGET, exchange.query, body, headers)


def told(reply):
    """Status, and body or events."""
    if reply.events is None:
        return reply.status, reply.body
    return reply.status, list(drive.iterate(reply.events))


@pytest.mark.skipif(not FILES, reason="SHIM_RECORDINGS names no folder of recorded traffic")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_recording_answers_itself(path):
    """Every exchange of a recording is given out to the one who asks the same, in order."""
    recorded = list(exchanges(path))
    playback = Playback.of(path)

    for exchange in recorded:
        if exchange.answer_content is not None:
            with pytest.raises(ApiError, match="there is nothing to be given out"):
                drive.run(playback(call_of(exchange)))
            continue
        answer = told(drive.run(playback(call_of(exchange))))
        events = exchange.events and [each.event for each in exchange.events]
        assert answer == (exchange.status, events or exchange.answer or {})

    assert playback.left == 0


@pytest.fixture
def recording(tmp_path):
    """Makes the recording of a conversation."""

    def make(*, streamed):
        path, offline = tmp_path / f"{streamed}.jsonl", Offline()
        script(offline)
        with connect(offline, settings=settings(path)) as client:
            talk(client, streamed=streamed)
        return path

    return make


@pytest.mark.parametrize("streamed", [True, False])
def test_a_program_runs_against_its_recording(recording, streamed):
    """The program that was recorded runs again, by the SDK, with nothing behind it."""
    playback = Playback.of(recording(streamed=streamed))

    with over(playback) as client:
        thread_id = talk(client, streamed=streamed)
        last = client.beta.threads.messages.list(thread_id, limit=1).data[0]

    assert last.content[0].text.value == "Until then."
    assert playback.left <= 1


def test_an_async_program_runs_against_the_same(recording):
    """The async client is played to as the blocking one is."""
    playback = Playback.of(recording(streamed=True))

    async def program():
        async with over_async(playback) as client:
            return await talk_async(client)

    assert asyncio.run(program()).startswith("thread_")


def test_what_was_not_recorded_is_explained(recording):
    """An unknown call is a 400 that says what was asked, what is nearest, and how that differs."""
    playback = Playback.of(recording(streamed=False))

    with over(playback) as client:
        beta = client.beta
        with pytest.raises(openai.BadRequestError) as caught:
            beta.threads.create(messages=[{"role": "user", "content": "Weather in Rome?"}])
        with pytest.raises(openai.BadRequestError) as other:
            beta.threads.delete("thread_unknown")
        with pytest.raises(openai.BadRequestError, match="no answer to GET /models"):
            client.models.list()

    assert caught.value.code == CODE
    assert str(caught.value.body["message"]) == (
        "The recording has no answer to POST /threads. The nearest is POST /threads "
        '(False.jsonl:2): body.messages[0].content is "Weather in Rome?", recorded is '
        '"Weather in Oslo?".'
    )
    assert "no answer to DELETE /threads/thread_unknown" in str(other.value)


def test_a_write_is_given_out_once(recording):
    """A second run where one was recorded is told to be too many; a read may be repeated."""
    playback = Playback.of(recording(streamed=True))

    with over(playback) as client:
        thread_id = talk(client, streamed=True)
        reads = [client.beta.threads.messages.list(thread_id, limit=1) for _ in range(3)]
        with pytest.raises(openai.BadRequestError, match="it was given out already"):
            client.beta.threads.messages.create(thread_id, role="user", content="Bye")

    assert len({page.data[0].id for page in reads}) == 1


def exchange(method, path, answer, **more):
    return Exchange(method, path, status=200, answer=answer, **more)


def ask(playback, method, path, body=None, query=()):
    sent = b"" if body is None else json.dumps(body).encode()
    return drive.run(playback(Call(method, path, TARGET, query, sent))).body


def test_ids_of_the_program_stand_for_recorded_ones():
    """An id that the program brings along stands for one recorded id, and for no other."""
    playback = Playback(
        [
            exchange("POST", "/threads/thread_a/runs", {"n": 1}, body={"assistant_id": "asst_a"}),
            exchange("POST", "/threads/thread_b/runs", {"n": 2}, body={"assistant_id": "asst_b"}),
        ]
    )
    mine = {"assistant_id": "asst_mine"}

    first = ask(playback, "POST", "/threads/thread_mine/runs", mine)
    with pytest.raises(ApiError, match="no answer to POST /threads/thread_mine/runs"):
        ask(playback, "POST", "/threads/thread_mine/runs", {"assistant_id": "asst_b"})
    second = ask(playback, "POST", "/threads/thread_b/runs", {"assistant_id": "asst_b"})

    assert (first, second) == ({"n": 1}, {"n": 2})


def test_reads_follow_what_was_written():
    """A list that is read after a write is the one that was read after it then."""
    messages = "/threads/thread_a/messages"
    playback = Playback(
        [
            exchange("GET", messages, {"data": ["before"]}),
            exchange("POST", messages, {"id": "msg_1"}, body={"role": "user", "content": "a"}),
            exchange("GET", messages, {"data": ["after"]}),
        ]
    )

    ask(playback, "POST", messages, {"role": "user", "content": "a"})

    assert ask(playback, "GET", messages) == {"data": ["after"]}


def test_nulls_and_secrets_do_not_part():
    """A null is as if it were not there, and a secret is what stands for it in the recording."""
    recorded = {"model": "gpt-4o", "instructions": "Key: [removed]"}
    playback = Playback([exchange("POST", "/assistants", {"n": 1}, body=recorded)])
    asked = {
        "model": "gpt-4o",
        "instructions": "Key: sk-abcdefghijk12345",
        "tools": [],
        "name": None,
    }

    assert ask(playback, "POST", "/assistants", asked) == {"n": 1}


def test_streams_take_their_time_if_asked():
    """At a speed the events come as far apart as they did, divided by it."""
    events = tuple(Timed(Event("thread.message.delta", {"n": n}), n * 0.1) for n in range(4))
    streamed = Exchange("POST", "/threads/runs", status=200, events=events)
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    reply = drive.run(
        Playback([streamed], speed=2).paced(sleep)(Call("POST", "/threads/runs", TARGET))
    )

    assert [each.data["n"] for each in drive.iterate(reply.events)] == [0, 1, 2, 3]
    assert waited == pytest.approx([0, 0.05, 0.05, 0.05])


def test_a_stream_that_broke_off_breaks_off():
    """What the connection did is done again: the events that came, then the break."""
    events = (Timed(Event("thread.run.created", {"id": "run_1"}), 0.0),)
    broken = Exchange(
        "POST",
        "/threads/runs",
        status=200,
        events=events,
        aborted=True,
        problem="Unreachable: gone",
    )
    lost = Exchange("GET", "/threads/thread_a", problem="Unreachable: nobody", status=502)
    playback = Playback([broken, lost])

    stream = drive.run(playback(Call("POST", "/threads/runs", TARGET))).events
    seen = []
    with pytest.raises(Unreachable, match="gone"):
        seen += list(drive.iterate(stream))
    with pytest.raises(Unreachable, match="nobody"):
        drive.run(playback(Call("GET", "/threads/thread_a", TARGET)))


def test_a_long_recording_is_quick():
    """Ten thousand exchanges are found again in a moment each."""
    recorded = [
        exchange("GET", f"/threads/thread_{number}/messages", {"n": number})
        for number in range(10_000)
    ]
    playback = Playback(recorded)
    began = time.monotonic()

    answers = [
        ask(playback, "GET", f"/threads/thread_{n}/messages")["n"] for n in range(0, 10_000, 500)
    ]

    assert answers == list(range(0, 10_000, 500))
    assert time.monotonic() - began < 5


def test_a_file_without_exchanges_is_refused(tmp_path):
    """What holds nothing to be played is told when it is opened."""
    path = tmp_path / "a.json"
    path.write_text('{"Entries": []}')

    with pytest.raises(SettingsError, match="holds no exchange"):
        Playback.of(path)


def test_any_handler_may_be_under_a_client():
    """A function of one's own answers the SDK's calls."""

    async def handler(call):
        return Reply(body={"id": "thread_mine", "object": "thread", "asked": call.path})

    with over(handler) as client:
        thread = client.beta.threads.retrieve("thread_mine")

    assert thread.id == "thread_mine"
    assert thread.asked == "/threads/thread_mine"


@pytest.mark.skipif(not FILES, reason="SHIM_RECORDINGS names no folder of recorded traffic")
@pytest.mark.parametrize("make", [over, over_async])
def test_a_recording_answers_beyond_assistants(make):
    """What a cassette has of other endpoints is given out by the same client, in both colours."""
    client = make(Playback.of(FOLDER / "openai-dotnet" / "CanEnumerateVectorStores.json"))
    recorded = list(exchanges(FOLDER / "openai-dotnet" / "CanEnumerateVectorStores.json"))
    first = next(each for each in recorded if each.method == "GET")

    def ask():
        return client.get(first.path, cast_to=object, options={"params": dict(first.query)})

    async def ask_async():
        async with client:
            return await ask()

    answer = ask() if make is over else asyncio.run(ask_async())

    assert answer == first.answer
    if make is over:
        client.close()


def test_a_handler_that_is_not_there_is_a_lost_connection():
    """What is no answer is for the SDK what it is elsewhere."""

    async def handler(call):
        raise Unreachable("nobody", sent=False)

    with over(handler, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            client.models.list()
        with pytest.raises(openai.APIConnectionError):
            client.beta.threads.create()
