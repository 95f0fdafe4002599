"""What came of a run, read from the objects and events that the Assistants API shows of it.

Knows the wire objects of runs, steps and messages. Does not know whence they came: a stream in
hand, a recording, or the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from shim.core.wire import Event, Json
from shim.native.cases import MESSAGE, Citation, FunctionCall, MadeFile, Outcome, Usage

__all__ = ["ENDED", "Seen", "calls_of", "outcome_of"]

ENDED = frozenset({"completed", "failed", "cancelled", "expired", "incomplete"})
"""The statuses in which a run ends."""

_DELTA = ".delta"


class Seen:
    """What the events of a run show, as they come. The last word on each object counts."""

    def __init__(self) -> None:
        self.run: Json = {}
        self.steps: dict[str, Json] = {}
        self.messages: dict[str, Json] = {}
        self.names: list[str] = []
        self.first_token: float | None = None
        self.error = ""

    def take(self, event: Event, seconds: float) -> None:
        """Take in an event that came so many seconds after the request."""
        name, data = event.name, event.data
        if not (name.endswith(_DELTA) and self.names[-1:] == [name]):
            self.names.append(name)
        if not isinstance(data, dict):
            return
        if name == "thread.message.delta" and self.first_token is None:
            self.first_token = seconds
        elif name == "error":
            self.error = error_of(data.get("error") or data)
        elif not name.endswith(_DELTA):
            self.take_object(data)

    def take_object(self, shown: Json) -> None:
        """Take in a run, a step or a message of its, however it was shown."""
        match shown.get("object"):
            case "thread.run":
                self.run = shown
            case "thread.run.step":
                self.steps[shown["id"]] = shown
            case "thread.message" if shown.get("role") == "assistant":
                self.messages[shown["id"]] = shown


def outcome_of(
    run: Json,
    steps: Iterable[Json],
    messages: Iterable[Json],
    *,
    rounds: Sequence[Sequence[FunctionCall]] | None = None,
) -> Outcome:
    """The outcome that the objects tell, the oldest first; `rounds` where they are known better.

    What only a clock, a stream or a comparison knows is left as it is in an empty outcome.
    """
    steps, messages = list(steps), list(messages)
    told = list(_texts(messages))
    parts = [part for message in messages for part in message.get("content") or ()]
    citations = tuple(_citations(told))
    return Outcome(
        status=str(run.get("status") or ""),
        error=error_of(run.get("last_error")),
        reason=str((run.get("incomplete_details") or {}).get("reason") or ""),
        texts=tuple(text for text, _ in told),
        refusals=tuple(str(p["refusal"]) for p in parts if p.get("type") == "refusal"),
        rounds=tuple(tuple(each) for each in (_rounds(steps) if rounds is None else rounds)),
        steps=tuple(kind for step in steps for kind in _kinds(step)),
        retrieved=sum(_retrieved(step) for step in steps),
        citations=citations,
        files=(*_images(parts), *_paths(citations)),
        usage=_usage(run.get("usage")),
        model=str(run.get("model") or ""),
        thread_id=str(run.get("thread_id") or ""),
        run_id=str(run.get("id") or ""),
    )


def error_of(error: Mapping[str, object] | None) -> str:
    """An error as one line: `code: message`."""
    if not error:
        return ""
    code = error.get("code") or error.get("type") or "error"
    return f"{code}: {error.get('message') or ''}".strip()


def calls_of(run: Json) -> list[FunctionCall]:
    """The function calls that a run waits for."""
    wanted = (run.get("required_action") or {}).get("submit_tool_outputs") or {}
    return [_call(each) for each in wanted.get("tool_calls") or ()]


def _call(shown: Json) -> FunctionCall:
    function = shown.get("function") or {}
    return FunctionCall(
        name=str(function.get("name") or ""),
        arguments=str(function.get("arguments") or ""),
        output=function.get("output"),
        id=str(shown.get("id") or ""),
    )


def _tool_calls(step: Json) -> list[Json]:
    return (step.get("step_details") or {}).get("tool_calls") or []


def _rounds(steps: Sequence[Json]) -> Iterator[list[FunctionCall]]:
    for step in steps:
        if calls := [_call(c) for c in _tool_calls(step) if c.get("type") == "function"]:
            yield calls


def _kinds(step: Json) -> Iterator[str]:
    if step.get("type") == MESSAGE:
        yield MESSAGE
    else:
        yield from (str(call.get("type")) for call in _tool_calls(step))


def _retrieved(step: Json) -> int:
    found = [call.get("file_search") or {} for call in _tool_calls(step)]
    return sum(len(each.get("results") or ()) for each in found)


def _texts(messages: Sequence[Json]) -> Iterator[tuple[str, Sequence[Json]]]:
    """Each text with its annotations."""
    for message in messages:
        for part in message.get("content") or ():
            if part.get("type") == "text":
                text = part.get("text") or {}
                yield str(text.get("value") or ""), text.get("annotations") or ()


def _citations(told: Sequence[tuple[str, Sequence[Json]]]) -> Iterator[Citation]:
    for index, (text, notes) in enumerate(told):
        for each in notes:
            kind, marker = str(each.get("type") or ""), str(each.get("text") or "")
            start, end = int(each.get("start_index") or 0), int(each.get("end_index") or 0)
            yield Citation(
                type=kind,
                file_id=str((each.get(kind) or {}).get("file_id") or ""),
                text=marker,
                start=start,
                end=end,
                text_index=index,
                quoted=text[start:end] == marker,
            )


def _images(parts: Sequence[Json]) -> Iterator[MadeFile]:
    return (MadeFile(type="image_file") for part in parts if part.get("type") == "image_file")


def _paths(citations: Sequence[Citation]) -> Iterator[MadeFile]:
    for each in citations:
        if each.type == "file_path":
            yield MadeFile(type="file_path", name=PurePosixPath(each.text).name)


def _usage(shown: Json | None) -> Usage | None:
    if not shown:
        return None
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return Usage(**{name: int(shown.get(name) or 0) for name in names})
