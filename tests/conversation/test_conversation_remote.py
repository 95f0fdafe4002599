"""What the answers of a Conversations API mean, and how an item is recognised."""

from __future__ import annotations

import asyncio

import pytest

from shim import drive
from shim.conversation.contents import Group, batches, found, plan
from shim.conversation.remote import Absent, Failed, Gone, Refused, Remote
from shim.conversation.servers import Servers
from shim.core.ports import Answer
from shim.core.wire import Target
from shim.errors import Unreachable
from shim.storage.outbox import Entry

TARGET = Target("https://up.example/v1")
ENTRY = Entry(1, "message", {"message_id": "msg_1"}, ambiguous=False)
LOCKED = {"error": {"code": "conversation_locked", "message": "Busy."}}


class Scripted:
    """An upstream that gives the answers it was given, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def send(self, request):
        """The next answer."""
        self.asked.append((request.method, request.path, dict(request.query)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def remote(*answers):
    """The API of a server that gives these answers."""
    return Remote(Scripted(*answers), TARGET)


def listed(*ids, more=False):
    """A page of items."""
    return Answer(200, {"data": [said(item_id) for item_id in ids], "has_more": more})


def said(item_id, text="Hi", role="user"):
    """A message as a server shows it."""
    part = {"type": "input_text", "text": text}
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "content": [part],
        "role": role,
    }


@pytest.mark.parametrize(
    ("answer", "kind", "again"),
    [
        (Answer(500, {}), Failed, True),
        (Answer(503, {}), Failed, True),
        (Answer(408, {}), Failed, True),
        (Answer(409, {}), Failed, True),
        (Answer(429, {}), Failed, True),
        (Answer(400, LOCKED), Failed, True),
        (Answer(401, {}), Failed, False),
        (Answer(403, {}), Failed, False),
        (Answer(302, {}), Failed, False),
        (Answer(200, {"id": "item_1"}), Failed, True),
        (Unreachable("no connection", sent=False), Failed, True),
        (Unreachable("no answer", sent=True), Failed, True),
        (Answer(400, {}), Refused, None),
        (Answer(413, {}), Refused, None),
        (Answer(422, {"error": "not an object"}), Refused, None),
    ],
    ids=str,
)
def test_an_answer_to_adding_says_what_may_be_done(answer, kind, again):
    """Whether another try may soon succeed, or none ever will."""
    with pytest.raises(kind) as caught:
        drive.run(remote(answer).add("conv_1", [{}]))

    if again is not None:
        assert caught.value.again is again


def test_a_404_is_about_the_conversation_only_if_that_is_missing():
    """Else something is missing that the items name, and they will not be taken."""
    with pytest.raises(Gone):
        drive.run(remote(Answer(404, {}), Answer(404, {})).add("conv_1", [{}]))
    with pytest.raises(Refused):
        drive.run(remote(Answer(404, {}), Answer(200, {})).add("conv_1", [{}]))
    with pytest.raises(Failed):
        drive.run(remote(Answer(404, {}), Answer(500, {})).add("conv_1", [{}]))


def test_the_upstream_may_say_when_to_ask_again():
    """`Retry-After` is handed on; what is no number is none."""
    for header, seconds in (("7", 7.0), ("1.5", 1.5), ("soon", 0.0)):
        answer = Answer(429, {}, {"retry-after": header})

        with pytest.raises(Failed) as caught:
            drive.run(remote(answer).add("conv_1", [{}]))

        assert caught.value.after == seconds


def test_keys_are_not_repeated():
    """What a server says of a key may show parts of it: that goes nowhere."""
    error = {"error": {"code": "invalid_api_key", "message": "Incorrect API key: sk-abc***xyz"}}

    with pytest.raises(Failed, match="invalid_api_key") as caught:
        drive.run(remote(Answer(401, error)).add("conv_1", [{}]))

    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, {}),
        Answer(405, {}),
        Answer(501, {}),
        Answer(200, {}),
        Answer(200, {"id": "resp_1", "object": "response"}),
        Answer(200, {"object": "conversation"}),
    ],
    ids=str,
)
def test_a_server_without_the_api_is_recognised(answer):
    """By its refusal, or by a 200 that is no conversation."""
    with pytest.raises(Absent, match=r"up\.example"):
        drive.run(remote(answer).create({}))


def test_the_tail_ends_at_what_is_known():
    """Pages are read from the newest on until a known item comes; oldest first is the answer."""
    api = remote(listed("i6", "i5", more=True), listed("i4", "i3", "i2", more=True))

    tail = drive.run(api.tail("conv_1", {"i2", "i3"}))

    assert [item["id"] for item in tail] == ["i4", "i5", "i6"]
    assert [query.get("after") for _, _, query in api.upstream.asked] == [None, "i5"]


def test_the_tail_of_a_conversation_without_known_items_is_all_of_it():
    """Reading ends where the server says that nothing follows, or gives nothing."""
    whole = drive.run(remote(listed("i2", more=True), listed("i1")).tail("conv_1"))
    odd = drive.run(remote(listed("i1", more=True), listed(more=True)).tail("conv_1"))

    assert [item["id"] for item in whole] == ["i1", "i2"]
    assert [item["id"] for item in odd] == ["i1"]


def group(record_id, *texts):
    """A group of messages."""
    part = "input_text"
    items = [{"role": "user", "content": [{"type": part, "text": text}]} for text in texts]
    return Group(ENTRY, record_id, items)


def test_groups_are_packed_whole():
    """A call takes twenty items, and no group is parted."""
    groups = [group(str(size), *["x"] * size) for size in (8, 8, 8, 20, 1, 19, 1)]

    packed = batches(groups)

    assert [[len(each.items) for each in batch] for batch in packed] == [
        [8, 8],
        [8],
        [20],
        [1, 19],
        [1],
    ]


def test_an_item_is_recognised_however_it_is_shown():
    """Text as a string or in parts, with more keys, an image without its address."""
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    sent = plan(
        [
            Group(ENTRY, "msg_1", [{"type": "message", "role": "user", "content": "Hi"}]),
            Group(ENTRY, "msg_2", [{"type": "message", "role": "user", "content": [image]}]),
            Group(
                ENTRY,
                "step_1",
                [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}],
            ),
        ]
    )
    shown = [
        said("i1"),
        {**said("i2"), "content": [{"type": "input_image", "detail": "low", "file_id": None}]},
        {"id": "i3", "type": "function_call", "call_id": "c", "status": "completed"},
    ]

    assert found(sent, shown) == [("msg_1", "i1"), ("msg_2", "i2"), ("step_1", "i3")]


def test_only_a_beginning_of_what_was_sent_is_recognised():
    """Foreign items are passed over; what follows a missing item is not there."""
    sent = plan([group("msg_1", "A"), group("msg_2", "B"), group("msg_3", "A")])

    assert found(sent, [said("i1", "X"), said("i2", "A"), said("i3", "A")]) == [("msg_1", "i2")]
    assert found(sent, [said("i1", "B"), said("i2", "A", "assistant")]) == []
    assert found(sent, []) == []


class Waiting:
    """Workers of a loop whose pauses are short."""

    def owner(self):
        """The name of this process."""
        return "me"

    async def sleep(self, seconds):
        """Give way."""
        await asyncio.sleep(0)


def asked(servers, answers):
    """What comes of many who ask at once; an answer may be an exception."""
    questions = []

    async def question():
        questions.append(1)
        await asyncio.sleep(0.01)
        answer = answers[min(len(questions), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def all_at_once():
        tasks = [servers.ask("https://a", question) for _ in range(5)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(all_at_once()), len(questions)


def test_an_unknown_server_is_asked_by_one():
    """Who asks at the same time waits; if there is no API, nobody else asks."""
    servers = Servers(Waiting())

    results, questions = asked(servers, [Absent("none")])

    assert questions == 1
    assert all(isinstance(each, Absent) for each in results)
    assert servers.absent("https://a")
    assert servers.absent_lately("https://a")
    assert not servers.absent("https://b")


def test_a_known_server_is_asked_by_all():
    """The first answer says that there is the API; each thread gets its own conversation."""
    servers = Servers(Waiting())

    results, questions = asked(servers, ["conv_1", "conv_2"])

    assert questions == 5
    assert results == ["conv_1"] + ["conv_2"] * 4


def test_a_server_that_fails_stays_unknown():
    """The next one in line asks again, and what it learns counts."""
    servers = Servers(Waiting())

    results, questions = asked(servers, [Failed("down"), Failed("down"), Absent("none")])

    assert questions == 3
    assert [type(each) for each in results].count(Failed) == 2
    assert servers.absent("https://a")


def test_a_server_that_had_the_api_does_not_lose_it():
    """A 404 in passing, of a proxy perhaps, is a failure like another."""
    servers = Servers(Waiting())
    asked(servers, ["conv_1"])

    results, _ = asked(servers, [Absent("none")])

    assert {type(each) for each in results} == {Failed}
    assert not servers.absent("https://a")
