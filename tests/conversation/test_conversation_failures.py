"""The upstream's Conversations API fails: no message or run does, and in the end both are equal."""

from __future__ import annotations

import pytest
from places import WEATHER

from shim.offline import Fault, Offline

CREATE, ITEMS = "/conversations", "/conversations/conv_"

LOCKED = ("conversation_locked", "Another process is operating.", "invalid_request_error")

FAULTS = {
    "500 before": {"status": 500},
    "500 after": {"status": 500, "before": False},
    "502 after": {"status": 502, "before": False},
    "503 before": {"status": 503},
    "408 after": {"status": 408, "before": False},
    "409 before": {"status": 409},
    "locked": {"status": 400, "error": LOCKED},
    "429": {"status": 429},
    "429 that says when": {"status": 429, "headers": {"retry-after": "1"}},
    "timeout before": {"kind": "timeout"},
    "timeout after": {"kind": "timeout", "before": False},
    "drop before": {"kind": "drop"},
    "drop after": {"kind": "drop", "before": False},
    "refused connection": {"kind": "refuse"},
    "hang before": {"kind": "hang"},
    "hang after": {"kind": "hang", "before": False},
}

PERSISTENT = {
    **{name: FAULTS[name] for name in ("500 before", "500 after", "locked", "429", "drop after")},
    "401": {"status": 401},
    "403": {"status": 403},
    "429 for an hour": {"status": 429, "headers": {"retry-after": "3600"}},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_in_passing_is_survived(place, name):
    """One failure of adding items is made good by the same drain: nothing twice, nothing lost."""
    thread = place.thread("One")
    place.settle()
    place.offline.faults.add(ITEMS, method="POST", **FAULTS[name])

    place.say(thread, "Two")
    place.say(thread, "Two")
    run = place.turn(thread)

    assert run.status == "completed"
    assert place.differences(thread) == []
    assert (place.waiting(thread), place.state(thread).problem) == ([], None)


@pytest.mark.parametrize("name", [name for name in FAULTS if not name.endswith("after")])
def test_a_conversation_that_cannot_be_made_is_made_later(place, name):
    """One failure of making the conversation: it is made by the next try."""
    place.offline.faults.add(CREATE, method="POST", **FAULTS[name])

    thread = place.thread("One", "Two")

    assert place.differences(thread) == []
    assert place.waiting(thread) == []


@pytest.mark.parametrize("path", [CREATE, ITEMS])
@pytest.mark.parametrize("name", PERSISTENT)
def test_the_outbox_drains_when_the_upstream_recovers(place, name, path):
    """While the API is down messages and runs go on; the first call afterwards makes it equal."""
    thread = place.thread()
    if path == ITEMS:
        place.settle()
    place.offline.faults.add(path, times=999, **PERSISTENT[name])
    place.say(thread, "Weather?")
    assert place.turn(thread).status == "completed"
    place.say(thread, "Thanks")
    place.settle()
    state = place.state(thread)
    assert state.pending >= 3
    assert state.failures >= 1
    assert state.problem

    place.offline.faults.clear()
    place.say(thread, "Still there?")

    assert place.differences(thread) == []
    state = place.state(thread)
    assert (state.pending, state.failures, state.problem) == (0, 0, None)


@pytest.mark.parametrize("name", ["500 before", "500 after", "timeout after", "refused connection"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_any_of_several_calls_may_fail(place, name, number):
    """Whichever parcel of a long thread fails, the others are not sent a second time."""
    place.offline.faults.pending.append(Late(number, ITEMS, method="POST", **FAULTS[name]))

    thread = place.thread(*(f"Message {n}" for n in range(45)))

    assert place.differences(thread) == []
    assert place.posts() == [20, 20, 5]


class Late(Fault):
    """A failure that lets some requests pass first."""

    def __init__(self, passing, *args, **options):
        super().__init__(*args, **options)
        self.passing = passing

    def matches(self, method, path):
        """Whether it is meant for a request."""
        if not super().matches(method, path):
            return False
        self.passing -= 1
        return self.passing < 0


def test_pairs_in_several_calls_may_fail_in_between(place):
    """A run whose pairs need two calls, the first of which is carried out without an answer."""
    thread = place.thread("All of it.")
    place.settle()
    place.offline.faults.add(ITEMS, method="POST", kind="timeout", before=False)
    place.offline.faults.pending.append(Late(1, ITEMS, method="POST", status=500))

    place.turn(thread, calls=["get_weather"] * 12)

    assert place.differences(thread) == []


def test_the_look_for_what_arrived_may_fail_too(place):
    """An ambiguous answer stays ambiguous until the conversation could be read."""
    thread = place.thread("One")
    place.settle()
    place.offline.faults.add(ITEMS, method="POST", kind="drop", before=False)
    reading = place.offline.faults.add(ITEMS, method="GET", times=999, status=500)

    place.say(thread, "Two")
    place.settle()
    assert place.waiting(thread) == ["message"]
    assert len(place.posts()) == 2

    reading.times = 0
    place.say(thread, "Three")

    assert place.differences(thread) == []


def test_an_ambiguous_answer_is_looked_for_past_the_first_page(place):
    """What arrived is told apart from what is known, however long the conversation is."""
    thread = place.thread(*(f"Message {n}" for n in range(130)))
    place.settle()
    place.offline.faults.add(ITEMS, method="POST", kind="drop", before=False)

    place.say(thread, "Message 129")

    assert place.differences(thread) == []


def test_a_foreign_item_is_not_taken_for_ours(place):
    """Something that others put in while we got no answer is neither counted nor removed."""
    thread = place.thread("One")
    place.settle()
    dropped = place.offline.faults.add(ITEMS, method="POST", times=999, kind="drop")
    place.say(thread, "Two")
    place.settle()
    conversation = place.conversations()[place.state(thread).conversation_id]
    dropped.times = 0
    path = f"/conversations/{conversation.id}/items"
    body = b'{"items": [{"role": "user", "content": "From elsewhere"}]}'
    assert place.offline.handle("POST", path, "", {"authorization": "k"}, body).status == 200

    place.say(thread, "Three")
    place.settle()

    texts = [item["content"][0]["text"] for item in conversation.items]
    assert texts == ["One", "From elsewhere", "Two", "Three"]


def test_a_message_deleted_while_its_fate_is_unknown_leaves(place):
    """An item that arrived without our being told is found, and deleted with its message."""
    thread = place.thread("One")
    place.settle()
    place.offline.faults.add(ITEMS, method="POST", kind="drop", before=False)
    reading = place.offline.faults.add(ITEMS, method="GET", times=999, status=500)
    message = place.say(thread, "Two")
    place.settle()
    reading.times = 0

    place.delete(thread, message)

    assert place.differences(thread) == []


class Belated(Offline):
    """An upstream that carries out the first call it did not answer when the next one comes."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def handle(self, method, path, query, headers, body):
        """Answer a request."""
        if method == "POST" and path.startswith(ITEMS):
            self.calls.append((method, path, query, headers, body))
            if len(self.calls) == 1:
                return Fault(path, kind="timeout").instead()
            if len(self.calls) == 2:
                super().handle(*self.calls[0])
                return Fault(path, status=400, error=LOCKED).instead()
        return super().handle(method, path, query, headers, body)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_call_that_is_carried_out_late_is_found(places, colour):
    """A call without an answer is looked for before every further try, not once only."""
    place = places(colour, offline=Belated())

    thread = place.thread("One", "Two")

    assert place.differences(thread) == []
    assert len(place.offline.calls) == 2


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_an_item_that_is_refused_is_left_out(places, colour, status, caplog):
    """What the upstream will not take is left out and reported; all else arrives, in order."""
    place = places(colour, offline=Picky("Bad", status))

    thread = place.thread("One", "Bad", "Three")
    place.settle()
    place.say(thread, "Bad too")
    place.say(thread, "Five")

    lost = place.differences(thread)
    assert [line[:2] for line in lost] == ["- ", "- "]
    assert "Bad" in lost[0]
    assert "Bad too" in lost[1]
    assert place.waiting(thread) == []
    assert place.state(thread).refused == 2
    assert sum("not in the conversation" in record.message for record in caplog.records) == 2


class Picky(Offline):
    """An upstream that refuses every call which brings a text."""

    def __init__(self, text, status):
        super().__init__()
        self.text, self.status = text, status

    def handle(self, method, path, query, headers, body):
        """Answer a request."""
        if path.startswith(ITEMS) and self.text.encode() in body:
            return Fault(path, status=self.status).instead()
        return super().handle(method, path, query, headers, body)


class Narrow(Offline):
    """An upstream that takes less at a time than it says."""

    def handle(self, method, path, query, headers, body):
        """Answer a request."""
        if path.startswith(ITEMS) and len(body) > 300:
            return Fault(path, status=413).instead()
        return super().handle(method, path, query, headers, body)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_what_is_too_much_for_one_call_goes_in_several(places, colour):
    """A call that is refused for its size is made again in smaller ones; nothing is left out."""
    place = places(colour, offline=Narrow())

    thread = place.thread(*(f"Message {n}" for n in range(10)))

    assert place.differences(thread) == []
    assert place.state(thread).refused == 0


def test_a_conversation_deleted_behind_our_back_is_made_again(place):
    """A conversation that is gone is replaced by a new one that is told everything."""
    thread = place.thread("Weather?")
    place.turn(thread)
    place.settle()
    gone = place.state(thread).conversation_id
    del place.conversations()[gone]

    place.say(thread, "Hello?")

    assert place.differences(thread) == []
    assert place.state(thread).conversation_id != gone


def test_a_conversation_that_goes_while_a_run_waits_is_made_again(place):
    """The new conversation is told of the run when it has ended, not before."""
    thread = place.thread("Weather?")
    place.offline.script.call("get_weather", {"city": "Oslo"}).call("get_weather", {"city": "Rome"})
    run = place.answer(place.run(thread, WEATHER))
    place.settle()
    del place.conversations()[place.state(thread).conversation_id]

    place.delete(thread, place.get(place.client.beta.threads.messages.list(thread)).data[0].id)
    place.settle()
    place.answer(run)

    assert place.differences(thread) == []


def test_a_server_that_loses_every_conversation_is_not_asked_for_ever(place):
    """A conversation that is gone again at once is reported, and left to a later call."""
    thread = place.thread("One")
    place.settle()
    place.offline.faults.add(ITEMS, times=999, status=404)

    place.say(thread, "Two")
    place.settle()

    assert len(place.asked("POST", CREATE + "/")) <= 4
    assert "does not know" in place.state(thread).problem
    place.offline.faults.clear()
    place.say(thread, "Three")
    assert place.differences(thread) == []
