"""The ledger: what is put in comes out, in order, to its tenant, and only in the right state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shim.core.params import ListParams
from shim.core.ports import Batch, Mirror
from shim.core.records import Thread, Usage
from shim.errors import Lost


def texts(messages):
    """What messages say."""
    return [message.content[0]["text"]["value"] for message in messages]


def test_an_assistant_keeps_every_version(store):
    """Saving makes a new version; the old ones stay in the database."""
    first = store.assistant(instructions="One")

    second = store.do("save_assistant", replace(first, instructions="Two"))

    assert second.version == 2
    assert store.do("assistant", "", first.id) == second
    assert store.sql("SELECT version FROM assistant_versions ORDER BY version") == [(1,), (2,)]


def test_an_assistant_is_saved_only_over_the_version_that_was_read(store):
    """Of two who change the same version, the second has Lost."""
    first = store.assistant()
    store.do("save_assistant", replace(first, name="A"))

    with pytest.raises(Lost):
        store.do("save_assistant", replace(first, name="B"))

    assert store.do("assistant", "", first.id).name == "A"


def test_tenants_do_not_see_each_other(store):
    """Another tenant's assistant or thread is not there."""
    assistant, thread_id = store.assistant("red"), store.thread(tenant="red")

    assert store.do("assistant", "red", assistant.id) == assistant
    assert store.do("assistant", "blue", assistant.id) is None
    assert store.do("thread", "blue", thread_id) is None
    assert store.do("assistants", "blue", ListParams()) == []
    with pytest.raises(Lost):
        store.do("delete_assistant", "blue", assistant.id)


def test_assistants_are_listed_in_the_order_they_were_made(store):
    """Neither ids nor whole seconds decide."""
    made = [store.assistant() for _ in range(5)]

    assert store.do("assistants", "", ListParams(order="asc")) == made
    assert store.do("assistants", "", ListParams()) == made[::-1]


def test_messages_keep_the_order_they_were_put_in(store):
    """Messages of one second, made together or one by one, come in order."""
    thread_id = store.thread("a", "b", "c")
    store.add(thread_id, "d", "e")
    store.add(thread_id, "f")

    found = store.do("messages", thread_id, ListParams(order="asc"))

    assert texts(found) == list("abcdef")
    assert [each.position for each in found] == sorted({each.position for each in found})


def test_a_page_holds_one_more_where_more_follow(store):
    """The record after the last tells that there is one."""
    thread_id = store.thread(*"abcde")

    for limit, expected in ((2, "edc"), (4, "edcba"), (5, "edcba"), (20, "edcba")):
        assert texts(store.do("messages", thread_id, ListParams(limit))) == list(expected)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_after_walks_through_everything_once(store, order, limit):
    """Following `after` meets each message once, in order."""
    thread_id = store.thread(*"abcdefg")
    walked, cursor = [], None
    while True:
        params = ListParams(limit, order, after=cursor)
        page = store.do("messages", thread_id, params)
        walked += page[:limit]
        if len(page) <= limit:
            break
        cursor = page[limit - 1].id

    assert texts(walked) == sorted("abcdefg", reverse=order == "desc")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_before_walks_back_through_everything_once(store, order, limit):
    """Following `before` gives the pages that come just before the cursor, nearest last."""
    thread_id = store.thread(*"abcdefg")
    last = store.do("messages", thread_id, ListParams(order=order))[-1]
    walked, cursor = [last], last.id
    while True:
        params = ListParams(limit, order, before=cursor)
        page = store.do("messages", thread_id, params)
        walked = [*page[:limit], *walked]
        if len(page) <= limit:
            break
        cursor = page[0].id

    assert texts(walked) == sorted("abcdefg", reverse=order == "desc")


def test_after_and_before_cut_both_ends(store):
    """With both cursors, what lies between them is listed from the one after."""
    thread_id = store.thread(*"abcdefg")
    ids = [each.id for each in store.do("messages", thread_id, ListParams(order="asc"))]

    between = ListParams(2, "asc", after=ids[0], before=ids[5])

    assert texts(store.do("messages", thread_id, between)) == list("bcd")


def test_messages_are_listed_by_run(store):
    """A run's own messages, and nobody else's."""
    thread_id = store.thread("a")
    run = store.run(thread_id)
    said = store.message(thread_id, "b", run_id=run.id)
    store.do("save_run", replace(run, status="completed"), Batch(new=[said]))
    store.add(thread_id, "c")

    found = store.do("messages", thread_id, ListParams(run_id=run.id))

    assert texts(found) == ["b"]


def test_a_message_is_found_in_its_own_thread_only(store):
    """An id of another thread is no id of this one."""
    one, other = store.thread("a"), store.thread("b")
    (message,) = store.do("messages", one, ListParams())

    assert store.do("message", one, message.id) == message
    assert store.do("message", other, message.id) is None


def test_metadata_is_replaced_and_the_rest_left_alone(store):
    """The map that is given takes the place of the old one."""
    thread_id = store.thread("a")
    (message,) = store.do("messages", thread_id, ListParams())

    store.do("save_message_metadata", message.id, {"k": "v"})

    assert store.do("message", thread_id, message.id) == replace(message, metadata={"k": "v"})


def test_a_thread_is_changed_without_losing_its_messages(store):
    """Metadata and resources are replaced, if they are those that were read."""
    thread_id = store.thread("a")
    changed = Thread(thread_id, 1, {"k": "v"}, {"file_search": {"vector_store_ids": ["vs_1"]}})

    saved = store.do("save_thread", changed)

    assert store.do("thread", "", thread_id) == saved == replace(changed, version=1)
    assert texts(store.do("messages", thread_id, ListParams())) == ["a"]
    with pytest.raises(Lost):
        store.do("save_thread", changed)
    with pytest.raises(Lost):
        store.do("save_thread", replace(saved, id="thread_none"))


def test_a_deleted_message_is_gone(store):
    """A second deletion finds nothing."""
    thread_id = store.thread("a", "b")
    (last, _) = store.do("messages", thread_id, ListParams())

    store.do("delete_message", thread_id, last.id)

    assert texts(store.do("messages", thread_id, ListParams())) == ["a"]
    with pytest.raises(Lost):
        store.do("delete_message", thread_id, last.id)


def test_a_thread_has_one_active_run(store):
    """While one is active no other is put in, nor a message."""
    thread_id = store.thread("a")
    run = store.run(thread_id)

    with pytest.raises(Lost):
        store.run(thread_id)
    with pytest.raises(Lost):
        store.add(thread_id, "b")

    assert store.do("active_run", thread_id) == run
    store.do("save_run", replace(run, status="completed"), Batch())
    assert store.do("active_run", thread_id) is None
    store.add(thread_id, "b")
    store.run(thread_id)


def test_a_run_that_is_lost_leaves_nothing(store):
    """The messages that came with a run that was not taken are not there either."""
    thread_id = store.thread("a")
    store.run(thread_id)
    late = store.new_run(thread_id)

    with pytest.raises(Lost):
        store.do("add_run", late, Batch(new=[store.message(thread_id, "b")]))

    assert store.do("run", thread_id, late.id) is None
    assert texts(store.do("messages", thread_id, ListParams())) == ["a"]


def test_nothing_is_put_into_a_thread_that_is_not_there(store):
    """A message or run for a deleted thread is Lost."""
    thread_id = store.thread("a")
    store.do("delete_thread", thread_id)

    with pytest.raises(Lost):
        store.add(thread_id, "b")
    with pytest.raises(Lost):
        store.run(thread_id)


def test_a_thread_is_made_with_its_run(store):
    """Thread, messages and run are there together."""
    thread = Thread(store.id("thread"), 1)
    run = store.new_run(thread.id)

    batch = Batch(new=[store.message(thread.id, "a")])
    store.do("add_thread_and_run", "", thread, run, batch)

    assert store.do("active_run", thread.id) == run
    assert texts(store.do("history", thread.id)) == ["a"]


def test_a_run_is_saved_only_over_the_version_that_was_read(store):
    """Each save is a new version; who holds an old one has Lost, with all that came with it."""
    thread_id = store.thread("a")
    run = store.run(thread_id)
    saved = store.do("save_run", replace(run, status="in_progress"), Batch())

    late = Batch(new=[store.message(thread_id, "late", run_id=run.id)])
    with pytest.raises(Lost):
        store.do("save_run", replace(run, status="cancelling"), late)

    assert (saved.version, saved.status) == (1, "in_progress")
    assert store.do("run", thread_id, run.id) == saved
    assert store.do("run_status", run.id) == "in_progress"
    assert texts(store.do("messages", thread_id, ListParams())) == ["a"]


def test_a_runs_metadata_is_no_version(store):
    """Metadata changes under a worker's hands without disturbing it."""
    run = store.run(store.thread("a"))

    store.do("save_run_metadata", run.id, {"k": "v"})
    saved = store.do("save_run", replace(run, status="completed"), Batch())

    found = store.do("run", run.thread_id, run.id)
    assert found == replace(saved, metadata={"k": "v"})


def test_runs_are_listed_newest_first(store):
    """In the order in which they were put in, paged as messages are."""
    thread_id = store.thread("a")
    runs = [store.run(thread_id, status="completed") for _ in range(4)]

    params = ListParams(2, after=runs[3].id)

    assert store.do("runs", thread_id, params) == [runs[2], runs[1], runs[0]]


def test_steps_messages_and_items_are_written_with_their_run(store):
    """New and changed records, and a response's items, are kept in order."""
    thread_id = store.thread("a")
    run = store.run(thread_id)
    step = store.step(run, usage=Usage(1, 2), turn=1)
    said = store.message(thread_id, "b", run_id=run.id, status="in_progress")
    batch = Batch(new=[step, said], items=[{"n": 1}, {"n": 2}], response_id="resp_1")

    run = store.do("save_run", replace(run, status="in_progress"), batch)
    assert [each.id for each in store.do("open_steps", run.id)] == [step.id]
    assert [each.id for each in store.do("open_messages", run.id)] == [said.id]
    done = [replace(step, status="completed"), replace(said, status="completed")]
    store.do("save_run", run, Batch(changed=done, items=[{"n": 3}]))

    assert store.do("turn_items", run.id) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert store.do("open_steps", run.id) == store.do("open_messages", run.id) == []
    history = store.do("history", thread_id)
    assert [each.id for each in history][1:] == [step.id, said.id]
    assert history[1] == replace(done[0], position=history[1].position)
    assert store.do("step", run.id, step.id) == history[1]


def test_history_holds_what_models_and_conversations_see(store):
    """Messages and tool steps in order; the steps that only made a message are left out."""
    thread_id = store.thread("a")
    run = store.run(thread_id)
    steps = [store.step(run), store.step(run, "message_creation"), store.step(run)]
    said = store.message(thread_id, "b", run_id=run.id)
    batch = Batch(new=[steps[0], steps[1], said, steps[2]])
    store.do("save_run", replace(run, status="completed"), batch)
    store.add(thread_id, "c")

    history = store.do("history", thread_id)

    assert [each.id for each in history[1:4]] == [steps[0].id, said.id, steps[2].id]
    assert len(history) == 5
    listed = store.do("steps", run.id, ListParams(order="asc"))
    assert [each.id for each in listed] == [each.id for each in steps]


def test_refused_parameters_are_remembered_by_server_and_model(store):
    """Twice told is once remembered."""
    for name in ("temperature", "temperature", "top_p"):
        store.do("remember_refused", "https://a", "o3", name)

    assert store.do("refused_parameters", "https://a", "o3") == {"temperature", "top_p"}
    assert store.do("refused_parameters", "https://b", "o3") == frozenset()
    assert store.do("refused_parameters", "https://a", "gpt-4o") == frozenset()


def test_entries_for_a_conversation_are_kept_where_there_is_to_be_one(store):
    """A thread without a mirror collects nothing."""
    plain, mirrored = store.thread("a"), store.thread("a", mirrored=True)
    for thread_id in (plain, mirrored):
        (message,) = store.add(thread_id, "b", mirrored=True)
        store.do("delete_message", thread_id, message.id)

    kinds = [entry.kind for entry in store.ask("entries", mirrored, 10)]

    assert kinds == ["open", "message", "message", "delete_message"]
    assert store.ask("entries", plain, 10) == []


def test_a_deleted_thread_leaves_only_what_is_to_be_deleted(store):
    """Rows are gone; the responses to delete are remembered, each once."""
    thread_id = store.thread("a", mirrored=True)
    run = store.run(thread_id)
    run = store.do("save_run", run, Batch(items=[{}], response_id="resp_1"))
    store.do("save_run", replace(run, status="failed", response_id="resp_2"), Batch())

    store.do("delete_thread", thread_id)

    (entry,) = store.ask("entries", thread_id, 10)
    assert (entry.kind, entry.payload) == ("delete_thread", {"responses": ["resp_1", "resp_2"]})
    assert store.do("thread", "", thread_id) is None
    assert store.do("history", thread_id) == []
    assert store.do("runs", thread_id, ListParams()) == []
    with pytest.raises(Lost):
        store.do("delete_thread", thread_id)


def test_a_local_thread_that_asked_nobody_leaves_nothing(store):
    """No conversation and no response: nothing waits after the deletion."""
    thread_id = store.thread("a")

    store.do("delete_thread", thread_id)

    assert store.ask("pending") == []
    assert store.sql("SELECT * FROM mirrors") == []


def test_what_is_mirrored_is_written_with_what_is_stored(store):
    """A batch that is lost leaves no entry behind."""
    thread_id = store.thread(mirrored=True)
    store.run(thread_id)
    message = store.message(thread_id)

    told = [Mirror("message", {"message_id": message.id})]
    with pytest.raises(Lost):
        store.do("add_messages", thread_id, Batch(new=[message], mirror=told))

    assert [entry.kind for entry in store.ask("entries", thread_id, 10)] == ["open"]
