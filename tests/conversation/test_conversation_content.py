"""What a thread's conversation is told: messages and answered calls, and nothing else."""

from __future__ import annotations

import pytest
from equality import conversation_items, said_by_conversation, said_by_thread
from places import WEATHER

from shim import drive
from shim.offline import Raw, Say, Think

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def items_of(place, thread):
    """The items of a thread's conversation."""
    place.settle()
    return conversation_items(place.offline, place.state(thread).conversation_id)


def test_a_thread_gets_a_conversation(place):
    """A thread has a conversation, whose id stands on its row and which names the thread."""
    thread = place.thread("Hello")
    place.settle()

    stored = drive.run(place.ledger.thread("", thread))

    conversation = place.conversations()[stored.conversation_id]
    assert conversation.metadata == {"shim_thread": thread}
    assert place.differences(thread) == []


def test_many_messages_go_in_parcels_of_twenty(place):
    """A thread that is made with 45 messages is told in three calls, in order."""
    thread = place.thread(*(f"Message {n}" for n in range(45)))
    place.settle()

    assert place.posts() == [20, 20, 5]
    assert place.differences(thread) == []


def test_runs_with_tools_are_told_in_order(place):
    """Several runs with calls in between messages appear as they happened."""
    thread = place.thread("What is the weather?")
    for text in ("And there?", "And now?"):
        place.turn(thread)
        place.say(thread, text)
    place.run(thread)

    assert place.differences(thread) == []
    kinds = [item["type"] for item in items_of(place, thread)]
    one = ["message", "function_call", "function_call_output", "message"]
    assert kinds == [*one, *one, "message", "message"]


def test_twelve_parallel_calls_stay_in_pairs(place):
    """More pairs than one call takes are parted between pairs: no call is ever without output."""
    thread = place.thread("All of it, please.")
    place.turn(thread, calls=["get_weather"] * 12)

    assert place.differences(thread) == []
    assert max(place.posts()) <= 20
    for entry in place.asked("POST"):
        items = (entry.body or {}).get("items", ())
        calls = {item["call_id"] for item in items if item["type"] == "function_call"}
        outputs = {item["call_id"] for item in items if item["type"] == "function_call_output"}
        assert calls == outputs


def test_no_ids_are_sent(place):
    """Items carry no ids: a replayed id unlinks the earlier copy (Responses spec 1.5)."""
    thread = place.thread("Weather?")
    place.turn(thread)
    place.settle()

    sent = [i for e in place.asked("POST") for i in (e.body or {}).get("items", ())]

    assert len(sent) == 4
    assert not any("id" in item for item in sent)


def test_images_roles_and_several_parts_are_kept(place):
    """Texts and images of one message stay together; the assistant's words stay the assistant's."""
    thread = place.thread()
    parts = [
        {"type": "text", "text": "Compare"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
        {"type": "text", "text": "them."},
    ]
    place.say(thread, parts)
    place.say(thread, "I see.", role="assistant")
    place.say(thread, [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}])

    assert place.differences(thread) == []
    assert [len(item["content"]) for item in items_of(place, thread)] == [4, 1, 1]


def test_a_refusal_is_kept_as_one(place):
    """A refusal of the model is a refusal in the conversation."""
    thread = place.thread("Do it.")
    place.offline.script.refuse("I will not.")
    place.run(thread)

    assert place.differences(thread) == []
    assert ("message", "assistant", ("refusal", "I will not.")) in said_by_conversation(
        items_of(place, thread)
    )


def test_a_message_without_content_is_not_told(place):
    """A run that ends before its first word leaves a message that has nothing to mirror."""
    thread = place.thread("Go.")
    place.offline.script.say("")
    place.run(thread)
    place.say(thread, [{"type": "text", "text": ""}, {"type": "text", "text": "Well?"}])

    assert place.differences(thread) == []
    assert len(items_of(place, thread)) == 2


def test_partial_text_is_kept_as_far_as_it_got(place):
    """An incomplete run's text is a message of the thread, and so of the conversation."""
    thread = place.thread("Tell me a story.")
    place.offline.script.incomplete("Once upon a")
    run = place.run(thread)

    assert run.status == "incomplete"
    assert place.differences(thread) == []
    assert said_by_conversation(items_of(place, thread))[-1][2] == ("text", "Once upon a")


def test_open_calls_are_never_told(place):
    """Calls that wait, and those of a run that was cancelled meanwhile, stay out; pairs do not."""
    thread = place.thread("Weather?")
    place.offline.script.call("get_weather", {"city": "Oslo"}).call("get_weather", {"city": "Rome"})
    run = place.answer(place.run(thread, WEATHER))
    assert run.status == "requires_action"
    assert place.differences(thread) == []
    assert len(items_of(place, thread)) == 1

    runs = place.client.beta.threads.runs
    place.get(runs.cancel(run.id, thread_id=thread))
    place.say(thread, "Never mind.")

    assert place.differences(thread) == []
    said = [each[0] for each in said_by_conversation(items_of(place, thread))]
    assert said == ["message", "pair", "message"]


def test_a_failed_run_leaves_what_the_thread_has_of_it(place):
    """Of a run that failed after some words, the words stay in both."""
    thread = place.thread("Go.")
    place.offline.script.fail("server_error", "Broken.", partial="I was about to")
    run = place.run(thread)

    assert run.status == "failed"
    assert place.differences(thread) == []


@pytest.mark.parametrize("ending", ["calls", "text", "too long", "failed"])
def test_a_polled_run_is_told_when_it_has_ended(place, ending):
    """Whichever call finds that a run has ended, nothing waits afterwards."""
    thread = place.thread("Weather?" if ending != "too long" else "Weather? " * 2000)
    match ending:
        case "calls":
            place.offline.script.call("get_weather", {"city": "Oslo"}).say("Sunny.")
        case "text":
            place.offline.script.say("Sunny.")
        case "failed":
            place.offline.script.fail("server_error", "Broken.")
    run = poll(place, thread, max_prompt_tokens=256 if ending == "too long" else None)
    if ending == "calls":
        run = place.answer(run)

    assert run.status == {"failed": "failed", "too long": "incomplete"}.get(ending, "completed")
    assert place.differences(thread) == []
    assert place.waiting(thread) == []


def poll(place, thread, **options):
    """A run made without a stream, polled until it rests."""
    assistant = place.get(place.client.beta.assistants.create(model="gpt-4o", tools=[WEATHER]))
    runs = place.client.beta.threads.runs
    run = place.get(runs.create(thread, assistant_id=assistant.id, **options))
    while run.status in ("queued", "in_progress"):
        run = place.get(runs.retrieve(run.id, thread_id=thread))
    return run


def test_hosted_and_reasoning_items_are_never_told(place):
    """What only the upstream can mint is not mirrored (Responses spec 1.4)."""
    thread = place.thread("Think.")
    search = {"type": "web_search_call", "status": "completed", "action": {"type": "search"}}
    place.offline.script.mixed([Think("Hm."), Raw(search), Say("Done.")])
    place.run(thread)

    assert place.differences(thread) == []
    assert [item["type"] for item in items_of(place, thread)] == ["message", "message"]


def test_a_run_is_told_when_it_has_ended(place):
    """While a run waits for outputs its words are in the thread alone."""
    thread = place.thread("Weather?")
    place.offline.script.call("get_weather", {"city": "Oslo"})
    run = place.run(thread, WEATHER)
    place.settle()
    before = len(items_of(place, thread))

    place.answer(run)

    assert before == 1
    assert place.differences(thread) == []
    assert len(items_of(place, thread)) == 4


@pytest.mark.parametrize("when", ["before it was told", "after"])
def test_a_deleted_message_leaves_the_conversation(place, when):
    """Deleting a message takes it out of the conversation, or keeps it from getting there."""
    thread = place.thread("One", "Two")
    place.settle()
    if when == "after":
        message = place.say(thread, "Three")
        place.settle()
    else:
        place.offline.faults.add("/conversations", times=99, status=500)
        message = place.say(thread, "Three")
        place.settle()
        place.offline.faults.clear()

    place.delete(thread, message)

    assert place.differences(thread) == []
    assert place.waiting(thread) == []
    assert [entry[2][1] for entry in said_by_thread(place.ledger, thread)] == ["One", "Two"]


def test_a_message_that_a_run_made_can_be_deleted(place):
    """A deleted answer leaves the conversation, its calls and their outputs stay in both."""
    thread = place.thread("Weather?")
    place.turn(thread)
    place.settle()
    messages = place.get(place.client.beta.threads.messages.list(thread))

    place.delete(thread, messages.data[0].id)

    assert place.differences(thread) == []
    assert [item["type"] for item in items_of(place, thread)][1:] == [
        "function_call",
        "function_call_output",
    ]
