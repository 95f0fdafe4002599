"""A rollout 0 -> 10 -> 50 -> 100 -> 0 % under load, between a native server and Responses.

The native server is a second shim in a process of its own. ROLLOUT_SEED changes what is said and
when; ROLLOUT_LONG=1 takes thousands of threads instead of hundreds.
"""

from __future__ import annotations

import os
import random
import time
from math import sqrt

import openai
import pytest
from click.testing import CliRunner
from rollout_place import WEATHER, Book, Fleet, made, reread, rows, talked
from server_program import wait_until

from shim import drive
from shim.cli import main
from shim.core.wire import Call, Reply, Target
from shim.native.route import Route, Ways
from shim.native.rules import Rules, spot_of
from shim.storage.lanes import Lanes
from shim.storage.sqlite import SQLite
from shim.workers import BlockingWorkers

SEED = int(os.environ.get("ROLLOUT_SEED", "20261126"))
IS_LONG = os.environ.get("ROLLOUT_LONG", "") not in ("", "0")
SHARES = (0, 10, 50, 100, 0)
TALKERS = 24 if IS_LONG else 4
NEW = (2000,) * len(SHARES) if IS_LONG else (20, 60, 60, 20, 20)
"""How many new threads are made in each phase, besides those that are talked on."""
SIGMAS = 5
"""One honest run in a million and more is outside."""
SETTLED = 1.2
"""Seconds after which every server goes by a new share, and a little."""
OLDS = 4
"""Threads of the native server's from before, for each talker."""

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


@pytest.fixture
def database(request, tmp_path):
    """The database that the servers share."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres").schema()
    return f"sqlite:///{tmp_path / 'rollout.db'}"


@pytest.fixture
def begin(tmp_path, database):
    """Begin the servers; what is left of them ends with the test."""
    begun = []

    def begin(size, **routes):
        begun.append(Fleet(tmp_path, database, routes, size, delay=0.15))
        return begun[-1]

    yield begin
    for fleet in begun:
        fleet.close()


@pytest.fixture
def rolled(monkeypatch, database, capsys):
    """Roll out over a fleet.

    Gives what was told, and how many new threads of each phase went to Responses.
    """
    monkeypatch.setenv("SHIM_DATABASE_URL", database)
    with capsys.disabled():
        print(f"ROLLOUT_SEED={SEED}", end=" ")  # noqa: T201 - the test begins by telling its seed

    def rolled(fleet, assistant, olds):
        book, counts = Book(), []

        def control(check):
            for phase, share in enumerate(SHARES):
                if phase:
                    wait_until(lambda: book.waiting or check(), 60)
                words = ("off",) if phase and not share else ("share", str(share))
                done = CliRunner().invoke(main, ["route", *words])
                assert done.exit_code == 0, done.output
                book.phase = phase
                time.sleep(SETTLED)
                counts.append(made(fleet, book, NEW[phase]).count("responses"))
                check()

        for thread_id, said in olds.items():
            book.begun(thread_id, "native", said)
        seeds = [SEED + number for number in range(TALKERS)]
        shared = {seed: list(olds)[number::TALKERS] for number, seed in enumerate(seeds)}
        talked(fleet, book, assistant, shared, control)
        told(book, counts)
        return book, counts

    return rolled


def old_threads(fleet, number):
    """Threads that the native server had before: by id, what was said first."""
    native = openai.OpenAI(api_key="sk-caller", base_url=f"{fleet.native.root}/v1", max_retries=0)
    olds = {}
    with native:
        for each in range(number):
            text = f"Before {each}"
            thread = native.beta.threads.create(messages=[{"role": "user", "content": text}])
            olds[thread.id] = text
    return olds


def assistant_of(fleet):
    """An assistant, made through a router."""
    with openai.OpenAI(api_key="sk-caller", base_url=fleet.urls[0], max_retries=0) as client:
        made = client.beta.assistants.create(model="gpt-4o", tools=[WEATHER])
        return made.id


def check_shares(counts, numbers):
    """Of the new threads of each phase as many went as its share says, give or take chance."""
    for share, count, number in zip(SHARES, counts, numbers, strict=True):
        part = share / 100
        assert abs(count - number * part) <= SIGMAS * sqrt(number * part * (1 - part)), counts


def check_texts(fleet, book):
    """Every thread has what was said on it: all of it, once, in order."""
    for url, threads in zip(fleet.urls, _parted(book.threads, len(fleet.urls)), strict=True):
        for thread_id, (status, lane, said) in reread(url, threads).items():
            page = book.threads[thread_id]
            assert (status, lane) == (200, page.lanes[-1][1]), thread_id
            assert len(said) == len(page.messages), (thread_id, said, page.messages)
            for (role, found, text), (wanted, known, words) in zip(
                said, page.messages, strict=True
            ):
                assert role == wanted
                assert known in (None, found)
                assert words in text


def _parted(threads, size):
    """Those that were talked on for each of the servers, of the others each for one."""
    quiet = [each for each, page in threads.items() if not page.runs]
    loud = [each for each, page in threads.items() if page.runs]
    return [[*loud, *quiet[number::size]] for number in range(size)]


def check_stores(fleet, book, here):
    """Each thread is where it was said to be, no thread is there that nobody was told of."""
    last = {thread_id: page.lanes[-1][1] for thread_id, page in book.threads.items()}
    ever = {t for t, page in book.threads.items() if "native" in {lane for _, lane in page.lanes}}
    there = rows(fleet.native_file, "SELECT id FROM threads")

    assert sorted(here("SELECT id FROM threads")) == sorted(
        thread_id for thread_id, lane in last.items() if lane == "responses"
    )
    assert sorted(there) == sorted(ever)
    runs = sorted(run for page in book.threads.values() for run in page.runs)
    both = {*here("SELECT id FROM runs"), *rows(fleet.native_file, "SELECT id FROM runs")}
    assert sorted(both) == runs
    assert len(fleet.upstream.posts()) == sum(page.rounds for page in book.threads.values())


def stored(request, database):
    """What reads the first column of what the routers' database has."""
    if database.startswith("sqlite"):
        return lambda sql: rows(database.removeprefix("sqlite:///"), sql)
    postgres = request.getfixturevalue("postgres")
    return lambda sql: [row[0] for row in postgres.sql(sql, url=database)]


def told(book, counts):
    """A line of numbers."""
    said = sum(len(page.messages) for page in book.threads.values())
    print(  # noqa: T201 - seen with -s, and where it fails
        f"{len(book.threads)} threads, {said} messages, "
        f"{sum(len(page.runs) for page in book.threads.values())} runs, "
        f"new on Responses {counts} of {NEW}, over changes {dict(book.bridges)}, "
        f"moved {sum(bool(page.changes()) for page in book.threads.values())}"
    )


@pytest.mark.timeout(1200 if IS_LONG else 120)
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_no_thread_changes_its_lane_while_shares_do(begin, rolled, request, database):
    """Two servers on one database: each thread and run stays where it began; none is lost."""
    fleet = begin(2, otherwise="native")

    book, counts = rolled(fleet, assistant_of(fleet), old_threads(fleet, TALKERS))

    check_shares(counts, NEW)
    assert book.faults == []
    assert [page.changes() for page in book.threads.values() if page.changes()] == []
    assert {lane for page in book.threads.values() for _, lane in page.lanes} == {
        "native",
        "responses",
    }
    assert all(book.bridges[phase] for phase in range(1, len(SHARES)))
    check_texts(fleet, book)
    check_stores(fleet, book, stored(request, database))
    assert fleet.trouble() == []


@pytest.mark.timeout(1200 if IS_LONG else 120)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_old_threads_move_once_and_as_the_share_says(begin, rolled, request, database):
    """With `migrate`, a thread moves when it is used, whole and for good, by its id alone."""
    fleet = begin(2 if IS_LONG else 1, otherwise="native", migrate=True)

    book, counts = rolled(fleet, assistant_of(fleet), old_threads(fleet, OLDS * TALKERS))

    check_shares(counts, NEW)
    assert book.faults == []
    moves = {thread_id: page.changes() for thread_id, page in book.threads.items()}
    moves = {thread_id: changes for thread_id, changes in moves.items() if changes}
    for thread_id, changes in moves.items():
        ((phase, *way),) = changes
        assert way == ["native", "responses"]
        assert spot_of(thread_id) * 100 < max(SHARES[max(phase - 1, 0) : phase + 1])
    assert moves
    check_texts(fleet, book)
    check_stores(fleet, book, stored(request, database))
    assert fleet.trouble() == []


def test_shares_of_thousands_of_new_threads(tmp_path):
    """Every process goes by a share a second after it is set, and then as nearly as chance has it.

    The handlers on both sides answer at once.
    """
    number, clock, chance = 3000, [0.0], random.Random(SEED)
    lanes = Lanes(SQLite(str(tmp_path / "shim.db"), BlockingWorkers().sleep))
    answers = {}

    def handler(name):
        async def answer(call):
            answers[name] = answers.get(name, 0) + 1
            return Reply(
                200, {"id": f"thread_{name}{answers[name]}"}, headers={"x-shim-lane": name}
            )

        return answer

    ways = Ways(handler("native"), handler("responses"), None, lanes, shared=False)
    route = Route(ways, Rules.of({}), None, now=lambda: clock[0], draw=chance.random)
    call = Call("POST", "/threads", target=Target("http://x/v1"))
    counts = []

    for share in SHARES:
        drive.run(lanes.set_share(share))
        clock[0] += 1.0
        replies = [drive.run(route(call)) for _ in range(number)]
        counts.append(sum(each.headers["x-shim-lane"] == "responses" for each in replies))

    check_shares(counts, [number] * len(SHARES))
    assert drive.run(lanes.counts())["native"] == answers["native"]
    assert sum(answers.values()) == len(SHARES) * number
