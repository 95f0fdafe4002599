"""PostgreSQL behind the `Database` port, in both colours: what only a server can do, or be."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from shim import drive
from shim.core.ports import Batch
from shim.core.records import Run, Thread
from shim.errors import Lost, SettingsError, StoreTooNew, Unsure
from shim.settings import Settings
from shim.storage.address import Address
from shim.storage.database import Statement
from shim.storage.ledger import Ledger
from shim.storage.schema import MIGRATIONS
from shim.wiring import open_database
from shim.workers import AsyncWorkers, BlockingWorkers

NAMES = Statement("SELECT name FROM refused_parameters ORDER BY name")


def put(name, **more):
    """A statement that puts a row in."""
    return Statement(
        "INSERT INTO refused_parameters VALUES ('s', 'm', :name)", {"name": name}, **more
    )


def names(rows):
    """The names in the rows of the last answer."""
    return [row["name"] for row in rows[-1]]


class Colour:
    """A database of some colour, and how to wait for what it is asked."""

    def __init__(self, name, url):
        self.blocking = name == "blocking"
        self.loop = None if self.blocking else asyncio.new_event_loop()
        workers = BlockingWorkers() if self.blocking else AsyncWorkers()
        self.database = open_database(Settings(database_url=url), workers)

    def wait(self, work):
        """The result of a coroutine."""
        return drive.run(work) if self.blocking else self.loop.run_until_complete(work)

    def do(self, *statements):
        """The rows of statements."""
        return self.wait(self.database.execute(*statements))

    def close(self):
        """Close the database, and the loop if there is one."""
        self.wait(self.database.aclose())
        if self.loop is not None:
            self.loop.close()


@pytest.fixture
def url(postgres):
    """An empty place on the server."""
    return postgres.schema()


@pytest.fixture(params=["blocking", "async"])
def colour(request):
    """Either colour."""
    return request.param


@pytest.fixture
def opened(colour):
    """Opens databases, and closes them after the test."""
    made = []

    def open_at(url):
        made.append(Colour(colour, url))
        return made[-1]

    yield open_at
    for each in made:
        each.close()


@pytest.fixture
def database(opened, url):
    """A database of either colour."""
    return opened(url)


@pytest.mark.parametrize("wrong", [put("a"), put("c", expect=2)])
def test_a_batch_is_kept_as_a_whole_or_not_at_all(database, wrong):
    """What is there already, or an expectation that is not met, undoes the batch."""
    database.do(put("a", expect=1))

    with pytest.raises(Lost):
        database.do(put("b"), wrong, put("d"))

    assert names(database.do(put("e"), NAMES)) == ["a", "e"]


def test_a_mistake_undoes_its_batch(database):
    """SQL that cannot be run is told as it is, and the next batch works."""
    with pytest.raises(Exception, match=r'"nowhere" does not exist'):
        database.do(put("a"), Statement("DELETE FROM nowhere"), put("b"))

    assert names(database.do(NAMES)) == []


def test_what_is_closed_opens_again(database):
    """What is stored is there after closing, which may be done twice."""
    database.do(put("a"))

    database.wait(database.database.aclose())
    database.wait(database.database.aclose())

    assert names(database.do(NAMES)) == ["a"]


def test_what_no_text_can_hold_is_looked_for_all_the_same(database):
    """A NUL or half a pair in an id finds nothing, and fails nothing."""
    odd = "thread_\0\ud800"

    (rows,) = database.do(Statement("SELECT * FROM threads WHERE id = :id", {"id": odd}))
    database.do(put(odd))

    assert rows == []
    assert names(database.do(NAMES)) == ["thread_\ufffd?"]


def test_every_text_of_a_message_comes_back(database):
    """JSON keeps NULs, half pairs, and what looks like a parameter or a pattern."""
    ledger = Ledger(database.database)
    text = "\0 \ud800 é 漢 😀 :name %s %(name)s '; --"

    record = Thread("thread_1", 1, {"note": text})
    database.wait(ledger.add_thread("t", record, Batch()))

    assert database.wait(ledger.thread("t", "thread_1")).metadata == {"note": text}


def test_ids_are_ordered_by_their_bytes(database):
    """Whatever the language of the server, as SQLite does it."""
    database.do(*map(put, ("b", "a", "B", "_", "é", "a b")))

    assert names(database.do(NAMES)) == ["B", "_", "a", "a b", "b", "é"]


def test_two_who_move_one_row_are_serialised(database, url, opened):
    """Who loads, changes and writes on condition loses no change of another's."""
    database.do(put("0"))
    others = [opened(url) for _ in range(4)]
    count = Statement(
        "UPDATE refused_parameters SET name = :new WHERE name = :old",
        expect=1,
    )

    def add(one):
        for _ in range(10):
            while True:
                (old,) = names(one.do(NAMES))
                params = {"old": old, "new": str(int(old) + 1)}
                try:
                    one.do(Statement(count.sql, params, expect=1))
                except Lost:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, others))

    assert names(database.do(NAMES)) == ["40"]


def test_batches_in_each_others_way_are_tried_again(url, opened, postgres):
    """Two that move the same rows in opposite order get into a deadlock, and both go on."""
    one, other = opened(url), opened(url)
    one.do(put("a"), put("b"))
    raise_ = "UPDATE refused_parameters SET server = server || '+' WHERE name = :name"

    def move(database, order):
        for _ in range(20):
            database.do(*(Statement(raise_, {"name": name}, expect=1) for name in order))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(move, (one, other), ("ab", "ba")))

    (rows,) = one.do(Statement("SELECT server FROM refused_parameters"))
    assert [row["server"] for row in rows] == ["s" + 40 * "+"] * 2


def test_no_message_comes_into_a_thread_that_a_run_has_begun_in(url, opened, store_of):
    """Of a run and messages that are added at once, no message gets behind the run."""
    stores = [store_of(opened(url)) for _ in range(4)]
    for number in range(12):
        thread = stores[0].thread(number)
        start = threading.Barrier(4)

        def add(index, thread=thread, start=start):
            start.wait()
            stores[index].add(thread, index)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(4)))

        (run,), messages = stores[0].positions(thread)
        assert all(position < run for position in messages), (run, messages)


@pytest.fixture
def store_of():
    """What adds a run, or messages, to a thread until it may not."""
    return Adding


class Adding:
    """A ledger in which one adds a run and the others messages."""

    def __init__(self, database):
        self.database = database
        self.ledger = Ledger(database.database)

    def thread(self, number):
        """A new thread."""
        record = Thread(f"thread_{number}", 1)
        self.database.wait(self.ledger.add_thread("", record, Batch()))
        return record.id

    def add(self, thread, index):
        """Add a run after a moment, or messages until a run is there."""
        if index == 0:
            time.sleep(0.01)
            run = Run(f"run_{thread}", 1, thread, "asst_1", 601, "gpt-4o")
            self.database.wait(self.ledger.add_run(run, Batch()))
            return
        for number in range(100):
            try:
                self.database.wait(
                    self.ledger.add_messages(thread, Batch(new=[_message(thread, index, number)]))
                )
            except Lost:
                return

    def positions(self, thread):
        """Where the runs and the messages of the thread stand."""
        sql = "SELECT position FROM {} WHERE thread_id = :thread"
        tables = [Statement(sql.format(name), {"thread": thread}) for name in ("runs", "messages")]
        return [[row["position"] for row in rows] for rows in self.database.do(*tables)]


def _message(thread, index, number):
    from shim.core.records import Message  # noqa: PLC0415 - next to its one use

    content = ({"type": "text", "text": {"value": "Hi", "annotations": []}},)
    return Message(f"msg_{thread}_{index}_{number}", 1, thread, "user", content)


def test_broken_connections_are_replaced(database, postgres):
    """A batch whose connection breaks before its end is tried again on another."""
    database.do(put("a"))
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shim'"

    for name in "bcd":
        postgres.sql(ends)
        database.do(put(name, expect=1))

    assert names(database.do(NAMES)) == ["a", "b", "c", "d"]


def test_a_server_that_starts_again(database, postgres):
    """What was stored is there, and the batch that found the server down waits for it."""
    if postgres.restart is None:
        pytest.skip("the server of SHIM_TEST_POSTGRES is not ours to stop")
    database.do(put("a"))
    postgres.restart()

    database.do(put("b", expect=1))

    assert names(database.do(NAMES)) == ["a", "b"]


BREAKS_IN_COMMIT = """
CREATE FUNCTION {0}.break() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER break AFTER INSERT ON {0}.refused_parameters
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.name = 'breaks')
EXECUTE FUNCTION {0}.break();
"""


def test_a_commit_without_an_answer_is_not_repeated(database, postgres, url):
    """Whether it was carried out nobody knows; the error says so, and the next batch works."""
    database.do(put("a"))
    postgres.sql(BREAKS_IN_COMMIT.format(url.rpartition("%3D")[2]))

    with pytest.raises(Unsure, match="broke in a COMMIT"):
        database.do(put("breaks"))

    assert names(database.do(put("b"), NAMES)) == ["a", "b"]


def test_a_pool_opens_so_many_connections_and_no_more(opened, url, postgres, colour):
    """With `pool=2` twenty at once get along with two, whoever else waits."""
    database = opened(f"{url}&pool=2&application_name=two_{colour}")
    slow = Statement("SELECT pg_sleep(0.02)")

    async def many():
        await asyncio.gather(*(database.database.execute(slow) for _ in range(20)))

    if database.blocking:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda _: database.do(slow), range(20)))
    else:
        database.wait(many())

    count = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = %s"
    assert postgres.sql(count, f"two_{colour}") == [(2,)]


@pytest.mark.parametrize(("words", "some"), [("", True), ("&prepared_statements=false", False)])
def test_prepared_statements_can_be_done_without(opened, url, words, some):
    """Behind a pooler that mixes up sessions none is prepared."""
    database = opened(url + words)
    for _ in range(8):
        database.do(NAMES)

    (rows,) = database.do(Statement("SELECT COUNT(*) AS count FROM pg_prepared_statements"))

    assert (rows[0]["count"] > 0) is some


def test_many_open_an_empty_database_at_once(url, opened, postgres):
    """One makes the tables, the others wait for it."""
    several = [opened(url) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: one.do(NAMES), several))

    assert postgres.sql("SELECT version FROM shim_schema", url=url) == [(len(MIGRATIONS),)]


def test_a_newer_schema_is_refused_at_every_statement(opened, url, postgres):
    """It is not touched, and the error says what to do."""
    opened(url).do(NAMES)
    postgres.sql("UPDATE shim_schema SET version = 99", url=url)
    late = opened(url)

    for _ in range(2):
        with pytest.raises(StoreTooNew, match=r"schema 99.*pip install -U"):
            late.do(NAMES)


def place_of(url, user="", host=None, name=None):
    """The server's URL with parts of it replaced."""
    scheme, _, rest = url.partition("://")
    where, _, path = rest.rpartition("@")[2].partition("/")
    return f"{scheme}://{user}{host or where}/{name or path.partition('?')[0]}"


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"user": "careful:wrong%2F@"}, "password authentication failed"),
        ({"user": "nobody_known@", "name": "missing"}, "does not exist"),
        ({"host": "127.0.0.1:1"}, "check the host, port, user, password and database"),
        ({"user": "careful:s3cr/et@"}, "write special characters of the password as %40"),
    ],
)
def test_an_address_that_does_not_work_is_told_plainly(opened, postgres, odd, words):
    """Which database, why, and what to do; no part of a password."""
    database = opened(place_of(postgres.url, **odd))

    with pytest.raises(SettingsError) as refusal:
        database.do(NAMES)

    told = "".join(map(str, (refusal.value, refusal.value.__cause__, refusal.value.__context__)))
    assert words in str(refusal.value)
    assert "SHIM_DATABASE_URL" in str(refusal.value)
    assert not [part for part in ("wrong", "s3cr", "et@") if part in told]


def test_a_user_who_may_make_no_tables_is_told(opened, postgres, url):
    """The error names the grant that is missing, which is enough."""
    import postgres_server  # noqa: PLC0415 - loads the driver

    schema = url.rpartition("%3D")[2]
    password = postgres_server.escaped(postgres_server.PASSWORD)
    careful = place_of(postgres.url, user=f"careful:{password}@")
    database = opened(f"{careful}?options=-csearch_path%3D{schema}")

    postgres.sql(f"GRANT USAGE ON SCHEMA {schema} TO careful")
    with pytest.raises(SettingsError, match="GRANT CREATE, USAGE ON SCHEMA"):
        database.do(NAMES)
    postgres.sql(f"GRANT CREATE ON SCHEMA {schema} TO careful")

    assert names(database.do(put("a"), NAMES)) == ["a"]


def test_a_database_in_another_encoding_is_refused(opened, postgres):
    """LATIN1 cannot hold every message."""
    name = f"latin_{os.getpid()}"
    postgres.sql(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    try:
        with pytest.raises(SettingsError, match=r"kept in LATIN1.*ENCODING 'UTF8'"):
            opened(place_of(postgres.url, user="shim@", name=name)).do(NAMES)
    finally:
        postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_without_the_driver_the_extra_is_named():
    """The error says what to install."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from shim.settings import Settings\n"
        "from shim.wiring import open_database\n"
        "from shim.workers import BlockingWorkers\n"
        "open_database(Settings(database_url='postgresql://u:secret@h/d'), BlockingWorkers())"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert "pip install 'assistants-shim[postgres]'" in done.stderr
    assert "secret" not in done.stderr.replace(code, "")


def test_a_database_used_before_a_fork(url):
    """The child has connections of its own, and the parent's go on working."""
    with closing_database(url) as database:
        drive.run(database.execute(put("before")))

        child = os.fork()
        if child == 0:
            drive.run(database.execute(put("child")))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        drive.run(database.execute(put("parent")))
        (rows,) = drive.run(database.execute(NAMES))

    assert status == 0
    assert [row["name"] for row in rows] == ["before", "child", "parent"]


@contextmanager
def closing_database(url):
    """A database for a blocking door, closed in the end."""
    database = open_database(Settings(database_url=url), BlockingWorkers())
    yield database
    drive.run(database.aclose())


def test_loops_that_come_and_go(url, postgres, caplog):
    """Each loop has connections of its own; those of ended loops do not pile up."""
    # what pytest keeps of a log holds the errors, they their frames, and those the connections
    caplog.set_level(logging.CRITICAL, logger="psycopg.pool")
    url += "&application_name=loops"
    database = open_database(Settings(database_url=url), AsyncWorkers())

    async def twice(name):
        await asyncio.gather(database.execute(put(f"{name}a")), database.execute(put(f"{name}b")))

    for number in range(6):
        asyncio.run(twice(number))

    count = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'loops'"
    end = time.monotonic() + 10
    while postgres.sql(count)[0][0] > 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert postgres.sql(count)[0][0] <= 2
    assert len(postgres.sql("SELECT name FROM refused_parameters", url=url)) == 12


def test_callers_who_give_up_leave_the_pool_whole(url):
    """Batches that are cancelled anywhere are kept as a whole or not, and all connections live."""
    database = open_database(Settings(database_url=f"{url}&pool=3"), AsyncWorkers())
    kept = Statement("SELECT COUNT(*) AS count FROM refused_parameters")

    async def storm():
        await database.execute(kept)
        for number in range(120):
            batch = [put(f"{number}/{part}") for part in range(5)]
            task = asyncio.create_task(database.execute(*batch))
            await asyncio.sleep(number % 12 / 4000)
            task.cancel()
            await asyncio.wait([task])
        many = await asyncio.gather(*(database.execute(kept) for _ in range(12)))
        await database.aclose()
        return [rows[0][0]["count"] for rows in many]

    counts = asyncio.run(storm())

    assert len(set(counts)) == 1
    assert counts[0] % 5 == 0


def test_no_password_is_shown():
    """Neither by what holds an address nor by what is told of it."""
    address = Address.of("postgresql://shim:secret@db/shim?sslpassword=secret")

    assert "secret" not in f"{address!r} {address.shown}"
