"""Who gets a conversation: the setting, the dialect, and what the server says when it is asked."""

from __future__ import annotations

import pytest

from shim.offline import Fault, Offline

UNKNOWN = {"conversations": None}
CREATE = "/conversations"


class Without(Offline):
    """A Responses server that has no Conversations API, and says so in some way."""

    def __init__(self, status=404):
        super().__init__()
        self.status, self.questions = status, 0

    def handle(self, method, path, query, headers, body):
        """Answer a request."""
        if not path.startswith(CREATE):
            return super().handle(method, path, query, headers, body)
        self.questions += 1
        if self.status == 200:  # some servers answer whatever path with what they have
            return super().handle(
                "POST", "/responses", query, headers, b'{"model":"m","input":"x"}'
            )
        return Fault(path, status=self.status).instead()


def use(place):
    """A thread with a tool run, a message deleted; then the thread is deleted."""
    thread = place.thread("Weather?", "Please.")
    place.turn(thread)
    place.delete(thread, place.say(thread, "Thanks"))
    place.settle()
    state = place.state(thread)
    place.delete(thread)
    place.settle()
    return state


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize(
    "options",
    [
        {"conversations": "local"},
        {"store": False},
        {"store": False, "conversations": "upstream"},
        {"flags": {"conversations": False}},
    ],
    ids=str,
)
def test_a_local_thread_never_asks_for_a_conversation(places, colour, options):
    """Where conversations are local, not stored or not there, no such request is ever sent."""
    place = places(colour, **options)

    state = use(place)

    assert state is None
    assert [e.path for e in place.offline.log if e.path.startswith(CREATE)] == []


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("flag", [None, True])
@pytest.mark.parametrize("mode", ["auto", "upstream"])
def test_a_thread_is_mirrored_where_there_is_the_api(places, colour, flag, mode):
    """Both an unknown server and one that is said to have the API are asked, and then used."""
    place = places(colour, flags={"conversations": flag}, conversations=mode)

    state = use(place)

    assert state.conversation_id.startswith("conv_")
    assert state.pending == 0
    assert place.conversations() == {}


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("status", [404, 405, 501, 200])
def test_auto_goes_local_where_there_is_no_api(places, colour, status):
    """A server without the API is asked once; then threads are kept in the ledger alone."""
    place = places(colour, offline=Without(status), flags=UNKNOWN)

    threads = [place.thread("One") for _ in range(5)]
    place.settle()
    threads += [place.thread("One") for _ in range(3)]
    for thread in threads:
        place.say(thread, "Two")
    place.settle()

    assert place.offline.questions == 1
    assert [place.state(thread) for thread in threads] == [None] * 8
    assert [place.waiting(thread) for thread in threads] == [[]] * 8


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_server_said_to_have_the_api_may_not_have_it(places, colour):
    """What a server answers corrects what is known of its dialect."""
    place = places(colour, offline=Without(), flags={"conversations": True})

    state = use(place)

    assert state is None
    assert place.offline.questions == 1


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_failing_server_is_not_taken_for_one_without(places, colour):
    """Only the answer that there is no such API sends `auto` to the ledger."""
    place = places(colour, flags=UNKNOWN)
    place.offline.faults.add(CREATE, times=999, status=500)
    thread = place.thread("One")
    place.settle()
    place.offline.faults.clear()

    place.say(thread, "Two")

    assert place.differences(thread) == []


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_upstream_waits_and_reports(places, colour, caplog):
    """`upstream` forgets nothing where the API is missing: it waits, says so, and catches up."""
    place = places(colour, conversations="upstream", flags=UNKNOWN)
    missing = place.offline.faults.add(CREATE, times=999, status=404)

    thread = place.thread("One")
    run = place.turn(thread)
    place.settle()

    assert run.status == "completed"
    state = place.state(thread)
    assert state.pending == 3
    assert "has no Conversations API" in state.problem
    assert any("has no Conversations API" in record.message for record in caplog.records)
    missing.times = 0
    place.say(thread, "Two")
    assert place.differences(thread) == []


def test_threads_from_before_are_not_mirrored_when_the_setting_changes(places, tmp_path):
    """A thread made while conversations were local stays local; a new one is mirrored."""
    local = places("sync", path=tmp_path / "one.db", conversations="local")
    old = local.thread("One")

    place = places("sync", path=tmp_path / "one.db", offline=local.offline)
    place.say(old, "Two")
    new = place.thread("One")
    place.settle()

    assert place.state(old) is None
    assert place.differences(new) == []


def test_what_waits_is_kept_while_conversations_are_local(places, tmp_path):
    """Switching to local and back: nothing is sent meanwhile, and all of it afterwards."""
    place = places("sync", path=tmp_path / "one.db")
    thread = place.thread("One")
    place.settle()
    before = len(place.asked("POST", CREATE))
    local = places("sync", path=tmp_path / "one.db", offline=place.offline, conversations="local")

    local.say(thread, "Two")
    assert not local.drain(thread, mode="local")

    assert len(place.asked("POST", CREATE)) == before
    place.say(thread, "Three")
    assert place.differences(thread) == []


def test_a_mirrored_thread_is_deleted_although_conversations_are_local_now(places, tmp_path):
    """What a thread once left at the upstream goes with it."""
    place = places("sync", path=tmp_path / "one.db")
    thread = place.thread("One")
    place.settle()
    local = places("sync", path=tmp_path / "one.db", offline=place.offline, conversations="local")

    local.delete(thread)
    local.settle()

    assert place.conversations() == {}
    assert place.state(thread) is None
