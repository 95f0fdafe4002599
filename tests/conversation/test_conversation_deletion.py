"""Deleting a thread: conversation, items and stored responses go with it, whatever the moment."""

from __future__ import annotations

import threading

import pytest

from shim import drive
from shim.offline import Offline

ITEMS = "/conversations/conv_"


def left(place):
    """What the upstream still holds, and what still waits here."""
    place.settle()
    state = place.offline._service.state
    return len(state.conversations), len(state.jobs), drive.run(place.outbox.pending())


def test_a_deleted_thread_leaves_nothing_at_the_upstream(place):
    """The items (which outlive their conversation), the conversation and the responses go."""
    thread = place.thread("Weather?")
    place.turn(thread)
    place.say(thread, "Thanks")
    place.settle()
    conversation = place.conversations()[place.state(thread).conversation_id]

    place.delete(thread)

    assert left(place) == (0, 0, [])
    assert conversation.items == []
    assert place.state(thread) is None


def test_the_response_of_a_cancelled_run_is_deleted_too(place):
    """A response that gave no items to the thread was stored all the same."""
    thread = place.thread("Go.")
    place.offline.script.fail("server_error", "Broken.")
    place.run(thread)

    place.delete(thread)

    assert left(place) == (0, 0, [])


def test_a_thread_that_never_got_a_conversation_gets_none_when_it_is_deleted(place):
    """What waited for a conversation is struck out with the thread."""
    place.offline.faults.add("/conversations", times=999, status=500)
    thread = place.thread("One")
    place.settle()
    place.offline.faults.clear()
    before = len(place.asked("POST"))

    place.delete(thread)

    assert left(place) == (0, 0, [])
    assert len(place.asked("POST")) == before


def test_a_deletion_that_fails_waits(place):
    """While the upstream fails the deletion waits, and is reported; a later try carries it out."""
    thread = place.thread("One")
    place.run(thread)
    place.settle()
    place.offline.faults.add("/", method="DELETE", times=999, status=500)

    place.delete(thread)
    place.settle()
    assert place.waiting(thread) == ["delete_thread"]
    assert "500" in place.state(thread).problem

    place.offline.faults.clear()
    assert place.drain(thread)

    assert left(place) == (0, 0, [])


@pytest.mark.parametrize("status", [400, 404, 405])
def test_what_cannot_be_deleted_does_not_stop_the_rest(place, status):
    """An item that is gone, or that the server will not delete, is passed over."""
    thread = place.thread("One", "Two")
    place.settle()
    place.offline.faults.add(ITEMS, method="DELETE", status=status)

    place.delete(thread)

    assert left(place) == (0, 0, [])


def test_a_conversation_that_is_gone_already_is_no_problem(place):
    """A conversation deleted behind our back needs no deleting."""
    thread = place.thread("One")
    place.run(thread)
    place.settle()
    place.conversations().clear()

    place.delete(thread)

    assert left(place) == (0, 0, [])


@pytest.mark.parametrize("path", ["/conversations", ITEMS])
def test_a_thread_deleted_while_something_is_on_its_way_leaves_nothing(places, path):
    """What reaches the upstream after the thread was deleted is deleted as well."""
    offline = Slow(path)
    place = places("sync", offline=offline, timeout=5)
    thread = place.thread("One")
    assert offline.arrived.wait(5)

    place.delete(thread)
    offline.go_on.set()

    assert left(place) == (0, 0, [])
    assert len(place.asked("POST", path)) == 1


class Slow(Offline):
    """An upstream that takes its time over the first POST below a path."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.arrived, self.go_on = threading.Event(), threading.Event()

    def handle(self, method, path, query, headers, body):
        """Answer a request."""
        response = super().handle(method, path, query, headers, body)
        if method == "POST" and path.startswith(self.path) and not self.arrived.is_set():
            self.arrived.set()
            assert self.go_on.wait(5)
        return response
