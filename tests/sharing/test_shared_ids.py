"""Which conversations become threads, what is answered for the others, and how a thread ends."""

from __future__ import annotations

import openai
import pytest

NONE = "conv_" + "0" * 48


def message_of(caught):
    """The text of an error."""
    return caught.value.body["message"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda threads, key: threads.retrieve(key),
        lambda threads, key: threads.update(key, metadata={}),
        lambda threads, key: threads.delete(key),
        lambda threads, key: threads.messages.create(key, role="user", content="Hello"),
        lambda threads, key: threads.messages.list(key),
        lambda threads, key: threads.messages.retrieve("msg_1", thread_id=key),
        lambda threads, key: threads.runs.list(key),
        lambda threads, key: threads.runs.retrieve("run_1", thread_id=key),
        lambda threads, key: threads.runs.cancel("run_1", thread_id=key),
        lambda threads, key: threads.runs.steps.list("run_1", thread_id=key),
    ],
)
def test_an_unknown_conversation_is_no_thread(sharing, ask):
    """The original's 404 names it, and nothing is kept of it."""
    with pytest.raises(openai.NotFoundError) as caught:
        sharing.get(ask(sharing.client.beta.threads, NONE))

    assert message_of(caught) == f"No thread found with id '{NONE}'."
    assert caught.value.body["type"] == "invalid_request_error"


def test_no_path_of_the_upstream_is_reached_by_an_id(sharing):
    """What would lead a call elsewhere is not asked for at all."""
    headers = {"OpenAI-Beta": "assistants=v2"}
    before = len(sharing.offline.log)

    for odd in ("conv_a%2F..%2F..%2Fmodels", "conv_a%3Flimit=1"):
        with pytest.raises(openai.NotFoundError):
            sharing.get(
                sharing.client.get(f"/threads/{odd}", cast_to=object, options={"headers": headers})
            )

    assert sharing.offline.log[before:] == []


def test_where_conversations_are_not_used_the_404_says_why(sharings):
    """With conversations kept locally, or nothing stored, no conversation is a thread."""
    for settings in ({"conversations": "local"}, {"store": False}):
        sharing = sharings("sync", **settings)
        conversation = sharing.converse("Hello")

        with pytest.raises(openai.NotFoundError) as caught:
            sharing.listed(conversation)

        assert message_of(caught).startswith(f"No thread found with id '{conversation}'. ")
        assert "SHIM_CONVERSATIONS" in message_of(caught)


@pytest.mark.parametrize("flag", [False, None])
def test_an_upstream_without_conversations_is_told_of(sharings, flag):
    """Known or not, such an upstream has no conversation that could be a thread."""
    sharing = sharings("sync", flags={"conversations": flag})
    error = ("not_found", "No such path.", "invalid_request_error")
    sharing.offline.faults.add("/conversations", status=404, error=error, times=9)

    with pytest.raises(openai.NotFoundError) as caught:
        sharing.listed(NONE)

    assert message_of(caught).startswith(f"No thread found with id '{NONE}'. ")
    assert "no Conversations API" in message_of(caught)


def test_an_upstream_that_fails_is_no_404(sharing):
    """Programs that make a thread anew after a 404 do not lose theirs to a bad moment."""
    conversation = sharing.converse("Hello")
    sharing.offline.faults.add("/conversations", method="GET", status=500, times=2)

    with pytest.raises(openai.InternalServerError):
        sharing.listed(conversation)

    assert sharing.texts(conversation) == [("user", "Hello")]


def test_a_thread_takes_over_metadata_and_age(sharing):
    """They are the conversation's; later changes of either stay where they are made."""
    conversation = sharing.converse("Hello", metadata={"who": "ada"})
    threads = sharing.client.beta.threads
    made = sharing.get(sharing.client.conversations.retrieve(conversation))

    thread = sharing.get(threads.retrieve(conversation))
    sharing.get(threads.update(conversation, metadata={"who": "bob"}))
    after = sharing.get(sharing.client.conversations.retrieve(conversation))

    assert (thread.metadata, thread.created_at) == ({"who": "ada"}, made.created_at)
    assert after.metadata == {"who": "ada"}


def test_deleting_the_thread_leaves_the_conversation(sharing):
    """Native code goes on with all that was said; the thread stays deleted, under both ids."""
    conversation = sharing.converse("Hello")
    run = sharing.run(conversation)
    threads = sharing.client.beta.threads

    answer = sharing.get(threads.with_raw_response.delete(conversation))
    sharing.settle()

    assert answer.parse().deleted is True
    assert conversation in answer.headers["x-shim-notes"]
    assert len(sharing.native_texts(conversation)) == 2
    assert sharing.respond(conversation, "Still there?").status == "completed"
    for key in (conversation, run.thread_id):
        with pytest.raises(openai.NotFoundError):
            sharing.get(threads.retrieve(key))


def test_a_thread_of_shims_own_leaves_a_shared_conversation_too(sharing):
    """Once native code uses it, it is not shim's to delete."""
    thread = sharing.thread("Hello")
    sharing.settle()
    conversation = sharing.state(thread).conversation_id
    sharing.texts(conversation)

    sharing.delete(thread)
    sharing.settle()

    assert sharing.native_texts(conversation) == [("user", "Hello")]


def test_a_conversation_that_native_code_deletes_takes_the_thread_with_it(sharing):
    """It is a 404 from then on; nothing is lost here, and no other conversation is made."""
    conversation = sharing.converse("Hello")
    thread = sharing.run(conversation).thread_id
    sharing.settle()

    sharing.get(sharing.client.conversations.delete(conversation))

    for ask in (
        lambda: sharing.listed(conversation),
        lambda: sharing.run(conversation),
        lambda: sharing.say(thread, "More"),
        lambda: sharing.get(sharing.client.beta.threads.retrieve(thread)),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            ask()
        assert f"No thread found with id '{thread}'" in message_of(caught)
        assert conversation in message_of(caught)
    assert sharing.conversations() == {}
    sharing.delete(thread)


def test_settings_that_use_no_conversations_leave_a_shared_thread_as_it_is(sharings, tmp_path):
    """It goes on from what was read, and each answer says that nothing is read any more."""
    path = tmp_path / "one.db"
    sharing = sharings("sync", path=path)
    conversation = sharing.converse("One")
    thread = sharing.run(conversation).thread_id
    sharing.settle()
    local = sharings("sync", path=path, offline=sharing.offline, conversations="local")
    sharing.add(conversation, {"role": "user", "content": "Two"})

    run = local.run(thread)
    said = local.notes(local.client.beta.threads.messages, "list", thread)
    of_run = local.notes(local.client.beta.threads.runs, "retrieve", run.id, thread_id=thread)

    assert run.status == "completed"
    assert "could not be read" in said
    assert "could not be read" in of_run
