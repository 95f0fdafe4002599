"""Who drains, and when: never the caller, one at a time, and another where one has died."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from places import WEATHER

from shim import drive
from shim.offline import Fault, Offline
from shim.storage.database import Statement
from shim.turns import MOMENT, ROOM

ITEMS = "/conversations/conv_"


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("path", ["/conversations", ITEMS])
def test_no_call_waits_for_the_conversation(places, colour, path):
    """While a request to the Conversations API hangs, every call is answered as ever."""
    patience = 1.5
    place = places(colour, timeout=patience)
    if path == ITEMS:
        place.thread()
        place.settle()
    place.offline.faults.add(path, times=999, kind="hang")
    began = time.monotonic()

    thread = place.thread("Weather?")
    message = place.say(thread, "Please.")
    run = place.turn(thread)
    place.delete(thread, message)
    messages = place.get(place.client.beta.threads.messages.list(thread)).data

    assert time.monotonic() - began < patience
    assert run.status == "completed"
    assert len(messages) == 2
    if colour == "async":
        place.get(asyncio.sleep(5 * MOMENT))
    assert place.state(thread).owner is not None
    place.offline.faults.clear()
    place.say(thread, "Thanks")
    place.settle()
    place.say(thread, "Bye")
    assert place.differences(thread) == []


def test_calls_that_follow_at_once_leave_no_room_to_a_slow_conversation(places):
    """An async program that never pauses is not held up by what hangs in the background."""
    place = places("async")
    thread = place.thread()
    place.settle()
    place.offline.faults.add("/conversations", times=999, kind="hang")
    create = place.client.beta.threads.messages.create

    async def times():
        for _ in range(20):
            began = time.perf_counter()
            await create(thread, role="user", content="Hi")
            yield time.perf_counter() - began

    async def all_times():
        return [each async for each in times()]

    taken = place.loop.run_until_complete(all_times())

    assert place.waiting(thread)
    assert min(taken[2:]) < ROOM


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_no_answer_changes_with_the_conversation(places, colour):
    """What a program sees is the same whether the Conversations API works or fails."""
    fine, failing = places(colour), places(colour)
    failing.offline.faults.add("/conversations", times=999, status=500)

    assert program(failing) == program(fine)


def program(place):
    """All that a program is answered, with ids and times blotted out."""
    threads = place.client.beta.threads
    thread = place.get(threads.create(messages=[{"role": "user", "content": "Hi"}]))
    message = place.get(threads.messages.create(thread.id, role="user", content="Weather?"))
    place.offline.script.call("get_weather", {"city": "Oslo"}, "call_1").say("Sunny.")
    run = place.answer(place.run(thread.id, WEATHER))
    listed = place.get(threads.messages.list(thread.id)).data
    seen = json.dumps([each.model_dump() for each in (thread, message, run, *listed)], default=str)
    return re.sub(r"_(?!1\b)[0-9A-Za-z]{24}|\b\d{10}\b", "", seen)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_closing_a_client_flushes(places, colour):
    """What waits when a client is closed is carried out before its connections go."""
    place = places(colour)
    thread = place.thread("One")
    place.run(thread)

    place.get(place.client.close())

    assert place.waiting(thread) == []
    assert place.differences(thread) == []


def test_closing_waits_no_longer_than_its_bound(places):
    """A Conversations API that hangs does not keep a client from closing."""
    place = places("sync", timeout=8)
    place.offline.faults.add("/conversations", kind="hang")
    thread = place.thread("One")
    began = time.monotonic()

    place.client.close()

    assert time.monotonic() - began < 7.5
    place.settle()
    assert place.waiting(thread) == []


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_what_a_lost_loop_or_process_left_is_carried_out_later(places, colour):
    """A drain that was interrupted is taken up by the next call on the thread."""
    place = places(colour)
    thread = place.thread("One")
    place.settle()
    owner = f"{gone_process()}|drain_1"
    claim(place, thread, owner, until=time.time() + 3600)

    place.say(thread, "Two")

    assert place.differences(thread) == []


def claim(place, thread, owner, until):
    """Let somebody hold the thread's claim."""
    sql = "UPDATE mirrors SET owner = :owner, lease_until = :until WHERE thread_id = :thread"
    params = {"owner": owner, "until": until, "thread": thread}
    drive.run(place._database.execute(Statement(sql, params, expect=1)))


def gone_process():
    """The name of a process that has ended."""
    code = "from shim.workers import BlockingWorkers; print(BlockingWorkers().owner())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("way", ["cancelled", "closed"])
def test_a_loop_that_ends_leaves_the_rest_to_the_next_one(places, way):
    """A drain whose loop ended in the middle of a call is taken up on another loop."""
    place = places("async", timeout=5)
    thread = place.thread("One")
    place.settle()
    place.offline.faults.add(ITEMS, method="POST", kind="hang", before=False)
    place.say(thread, "Two")
    place.get(asyncio.sleep(0.05))
    assert any(entry.fault for entry in place.offline.log)

    if way == "cancelled":
        place.get(cancel_others())
    place.loop.close()
    place.loop = asyncio.new_event_loop()
    gc.collect()
    place.say(thread, "Three")

    assert place.differences(thread) == []


async def cancel_others():
    """What `asyncio.run` does in the end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def test_a_living_drainer_is_left_alone_until_its_lease_is_over(places):
    """What another machine holds is not drained here; when its lease has lapsed, it is."""
    place = places("sync")
    thread = place.thread("One")
    place.settle()
    claim(place, thread, "elsewhere/boot/1:7:99|drain_1", until=time.time() + 3600)
    place.say(thread, "Two")
    place.settle()
    assert place.waiting(thread) == ["message"]

    claim(place, thread, "elsewhere/boot/1:7:99|drain_1", until=time.time() - 1)
    place.say(thread, "Three")

    assert place.differences(thread) == []


class Slow(Offline):
    """An upstream that holds back its answer to the first call that adds items."""

    def __init__(self):
        super().__init__()
        self.arrived, self.go_on = threading.Event(), threading.Event()

    def handle(self, method, path, query, headers, body):
        """Answer a request."""
        response = super().handle(method, path, query, headers, body)
        if method == "POST" and path.startswith(ITEMS) and not self.arrived.is_set():
            self.arrived.set()
            assert self.go_on.wait(5)
        return response


def test_a_drainer_that_lost_its_claim_writes_no_more(places):
    """A drainer that was out for longer than its lease finds another at work, and stops."""
    place = places("sync", offline=Slow(), timeout=5)
    thread = place.thread("One")
    assert place.offline.arrived.wait(5)
    claim(place, thread, place.state(thread).owner, until=0)

    assert place.drain(thread)
    place.offline.go_on.set()

    assert place.differences(thread) == []
    assert place.posts() == [1]
    assert place.waiting(thread) == []
    assert place.state(thread).owner is None


def test_many_clients_drain_one_thread_together(places):
    """Eight clients write to one thread at once: each message is mirrored once, in order."""
    place = places("sync")
    thread = place.thread("Zero")
    clients = [place.connect() for _ in range(8)]
    place.offline.faults.pending.append(Fault(ITEMS, method="POST", times=3, status=500))

    def write(number):
        for turn in range(4):
            place.say(thread, f"Message {number}/{turn}", client=clients[number])

    workers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    place.settle()
    place.say(thread, "Last")

    assert place.differences(thread) == []
    assert sum(place.posts()) == 34


PROGRAM = """
import os, sys, openai, shim
url, thread, name = sys.argv[1:]
client = shim.mount(openai.OpenAI(api_key="k", base_url=url))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(os.environ.get("MESSAGES", "5"))):
    client.beta.threads.messages.create(thread, role="user", content=f"{name} {number}")
print("done", flush=True)
client.close()
"""


def program_of(place, url, thread, name, **environment):
    """A program in a process of its own that adds messages to the thread once it is told to."""
    environment = {
        **os.environ,
        "SHIM_DATABASE_URL": place._settings.database_url,
        "SHIM_DIALECT": "openai",
        "PYTHONWARNINGS": "ignore",
        **environment,
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, thread, name],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def start(process):
    """Let the program begin."""
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    process.stdin.write("\n")
    process.stdin.flush()


def test_processes_drain_one_thread_together(places):
    """Three processes write to one thread at once: each message is mirrored once, in order."""
    place = places("sync")
    thread = place.thread("Zero")
    with place.offline.serve() as served:
        processes = [program_of(place, served.url, thread, name) for name in ("a", "b", "c")]
        for process in processes:
            start(process)
        errors = [process.communicate(timeout=30)[1] for process in processes]
    place.say(thread, "Last")

    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert place.differences(thread) == []
    assert sum(place.posts()) == 17


@pytest.mark.parametrize("before", [True, False], ids=["not carried out", "carried out"])
def test_a_process_killed_while_it_drains_leaves_nothing_double(places, before):
    """`kill -9` in the middle of a call: the next one to drain finds out whether it arrived."""
    place = places("sync")
    thread = place.thread("Zero")
    place.settle()
    with place.offline.serve() as served:
        place.offline.faults.add(ITEMS, method="POST", kind="hang", before=before)
        process = program_of(place, served.url, thread, "victim", MESSAGES="1")
        start(process)
        while not any(entry.fault for entry in tuple(place.offline.log)):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert place.waiting(thread) == ["message"]

    place.say(thread, "Last")

    assert place.differences(thread) == []
    assert sum(place.posts()) == 3
