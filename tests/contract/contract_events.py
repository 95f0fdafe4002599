"""The order in which events must come. Knows the rules of streams and nothing of who made them.

`check_order` takes any recorded list of events, of a whole run or of what followed submitted
outputs, and fails on the first rule that is broken. Events are recorded as they come, since the
SDK's helpers go on writing into the objects that they hand out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["check_order", "plain", "recorded"]

_NEXT = {
    "queued": {"in_progress", "cancelling", "failed", "expired", "incomplete"},
    "in_progress": {
        "requires_action",
        "completed",
        "incomplete",
        "failed",
        "cancelling",
        "expired",
    },
    "cancelling": {"cancelled", "completed", "incomplete", "failed", "expired"},
}
_ENDS = ("completed", "incomplete", "failed", "cancelled", "expired")
_REASONS = {
    "failed": ("run_failed",),
    "cancelled": ("run_cancelled",),
    "expired": ("run_expired",),
    "incomplete": ("max_tokens", "content_filter"),
}
_STAMPS = {
    "completed": "completed_at",
    "incomplete": "completed_at",
    "failed": "failed_at",
    "cancelled": "cancelled_at",
}
_EMPTY = {"text": lambda: {"value": "", "annotations": []}, "refusal": str}
_USAGE = {
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_token_details",
    "completion_tokens_details",
}


def plain(event):
    """An event of the SDK as its name and the keys that were sent."""
    return event.event, event.data.model_dump(exclude_unset=True, warnings=False)


async def recorded(stream):
    """All events of a stream, in the form that is checked."""
    return [plain(event) async for event in stream]


def check_order(told):
    """Check a list of recorded events, from the first to the last of one stream."""
    begun = _opening(told)
    _check_run(told)
    watch = _Watch(submitted=not begun)
    for place, (name, data) in enumerate(told):
        following = told[place + 1] if place + 1 < len(told) else (None, {})
        watch.see(name, data, following)
    watch.check_end(told[-1])
    if begun and told[-1][1]["status"] in ("completed", "incomplete"):
        _check_sum(told)


def _opening(told):
    """Whether it is the stream of a new run; else it must begin with the outputs' step."""
    names = [name for name, _ in told]
    assert "thread.created" not in names[1:]
    start = 1 if names[0] == "thread.created" else 0
    if names[start] != "thread.run.created":
        assert start == 0
        assert names[0] == "thread.run.step.completed"
        assert names[1] == "thread.run.queued"
        assert "thread.run.created" not in names
        return False
    assert names[start + 1] == "thread.run.queued"
    assert told[start][1] == told[start + 1][1]
    assert names.count("thread.run.created") == 1
    return True


def _check_run(told):
    """The run moves as its life allows, and shows the times and the usage of each status."""
    moves = [(n, d) for n, d in told if d["object"] == "thread.run" and n != "thread.run.created"]
    assert len({data["id"] for _, data in moves}) == 1
    for name, data in moves:
        assert name == f"thread.run.{data['status']}"
        _check_run_keys(data)
    statuses = [data["status"] for _, data in moves]
    for was, now in pairwise(statuses):
        assert now in _NEXT[was]
    assert told[-1] == moves[-1]
    assert statuses[-1] in (*_ENDS, "requires_action")
    items = [n for n, (name, data) in enumerate(told) if "run_id" in data]
    started = [n for n, (name, _) in enumerate(told) if name == "thread.run.in_progress"]
    late = [n for n in items if not started or n < started[0]]
    assert late == ([0] if told[0][0] == "thread.run.step.completed" else [])


def _check_run_keys(run):
    status = run["status"]
    ended = status in _ENDS
    assert (run["expires_at"] is None) == ended
    assert (run["usage"] is not None) == ended
    assert (run["required_action"] is not None) == (status == "requires_action")
    assert (run["last_error"] is not None) == (status == "failed")
    assert (run["incomplete_details"] is not None) == (status == "incomplete")
    assert run["tool_resources"] == {"code_interpreter": {"file_ids": []}}
    for key in ("completed_at", "failed_at", "cancelled_at"):
        assert (run[key] is not None) == (_STAMPS.get(status) == key), key
    times = ("created_at", "started_at", "expires_at", *_STAMPS.values())
    assert all(isinstance(run[key], int | None) for key in times)
    assert not ended or run["usage"].keys() == _USAGE


def _check_sum(told):
    steps = [data for name, data in told if name == "thread.run.step.completed"]
    for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert told[-1][1]["usage"][key] == sum(step["usage"][key] for step in steps)


@dataclass
class _Watch:
    """Follows the steps and messages of one stream, and what their deltas add up to."""

    submitted: bool
    seen: set = field(default_factory=set)
    steps: dict = field(default_factory=dict)
    calls: dict = field(default_factory=dict)
    message: str | None = None
    content: list = field(default_factory=list)
    cut: str | None = None
    promised: str | None = None

    def see(self, name, data, following):
        """One event, and the one behind it."""
        match name.removeprefix("thread.").split("."):
            case ["run", "step", "created"]:
                self._step_created(data, following)
            case ["run", "step", "delta"]:
                self._step_delta(data)
            case ["run", "step", "in_progress"]:
                assert data["status"] == "in_progress"
            case ["run", "step", ending]:
                self._step_ended(ending, data)
            case ["message", "created"]:
                self._message_created(data, following)
            case ["message", "delta"]:
                self._message_delta(data)
            case ["message", "completed" | "incomplete" as ending]:
                self._message_ended(ending, data)

    def _step_created(self, step, following):
        assert step["id"] not in self.seen
        assert self.message is None
        assert not any(kind == "message_creation" for kind in self.steps.values())
        assert (step["status"], step["usage"]) == ("in_progress", None)
        assert following == ("thread.run.step.in_progress", step)
        self.seen.add(step["id"])
        self.steps[step["id"]] = step["type"]
        if step["type"] == "tool_calls":
            assert step["step_details"]["tool_calls"] == []
            self.calls[step["id"]] = []
        else:
            self.promised = step["step_details"]["message_creation"]["message_id"]

    def _step_delta(self, delta):
        details = delta["delta"]["step_details"]
        assert delta["object"] == "thread.run.step.delta"
        assert details["type"] == "tool_calls"
        (entry,) = details["tool_calls"]
        calls = self.calls[delta["id"]]
        match entry["type"]:
            case "function":
                _fold_function(calls, entry)
            case "code_interpreter":
                _fold_code(calls, entry)
            case "file_search":
                _fold_search(calls, entry)

    def _step_ended(self, ending, step):
        assert step["status"] == ending
        assert self.message is None
        assert step["usage"].keys() == _USAGE
        told = self.calls.get(step["id"], [])
        if told or (ending == "completed" and step["id"] in self.calls):
            made = step["step_details"]["tool_calls"]
            assert [_without_results(call) for call in made] == list(map(_call, told))
        if self.submitted and step["id"] not in self.seen:
            outputs = [call["function"]["output"] for call in step["step_details"]["tool_calls"]]
            assert None not in outputs
            self.seen.add(step["id"])
        else:
            del self.steps[step["id"]]
        assert ending != "failed" or step["last_error"] is not None

    def _message_created(self, message, following):
        assert self.message is None
        assert message["id"] == self.promised
        assert message["id"] not in self.seen
        assert (message["status"], message["content"]) == ("in_progress", [])
        assert (message["role"], message["attachments"]) == ("assistant", [])
        assert following == ("thread.message.in_progress", message)
        self.seen.add(message["id"])
        self.message, self.content = message["id"], []

    def _message_delta(self, delta):
        assert (delta["id"], delta["object"]) == (self.message, "thread.message.delta")
        (entry,) = delta["delta"]["content"]
        kind = entry["type"]
        assert entry.keys() == {"index", "type", kind}
        first = entry["index"] == len(self.content)
        if first:
            self.content.append({"type": kind, kind: _EMPTY.get(kind, lambda: None)()})
        held = self.content[entry["index"]]
        assert held["type"] == kind
        match kind:
            case "text":
                _fold_text(held["text"], entry["text"], first=first)
            case "refusal":
                held["refusal"] += entry["refusal"]
            case "image_file":
                assert first  # told once: ids would be doubled
                held["image_file"] = entry["image_file"]

    def _message_ended(self, ending, message):
        assert (message["id"], message["status"]) == (self.message, ending)
        assert message["content"] == self.content
        for part in message["content"]:
            _check_annotations(part)
        assert (message["completed_at"] is not None) == (ending == "completed")
        assert (message["incomplete_at"] is not None) == (ending == "incomplete")
        if ending == "incomplete":
            self.cut = message["incomplete_details"]["reason"]
        self.message = None

    def check_end(self, last):
        """What is left open when the stream ends: calls that wait for outputs, and nothing else."""
        status = last[1]["status"]
        assert self.message is None
        assert self.cut in (None, *_REASONS.get(status, ()))
        waits = status == "requires_action"
        assert set(self.steps.values()) == ({"tool_calls"} if waits else set())
        if waits:
            asked = last[1]["required_action"]["submit_tool_outputs"]["tool_calls"]
            waiting = [call for step in self.steps for call in self.calls[step]]
            assert [_flat(call) for call in asked] == waiting


def _fold_function(calls, entry):
    """A call is told with its name, then its arguments piece by piece (spec 6.4)."""
    if entry["index"] == len(calls):
        assert entry.keys() == {"index", "id", "type", "function"}
        assert {**entry["function"], "name": ""} == {"name": "", "arguments": "", "output": None}
        calls.append({"id": entry["id"], "name": entry["function"]["name"], "arguments": ""})
    else:
        assert entry.keys() == {"index", "type", "function"}
        assert entry["function"].keys() == {"arguments"}
        calls[entry["index"]]["arguments"] += entry["function"]["arguments"]


def _fold_code(calls, entry):
    """Code is told empty, then piece by piece, then all that it showed (spec 6.3 c)."""
    assert entry["index"] == 0
    told = entry["code_interpreter"]
    if not calls:
        assert entry.keys() == {"index", "id", "type", "code_interpreter"}
        assert told == {"input": "", "outputs": []}
        calls.append({k: v for k, v in entry.items() if k != "index"})
        return
    assert entry.keys() == {"index", "type", "code_interpreter"}
    held = calls[0]["code_interpreter"]
    assert held["outputs"] == []
    if told.keys() == {"input"}:
        held["input"] += told["input"]
        return
    assert told.keys() == {"outputs"}
    assert [output["index"] for output in told["outputs"]] == list(range(len(told["outputs"])))
    held["outputs"] = [_without(output, "index") for output in told["outputs"]]


def _fold_search(calls, entry):
    """A search is told once, without what it found (spec 6.3 d)."""
    assert (calls, entry["index"]) == ([], 0)
    assert entry.keys() == {"index", "id", "type", "file_search"}
    assert entry["file_search"].keys() == {"ranking_options", "results"}
    assert entry["file_search"]["results"] == []
    calls.append(_without(entry, "index"))


def _call(told):
    """A call as its step shows it, from what deltas told of it; its output came later."""
    if "type" in told:
        return told
    function = {"name": told["name"], "arguments": told["arguments"]}
    return {"id": told["id"], "type": "function", "function": function}


def _without_results(call):
    if call["type"] == "file_search":
        return {**call, "file_search": {**call["file_search"], "results": []}}
    if call["type"] == "function":
        return {**call, "function": _without(call["function"], "output")}
    return call


def _fold_text(held, told, *, first):
    """The first piece of a text has annotations; a later one only with news (spec 6.4)."""
    added = told.get("annotations", [])
    assert told.keys() <= {"value", "annotations"}
    assert told.keys() == {"value", "annotations"} or (not first and (added or "value" in told))
    assert added or first or "annotations" not in told
    held["value"] += told.get("value", "")
    for annotation in added:
        assert annotation["index"] == len(held["annotations"])
        if annotation["type"] == "file_citation":
            assert told["value"] == annotation["text"]  # marker and annotation come together
            assert annotation["file_citation"]["quote"] == ""
            cited = _without(annotation["file_citation"], "quote")
            annotation = {**annotation, "file_citation": cited}  # noqa: PLW2901
        held["annotations"].append(_without(annotation, "index"))


def _check_annotations(part):
    """What an annotation is about stands in the text where it says."""
    if part["type"] == "text":
        value = part["text"]["value"]
        for note in part["text"]["annotations"]:
            assert value[note["start_index"] : note["end_index"]] == note["text"]


def _without(given, name):
    return {key: value for key, value in given.items() if key != name}


def _flat(call):
    assert call["type"] == "function"
    return {"id": call["id"], **call["function"]}
