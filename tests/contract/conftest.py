"""The contract suite runs each test on every lane: by client and by server, in both colours.

Some lanes keep conversations, some do not.

Tests are coroutine functions written with the SDK's own calls. Which SDK that is, is the matter of
the environment: one run of the suite for each version that is supported.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from functools import cache

import pytest
from contract_api import Api, Runner
from contract_lanes import LANES, STREAMS, WAYS

DEPRECATED = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
"""All that the SDK says of `assistants` since 2.16, and no news here."""


def pytest_itemcollected(item):
    """Let the SDK deprecate what this suite is about."""
    item.add_marker(DEPRECATED)


def pytest_generate_tests(metafunc):
    """Run a test on each lane; one that takes runs further, in each of the lane's ways."""
    if "api" not in metafunc.fixturenames or hasattr(metafunc.module, "api"):
        return
    for fixture, ways in (("runner", WAYS), ("streamer", STREAMS)):
        if fixture in metafunc.fixturenames:
            both = [(lane, way) for lane in LANES for way in lane.ways if way in ways]
            names = [f"{lane}-{way}" for lane, way in both]
            metafunc.parametrize(("api", fixture), both, indirect=True, ids=names)
            return
    metafunc.parametrize("api", LANES, indirect=True, ids=str)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Let the lane carry out a test that is a coroutine function."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    pyfuncitem.funcargs["api"].perform(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def api(request, quick_looks):
    """A client of some colour before an embedded upstream of its own."""
    lane = request.param
    if lane.workers:
        return Api(lane, server=request.getfixturevalue("servers")(lane))
    if lane.database == "postgres":
        return Api(lane, request.getfixturevalue("emptied"))
    file = request.getfixturevalue("tmp_path") / "shim.db" if lane.in_file else ":memory:"
    return Api(lane, f"sqlite:///{file}")


@pytest.fixture(scope="session")
def shared_schema(postgres):
    """A place in PostgreSQL for many tests: to make it takes longer than most of them."""
    return postgres.schema()


@pytest.fixture
def emptied(postgres, shared_schema):
    """The URL of that place, in which nothing is left of the test before."""
    here = "schemaname = current_schema() AND tablename <> 'shim_schema'"
    tables = postgres.sql(f"SELECT tablename FROM pg_tables WHERE {here}", url=shared_schema)
    if tables:
        postgres.sql("; ".join(f"DELETE FROM {name}" for (name,) in tables), url=shared_schema)
    return shared_schema


@pytest.fixture
def quick_looks(monkeypatch):
    """The upstream is asked about a run more than once a second, in this process; servers wait."""
    monkeypatch.setattr("shim.core.looks._LOOK_SECONDS", 0.05)


@pytest.fixture(scope="session")
def servers(request, tmp_path_factory):
    """The server of a lane, begun with the first test that is pointed at it."""
    from contract_server import Server  # noqa: PLC0415 - needs the extra `server`

    with ExitStack() as stack:

        @cache
        def begun(database, workers):
            url = f"sqlite:///{tmp_path_factory.mktemp('server') / 'shim.db'}"
            if database == "postgres":
                url = request.getfixturevalue("postgres").schema()
            server = Server(url, workers)
            stack.callback(server.close)
            return server

        yield lambda lane: begun(lane.database, lane.workers)


@pytest.fixture
def runner(request, api):
    """A way to take runs further: by polling, by a stream of events, by the SDK's stream helper."""
    return Runner(api, request.param)


@pytest.fixture
def streamer(request, api):
    """The same without polling, which has to wait a second between two looks at the upstream."""
    return Runner(api, request.param)
