"""The Responses endpoints through the real SDK."""

from __future__ import annotations

import asyncio
import re
import time

import httpx
import httpx2
import openai
import pytest

from shim.offline import MODEL, Offline


def test_text_answer(client):
    """A plain request is answered with a message and its usage."""
    response = client.responses.create(model=MODEL, input="Hello there", instructions="Be brief.")

    assert response.output_text.startswith("You said: Hello there")
    assert "Be brief." in response.output_text
    assert response.status == "completed"
    assert response.usage.input_tokens == 4
    assert response.usage.total_tokens == 4 + response.usage.output_tokens
    assert response.completed_at >= response.created_at


def test_ids_carry_partition_marker_and_time(client):
    """Ids have 50 hexadecimal digits: partition, marker, creation time, chance."""
    stored = client.responses.create(model=MODEL, input="Hi")
    unstored = client.responses.create(model=MODEL, input="Hi", store=False)

    for response, marker in ((stored, "00"), (unstored, "01")):
        digits = response.id.removeprefix("resp_")
        assert re.fullmatch(r"[0-9a-f]{50}", digits)
        assert digits[16:18] == marker
        assert int(digits[18:26], 16) == response.created_at
        assert response.output[0].id.removeprefix("msg_")[:16] == digits[:16]


def test_stream_of_text(client):
    """A stream has the recorded order, dense numbers, and deltas that make up the text."""
    events = list(client.responses.create(model=MODEL, input="Hello there", stream=True))

    types = [event.type for event in events]
    assert types[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert types[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text


@pytest.mark.parametrize("wanted", [True, False])
def test_obfuscation_can_be_switched_off(client, wanted):
    """Deltas carry obfuscation unless the request declines it."""
    stream = client.responses.create(
        model=MODEL, input="Hi", stream=True, stream_options={"include_obfuscation": wanted}
    )

    deltas = [e for e in stream if e.type == "response.output_text.delta"]

    assert all(("obfuscation" in delta.model_extra) is wanted for delta in deltas)


def test_retrieve_equals_what_was_answered(client):
    """A stored response is retrieved as it was answered."""
    created = client.responses.create(model=MODEL, input="Hi", metadata={"a": "b"})

    assert client.responses.retrieve(created.id) == created


def test_missing_deleted_and_unstored_responses_are_alike(client):
    """What is not there gives the same 404, with code null."""
    deleted = client.responses.create(model=MODEL, input="Hi")
    client.responses.delete(deleted.id)
    unstored = client.responses.create(model=MODEL, input="Hi", store=False)

    for key in ("resp_nope", deleted.id, unstored.id):
        with pytest.raises(openai.NotFoundError) as caught:
            client.responses.retrieve(key)
        assert caught.value.body["message"] == f"Response with id '{key}' not found."
        assert caught.value.code is None


def test_delete_answers_the_live_object(offline):
    """Deleting answers `response.deleted`, whatever the published example says."""
    auth = {"Authorization": "Bearer x"}
    body = b'{"model": "m", "input": "Hi"}'
    key = offline.handle("POST", "/responses", "", auth, body).json()["id"]

    answer = offline.handle("DELETE", f"/responses/{key}", "", auth, b"").json()

    assert answer == {"id": key, "object": "response.deleted", "deleted": True}


def test_function_call_and_its_output_by_chain(client, weather):
    """A function is called for what the text names; its output is quoted in the next response."""
    asked = client.responses.create(
        model=MODEL, input="What's the weather in San Francisco, CA?", tools=[weather]
    )
    call = asked.output[0]
    answered = client.responses.create(
        model=MODEL,
        tools=[weather],
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "22 C, windy"}],
    )

    assert asked.status == "completed"
    assert (call.type, call.name) == ("function_call", "get_weather")
    assert call.arguments == '{"city":"San Francisco, CA"}'
    assert answered.output_text == "get_weather returned: 22 C, windy"
    assert answered.previous_response_id == asked.id
    assert answered.id[:21] == asked.id[:21]


def test_input_items_list_the_whole_context(client, weather):
    """Input items of a chained response are those of the chain, newest first, in pages."""
    asked = client.responses.create(model=MODEL, input="The weather in Oslo?", tools=[weather])
    output = {
        "type": "function_call_output",
        "call_id": asked.output[0].call_id,
        "output": "rain",
    }
    answered = client.responses.create(
        model=MODEL, previous_response_id=asked.id, input=[output], tools=[weather]
    )

    page = client.responses.input_items.list(answered.id, limit=2)

    assert [item.type for item in page.data] == ["function_call_output", "function_call"]
    assert page.data[0].id.startswith("fc_")
    assert page.has_more
    assert [item.type for item in page] == ["function_call_output", "function_call", "message"]
    ascending = client.responses.input_items.list(answered.id, order="asc")
    assert next(item.type for item in ascending.data) == "message"


def test_function_call_stream(client, weather):
    """A streamed call has its own events; there is no requires_action."""
    stream = client.responses.create(
        model=MODEL, input="The weather in Oslo?", tools=[weather], stream=True
    )

    events = list(stream)

    kinds = list(dict.fromkeys(event.type for event in events))
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert events[2].item.arguments == ""
    assert events[2].item.status == "in_progress"
    assert events[-1].response.status == "completed"


def test_background_is_queued_then_done(client):
    """A background response is answered queued and found completed."""
    queued = client.responses.create(model=MODEL, input="Hi", background=True)

    done = client.responses.retrieve(queued.id)

    assert (queued.status, queued.output, queued.usage) == ("queued", [], None)
    assert (done.status, done.output_text) == ("completed", "You said: Hi")


def test_background_takes_its_time(slow):
    """A background response passes through queued and in_progress while its time runs."""
    offline, client = slow
    offline.script.say("one two three four five six", delay=0.4)
    key = client.responses.create(model=MODEL, input="Hi", background=True).id
    seen = []

    while not seen or seen[-1] != "completed":
        seen.append(client.responses.retrieve(key).status)
        time.sleep(0.01)

    assert list(dict.fromkeys(seen)) == ["queued", "in_progress", "completed"]


def test_background_stream_can_be_resumed(client):
    """A background stream starts queued, and is replayed after any sequence number."""
    stream = client.responses.create(model=MODEL, input="Hi", background=True, stream=True)
    events = [event.model_dump() for event in stream]
    key = events[0]["response"]["id"]

    again = client.responses.retrieve(key, stream=True, starting_after=2)

    assert [e["type"] for e in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    assert [event.model_dump() for event in again] == events[3:]


def test_only_background_streams_can_be_resumed(client):
    """A synchronous response cannot be streamed afterwards."""
    key = client.responses.create(model=MODEL, input="Hi").id

    with pytest.raises(openai.BadRequestError, match="not created with background=true"):
        client.responses.retrieve(key, stream=True)


def test_cancel_a_background_response(slow):
    """A cancelled response has no output and no usage; cancelling again is fine."""
    _, client = slow
    key = client.responses.create(model=MODEL, input="Hi", background=True).id

    first, second = client.responses.cancel(key), client.responses.cancel(key)

    assert (first.status, first.output, first.usage) == ("cancelled", [], None)
    assert second == first
    assert client.responses.retrieve(key).status == "cancelled"


def test_cancel_ends_the_stream(slow):
    """The stream of a cancelled response ends with response.failed, carrying status cancelled."""
    _, client = slow
    stream = client.responses.create(model=MODEL, input="Hi", background=True, stream=True)
    events = []

    for event in stream:
        events.append(event)
        if len(events) == 2:
            client.responses.cancel(events[0].response.id)

    assert events[-1].type == "response.failed"
    assert events[-1].response.status == "cancelled"


def test_cancel_refusals(client, offline):
    """Synchronous and ended responses cannot be cancelled, in the service's words."""
    offline.script.fail("server_error", "Broken.").incomplete("part")
    failed = client.responses.create(model=MODEL, input="Hi", background=True).id
    cut = client.responses.create(model=MODEL, input="Hi", background=True).id
    done = client.responses.create(model=MODEL, input="Hi", background=True).id
    plain = client.responses.create(model=MODEL, input="Hi").id

    for key, words in (
        (failed, "Cannot cancel a failed response."),
        (cut, "Cannot cancel an incomplete response."),
        (done, "Cannot cancel a completed response."),
        (plain, "Cannot cancel a synchronous response."),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.cancel(key)
        assert caught.value.body["message"] == words


def test_a_client_that_leaves_changes_nothing(offline, client):
    """A stored stream whose reader goes away is completed and can be retrieved."""
    offline.script.say("a b c d e f g h", delay=0.2)
    stream = client.responses.create(model=MODEL, input="Hi", stream=True)
    key = next(iter(stream)).response.id
    stream.close()

    during = client.responses.retrieve(key)
    time.sleep(0.25)
    after = client.responses.retrieve(key)

    assert (during.status, during.usage) == ("in_progress", None)
    assert (after.status, after.output_text) == ("completed", "a b c d e f g h")


def test_output_limit(client):
    """Output beyond max_output_tokens ends incomplete, and so does its last message."""
    response = client.responses.create(model=MODEL, input="Count to 40", max_output_tokens=20)

    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output[-1].status == "incomplete"
    assert response.output_text == " ".join(str(n) for n in range(1, 21))
    assert response.usage.output_tokens == 20


def test_output_limit_in_a_stream(client):
    """A stream that reaches the limit ends with response.incomplete."""
    stream = client.responses.create(
        model=MODEL, input="Count to 40", max_output_tokens=16, stream=True
    )

    events = list(stream)

    assert [e.type for e in events[-2:]] == ["response.output_item.done", "response.incomplete"]
    assert events[-2].item.status == "incomplete"


def test_count_of_tokens(client, weather):
    """Input tokens are counted as a response would count them."""
    request = {"model": MODEL, "input": "Tell me a joke.", "instructions": "Be kind."}

    counted = client.responses.input_tokens.count(**request)

    assert counted.input_tokens == client.responses.create(**request).usage.input_tokens
    assert client.responses.input_tokens.count(**request, tools=[weather]).input_tokens > 6


def test_models(client):
    """The list names the embedded model; any name but one is taken."""
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/responses"), ("POST", "/assistants"), ("GET", "/batches"), ("DELETE", "/models/m")],
)
def test_other_paths_do_not_exist(offline, method, path):
    """What the upstream does not have is a 404 in the service's shape."""
    response = offline.handle(method, path, "", {"api-key": "x"}, b"")

    assert response.status == 404
    assert response.json()["error"]["message"] == f"Invalid URL ({method} /v1{path})"


def test_a_key_is_needed(offline):
    """Without an Authorization or api-key header there is a 401."""
    answers = [
        offline.handle("GET", "/models", "", headers, b"").status
        for headers in ({}, {"Authorization": "Bearer x"}, {"api-key": "x"})
    ]

    assert answers == [401, 200, 200]


def test_the_log_masks_keys(offline, client):
    """Every request is in the log, with its body and without its key."""
    client.responses.create(model=MODEL, input="Hi")
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=MODEL, input="Hi", max_output_tokens=1)

    accepted, refused = offline.log

    assert (accepted.method, accepted.path, accepted.body["input"]) == ("POST", "/responses", "Hi")
    assert (accepted.status, accepted.accepted) == (200, True)
    assert (refused.status, refused.accepted) == (400, False)
    assert accepted.headers["authorization"] == "***"
    assert "sk-secret" not in repr(offline.log)
    assert offline.posts() == [accepted]


def test_answers_say_who_made_them(client):
    """Every answer says that no real model was asked, and has the service's headers."""
    raw = client.responses.with_raw_response.create(model="gpt-4o", input="Hi")

    assert raw.headers["x-served-by"] == "shim.offline"
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["x-ratelimit-limit-requests"]
    assert raw.headers["x-request-id"].startswith("req_")


def test_async_client():
    """The async transport answers and streams, and does not block the loop while it waits."""
    offline = Offline(delay=0.5)

    async def use():
        inner = httpx2.AsyncClient(transport=offline.async_transport(httpx2))
        async with openai.AsyncOpenAI(api_key="x", http_client=inner, max_retries=0) as client:
            begun = time.monotonic()
            answers = await asyncio.gather(
                *(client.responses.create(model=MODEL, input=str(n)) for n in range(5))
            )
            took = time.monotonic() - begun
            stream = await client.responses.create(model=MODEL, input="Hi", stream=True)
            return answers, took, [event.type async for event in stream]

    answers, took, types = asyncio.run(use())

    assert [answer.output_text for answer in answers] == [f"You said: {n}" for n in range(5)]
    assert took < 2
    assert types[-1] == "response.completed"


def test_base_paths_and_modules():
    """Base paths /v1, /openai/v1 and none lead to the same upstream, under httpx and httpx2."""
    offline = Offline()
    for module in (httpx, httpx2):
        with module.Client(transport=offline.transport(module)) as client:
            for base in ("/v1", "/openai/v1", ""):
                answer = client.get(f"http://upstream{base}/models", headers={"api-key": "x"})
                assert answer.json()["data"][0]["id"] == MODEL


def test_read_timeout_of_the_client(slow, reconnect):
    """A client whose patience is shorter than a response times out, which is ambiguous."""
    offline, _ = slow
    with reconnect(offline, timeout=0.05) as hasty, pytest.raises(openai.APITimeoutError):
        hasty.responses.create(model=MODEL, input="Hi")

    assert len(offline.posts()) == 1


def test_plain_answers_take_their_time(offline, client):
    """A synchronous answer comes after the delay of its reply."""
    offline.script.say("late", delay=0.15)
    begun = time.monotonic()

    client.responses.create(model=MODEL, input="Hi")

    assert time.monotonic() - begun > 0.14
