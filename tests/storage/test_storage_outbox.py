"""The outbox: one drainer at a time, nothing forgotten, and no write by one who lost the claim."""

from __future__ import annotations

import time

import pytest

from shim import drive
from shim.errors import Lost
from shim.storage.outbox import LEASE_SECONDS


@pytest.fixture
def thread_id(store):
    """A thread with two messages of which its conversation is to be told."""
    return store.thread("a", "b", mirrored=True)


@pytest.fixture
def claim(store, thread_id):
    """The claim on it."""
    return store.ask("claim", thread_id, "me|1")


def entries(store, thread_id):
    """What waits, without its positions."""
    return [(e.kind, e.payload) for e in store.ask("entries", thread_id, 100)]


def test_entries_come_oldest_first(store, thread_id):
    """In the order of the thread, no more than asked for."""
    assert [entry.kind for entry in store.ask("entries", thread_id, 2)] == ["open", "message"]
    positions = [entry.position for entry in store.ask("entries", thread_id, 9)]
    assert positions == sorted(set(positions))
    assert min(positions) > 0


def test_a_claim_excludes_others(store, thread_id, claim):
    """A claimed thread cannot be claimed, by whatever name, until it is released."""
    assert store.ask("claim", thread_id, "you|1") is None
    assert store.ask("claim", thread_id, "me|1") is None
    assert store.ask("claim", "thread_none", "you|1") is None

    drive.run(claim.release(None))

    assert store.ask("claim", thread_id, "you|1") is not None


def test_a_dead_owners_claim_is_taken_over(store, thread_id, claim):
    """Only from the one who is known to be dead, not from who came after."""
    assert store.ask("claim", thread_id, "you|1", dead="other|1") is None
    assert store.ask("claim", thread_id, "you|1", dead="me|1") is not None
    assert store.ask("claim", thread_id, "third|1", dead="me|1") is None


def test_a_claim_ends_with_its_lease(store, thread_id, claim):
    """A claim that nobody renews lapses."""
    store.sql("UPDATE mirrors SET lease_until = :past", past=time.time() - 1)

    assert store.ask("claim", thread_id, "you|1") is not None


def test_every_write_renews_the_lease(store, thread_id, claim):
    """Whoever goes on working goes on holding."""
    store.sql("UPDATE mirrors SET lease_until = 1")

    drive.run(claim.renew())

    ((until,),) = store.sql("SELECT lease_until FROM mirrors")
    assert until == pytest.approx(time.time() + LEASE_SECONDS, abs=5)


def test_who_lost_the_claim_writes_nothing(store, thread_id, claim):
    """Each write of a drainer that was taken over from is Lost, and releasing does nothing."""
    before = store.ask("entries", thread_id, 9)
    assert store.ask("claim", thread_id, "you|1", dead="me|1")

    writes = [
        claim.renew(),
        claim.opened("conv_1"),
        claim.doubt(before[1], [("msg_1", "s")]),
        claim.settle(before[1], [("msg_1", "item_1")]),
        claim.refuse("msg_1", 1),
        claim.done(before),
        claim.again(),
        claim.forget(),
    ]
    for write in writes:
        with pytest.raises(Lost):
            drive.run(write)
    drive.run(claim.release("late"))

    assert store.ask("entries", thread_id, 9) == before
    state = store.ask("mirrored", thread_id)
    assert (state.owner, state.problem, state.conversation_id) == ("you|1", None, None)
    assert store.ask("told", thread_id) == {}


def test_releasing_says_what_went_wrong(store, thread_id, claim):
    """Failures are counted until one try goes well."""
    for number in (1, 2):
        drive.run(claim.release(f"problem {number}"))
        state = store.ask("mirrored", thread_id)
        assert (state.failures, state.problem, state.owner) == (number, f"problem {number}", None)
        claim = store.ask("claim", thread_id, "me|1")

    drive.run(claim.release(None))

    state = store.ask("mirrored", thread_id)
    assert (state.failures, state.problem) == (0, None)


def test_a_doubt_remembers_what_was_sent_until_it_is_settled(store, thread_id, claim):
    """The plan survives the process; when it is settled, what is there counts as told."""
    entry = store.ask("entries", thread_id, 9)[1]
    drive.run(claim.doubt(entry, [("msg_1", "s1"), ("msg_2", "s2")]))

    doubtful = store.ask("entries", thread_id, 9)[1]
    assert doubtful.ambiguous
    assert doubtful.sent == [("msg_1", "s1"), ("msg_2", "s2")]
    assert doubtful.payload["message_id"] == entry.payload["message_id"]
    drive.run(claim.settle(doubtful, [("msg_1", "item_1")]))

    settled = store.ask("entries", thread_id, 9)[1]
    assert (settled.ambiguous, settled.sent) == (False, [])
    assert store.ask("told", thread_id) == {"msg_1": 1}
    assert store.ask("item_ids", thread_id, "msg_1") == ["item_1"]


def test_what_is_done_is_struck_out(store, thread_id, claim):
    """Entries go; with a deleted message goes the memory of its items."""
    (message,) = store.add(thread_id, "c", mirrored=True)
    first = store.ask("entries", thread_id, 9)
    drive.run(claim.settle(first[-1], [(message.id, "item_1"), ("msg_other", "item_2")]))
    drive.run(claim.done(first))
    store.do("delete_message", thread_id, message.id)

    drive.run(claim.done(store.ask("entries", thread_id, 9)))

    assert entries(store, thread_id) == []
    assert store.ask("item_ids", thread_id) == ["item_2"]


def test_a_refused_item_counts_as_told_but_is_no_item(store, thread_id, claim):
    """It is not sent again, not looked for, and reported."""
    drive.run(claim.refuse("step_1", 2))

    assert store.ask("told", thread_id) == {"step_1": 2}
    assert store.ask("item_ids", thread_id) == []
    assert store.ask("mirrored", thread_id).refused == 2


def test_beginning_again_forgets_the_old_conversation(store, thread_id, claim):
    """Everything is to be told once more, before what waits; asking twice is asking once."""
    drive.run(claim.opened("conv_1"))
    entry = store.ask("entries", thread_id, 9)[1]
    drive.run(claim.settle(entry, [("msg_1", "item_1")]))
    drive.run(claim.doubt(entry, [("msg_2", "s")]))

    for _ in range(2):
        drive.run(claim.again())

    assert store.ask("mirrored", thread_id).conversation_id is None
    assert store.ask("told", thread_id) == {}
    found = store.ask("entries", thread_id, 9)
    assert [entry.kind for entry in found] == ["again", "open", "message", "message"]
    assert not any(entry.ambiguous for entry in found)


def test_a_deleted_thread_is_not_begun_again(store, thread_id, claim):
    """Nothing is told of a thread that is gone."""
    store.do("delete_thread", thread_id)

    drive.run(claim.again())

    assert [kind for kind, _ in entries(store, thread_id)] == ["delete_thread"]


def test_a_forgotten_thread_is_one_without_a_conversation(store, thread_id, claim):
    """It collects nothing any more."""
    drive.run(claim.forget())
    drive.run(claim.release(None))

    store.add(thread_id, "c", mirrored=True)

    assert store.ask("mirrored", thread_id) is None
    assert entries(store, thread_id) == []


def test_pending_tells_where_something_waits(store, thread_id, claim):
    """Threads for which nothing waits are left out; so are those of nobody."""
    idle = store.thread(mirrored=True)
    store.thread("a")
    idle_claim = store.ask("claim", idle, "me|2")
    drive.run(idle_claim.opened("conv_2"))
    drive.run(idle_claim.done(store.ask("entries", idle, 9)))

    (state,) = store.ask("pending")

    assert (state.thread_id, state.pending, state.owner) == (thread_id, 3, "me|1")
    assert store.do("thread", "", idle).conversation_id == "conv_2"
