"""Scripted replies, as items and as events."""

from __future__ import annotations

import httpx2
import openai
import pytest

from shim.offline import Call, Incomplete, Offline, Refuse, Reply, Say, Think


def ask(client, **request):
    """A plain request."""
    return client.responses.create(model="m", input="Hi", **request)


def kinds(client, **request):
    """The event types of a streamed request, and the events."""
    events = list(ask(client, stream=True, **request))
    return [event.type.removeprefix("response.") for event in events], events


def test_replies_come_in_order_then_the_model(offline, client):
    """Scripted replies answer one request each, and the model what is left."""
    offline.script.say("one", usage=(7, 3)).say("two")

    answers = [ask(client) for _ in range(3)]

    assert [a.output_text for a in answers] == ["one", "two", "You said: Hi"]
    assert (answers[0].usage.input_tokens, answers[0].usage.output_tokens) == (7, 3)
    assert len(offline.script) == 0


def test_refused_requests_use_no_reply(offline, client):
    """A request that is refused leaves the script as it was."""
    offline.script.say("kept")

    with pytest.raises(openai.BadRequestError):
        ask(client, max_output_tokens=1)

    assert ask(client).output_text == "kept"


def test_replies_for_some_requests(offline, client):
    """A reply may be meant for the requests a predicate picks."""
    offline.script.when(lambda view: view.model == "special").say("for special")
    offline.script.say("for any")

    first = ask(client)
    second = client.responses.create(model="special", input="Hi")

    assert (first.output_text, second.output_text) == ("for any", "for special")


def test_chunks_are_the_deltas(offline, client):
    """The deltas of a message can be fixed."""
    offline.script.say("", chunks=["He", "llo ", "there"])

    _, events = kinds(client)

    assert [e.delta for e in events if hasattr(e, "delta")] == ["He", "llo ", "there"]
    assert events[-1].response.output_text == "Hello there"


def test_calls(offline, client):
    """Several calls come in one response; arguments may be any text."""
    offline.script.calls([("f", {"a": 1}, "call_a"), ("g", "{broken", None)])

    first, second = ask(client).output

    assert (first.name, first.arguments, first.call_id) == ("f", '{"a":1}', "call_a")
    assert (second.name, second.arguments) == ("g", "{broken")
    assert second.call_id.startswith("call_")
    assert len(second.call_id) == len("call_") + 24


def test_refusal(offline, client):
    """A refusal is a part of its own, with its own events."""
    offline.script.refuse("I will not").refuse("I will not")

    part = ask(client).output[0].content[0]
    types, _ = kinds(client)

    assert (part.type, part.refusal) == ("refusal", "I will not")
    assert list(dict.fromkeys(types))[2:-1] == [
        "output_item.added",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
    ]


def test_reasoning(offline, client):
    """Reasoning comes before what it leads to, with the events of its summary."""
    offline.script.think("Let me see.", then=Say("Yes.")).think(then=[Call("f"), Call("g")])

    types, events = kinds(client)
    silent = ask(client)

    assert list(dict.fromkeys(types))[2:8] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert [item.type for item in events[-1].response.output] == ["reasoning", "message"]
    assert [item.type for item in silent.output] == ["reasoning", "function_call", "function_call"]
    assert silent.output[0].summary == []


def test_incomplete(offline, client):
    """A cut message ends incomplete for any reason; without text there are no items."""
    offline.script.incomplete("part", reason="content_filter").incomplete("")

    cut, empty = ask(client), ask(client)

    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "content_filter")
    assert cut.output[0].status == "incomplete"
    assert (empty.status, empty.output) == ("incomplete", [])


def test_failed(offline, client):
    """A failed response has its error, no usage, and what was streamed is not in it."""
    offline.script.fail("server_error", "Broken.").fail("server_error", "Broken.", partial="so f")

    plain = ask(client)
    types, events = kinds(client)

    assert (plain.status, plain.usage, plain.output) == ("failed", None, [])
    assert (plain.error.code, plain.error.message) == ("server_error", "Broken.")
    assert types[-2:] == ["output_text.delta", "failed"]
    assert events[-1].response.output == []


def test_error_event(offline):
    """In a stream an error event precedes response.failed, nested as on the wire."""
    offline.script.stream_error("rate_limit_exceeded", "Slow down.")
    with httpx2.Client(transport=offline.transport(httpx2)) as client:
        text = client.post(
            "http://x/v1/responses",
            headers={"api-key": "x"},
            json={"model": "m", "input": "Hi", "stream": True},
        ).text

    assert text.index("event: error\n") < text.index("event: response.failed\n")
    assert (
        'data: {"type":"error","sequence_number":2,"error":{"type":"rate_limit_exceeded",'
        '"code":"rate_limit_exceeded","message":"Slow down.","param":null}}' in text
    )


def test_error_event_through_the_sdk(offline, client):
    """The SDK raises at the error event; the response is found failed. Plain answers are errors."""
    offline.script.stream_error("server_error", "Broken.", partial="so f")
    offline.script.stream_error("rate_limit_exceeded", "Slow down.")
    stream = ask(client, stream=True)
    key = next(stream).response.id

    with pytest.raises(openai.APIError, match=r"Broken\."):
        list(stream)
    with pytest.raises(openai.RateLimitError):
        ask(client)

    assert client.responses.retrieve(key).status == "failed"


def test_hosted_items(offline, client):
    """Items of hosted tools have their events; unknown ones are added and done."""
    offline.script.hosted(
        {
            "type": "file_search_call",
            "status": "completed",
            "queries": ["q"],
            "results": [{"file_id": "file-a"}],
        }
    )
    offline.script.hosted(
        {
            "type": "code_interpreter_call",
            "status": "completed",
            "code": "1 + 1",
            "container_id": "cntr_a",
            "outputs": [{"type": "logs", "logs": "2"}],
        }
    )
    offline.script.hosted({"type": "telepathy_call", "thought": "x"})

    (search, found), (code, _), (unknown, passed) = (kinds(client) for _ in range(3))

    assert search[2:-1] == [
        "output_item.added",
        "file_search_call.in_progress",
        "file_search_call.searching",
        "file_search_call.completed",
        "output_item.done",
    ]
    assert (found[2].item.queries, found[2].item.results) == ([], None)
    assert found[2].item.id.startswith("fs_")
    assert list(dict.fromkeys(code[3:-2])) == [
        "code_interpreter_call.in_progress",
        "code_interpreter_call_code.delta",
        "code_interpreter_call_code.done",
        "code_interpreter_call.interpreting",
        "code_interpreter_call.completed",
    ]
    assert unknown[2:-1] == ["output_item.added", "output_item.done"]
    assert passed[-1].response.output[0].model_extra["thought"] == "x"


def test_annotations(offline, client):
    """File citations come where the text reaches their index, container ones after the text."""
    citation = {"type": "file_citation", "file_id": "file-a", "filename": "a.txt", "index": 5}
    made = {
        "type": "container_file_citation",
        "container_id": "cntr_a",
        "file_id": "cfile_a",
        "filename": "b.png",
        "start_index": 0,
        "end_index": 0,
    }
    offline.script.say("Pizza. Good.", annotations=[made, citation])

    types, events = kinds(client)

    assert types[4:10] == [
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
    ]
    assert events[4].delta == "Pizza"
    done = events[-1].response.output[0].content[0].annotations
    assert [annotation.type for annotation in done] == ["file_citation", "container_file_citation"]


def test_mixed_outputs_and_whole_replies(offline, client):
    """One response may hold any items; a reply may be queued in full."""
    offline.script.mixed([Say("First."), Call("f", {}, "call_a"), Say("Second.")])
    offline.script.add(Reply((Think(), Refuse("No")), Incomplete("content_filter"), (1, 2), 0.0))

    mixed, whole = ask(client), ask(client)

    assert [item.type for item in mixed.output] == ["message", "function_call", "message"]
    assert (whole.status, whole.usage.total_tokens) == ("incomplete", 3)


def test_an_own_model():
    """Another model may answer instead of the rules."""

    class Parrot:
        def reply(self, view):
            return [Say(view.text.upper(), phase="final_answer")]

    offline = Offline(model=Parrot())
    inner = httpx2.Client(transport=offline.transport(httpx2))
    with openai.OpenAI(api_key="x", http_client=inner) as client:
        response = client.responses.create(model="m", input="polly")

    assert response.output_text == "POLLY"
    assert response.output[0].phase == "final_answer"
