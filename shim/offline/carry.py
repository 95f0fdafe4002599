"""Carrying a request out: the reply becomes the course of a job. Knows no endpoint and no state."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from shim.offline import objects, tokens
from shim.offline.events import Emission, envelope
from shim.offline.hosted import Bench
from shim.offline.ids import Partition
from shim.offline.jobs import Course, Job
from shim.offline.outputs import Failure, Incomplete, Reply
from shim.offline.service import Model
from shim.offline.state import Conversation
from shim.offline.view import View, text_of
from shim.offline.wire import Json

__all__ = ["Draft", "carry_out"]


@dataclass
class Draft:
    """A checked request: its context, its own items as stored, and the reply scripted for it."""

    body: Json
    partition: Partition
    view: View
    inputs: list[Json]
    conversation: Conversation | None = None
    reply: Reply | None = None
    tool_price: int = 0
    id: str = field(init=False)
    created_at: int = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.partition.response()
        self.created_at = int(time.time())

    def price(self) -> int:
        """What the input costs: instructions, items and tools."""
        priced = [self.view.instructions, *map(_priced, self.view.items)]
        return sum(map(tokens.count, priced)) + sum(map(tokens.count, self.body.get("tools") or []))

    def object(self, status: str, output: list[Json], **known: Any) -> Json:
        """The response object in some state."""
        held = {"id": self.conversation.id} if self.conversation is not None else None
        return objects.response(
            self.body,
            id=self.id,
            created_at=self.created_at,
            status=status,
            output=output,
            conversation=held,
            **known,
        )


def _priced(item: Json) -> str:
    return f"{item.get('name', '')} {item.get('arguments', '')} {text_of(item)}"


def carry_out(draft: Draft, model: Model, delay: float, bench: Bench) -> Job:
    """Ask the script's reply or the model, use its tools, start the job that reveals it all."""
    reply = draft.reply or Reply(tuple(model.reply(bench.seen())))
    reply = bench.complete(reply, model)
    draft.tool_price = bench.price
    length = delay if reply.delay is None else reply.delay
    return Job(
        course=_course(draft, reply, length),
        context=list(draft.view.items),
        inputs=draft.inputs,
        length=length,
        streamed=bool(draft.body.get("stream")),
    )


def _course(draft: Draft, reply: Reply, length: float) -> Course:
    opening = _opening(draft)
    emission = _emit(draft, reply, len(opening))
    final = _final(draft, reply, emission, length)
    events = [*opening, *emission.events]
    failure = reply.end if isinstance(reply.end, Failure) else None
    if failure is not None and failure.event:
        events.append(_error(failure, len(events)))
    events.append(envelope(final["status"], len(events), final))
    waiting = 2 if draft.body.get("background") else len(opening)
    begun = opening[-1]["response"]
    return Course(begun, final, tuple(events), waiting, failure)


def _opening(draft: Draft) -> list[Json]:
    """The events before the first item (spec 3.2)."""
    working = draft.object("in_progress", [])
    if not draft.body.get("background"):
        return [envelope("created", 0, working), envelope("in_progress", 1, working)]
    queued = draft.object("queued", [])
    return [
        envelope("created", 0, queued),
        envelope("queued", 1, queued),
        envelope("in_progress", 2, working),
    ]


def _emit(draft: Draft, reply: Reply, start: int) -> Emission:
    body = draft.body
    noise = (body.get("stream_options") or {}).get("include_obfuscation") is not False
    encrypted = "reasoning.encrypted_content" in (body.get("include") or [])
    emission = Emission(
        draft.partition.item,
        start=start,
        noisy=noise and not body.get("background"),
        budget=body.get("max_output_tokens"),
        encrypted=encrypted,
    )
    emission.play(reply.outputs, _ending(reply))
    return emission


def _ending(reply: Reply) -> str:
    match reply.end:
        case Failure():
            return "open"
        case Incomplete():
            return "incomplete"
        case _:
            return "completed"


def _final(draft: Draft, reply: Reply, emission: Emission, length: float) -> Json:
    """The response object at its end."""
    if isinstance(reply.end, Failure):
        error = {"code": reply.end.code, "message": reply.end.message}
        return draft.object("failed", emission.output, error=error)
    spent_in = draft.price() + draft.tool_price
    usage = objects.usage(*(reply.usage or (spent_in, emission.spent)))
    if emission.cut or isinstance(reply.end, Incomplete):
        reason = "max_output_tokens" if emission.cut else _reason(reply)
        details = {"reason": reason}
        return draft.object("incomplete", emission.output, incomplete_details=details, usage=usage)
    ended = draft.created_at + (int(length) if length < 1 << 31 else 0)
    return draft.object("completed", emission.output, completed_at=ended, usage=usage)


def _reason(reply: Reply) -> str:
    assert isinstance(reply.end, Incomplete)
    return reply.end.reason


def _error(failure: Failure, number: int) -> Json:
    """The error event is nested on the wire, whatever the SDK's type says (spec 3.2)."""
    error = {
        "type": failure.code,
        "code": failure.code,
        "message": failure.message,
        "param": None,
    }
    return {"type": "error", "sequence_number": number, "error": error}
