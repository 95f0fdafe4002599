"""Conversations, their lock, and what belongs together in a context."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from shim.offline import Call, Offline


def roles(client, key):
    """What a conversation holds, oldest first: (role or type, text)."""
    held = client.conversations.items.list(key, order="asc", limit=100)
    return [(i.role, i.content[0].text) if i.type == "message" else (i.type, None) for i in held]


def user(text):
    """A user message."""
    return {"role": "user", "content": text}


def refused(caught):
    """The words, parameter and code of a refusal."""
    return caught.value.body["message"], caught.value.body["param"], caught.value.code


def test_life_of_a_conversation(client):
    """A conversation is made, found, given other metadata, and deleted."""
    made = client.conversations.create(metadata={"topic": "test"})
    updated = client.conversations.update(made.id, metadata={"a": "b"})
    found = client.conversations.retrieve(made.id)
    gone = client.conversations.delete(made.id)

    assert re.fullmatch(r"conv_[0-9a-f]{48}", made.id)
    assert int(made.id[5:13], 16) == made.created_at
    assert made.metadata == {"topic": "test"}
    assert updated == found
    assert found.metadata == {"a": "b"}
    assert (gone.id, gone.object, gone.deleted) == (made.id, "conversation.deleted", True)
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(made.id)


def test_an_empty_body_makes_a_conversation(offline):
    """Creating a conversation needs no body, and shows four keys."""
    answer = offline.handle("POST", "/conversations", "", {"api-key": "x"}, b"")

    assert list(answer.json()) == ["id", "object", "created_at", "metadata"]


def test_items_are_listed_newest_first(client):
    """Items are listed newest first by default, in pages, or the other way round."""
    made = client.conversations.create(items=[user(str(n)) for n in range(20)])
    added = client.conversations.items.create(made.id, items=[user("20"), user("21")])

    first = client.conversations.items.list(made.id)
    texts = [item.content[0].text for item in client.conversations.items.list(made.id, limit=7)]

    assert [item.content[0].text for item in added.data] == ["20", "21"]
    assert (added.first_id, added.last_id) == (added.data[0].id, added.data[1].id)
    assert (len(first.data), first.has_more, first.data[0].content[0].text) == (20, True, "21")
    assert texts == [str(n) for n in reversed(range(22))]
    assert roles(client, made.id)[0] == ("user", "0")


def test_a_stored_item_has_the_live_keys(client):
    """A message item has id, type, status, content and role, and nothing else."""
    made = client.conversations.create()
    item = client.conversations.items.create(made.id, items=[user("x")]).data[0]

    found = client.conversations.items.retrieve(item.id, conversation_id=made.id)

    assert found == item
    assert set(found.model_dump(exclude_unset=True)) == {"id", "type", "status", "content", "role"}
    assert re.fullmatch(r"msg_[0-9a-f]{48}", item.id)
    assert item.id[-16:] == made.id[-16:]


def test_deleting_an_item_answers_the_conversation(client):
    """Deleting an item answers with the conversation, not with a stub."""
    made = client.conversations.create(items=[user("a"), user("b")])
    item = client.conversations.items.list(made.id).data[0]

    answer = client.conversations.items.delete(item.id, conversation_id=made.id)

    assert answer.id == made.id
    assert roles(client, made.id) == [("user", "a")]
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(item.id, conversation_id=made.id)


def test_twenty_items_a_call(client):
    """More than 20 items in one call are refused, on both endpoints."""
    many = [user("x")] * 21
    made = client.conversations.create()
    for call in (
        lambda: client.conversations.create(items=many),
        lambda: client.conversations.items.create(made.id, items=many),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            call()
        assert refused(caught) == (
            (
                "Invalid 'items': array too long. Expected an array with maximum length 20, "
                "but got an array with length 21 instead."
            ),
            "items",
            "array_above_max_length",
        )


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"type": "file_search_call", "queries": []}, "Missing required parameter: 'items[0].id'."),
        (
            {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]},
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        ),
        ({"type": "reasoning", "summary": []}, "Invalid item"),
    ],
)
def test_items_are_checked(client, item, message):
    """Conversations refuse the items that responses refuse."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.conversations.create(items=[item])

    assert refused(caught)[0] == message


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"order": "up"}, {"limit": "x"}])
def test_pages_are_checked(client, query):
    """Limits are from 1 to 100, orders two."""
    made = client.conversations.create()

    with pytest.raises(openai.BadRequestError):
        client.conversations.items.list(made.id, extra_query=query)


def test_a_response_uses_and_extends_a_conversation(client):
    """The conversation's items precede the input; both sides are appended afterwards."""
    made = client.conversations.create(items=[{"role": "system", "content": "Be kind."}])

    response = client.responses.create(model="m", input="Hi", conversation=made.id)

    assert response.conversation.id == made.id
    assert response.output_text == "You said: Hi (I also saw 1 earlier message.)"
    assert response.id[5:21] == made.id[-16:]
    assert roles(client, made.id) == [
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", response.output_text),
    ]


def test_a_tool_output_continues_a_conversation(client, weather):
    """With a conversation, the output of a call is all the next response needs."""
    made = client.conversations.create()
    asked = client.responses.create(
        model="m", input="The weather in Oslo?", conversation={"id": made.id}, tools=[weather]
    )
    output = {
        "type": "function_call_output",
        "call_id": asked.output[0].call_id,
        "output": "rain",
    }

    answered = client.responses.create(
        model="m", input=[output], conversation=made.id, tools=[weather]
    )

    assert answered.output_text == "get_weather returned: rain"
    assert [kind for kind, _ in roles(client, made.id)] == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
    ]


def test_store_false_leaves_no_trace(client):
    """An unstored response reads the conversation and appends nothing."""
    made = client.conversations.create(items=[user("a")])

    response = client.responses.create(model="m", input="b", conversation=made.id, store=False)

    assert "1 earlier message" in response.output_text
    assert roles(client, made.id) == [("user", "a")]


def test_failed_and_cancelled_leave_no_trace(slow):
    """Neither a failed nor a cancelled response appends anything."""
    offline, client = slow
    made = client.conversations.create()
    offline.script.fail("server_error", "Broken.", delay=0)
    client.responses.create(model="m", input="a", conversation=made.id)
    key = client.responses.create(model="m", input="b", conversation=made.id, background=True).id

    client.responses.cancel(key)

    assert roles(client, made.id) == []


def test_one_response_at_a_time(slow):
    """While a response runs its conversation is locked, for responses and for items."""
    offline, client = slow
    made = client.conversations.create()
    offline.script.say("slow", delay=0.3).say("quick", delay=0)
    stream = client.responses.create(model="m", input="a", conversation=made.id, stream=True)

    for call in (
        lambda: client.responses.create(model="m", input="b", conversation=made.id),
        lambda: client.conversations.items.create(made.id, items=[user("b")]),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            call()
        assert refused(caught) == (
            (
                "Another process is currently operating on this conversation. "
                "Please retry in a few seconds."
            ),
            "conversation",
            "conversation_locked",
        )
    assert roles(client, made.id) == []
    assert [event.type for event in stream][-1] == "response.completed"
    assert (
        client.responses.create(model="m", input="b", conversation=made.id).output_text == "quick"
    )


def test_an_abandoned_stream_is_appended_after_its_end(offline, client):
    """A stream whose reader left appends its items once it is over."""
    made = client.conversations.create()
    offline.script.say("done", delay=0.2)
    client.responses.create(model="m", input="a", conversation=made.id, stream=True).close()

    time.sleep(0.25)

    assert roles(client, made.id) == [("user", "a"), ("assistant", "done")]


def test_missing_and_orphan_outputs(client, offline):
    """A call without output and an output without call are refused in the exact words."""
    offline.script.call("f", call_id="call_a")
    asked = client.responses.create(model="m", input="x")
    orphan = {"type": "function_call_output", "call_id": "call_b", "output": "y"}

    with pytest.raises(openai.BadRequestError) as missing:
        client.responses.create(model="m", input="next", previous_response_id=asked.id)
    with pytest.raises(openai.BadRequestError) as stray:
        client.responses.create(model="m", input=[orphan])

    assert refused(missing) == ("No tool output found for function call call_a.", "input", None)
    assert refused(stray) == (
        "No tool call found for function call output with call_id call_b.",
        "input",
        None,
    )


def test_an_output_must_follow_its_call(client):
    """An output before its call is an orphan."""
    call = {"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_a", "output": "y"}

    with pytest.raises(openai.BadRequestError, match="No tool call found"):
        client.responses.create(model="m", input=[output, call])

    assert client.responses.create(model="m", input=[call, output]).output_text == "f returned: y"


def test_duplicate_items(client):
    """An item that is in the conversation already is refused."""
    made = client.conversations.create()
    client.responses.create(model="m", input="x", conversation=made.id)
    item = client.conversations.items.list(made.id).data[0].model_dump(exclude_unset=True)

    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="m", input=[item], conversation=made.id)

    assert refused(caught) == (
        (
            f"Duplicate item found with id {item['id']}. "
            "Remove duplicate items from your input and try again."
        ),
        "input",
        None,
    )


def thought_and_call(offline, client, **request):
    """The output of a response that reasoned before it called a function."""
    offline.script.think("Hm.", then=Call("f", {}, "call_a"))
    made = client.responses.create(model="m", input="x", **request)
    return [item.model_dump(exclude_unset=True) for item in made.output]


def test_reasoning_goes_with_what_follows_it(offline, client):
    """Reasoning without its follower is refused, and the follower without its reasoning."""
    thought, call = thought_and_call(offline, client)
    output = {"type": "function_call_output", "call_id": "call_a", "output": "y"}

    with pytest.raises(openai.BadRequestError) as alone:
        client.responses.create(model="m", input=[user("x"), thought, user("y")])
    with pytest.raises(openai.BadRequestError) as bereft:
        client.responses.create(model="m", input=[user("x"), call, output])
    whole = client.responses.create(model="m", input=[user("x"), thought, call, output])

    assert refused(alone) == (
        (
            f"Item '{thought['id']}' of type 'reasoning' was provided without its required "
            "following item."
        ),
        "input",
        None,
    )
    assert refused(bereft) == (
        (
            f"Item '{call['id']}' of type 'function_call' was provided without its required "
            f"'reasoning' item: '{thought['id']}'."
        ),
        "input",
        None,
    )
    assert whole.status == "completed"


def test_without_ids_reasoning_may_be_dropped(offline, client):
    """The check is keyed by id: a call without its id needs no reasoning."""
    _, call = thought_and_call(offline, client)
    del call["id"]
    output = {"type": "function_call_output", "call_id": "call_a", "output": "y"}

    assert client.responses.create(model="m", input=[user("x"), call, output]).output


def test_unstored_reasoning_needs_its_encrypted_content(offline, client):
    """Reasoning of an unstored response is found by its encrypted content alone."""
    output = {"type": "function_call_output", "call_id": "call_a", "output": "y"}
    bare = thought_and_call(offline, client, store=False)
    full = thought_and_call(offline, client, store=False, include=["reasoning.encrypted_content"])

    with pytest.raises(openai.NotFoundError, match="Items are not persisted"):
        client.responses.create(model="m", input=[user("x"), *bare, output])

    assert client.responses.create(model="m", input=[user("x"), *full, output]).output


def test_item_references(client):
    """A reference stands for a stored item; an unknown one is refused."""
    made = client.conversations.create(items=[user("remembered")])
    key = client.conversations.items.list(made.id).data[0].id

    found = client.responses.create(model="m", input=[{"type": "item_reference", "id": key}])

    assert found.output_text == "You said: remembered"
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="m", input=[{"type": "item_reference", "id": "msg_x"}])


def test_hosted_items_pass_through(client, offline):
    """Items of hosted tools with their ids, and calls of custom tools, are kept as they are."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"a": 1}}
    made = client.conversations.create(items=[item])

    held = client.conversations.items.list(made.id).data[0]

    assert held.model_dump(exclude_unset=True)["id"] == "ws_1"
    assert client.responses.create(model="m", input="x", conversation=made.id).output


def test_threads_share_one_upstream():
    """Requests from many threads are all carried out, none twice."""
    offline = Offline()
    body = b'{"model": "m", "input": "Hi"}'

    def post(_):
        return offline.handle("POST", "/responses", "", {"api-key": "x"}, body).json()["id"]

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(post, range(200)))

    assert len(set(keys)) == 200
    assert len(offline.posts()) == 200
