"""How answers are sent that come into being while they are sent."""

from __future__ import annotations

import asyncio

from shim.core.wire import DONE, Event
from shim.errors import Unreachable
from shim.server.streams import Streamed, framed

CREATED = Event("thread.run.created", {"id": "run_1"})


class Caller:
    """Takes an answer: message by message while it may, until it leaves."""

    def __init__(self):
        self.messages = []
        self.may_take = asyncio.Event()
        self.may_take.set()
        self.gone = asyncio.Event()

    async def receive(self):
        """What the server hears of the caller."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        """What the caller is sent."""
        await self.may_take.wait()
        self.messages.append(message)

    @property
    def body(self):
        """What has arrived of the body."""
        return b"".join(message.get("body", b"") for message in self.messages)


class Source:
    """Events, and how far they were asked for."""

    def __init__(self, *events):
        self.asked = 0
        self.closed = False
        self._events = events

    async def run(self):
        """The events one by one."""
        try:
            for self.asked, event in enumerate(self._events, 1):  # noqa: B020 - counts them
                yield event
        finally:
            self.closed = True


def answer_to(caller, source):
    """The sending of events to a caller."""
    return Streamed(framed(source.run()), {})({}, caller.receive, caller.send)


def test_a_stream_waits_for_its_reader():
    """What the caller has no room for is not asked of the source."""

    async def use():
        caller, source = Caller(), Source(*[CREATED] * 100, DONE)
        caller.may_take.clear()
        sending = asyncio.create_task(answer_to(caller, source))
        await asyncio.sleep(0.05)
        held = source.asked
        caller.may_take.set()
        await sending
        return held, source.asked

    assert asyncio.run(use()) == (0, 101)


def test_a_caller_who_leaves_ends_the_sending():
    """The source is let go, whether the caller was reading or not."""

    async def use():
        caller, source = Caller(), Source(*[CREATED] * 100, DONE)
        caller.may_take.clear()
        sending = asyncio.create_task(answer_to(caller, source))
        await asyncio.sleep(0.01)
        caller.gone.set()
        await sending
        await asyncio.sleep(0.01)
        return caller.messages

    assert asyncio.run(use()) == []


def test_a_caller_who_leaves_amid_ready_events_is_noticed():
    """Though nothing has to be waited for, the rest is not written to nobody."""

    async def use():
        caller, source = Caller(), Source(*[CREATED] * 100, DONE)
        take = caller.send

        async def take_three(message):
            await take(message)
            if len(caller.messages) == 3:
                caller.gone.set()

        await Streamed(framed(source.run()), {})({}, caller.receive, take_three)
        return len(caller.messages), source.closed

    written, closed = asyncio.run(use())

    assert 3 <= written < 8
    assert closed


def test_a_stream_that_is_cut_short_says_so():
    """Its last event is an error in the original's form, and the body ends as a whole one."""

    async def use():
        caller = Caller()
        await answer_to(caller, Source(CREATED))
        return caller

    caller = asyncio.run(use())

    assert caller.body.split(b"\n\n")[-2].startswith(b'event: error\ndata: {"error":{"message":')
    assert caller.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_file_that_breaks_off_is_not_ended_as_if_it_were_whole():
    """The caller does not take a part for the file."""

    async def broken():
        yield b"half of"
        raise Unreachable("the upstream did not answer", sent=True)

    async def use():
        caller = Caller()
        await Streamed(broken(), {})({}, caller.receive, caller.send)
        return caller

    caller = asyncio.run(use())

    assert caller.body == b"half of"
    assert caller.messages[-1]["more_body"] is True
