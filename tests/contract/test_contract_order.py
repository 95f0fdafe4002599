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


CODE = {
    "code told whole": _without("thread.run.step.delta"),
    "code that does not add up": _with(
        "thread.run.step.delta",
        lambda data: _first_call(data)["code_interpreter"].update(input="?"),
        1,
    ),
    "id again": _with(
        "thread.run.step.delta", lambda data: _first_call(data).update(id="call_1"), 1
    ),
    "outputs first": lambda told: told.insert(
        _at(told, "thread.run.step.delta", 1), told.pop(_last(told, "thread.run.step.delta"))
    ),
    "outputs that do not add up": lambda told: told.pop(_last(told, "thread.run.step.delta")),
    "outputs without places": lambda told: [
        output.pop("index")
        for output in _first_call(told[_last(told, "thread.run.step.delta")][1])[
            "code_interpreter"
        ]["outputs"]
    ],
}
SEARCH = {
    "not told": _without("thread.run.step.delta"),
    "told twice": _twice("thread.run.step.delta"),
    "results too early": _with(
        "thread.run.step.delta",
        lambda data: _first_call(data)["file_search"].update(results=[{"score": 1.0}]),
    ),
    "a citation apart from its marker": lambda told: _citing(told).update(value=""),
    "a citation elsewhere": lambda told: _ended_note(told).update(start_index=0),
    "a citation that was not told": lambda told: _citing(told).update(annotations=[]),
    "a citation without its place": lambda told: _citing(told)["annotations"][0].pop("index"),
}


def _last(told, name):
    return max(place for place, event in enumerate(told) if event[0] == name)


def _citing(told):
    """The text of the delta that brings an annotation."""
    texts = [_first_text(data) for name, data in told if name == "thread.message.delta"]
    return next(text for text in texts if text.get("annotations"))


def _ended_note(told):
    message = told[_at(told, "thread.message.completed")][1]
    return message["content"][0]["text"]["annotations"][0]


@pytest.mark.parametrize(
    ("tools", "breaks"), [([], TEXT), ([WEATHER], CALLS)], ids=["text", "call"]
)
async def test_a_broken_stream_is_noticed(api, tools, breaks):
    """Each rule has a stream that breaks it, and only it."""
    assistant, thread = await api.scene("What is the weather in Paris?", tools=tools)

    told = await _streamed(api, assistant, thread)

    check_order(told)
    assert _unnoticed(told, breaks) == []


async def test_a_broken_stream_of_code_is_noticed(api):
    """So it is where code runs."""
    assistant, thread = await api.scene(tools=[{"type": "code_interpreter"}])
    api.offline.script.code("print(1)\n1 + 1", then="It is two.")

    told = await _streamed(api, assistant, thread)

    check_order(told)
    assert _unnoticed(told, CODE) == []


async def test_a_broken_stream_of_a_search_is_noticed(api):
    """So it is where files are searched and cited."""
    file = await api.client.files.create(file=("a.txt", b"Pizza is food."), purpose="assistants")
    helper = {"file_search": {"vector_stores": [{"file_ids": [file.id]}]}}
    assistant, thread = await api.scene(tools=[{"type": "file_search"}], tool_resources=helper)
    api.offline.script.search("pizza", then="Food is pizza[[1]].")

    told = await _streamed(api, assistant, thread)

    check_order(told)
    assert _unnoticed(told, SEARCH) == []


async def _streamed(api, assistant, thread):
    return await recorded(
        await api.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=True)
    )


def _unnoticed(told, breaks):
    """The rules that can be broken without being noticed."""
    unnoticed = []
    for rule, break_it in breaks.items():
        broken = deepcopy(told)
        break_it(broken)
        try:
            check_order(broken)
        except (AssertionError, KeyError):
            continue
        unnoticed.append(rule)
    return unnoticed
