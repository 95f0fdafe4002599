"""Native code and Assistants code take turns on one conversation."""

from __future__ import annotations

import time

import openai
import pytest
from places import WEATHER
from sharing_place import NATIVE_WEATHER


def poll(sharing, thread, **more):
    """A polled run up to its end."""
    assistant = sharing.get(sharing.client.beta.assistants.create(model="gpt-4o"))
    runs = sharing.client.beta.threads.runs
    run = sharing.get(runs.create(thread, assistant_id=assistant.id, **more))
    while run.status in ("queued", "in_progress"):
        time.sleep(0.02)
        run = sharing.get(runs.retrieve(run.id, thread_id=run.thread_id))
    return run


@pytest.mark.parametrize("way", ["polled", "streamed"])
def test_both_see_all_that_was_said(sharing, way):
    """Each turn is answered knowing all earlier ones, whoever took them; both read one history."""
    conversation = sharing.converse()
    take = poll if way == "polled" else lambda place, thread: place.run(thread)

    sharing.respond(conversation, "One")
    sharing.say(conversation, "Two")
    run = take(sharing, conversation)
    sharing.respond(conversation, "Three")
    sharing.say(conversation, "Four")
    take(sharing, conversation)

    told = sharing.texts(conversation)
    assert run.status == "completed"
    assert [text for role, text in told if role == "user"] == ["One", "Two", "Three", "Four"]
    assert [role for role, _ in told] == ["user", "assistant"] * 4
    assert told[-1][1] == "You said: Four (I also saw 6 earlier messages.)"
    assert told == sharing.native_texts(conversation)


def test_a_thread_of_shims_own_is_shared_by_its_conversation(sharing):
    """The conversation of a mirrored thread leads to that thread, which sees native turns then."""
    thread = sharing.thread("Hello")
    sharing.run(thread)
    sharing.settle()
    conversation = sharing.state(thread).conversation_id

    sharing.respond(conversation, "More")
    before = len(sharing.texts(thread))
    same = sharing.get(sharing.client.beta.threads.retrieve(conversation)).id

    assert same == thread
    assert before == 2
    assert len(sharing.texts(thread)) == 4
    assert sharing.texts(thread) == sharing.texts(conversation)


def test_either_id_leads_to_the_same_thread(sharing):
    """Answers name the thread by an id of its own; runs, steps and messages are found by both."""
    conversation = sharing.converse("Hello")
    run = sharing.run(conversation)
    runs = sharing.client.beta.threads.runs

    thread = sharing.get(sharing.client.beta.threads.retrieve(conversation)).id

    assert thread.startswith("thread_")
    assert run.thread_id == thread
    assert {m.thread_id for m in sharing.listed(conversation)} == {thread}
    for name in (thread, conversation):
        assert sharing.get(runs.retrieve(run.id, thread_id=name)).id == run.id
        assert [r.id for r in sharing.get(runs.list(name)).data] == [run.id]
        assert sharing.get(runs.steps.list(run.id, thread_id=name)).data[0].thread_id == thread
        updated = sharing.get(sharing.client.beta.threads.update(name, metadata={"a": name}))
        assert (updated.id, updated.metadata) == (thread, {"a": name})


def test_the_ids_and_times_of_native_messages_stay(sharing):
    """They are of the old form, the same at every reading, and as old as their items."""
    conversation = sharing.converse("One", "Two")
    began = int(time.time())

    first = sharing.listed(conversation)
    sharing.add(conversation, {"role": "user", "content": "Three"})
    again = sharing.listed(conversation)

    assert [m.id for m in again[:2]] == [m.id for m in first]
    assert all(len(m.id) == 28 and m.id[4:].isalnum() for m in again)
    assert [m.created_at for m in again] == sorted(m.created_at for m in again)
    assert abs(again[0].created_at - began) < 5
    assert (again[0].run_id, again[0].assistant_id, again[0].attachments) == (None, None, [])


def test_an_item_names_its_message(sharing):
    """A message is found by the id that native code knows it by, also before it was read."""
    conversation = sharing.converse("One")
    (item,) = sharing.items(conversation)
    messages = sharing.client.beta.threads.messages

    found = sharing.get(messages.retrieve(item.id, thread_id=conversation))
    (new,) = sharing.add(conversation, {"role": "user", "content": "Two"})
    second = sharing.get(messages.retrieve(new.id, thread_id=conversation))

    assert [m.id for m in sharing.listed(conversation)] == [found.id, second.id]
    assert second.content[0].text.value == "Two"
    with pytest.raises(openai.NotFoundError, match="No message found with id 'msg_none'"):
        sharing.get(messages.retrieve("msg_none", thread_id=conversation))


def test_functions_on_both_sides(sharing):
    """Answered calls of either side are what the other side's model is shown, in their order."""
    conversation = sharing.converse()
    sharing.offline.script.call("get_weather", {"city": "Rome"}, "call_native").say("Native one.")
    response = sharing.respond(conversation, "Rome?", tools=[NATIVE_WEATHER])
    call = response.output[0]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "hot"}
    sharing.respond(conversation, [output], tools=[NATIVE_WEATHER])

    sharing.say(conversation, "Oslo?")
    run = sharing.turn(conversation)
    seen_by_run = sharing.inputs()
    sharing.respond(conversation, "Thanks")

    assert run.status == "completed"
    assert seen_by_run[:6] == [
        ("user", "Rome?"),
        ("call", "get_weather"),
        ("output", "hot"),
        ("assistant", "Native one."),
        ("user", "Oslo?"),
        ("call", "get_weather"),
    ]
    types = [item.type for item in sharing.items(conversation)]
    assert types.count("function_call") == types.count("function_call_output") == 2
    assert [text for _, text in sharing.texts(conversation)][:4] == [
        *("Rome?", "Native one.", "Oslo?", "Called 1."),
    ]


def test_a_call_without_an_answer_is_left_out(sharing):
    """What native code has yet to answer is not sent, the run says so, and it may be answered."""
    conversation = sharing.converse()
    sharing.offline.script.call("get_weather", {"city": "Rome"}, "call_native")
    sharing.respond(conversation, "Rome?", tools=[NATIVE_WEATHER])

    run = sharing.run(conversation)
    shown = sharing.notes(
        sharing.client.beta.threads.runs, "retrieve", run.id, thread_id=conversation
    )
    sent = sharing.inputs()
    output = {"type": "function_call_output", "call_id": "call_native", "output": "hot"}
    late = sharing.respond(conversation, [output], tools=[NATIVE_WEATHER])
    sharing.run(conversation)

    assert sent == [("user", "Rome?")]
    assert "get_weather" in shown
    assert late.status == "completed"
    assert ("output", "hot") in sharing.inputs()


def test_images_and_files_of_native_code(sharing):
    """Images are parts, files are attachments, and the model is given both as they were."""
    conversation = sharing.converse()
    file = sharing.get(
        sharing.client.files.create(file=("a.pdf", b"%PDF-1.4 hello"), purpose="user_data")
    )
    picture = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "high"}
    mine = {"type": "input_image", "file_id": file.id, "detail": "auto"}
    given = {"type": "input_file", "file_id": file.id}
    inline = {"type": "input_file", "filename": "b.pdf", "file_data": "data:text/plain;base64,YQ=="}
    text = {"type": "input_text", "text": "Look"}
    sharing.add(conversation, {"role": "user", "content": [text, picture, mine, given, inline]})

    (message,) = sharing.listed(conversation)
    said = sharing.notes(sharing.client.beta.threads.messages, "list", conversation)
    sharing.run(conversation)

    assert [part.type for part in message.content] == ["text", "image_url", "image_file"]
    assert message.content[1].image_url.url == "https://example.com/a.png"
    assert message.content[1].image_url.detail == "high"
    assert message.content[2].image_file.file_id == file.id
    assert [attached.file_id for attached in message.attachments] == [file.id]
    assert "b.pdf" in said
    sent = sharing.offline.posts()[-1].body["input"][0]["content"]
    assert [part["type"] for part in sent] == [
        *("input_text", "input_image", "input_image", "input_file", "input_file"),
    ]


def test_what_is_no_message_is_kept_and_not_shown(sharing):
    """System text is what the model is shown, reasoning is not sent; no message is made of them."""
    conversation = sharing.converse()
    sharing.add(conversation, {"role": "system", "content": "Be brief."})
    sharing.offline.script.think("Hm.", then="Short.")
    sharing.respond(conversation, "Hello")

    sharing.run(conversation)

    assert [role for role, _ in sharing.texts(conversation)] == ["user", "assistant", "assistant"]
    assert sharing.inputs()[:3] == [
        *(("system", "Be brief."), ("user", "Hello"), ("assistant", "Short.")),
    ]


def test_tools_of_a_run_are_found_by_native_code(sharing):
    """A response of native code that follows a run is given its calls and their outputs."""
    conversation = sharing.converse("Oslo?")
    run = sharing.turn(conversation, WEATHER)

    seen = [item.type for item in sharing.items(conversation)]

    assert run.status == "completed"
    assert seen == ["message", "function_call", "function_call_output", "message"]


def test_files_that_code_of_native_responses_made(sharing):
    """A link in a native answer is annotated, and its file copied and served by shim."""
    conversation = sharing.converse()
    code = 'open("/mnt/data/a.csv", "w").write("1,2")'
    then = "Here: [a.csv](sandbox:/mnt/data/a.csv)"
    tools = [{"type": "code_interpreter", "container": {"type": "auto"}}]
    sharing.offline.script.code(code, then=then)
    sharing.respond(conversation, "Write a file.", tools=tools)

    answer = sharing.listed(conversation)[-1]
    (note,) = answer.content[0].text.annotations
    content = sharing.get(sharing.client.files.content(note.file_path.file_id))
    sharing.run(conversation)

    assert note.text == "sandbox:/mnt/data/a.csv"
    assert content.read() == b"1,2"
    assert [kind for kind, _ in sharing.inputs()] == ["user", "assistant"]


def test_an_image_whose_address_lists_leave_out_is_asked_for(sharing):
    """Lists do not show it unless they are asked to; the item alone is, once."""
    conversation = sharing.converse()
    picture = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"}
    sharing.add(conversation, {"role": "user", "content": [picture]})
    handle = sharing.offline.handle

    def sparing(method, path, query, *rest):
        answer = handle(method, path, query, *rest)
        if method == "GET" and "include" not in str(query):
            text = answer.body.replace(b'"https://example.com/a.png"', b"null")
            answer = type(answer)(answer.status, answer.headers, text)
        return answer

    sharing.offline.handle = sparing
    sharing.client = sharing.connect()
    first, again = sharing.listed(conversation), sharing.listed(conversation)

    assert first[0].content[0].image_url.url == "https://example.com/a.png"
    assert again == first
    assert len([e for e in sharing.offline.log if "include[]" in str(e.query)]) == 1
