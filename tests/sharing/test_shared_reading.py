"""What reading a shared conversation costs, what it notices, and what becomes of it if it fails."""

from __future__ import annotations

import threading
from contextlib import suppress

import openai
import pytest
from sharing_place import NATIVE_WEATHER

from shim.offline import Offline
from shim.offline.faults import Fault

ITEMS = "/conversations/"


def test_a_list_costs_one_call_where_nothing_changed(sharing):
    """However often it is listed, and whatever its length, one page of items is read each time."""
    conversation = sharing.converse(*(f"Text {n}" for n in range(20)))
    for hundred in range(6):
        texts = [{"role": "user", "content": f"{hundred}/{n}"} for n in range(20)]
        sharing.add(conversation, *texts)
    sharing.listed(conversation)

    before = len(sharing.offline.log)
    for _ in range(3):
        sharing.listed(conversation)

    assert sharing.reads(before) == 3
    assert len(sharing.offline.log) - before == 3


def test_a_long_conversation_is_read_page_by_page_and_once(sharing):
    """All of it is there after the first reading; later ones stop at what was read."""
    conversation = sharing.converse()
    for part in range(13):
        sharing.add(
            conversation, *({"role": "user", "content": f"{part * 20 + n}"} for n in range(20))
        )
    before = len(sharing.offline.log)

    first = sharing.listed(conversation)
    pages = sharing.reads(before)
    messages = sharing.client.beta.threads.messages
    after = first[-1].id
    rest = sharing.get(messages.list(conversation, order="asc", limit=100, after=after)).data
    last = sharing.get(messages.list(conversation, limit=1)).data[0].content[0].text.value

    assert pages == 3
    assert [m.content[0].text.value for m in [*first, *rest]] == [str(n) for n in range(200)]
    assert last == "259"
    assert sharing.reads(before) == 5


def test_more_items_than_a_page_come_in_whole(sharing):
    """What came in since the last reading is read to where that ended."""
    conversation = sharing.converse("First")
    sharing.listed(conversation)
    for part in range(7):
        sharing.add(
            conversation, *({"role": "user", "content": f"{part * 20 + n}"} for n in range(20))
        )

    newest = sharing.get(sharing.client.beta.threads.messages.list(conversation, limit=100)).data

    assert [m.content[0].text.value for m in newest] == [str(n) for n in range(139, 39, -1)]


def test_items_that_came_between_ours_are_not_missed(sharing):
    """What native code added before something of ours was told is read, though ours is newer."""
    conversation = sharing.converse("One")
    thread = sharing.get(sharing.client.beta.threads.retrieve(conversation)).id
    sharing.say(thread, "Two")
    sharing.add(conversation, {"role": "user", "content": "Three"})
    sharing.say(thread, "Four")
    sharing.settle()
    sharing.add(conversation, {"role": "user", "content": "Five"})

    told = [text for _, text in sharing.texts(thread)]

    assert told == [text for _, text in sharing.native_texts(conversation)]
    assert sorted(told) == sorted(["One", "Two", "Three", "Four", "Five"])


def test_a_message_deleted_by_native_code_is_gone(sharing):
    """Deleted items are missed, asked for once, and neither listed nor sent to the model again."""
    conversation = sharing.converse("Keep", "Delete me", "Keep too")
    sharing.texts(conversation)
    item = sharing.items(conversation)[1]

    sharing.get(sharing.client.conversations.items.delete(item.id, conversation_id=conversation))
    told = [text for _, text in sharing.texts(conversation)]
    before = len(sharing.offline.log)
    sharing.texts(conversation)
    sharing.run(conversation)

    assert told == ["Keep", "Keep too"]
    assert sharing.inputs() == [("user", "Keep"), ("user", "Keep too")]
    assert not [e for e in sharing.offline.log[before:] if e.path.endswith(item.id)]


def test_a_message_deleted_far_back_is_missed_when_the_thread_is_retrieved(sharing):
    """Lists compare the newest hundred items; `threads.retrieve` compares all of them."""
    conversation = sharing.converse("Old")
    for part in range(6):
        sharing.add(
            conversation, *({"role": "user", "content": f"{part * 20 + n}"} for n in range(20))
        )
    oldest = sharing.listed(conversation)[0]
    item = sharing.items(conversation)[0]

    sharing.get(sharing.client.conversations.items.delete(item.id, conversation_id=conversation))
    listed = sharing.listed(conversation)[0].id
    sharing.get(sharing.client.beta.threads.retrieve(conversation))

    assert listed == oldest.id
    assert sharing.listed(conversation)[0].content[0].text.value == "0"


def test_an_item_that_a_list_does_not_show_for_a_moment_stays(sharing):
    """What is missed in a list is asked for by itself before it counts as deleted."""
    conversation = sharing.converse("One", "Two")
    first = [m.id for m in sharing.listed(conversation)]
    held = sharing.conversations()[conversation]
    hidden = held.items.pop(0)
    handle = sharing.offline.handle

    def forgetful(method, path, *rest):
        if path.endswith(hidden["id"]):
            held.items.insert(0, hidden)
        return handle(method, path, *rest)

    sharing.offline.handle = forgetful
    sharing.client = sharing.connect()
    again = [m.id for m in sharing.listed(conversation)]

    assert again == first


def test_a_message_deleted_by_assistants_code_is_deleted_there(sharing):
    """Also one that native code wrote; it does not come back."""
    conversation = sharing.converse("One", "Two")
    first = sharing.listed(conversation)[0]

    sharing.delete(conversation, first.id)
    sharing.settle()

    assert sharing.texts(conversation) == [("user", "Two")]
    assert sharing.native_texts(conversation) == [("user", "Two")]


def test_an_item_that_cannot_be_deleted_does_not_come_back(sharing):
    """Where the upstream keeps it all the same, the thread does not take it in anew."""
    conversation = sharing.converse("One", "Two")
    first = sharing.listed(conversation)[0]
    sharing.offline.faults.add(ITEMS, method="DELETE", status=400)

    sharing.delete(conversation, first.id)
    sharing.settle()

    assert sharing.texts(conversation) == [("user", "Two")]
    assert len(sharing.native_texts(conversation)) == 2


class Silent(Offline):
    """An upstream that carries out the second call that adds items, and does not answer it."""

    calls = -1

    def handle(self, method, path, *rest):
        """Answer a request."""
        answer = super().handle(method, path, *rest)
        if method == "POST" and path.endswith("/items") and self.calls >= 0:
            self.calls += 1
            if self.calls == 2:
                return Fault(path, kind="timeout").instead()
        return answer


def test_no_message_is_taken_for_native_while_one_call_of_many_is_in_doubt(sharings):
    """More is told than one call takes, and the second call gets no answer: nothing is doubled."""
    sharing = sharings("sync", offline=Silent())
    conversation = sharing.converse("Native")
    sharing.texts(conversation)
    sharing.offline.faults.add(ITEMS, method="POST", kind="refuse", times=1000)
    said = [f"Ours {number}" for number in range(25)]
    for text in said:
        sharing.say(conversation, text)
    sharing.settle()
    sharing.offline.faults.clear()
    sharing.offline.calls = 0

    first = [text for _, text in sharing.texts(conversation)]
    sharing.settle()
    again = [text for _, text in sharing.texts(conversation)]

    assert first == again == ["Native", *said]
    assert [text for _, text in sharing.native_texts(conversation)] == again


@pytest.mark.parametrize("kind", ["status", "timeout", "refuse"])
def test_a_list_answers_from_the_ledger_where_it_cannot_read(sharing, kind):
    """What was read before is there, with a note; the next list has the rest."""
    conversation = sharing.converse("One")
    sharing.texts(conversation)
    sharing.add(conversation, {"role": "user", "content": "Two"})
    sharing.offline.faults.add(ITEMS, method="GET", kind=kind, times=1)
    messages = sharing.client.beta.threads.messages

    answer = sharing.get(messages.with_raw_response.list(conversation))
    after = sharing.get(messages.with_raw_response.list(conversation))

    assert "could not be read" in answer.headers["x-shim-notes"]
    assert [m.content[0].text.value for m in answer.parse().data] == ["One"]
    assert "x-shim-notes" not in after.headers
    assert [m.content[0].text.value for m in after.parse().data] == ["Two", "One"]


def test_no_run_is_made_of_a_conversation_that_cannot_be_read(sharing):
    """The answer is a 503, which SDKs try again by themselves; no run is left behind."""
    conversation = sharing.converse("One")
    sharing.texts(conversation)
    sharing.offline.faults.add(ITEMS, method="GET", status=500)

    with pytest.raises(openai.InternalServerError, match="could not be read") as caught:
        sharing.run(conversation)
    runs = sharing.get(sharing.client.beta.threads.runs.list(conversation)).data

    assert caught.value.status_code == 503
    assert runs == []
    assert sharing.run(conversation).status == "completed"


def test_a_run_does_not_fail_because_it_cannot_be_told(sharing):
    """The answer is seen with a note that native code has to wait for it, which comes later."""
    conversation = sharing.converse("One")
    sharing.texts(conversation)
    sharing.offline.faults.add(ITEMS, method="POST", status=500, times=50)

    run = sharing.run(conversation)
    runs = sharing.client.beta.threads.runs
    said = sharing.notes(runs, "retrieve", run.id, thread_id=conversation)
    sharing.offline.faults.clear()
    sharing.settle()
    sharing.texts(conversation)

    assert run.status == "completed"
    assert "has not been told" in said
    assert sharing.native_texts(conversation) == sharing.texts(conversation)


def test_what_arrived_without_an_answer_is_not_taken_for_native(sharing):
    """A message whose telling got no answer is one message, there and here."""
    conversation = sharing.converse("One")
    thread = sharing.get(sharing.client.beta.threads.retrieve(conversation)).id
    sharing.offline.faults.add(ITEMS, method="POST", kind="timeout", before=False, times=1)

    sharing.say(thread, "Two")
    early = sharing.texts(thread)
    sharing.settle()

    assert early[:2] == sharing.texts(thread) == [("user", "One"), ("user", "Two")]
    assert sharing.native_texts(conversation) == [("user", "One"), ("user", "Two")]


def test_a_run_waits_for_a_response_of_native_code(sharings):
    """While native code's response uses the conversation, a run is refused as for an active run.

    It has something to tell the conversation, and waits a while before it gives up.
    """
    sharing = sharings("sync", timeout=5)
    conversation = sharing.converse("One")
    thread = sharing.get(sharing.client.beta.threads.retrieve(conversation)).id
    lock = sharing.offline.faults.lock(f"/conversations/{conversation}/items", times=1000)

    sharing.say(thread, "Two")
    with pytest.raises(openai.BadRequestError) as caught:
        sharing.run(thread)
    tries = 1000 - lock.times
    sharing.offline.faults.clear()
    run = sharing.run(thread)

    assert f"Thread {thread} already has an active run" in caught.value.body["message"]
    assert caught.value.body["code"] == "conversation_locked"
    assert tries > 3
    assert run.status == "completed"
    assert ("user", "Two") in sharing.native_texts(conversation)


def test_a_run_goes_on_once_native_code_has_ended(sharings):
    """A real response of native code is waited for, and its answer is what the run knows of."""
    sharing = sharings("sync", timeout=5)
    conversation = sharing.converse("One")
    thread = sharing.get(sharing.client.beta.threads.retrieve(conversation)).id
    sharing.offline.script.say("Native says so.", delay=0.2)
    begun = sharing.respond(conversation, "Native asks", background=True)

    sharing.say(thread, "Two")
    # tries follow a thousand times faster here than they would, so some more are made
    run = None
    while run is None:
        with suppress(openai.BadRequestError):
            run = sharing.run(thread)

    assert begun.status == "queued"
    assert run.status == "completed"
    assert ("assistant", "Native says so.") in sharing.inputs()
    assert sharing.native_texts(conversation)[-1][0] == "assistant"


def test_an_active_run_of_ours_is_the_originals_400(sharing):
    """Whatever native code does meanwhile; native code itself is not held up."""
    conversation = sharing.converse("Oslo?")
    sharing.offline.script.call("get_weather", {"city": "Oslo"})
    from places import WEATHER  # noqa: PLC0415 - of the other folder

    run = sharing.run(conversation, WEATHER)
    native = sharing.respond(conversation, "And I?", tools=[NATIVE_WEATHER])

    assert run.status == "requires_action"
    assert native.status == "completed"
    with pytest.raises(openai.BadRequestError, match=f"already has an active run {run.id}"):
        sharing.run(conversation)
    with pytest.raises(openai.BadRequestError, match="while a run"):
        sharing.say(conversation, "Wait")
    told = [text for _, text in sharing.texts(conversation)]
    assert "And I?" in told
    assert sharing.answer(run).status == "completed"
    assert sharing.run(conversation).status == "completed"


def test_what_native_code_adds_while_a_run_is_at_work_is_taken_in(sharings):
    """It stands behind what the run was given, and no message is lost or doubled."""
    sharing = sharings("sync")
    conversation = sharing.converse("One")
    sharing.texts(conversation)
    other = sharing.connect()
    added = []

    def adding():
        for number in range(10):
            items = [{"role": "user", "content": f"Native {number}"}]
            other.conversations.items.create(conversation, items=items)
            added.append(f"Native {number}")

    thread = threading.Thread(target=adding)
    thread.start()
    for number in range(4):
        sharing.say(conversation, f"Ours {number}")
        assert sharing.run(conversation).status == "completed"
    thread.join()
    sharing.settle()
    told, native = sharing.texts(conversation), sharing.native_texts(conversation)

    assert sorted(told) == sorted(native)
    assert [text for _, text in told if text.startswith("Native")] == added
    ours = [text for _, text in told if text.startswith("Ours")]
    assert ours == [f"Ours {number}" for number in range(4)]


def test_two_clients_take_a_conversation_at_once(sharings):
    """It becomes one thread, with each item once, whoever reads it."""
    sharing = sharings("sync", timeout=5)
    for _ in range(5):
        conversation = sharing.converse(*(f"Text {n}" for n in range(20)))
        barrier, seen = threading.Barrier(4), []

        def take(conversation=conversation, barrier=barrier, seen=seen):
            client = sharing.connect()
            barrier.wait()
            listed = client.beta.threads.messages.list(conversation, order="asc", limit=100).data
            seen.append([(m.thread_id, m.id) for m in listed])

        threads = [threading.Thread(target=take) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        assert len(seen) == 4
        assert {len(each) for each in seen} == {20}
        assert all(each == seen[0] for each in seen)
