"""Gradual rollout between a native server, played by a second shim over HTTP, and Responses."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import openai
import pytest
from click.testing import CliRunner
from server_place import Running

import shim
from shim import drive
from shim.cli import main
from shim.errors import SettingsError
from shim.native.rules import Facts, Rules, spot_of
from shim.offline import Offline
from shim.server.app import asgi
from shim.settings import Settings
from shim.storage.database import Statement
from shim.storage.lanes import Lanes
from shim.wiring import open_database
from shim.workers import BlockingWorkers

NATIVE = {"otherwise": "native"}
MOVING = {"otherwise": "responses", "migrate": True}


class Rollout:
    """A native server, an upstream, and programs that share a database and the rules."""

    def __init__(self, native, database):
        self.native = native
        self.offline = Offline()
        self.upstream = self.offline.serve()
        self.database = database
        self.clients = []

    def settings(self, routes, **more):
        """Settings with these rules."""
        return Settings(
            **{
                "mode": "route",
                "native_url": self.native.url,
                "upstream_url": self.upstream.url,
                "dialect": "openai",
                "database_url": self.database,
                "routes": routes,
                **more,
            }
        )

    def client(self, routes=NATIVE, **more):
        """A program of its own."""
        client = openai.OpenAI(api_key="sk-1", base_url=self.upstream.url, max_retries=0)
        self.clients.append(shim.mount(client, self.settings(routes, **more)))
        return client

    def lanes(self):
        """The lanes as the command line reaches them."""
        return Lanes(open_database(self.settings(NATIVE), BlockingWorkers()))

    def share(self, percent):
        """What `shim route share` does."""
        drive.run(self.lanes().set_share(percent))

    def close(self):
        """Close all."""
        for client in self.clients:
            client.close()
        self.upstream.close()
        self.offline.close()


BOTH = pytest.mark.parametrize("rollout", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def rollout(request, native, tmp_path):
    """A rollout in the making, in a file unless a test says otherwise."""
    if getattr(request, "param", "sqlite") == "postgres":
        database = request.getfixturevalue("postgres").schema()
    else:
        database = f"sqlite:///{tmp_path / 'rollout.db'}"
    rollout = Rollout(native, database)
    yield rollout
    rollout.close()


def lane_of(client, thread_id):
    """The lane that answers for a thread."""
    return client.beta.threads.with_raw_response.retrieve(thread_id).headers["x-shim-lane"]


def ran(client, thread_id, assistant_id):
    """A run that was waited for."""
    return client.beta.threads.runs.create_and_poll(
        thread_id=thread_id, assistant_id=assistant_id, poll_interval_ms=20
    )


def texts(client, thread_id):
    """What was said on a thread, oldest first."""
    listed = client.beta.threads.messages.list(thread_id, order="asc")
    return [(each.id, each.role, each.content[0].text.value) for each in listed]


@BOTH
@pytest.mark.parametrize("otherwise", ["native", "responses"])
def test_an_assistant_works_in_both_lanes(rollout, otherwise):
    """Made through the shim it has one id at both, and so have its changes and its end."""
    client = rollout.client({"otherwise": otherwise})
    native = rollout.native.client()

    assistant = client.beta.assistants.create(model="gpt-4o", name="Ada")
    client.beta.assistants.update(assistant.id, instructions="Be brief")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    run = ran(client, thread.id, assistant.id)
    there = native.beta.assistants.retrieve(assistant.id)
    listed = [each.id for each in client.beta.assistants.list()]
    client.beta.assistants.delete(assistant.id)

    assert (run.status, run.instructions) == ("completed", "Be brief")
    assert there.instructions == "Be brief"
    assert listed == [assistant.id]
    assert lane_of(client, thread.id) == otherwise
    for gone in (client, native):
        with pytest.raises(openai.NotFoundError):
            gone.beta.assistants.retrieve(assistant.id)


def test_old_assistants_and_threads_are_found(rollout):
    """What the native server had before is there: listed, read, and run where it was."""
    native = rollout.native.client()
    assistant = native.beta.assistants.create(model="gpt-4o")
    thread = native.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    client = rollout.client({"otherwise": "responses"})

    listed = [each.id for each in client.beta.assistants.list()]
    old = ran(client, thread.id, assistant.id)
    fresh = client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    new = ran(client, fresh.id, assistant.id)

    assert listed == [assistant.id]
    assert (old.status, new.status) == ("completed", "completed")
    assert lane_of(client, thread.id) == "native"
    assert lane_of(client, fresh.id) == "responses"
    assert len(texts(native, thread.id)) == 2


@BOTH
def test_a_thread_is_moved_when_it_is_next_used(rollout):
    """Messages, metadata, runs and steps come with their ids, and the thread goes on here."""
    native = rollout.native.client()
    assistant = native.beta.assistants.create(model="gpt-4o")
    thread = native.beta.threads.create(metadata={"who": "Ada"})
    for number in range(25):
        native.beta.threads.messages.create(thread.id, role="user", content=f"number {number}")
    run = ran(native, thread.id, assistant.id)
    before = texts(native, thread.id)
    client = rollout.client(MOVING)

    client.beta.threads.messages.create(thread.id, role="user", content="and now?")
    after = ran(client, thread.id, assistant.id)

    said = texts(client, thread.id)
    assert lane_of(client, thread.id) == "responses"
    assert client.beta.threads.retrieve(thread.id).metadata == {"who": "Ada"}
    assert said[:26] == before
    assert len(said) == 28
    assert client.beta.threads.runs.retrieve(run.id, thread_id=thread.id).status == "completed"
    assert len(client.beta.threads.runs.steps.list(run.id, thread_id=thread.id).data) == 1
    assert after.status == "completed"
    assert texts(native, thread.id) == before


def test_a_run_ends_in_the_lane_where_it_began(rollout):
    """A thread whose run waits for outputs stays, takes them there, and is moved afterwards."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    rollout.native.offline.script.call("look", {})
    client, mover = rollout.client(NATIVE), rollout.client(MOVING)
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[tool])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Look"}])
    run = ran(client, thread.id, assistant.id)

    in_the_midst = lane_of(mover, thread.id)
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        mover.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
    call = run.required_action.submit_tool_outputs.tool_calls[0]
    done = mover.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=thread.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "seen"}],
        poll_interval_ms=20,
    )

    assert run.status == "requires_action"
    assert (in_the_midst, done.status) == ("native", "completed")
    assert lane_of(mover, thread.id) == "responses"


@BOTH
def test_a_thread_that_cannot_be_moved_stays(rollout, caplog):
    """What shim cannot hold leaves the thread native, usable, and is told in the log."""
    native = rollout.native.client()
    thread = native.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    client = rollout.client(MOVING)
    message = native.beta.threads.messages.list(thread.id).data[0]
    database = open_database(rollout.settings(MOVING), BlockingWorkers())
    # an id of the thread's is another's here
    row = "INSERT INTO messages VALUES (:id, 'thread_other', NULL, 1, '{}', '{}')"
    drive.run(database.execute(Statement(row, {"id": message.id})))

    said = client.beta.threads.messages.list(thread.id).data

    assert [each.id for each in said] == [message.id]
    assert lane_of(client, thread.id) == "native"
    assert "could not be moved" in caplog.text


@BOTH
def test_two_processes_agree_while_a_thread_is_moved(rollout):
    """Messages that programs write while the thread is moved are there once, and none is lost."""
    native = rollout.native.client()
    thread = native.beta.threads.create()
    plain, movers = rollout.client(NATIVE), [rollout.client(MOVING) for _ in range(3)]
    writers = [plain, *movers]
    barrier = threading.Barrier(len(writers))

    def write(number):
        barrier.wait()
        for count in range(10):
            text = f"{number}/{count}"
            writers[number].beta.threads.messages.create(thread.id, role="user", content=text)

    with ThreadPoolExecutor(len(writers)) as pool:
        list(pool.map(write, range(len(writers))))

    said = [text for _, _, text in texts(plain, thread.id)]
    expected = [f"{number}/{count}" for number in range(len(writers)) for count in range(10)]
    assert sorted(said) == sorted(expected)
    assert lane_of(movers[0], thread.id) == "responses"
    assert [text for _, _, text in texts(plain, thread.id)] == said


def test_streams_of_new_threads_are_noted(rollout):
    """A thread that a streamed run made at the native server is known from its first event on."""
    client = rollout.client(NATIVE)
    assistant = client.beta.assistants.create(model="gpt-4o")

    with client.beta.threads.create_and_run_stream(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Hello"}]}
    ) as stream:
        events = list(stream)

    (lane,) = drive.run(rollout.lanes().native(10))
    assert events[-1].event == "thread.run.completed"
    assert lane.thread_id == events[0].data.id


def test_rules_are_looked_at_in_their_order():
    """The first rule whose conditions all hold decides; a share stands in place of all."""
    rules = Rules.of(
        {
            "rules": [
                {"tenant": "acme", "lane": "native"},
                {"assistant": ["asst_1", "asst_2"], "percent": 50, "lane": "responses"},
                {"header": {"x-beta": "1"}, "lane": "responses"},
                {"older_than": "30d", "lane": "responses"},
            ],
            "otherwise": "native",
        }
    )
    one = frozenset({"asst_1"})

    assert rules.lane(Facts(0.0, tenant="acme", assistants=one)) == "native"
    assert rules.lane(Facts(0.4, assistants=one)) == "responses"
    assert rules.lane(Facts(0.6, assistants=one)) == "native"
    assert rules.lane(Facts(0.6, assistants=one, headers={"x-beta": "1"})) == "responses"
    assert rules.lane(Facts(0.6, headers={"x-beta": "2"})) == "native"
    assert rules.lane(Facts(0.6, age=31 * 86400)) == "responses"
    assert rules.lane(Facts(0.6, tenant="acme"), share=100) == "responses"
    assert rules.lane(Facts(0.0, headers={"x-beta": "1"}), share=0) == "native"


def test_threads_stand_evenly_and_always_at_the_same_spot():
    """Percentages of old threads go by their ids, alike in every process."""
    seeded = random.Random(1)
    ids = [f"thread_{seeded.getrandbits(120):x}" for _ in range(2000)]

    part = sum(spot_of(each) < 0.1 for each in ids) / len(ids)

    assert abs(part - 0.1) < 4 * sqrt(0.1 * 0.9 / len(ids))
    assert [spot_of(each) for each in ids] == [spot_of(each) for each in ids]


@pytest.mark.parametrize(
    "routes",
    [
        {"rule": []},
        {"rules": [{"lane": "openai"}]},
        {"rules": [{"lane": "native", "percent": 101}]},
        {"rules": [{"lane": "native", "assistants": "asst_1"}]},
        {"rules": [{"lane": "native", "older_than": "soon"}]},
        {"otherwise": "both"},
        {"migrate": "yes"},
        [],
    ],
)
def test_rules_that_make_no_sense_are_refused(routes):
    """The setting is named, with what it may be."""
    with pytest.raises(SettingsError, match=r"^routes.*must be"):
        Settings(mode="route", native_url="http://x/v1", routes=routes)


def test_rules_come_from_the_environment():
    """SHIM_ROUTES is the JSON of what the file has."""
    environ = {
        "SHIM_MODE": "route",
        "SHIM_NATIVE_URL": "http://x/v1",
        "SHIM_ROUTES": json.dumps(NATIVE),
    }

    assert Settings.load(environ).routes == NATIVE


@BOTH
def test_the_command_line_turns_new_threads_back_at_once(rollout, monkeypatch):
    """`shim route` sets, shows and unsets the share; programs that run go by it."""
    client = rollout.client({"otherwise": "responses"})
    monkeypatch.setenv("SHIM_DATABASE_URL", rollout.database)

    def said(*words):
        done = CliRunner().invoke(main, ["route", *words])
        assert done.exit_code == 0, done.output
        return done.output

    first = client.beta.threads.create()
    tried = said("off", "--dry-run")
    still = said("show", "--json")
    said("off")
    time.sleep(1.1)
    second = client.beta.threads.create()
    shown = json.loads(said("show", "--json"))
    said("on")
    time.sleep(1.1)
    third = client.beta.threads.create()

    assert [lane_of(client, each.id) for each in (first, second, third)] == [
        "responses",
        "native",
        "responses",
    ]
    assert "would be set" in tried
    assert json.loads(still)["share"] is None
    assert shown == {"share": 0.0, "native": 1, "responses": 1}


def test_the_command_line_tells_the_lane_of_each_thread(rollout, monkeypatch):
    """`shim threads` lists native threads beside the others, and shows where one is."""
    here = rollout.client({"otherwise": "responses"}).beta.threads.create()
    there = rollout.client({"otherwise": "native"}).beta.threads.create()
    monkeypatch.setenv("SHIM_DATABASE_URL", rollout.database)

    def said(*words):
        return CliRunner().invoke(main, ["threads", *words]).output

    listed = json.loads(said("list", "--json"))["data"]

    assert {each["id"]: each["lane"] for each in listed} == {
        here.id: "responses",
        there.id: "native",
    }
    assert "lane          responses" in said("show", here.id)
    assert "lane          native" in said("show", there.id)
    assert json.loads(said("show", there.id, "--json"))["lane"] == "native"
    assert there.id in said("list")


def test_a_server_keeps_tenants_apart_at_one_native_key(rollout):
    """With one native key for all, a tenant sees its own native threads and assistants alone."""
    keys = {name: {"key": f"key-of-{name}-0123456789", "tenant": name} for name in ("a", "b")}
    given = {"keys": keys, "native_key": "n", "upstream_key": "u"}
    server = Running(asgi(rollout.settings({"otherwise": "native"}, **given)))
    one, other = (
        openai.OpenAI(api_key=keys[name]["key"], base_url=server.url, max_retries=0)
        for name in ("a", "b")
    )
    stray = rollout.native.client().beta.threads.create()

    assistant = one.beta.assistants.create(model="gpt-4o")
    thread = one.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
    run = ran(one, thread.id, assistant.id)
    refused = []
    for ask in (
        lambda: other.beta.threads.retrieve(thread.id),
        lambda: other.beta.threads.messages.list(thread.id),
        lambda: other.beta.threads.delete(thread.id),
        lambda: other.beta.threads.retrieve(stray.id),
        lambda: other.beta.assistants.retrieve(assistant.id),
        lambda: other.beta.assistants.update(assistant.id, name="mine"),
        lambda: other.beta.assistants.delete(assistant.id),
        lambda: other.beta.threads.create_and_run(assistant_id=assistant.id),
    ):
        with pytest.raises(openai.NotFoundError) as error:
            ask()
        refused.append(error.value.message)
    listed = other.beta.assistants.list().data
    server.close()

    assert run.status == "completed"
    assert len(refused) == 8
    assert listed == []


def test_a_conversation_named_as_a_thread_goes_to_responses(rollout):
    """No native server knows one; the thread that it is stays in that lane, under either id."""
    client = rollout.client(NATIVE)
    conversation = client.conversations.create(items=[{"role": "user", "content": "Hello"}]).id
    assistant = client.beta.assistants.create(model="gpt-4o")

    run = ran(client, conversation, assistant.id)
    ours = [role for _, role, _ in texts(client, run.thread_id)]

    assert run.status == "completed"
    assert ours == ["user", "assistant"]
    assert {lane_of(client, key) for key in (conversation, run.thread_id)} == {"responses"}
