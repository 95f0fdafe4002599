"""The check of event orders itself: it must fail on streams that break a rule."""

from __future__ import annotations

from copy import deepcopy

import pytest
from contract_events import check_order, recorded
from contract_tools import WEATHER


def _at(told, name, nth=0):
    return [place for place, event in enumerate(told) if event[0] == name][nth]


def _without(name):
    def broken(told):
        del told[_at(told, name)]

    return broken


def _swapped(one, other):
    def broken(told):
        first, second = _at(told, one), _at(told, other)
        told[first], told[second] = told[second], told[first]

    return broken


def _with(name, change, nth=0):
    def broken(told):
        change(told[_at(told, name, nth)][1])

    return broken


def _twice(name):
    def broken(told):
        told.insert(_at(told, name), deepcopy(told[_at(told, name)]))

    return broken


def _first_text(delta):
    return delta["delta"]["content"][0]["text"]


def _first_call(delta):
    return delta["delta"]["step_details"]["tool_calls"][0]


TEXT = {
    "no queued": _without("thread.run.queued"),
    "no in_progress": _without("thread.run.in_progress"),
    "no end": _without("thread.run.completed"),
    "no message.created": _without("thread.message.created"),
    "no message.completed": _without("thread.message.completed"),
    "no step.completed": _without("thread.run.step.completed"),
    "message before its step": _swapped("thread.run.step.created", "thread.message.created"),
    "step before its message": _swapped("thread.message.completed", "thread.run.step.completed"),
    "end too early": _swapped("thread.run.step.completed", "thread.run.completed"),
    "created twice": _twice("thread.run.created"),
    "message twice": _twice("thread.message.created"),
    "thread too late": lambda told: told.insert(3, ("thread.created", {"object": "thread"})),
    "content from the start": _with(
        "thread.message.created", lambda data: data.update(content=[{"type": "text"}])
    ),
    "text that does not add up": _with(
        "thread.message.completed", lambda data: data.update(content=[])
    ),
    "annotations again": _with(
        "thread.message.delta", lambda data: _first_text(data).update(annotations=[]), 1
    ),
    "no usage": _with("thread.run.completed", lambda data: data.update(usage=None)),
    "usage too early": _with("thread.run.in_progress", lambda data: data.update(usage={})),
    "usage that does not add up": _with(
        "thread.run.completed", lambda data: data["usage"].update(total_tokens=0)
    ),
    "expires after its end": _with("thread.run.completed", lambda data: data.update(expires_at=9)),
    "created otherwise": _with("thread.run.created", lambda data: data.update(model="other")),
}
CALLS = {
    "no step.created": _without("thread.run.step.created"),
    "no end": _without("thread.run.requires_action"),
    "id again": _with(
        "thread.run.step.delta", lambda data: _first_call(data).update(id="call_1"), 1
    ),
    "arguments that do not add up": _without("thread.run.step.delta"),
    "a step that does not wait": lambda told: told.insert(
        -1, ("thread.run.step.completed", deepcopy(told[_at(told, "thread.run.step.created")][1]))
    ),
}


@pytest.mark.parametrize(
    ("tools", "breaks"), [([], TEXT), ([WEATHER], CALLS)], ids=["text", "call"]
)
async def test_a_broken_stream_is_noticed(api, tools, breaks):
    """Each rule has a stream that breaks it, and only it."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=tools)
    stream = await api.threads.runs.create(
        thread_id=thread.id, assistant_id=assistant.id, stream=True
    )
    told = await recorded(stream)
    check_order(told)

    unnoticed = []
    for rule, break_it in breaks.items():
        broken = deepcopy(told)
        break_it(broken)
        try:
            check_order(broken)
        except (AssertionError, KeyError):
            continue
        unnoticed.append(rule)

    assert unnoticed == []
