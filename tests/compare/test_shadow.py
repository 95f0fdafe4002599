"""A share of the runs is tried elsewhere, and whoever asked notices nothing of it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from driven_place import WEATHER, asked, case_of

from shim.core.wire import Target
from shim.errors import SettingsError
from shim.lanes import LaneSpec, open_driven
from shim.native.cases import Outcome
from shim.offline import Offline
from shim.settings import Settings
from shim.testing import connect, connect_async
from shim.trials import Trials, read_trials

URL = "http://lane.invalid/v1"


class Lane:
    """Lane B, as it is told to be."""

    def __init__(self, answer):
        self.given = []
        self.answer_ = answer

    def answer(self, case, turn, history, sender):
        self.given.append((case, turn, history, sender))
        return self.answer_()


@pytest.fixture
def shadowed(tmp_path, monkeypatch):
    """Settings with a shadow on a lane of the test's, and the trials that were made of them."""
    made = []

    def settings(answer=lambda: Outcome(status="completed", texts=("B",)), **more):
        shadow = {"lane": "shim,model=gpt-4.1", "file": str(tmp_path / "shadow.jsonl"), **more}
        lane = Lane(answer)
        whole = Settings(database_url="sqlite:///:memory:", dialect="openai", shadow=shadow)

        def trials(given):
            made.append(Trials(given, lambda *_: lane))
            return made[-1]

        monkeypatch.setattr("shim.trials.Trials", trials)
        return whole, lane, tmp_path / "shadow.jsonl"

    settings.made = made
    return settings


def talk(client, **params):
    """An assistant that may call a function, and a thread with a question."""
    assistant = client.beta.assistants.create(
        model="gpt-4o", instructions="Be brief.", tools=[WEATHER]
    )
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Weather?"}])
    return {"thread_id": thread.id, "assistant_id": assistant.id, **params}


def finish(client, run):
    """Answer the run's calls."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=run.thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "rain"} for call in calls],
        poll_interval_ms=10,
    )


def test_a_polled_run_is_tried_with_what_it_was_told(shadowed):
    """The lane gets the definition, the question, and the outputs; its answer is written down."""
    settings, lane, path = shadowed()
    offline = Offline()
    offline.script.call("get_weather", {"city": "Oslo"}).say("It rains.").say("Still.")

    with connect(offline, settings=settings) as client:
        ask = talk(client, temperature=0.5)
        run = finish(client, client.beta.threads.runs.create_and_poll(**ask, poll_interval_ms=10))
        client.beta.threads.messages.create(ask["thread_id"], role="user", content="Now?")
        client.beta.threads.runs.create_and_poll(**ask, poll_interval_ms=10)
    assert shadowed.made[0].flush(10)

    first, second = sorted(read_trials(path), key=lambda pair: len(pair.case.before))
    (case, turn, _, _), (_, _, history, _) = sorted(lane.given, key=lambda each: len(each[2]))
    assert run.status == "completed"
    assert (case.assistant["instructions"], turn.params) == ("Be brief.", {"temperature": 0.5})
    assert [call.output for call in turn.outputs] == ["rain"]
    assert (first.a[0].texts, first.b[0].texts) == (("It rains.",), ("B",))
    assert first.a[0].seconds > 0
    assert [each.get("role", "call") for each in history] == ["user", "call", "assistant"]
    assert second.a[0].texts == ("Still.",)


def test_a_streamed_run_of_an_async_client(shadowed):
    """Events pass as they came; what they told is A's outcome."""
    settings, _, path = shadowed()
    offline = Offline()
    offline.script.say("It rains.")

    async def stream():
        async with connect_async(offline, settings=settings) as client:
            assistant = await client.beta.assistants.create(model="gpt-4o")
            stream = await client.beta.threads.create_and_run(
                assistant_id=assistant.id,
                thread={"messages": [{"role": "user", "content": "Weather?"}]},
                stream=True,
            )
            return [event.event async for event in stream]

    names = asyncio.run(stream())
    assert shadowed.made[0].flush(10)

    (pair,) = read_trials(path)
    assert names[-1] == "thread.run.completed"
    assert pair.a[0].events[-2:] == ("thread.run.completed", "done")
    assert pair.a[0].first_token > 0
    assert pair.turn.asked[0]["content"][0]["text"]["value"] == "Weather?"


def crash():
    raise ZeroDivisionError


def fail():
    return Outcome(status="error", error="no such model")


@pytest.mark.parametrize("behaves", ["fails", "hangs", "crashes"])
def test_whatever_the_lane_does_the_caller_is_answered(shadowed, behaves):
    """A lane that fails, hangs or crashes changes no answer, and nobody waits for it."""
    gate = threading.Event()
    how = {"fails": fail, "crashes": crash, "hangs": lambda: gate.wait(60) and fail()}
    settings, _, _ = shadowed(how[behaves], most_waiting=1, jobs=1)
    offline = Offline()
    for _ in range(5):
        offline.script.say("It rains.")

    with connect(offline, settings=settings) as client:
        began = time.monotonic()
        ask = talk(client)
        runs = [
            client.beta.threads.runs.create_and_poll(**ask, poll_interval_ms=10) for _ in range(5)
        ]
        spent = time.monotonic() - began
        messages = client.beta.threads.messages.list(ask["thread_id"]).data
    gate.set()

    assert [run.status for run in runs] == ["completed"] * 5
    assert len(messages) == 6
    assert spent < 30
    if behaves == "hangs":
        assert shadowed.made[0].dropped > 0


def test_the_share_is_kept(shadowed):
    """A share of nought tries nothing."""
    settings, lane, path = shadowed(share=0)

    offline = Offline()
    offline.script.say("It rains.")

    with connect(offline, settings=settings) as client:
        client.beta.threads.runs.create_and_poll(**talk(client), poll_interval_ms=10)

    assert (lane.given, path.exists()) == ([], False)


@pytest.mark.parametrize(
    ("shadow", "words"),
    [
        ("everything", "it is no mapping"),
        ({"share": 5}, "it names no lane"),
        ({"lane": "shim", "share": 101}, "percentage"),
        ({"lane": "shim", "often": 1}, "often is not one of"),
        ({"lane": "teapot"}, "teapot"),
        ({"lane": "shim,modle=gpt-4.1"}, "'modle' is not one of its keys"),
    ],
)
def test_a_shadow_that_cannot_be_is_refused_at_once(shadow, words):
    """The error says what is wrong with the setting."""
    with pytest.raises(SettingsError, match=words):
        Settings(shadow=shadow)


@pytest.mark.parametrize("where", ["", ":http://elsewhere.invalid/v1"])
def test_a_callers_key_goes_nowhere_else(tmp_path, monkeypatch, where):
    """A lane without a key goes by the caller's at the same server, and by none at another."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    seen = []

    async def answer(_, call):
        seen.append((call.target.base_url, dict(call.target.headers)))
        raise ZeroDivisionError

    monkeypatch.setattr("shim.wiring.Wired.__call__", answer)
    driven = open_driven(LaneSpec.of(f"shim{where}"), Settings(dialect="openai"))
    sender = Target(URL, {"authorization": "Bearer sk-callers"})

    driven.answer(case_of(asked("?")), asked("?"), [], sender)

    (sent,) = seen
    assert sent == (
        ("http://elsewhere.invalid/v1", {})
        if where
        else (URL, {"authorization": "Bearer sk-callers"})
    )


def test_a_run_that_another_process_is_asked_about_is_tried(shadowed, monkeypatch):
    """Who began a polled run sees it to its end, so that the share is what it says."""
    monkeypatch.setattr("shim.native.shadow._LOOK_SECONDS", 0.1)
    settings, _, path = shadowed()
    offline = Offline()
    offline.script.say("It rains.")

    with connect(offline, settings=settings) as client:
        client.beta.threads.runs.create(**talk(client))
        end = time.monotonic() + 20
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.05)

    (pair,) = read_trials(path)
    assert pair.a[0].texts == ("It rains.",)
    assert pair.a[0].seconds < 5
