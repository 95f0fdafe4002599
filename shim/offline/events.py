"""Output items and their stream events, in the recorded order. Pure: knows no clock, no request.

Orders: Responses spec 3.2; key order of the events: recordings of July 2026 (`type`, then sorted).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from shim.offline import ids, tokens
from shim.offline.items import Mint
from shim.offline.outputs import Call, Output, Raw, Refuse, Say, Think
from shim.offline.wire import Json

__all__ = ["Emission", "envelope"]

_NOISE = "k3Vq9ZtLw0XbR7mJ"
_WIDTH = 16
_LAST = 1 << 31

_HOSTED: dict[str, tuple[str, ...]] = {
    "file_search_call": ("in_progress", "searching", "completed"),
    "web_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("interpreting", "completed"),
}
"""Events between `added` and `done` of the items of hosted tools."""

_PENDING: dict[str, Json] = {
    "file_search_call": {"queries": [], "results": None},
    "code_interpreter_call": {"code": "", "outputs": None},
}
"""What these items look like when they are added."""


def envelope(kind: str, number: int, response: Json) -> Json:
    """An event about the response as a whole."""
    return {"type": f"response.{kind}", "response": response, "sequence_number": number}


class Emission:
    """Turns outputs into items and events, until `budget` tokens are spent.

    `ending` is what becomes of the last item: completed, incomplete, or open (never done).
    """

    def __init__(
        self, mint: Mint, *, start: int, noisy: bool, budget: int | None, encrypted: bool
    ) -> None:
        self.events: list[Json] = []
        self.output: list[Json] = []
        self.spent = 0
        self.cut = False
        self._mint = mint
        self._number = start
        self._noisy = noisy
        self._budget = budget
        self._encrypted = encrypted

    def play(self, outputs: Sequence[Output], ending: str = "completed") -> None:
        """Emit outputs one after another."""
        for index, output in enumerate(outputs):
            last = index == len(outputs) - 1
            self._play(output, index, ending if last else "completed")
            if self.cut:
                return

    def _play(self, output: Output, index: int, ending: str) -> None:
        match output:
            case Say():
                self._say(output, index, ending)
            case Refuse():
                self._refuse(output, index, ending)
            case Call():
                self._call(output, index, ending)
            case Think():
                self._think(output, index)
            case Raw():
                self._raw(output, index)

    def _emit(self, kind: str, **fields: Any) -> None:
        fields["sequence_number"] = self._number
        self._number += 1
        self.events.append({"type": f"response.{kind}", **dict(sorted(fields.items()))})

    def _delta(self, kind: str, delta: str, **fields: Any) -> None:
        if self._noisy:
            fields["obfuscation"] = _NOISE[: max(1, _WIDTH - len(delta))]
        self._emit(kind, delta=delta, **fields)

    def _afford(self, chunks: Iterable[str]) -> list[str]:
        """The chunks there are tokens for; `cut` is set if that is not all of them."""
        affordable = []
        for chunk in chunks:
            price = tokens.count(chunk)
            if self._budget is not None and self.spent + price > self._budget:
                self.cut = True
                break
            self.spent += price
            affordable.append(chunk)
        return affordable

    def _status(self, ending: str) -> str:
        return "incomplete" if self.cut or ending == "incomplete" else "completed"

    def _done(self, item: Json, index: int) -> None:
        self.output.append(item)
        self._emit("output_item.done", item=item, output_index=index)

    def _say(self, say: Say, index: int, ending: str) -> None:
        key = self._mint("message")
        self._added(key, say.phase, index)
        at = {"item_id": key, "output_index": index, "content_index": 0}
        self._emit("content_part.added", part=_text_part("", []), **at)
        chunks = self._afford(say.chunks or tokens.split(say.text))
        annotations = self._text(chunks, say.annotations, at)
        if ending == "open":
            return
        part = _text_part("".join(chunks), annotations)
        self._emit("output_text.done", logprobs=[], text=part["text"], **at)
        self._emit("content_part.done", part=part, **at)
        self._done(_message(key, self._status(ending), [part], say.phase), index)

    def _added(self, key: str, phase: str | None, index: int) -> None:
        item = _message(key, "in_progress", [], phase)
        self._emit("output_item.added", item=item, output_index=index)

    def _text(self, chunks: list[str], annotations: Sequence[Json], at: Json) -> list[Json]:
        """Deltas with the annotations between them; those that were reached are returned."""
        length, reached = 0, list[Json]()
        waiting = sorted(annotations, key=_position)
        for chunk in _split_at(chunks, [_position(each) for each in waiting]):
            self._delta("output_text.delta", chunk, logprobs=[], **at)
            length += len(chunk)
            while waiting and _position(waiting[0]) <= length:
                self._annotate(waiting.pop(0), reached, at)
        while waiting and not self.cut:
            self._annotate(waiting.pop(0), reached, at)
        return reached

    def _annotate(self, annotation: Json, reached: list[Json], at: Json) -> None:
        fields = {"annotation": annotation, "annotation_index": len(reached), **at}
        self._emit("output_text.annotation.added", **fields)
        reached.append(annotation)

    def _refuse(self, refuse: Refuse, index: int, ending: str) -> None:
        key = self._mint("message")
        self._added(key, None, index)
        at = {"item_id": key, "output_index": index, "content_index": 0}
        self._emit("content_part.added", part={"type": "refusal", "refusal": ""}, **at)
        chunks = self._afford(tokens.split(refuse.text))
        for chunk in chunks:
            self._delta("refusal.delta", chunk, **at)
        part = {"type": "refusal", "refusal": "".join(chunks)}
        self._emit("refusal.done", refusal=part["refusal"], **at)
        self._emit("content_part.done", part=part, **at)
        self._done(_message(key, self._status(ending), [part], None), index)

    def _call(self, call: Call, index: int, ending: str) -> None:
        key, call_id = self._mint("function_call"), call.call_id or ids.call_id()
        item = _function_call(key, "in_progress", "", call_id, call.name)
        self._emit("output_item.added", item=item, output_index=index)
        at = {"item_id": key, "output_index": index}
        chunks = self._afford(tokens.split(call.text()))
        for chunk in chunks:
            self._delta("function_call_arguments.delta", chunk, **at)
        if ending == "open":
            return
        arguments = "".join(chunks)
        self._emit("function_call_arguments.done", arguments=arguments, **at)
        status = self._status(ending)
        self._done(_function_call(key, status, arguments, call_id, call.name), index)

    def _think(self, think: Think, index: int) -> None:
        key = self._mint("reasoning")
        item = self._reasoning(key, [], "begun")
        self._emit("output_item.added", item=item, output_index=index)
        for number, text in enumerate(think.parts()):
            self._summary(text, {"item_id": key, "output_index": index, "summary_index": number})
        summary = [{"type": "summary_text", "text": text} for text in think.parts()]
        self._done(self._reasoning(key, summary, "ended"), index)

    def _summary(self, text: str, at: Json) -> None:
        empty = {"type": "summary_text", "text": ""}
        self._emit("reasoning_summary_part.added", part=empty, **at)
        for chunk in tokens.split(text):
            self._delta("reasoning_summary_text.delta", chunk, **at)
        self._emit("reasoning_summary_text.done", text=text, **at)
        self._emit("reasoning_summary_part.done", part={**empty, "text": text}, **at)

    def _reasoning(self, key: str, summary: list[Json], stage: str) -> Json:
        if not self._encrypted:
            return {"id": key, "type": "reasoning", "summary": summary}
        return {
            "id": key,
            "type": "reasoning",
            "content": [],
            "encrypted_content": f"offline-{stage}-{key}",
            "summary": summary,
        }

    def _raw(self, raw: Raw, index: int) -> None:
        item = {"id": self._mint(raw.item["type"]), **raw.item}
        kind = item["type"]
        begun = {**item, **_PENDING.get(kind, {})}
        if kind == "code_interpreter_call" and item.get("outputs") is not None:
            begun["outputs"] = []
        if "status" in begun:
            begun["status"] = "in_progress"
        self._emit("output_item.added", item=begun, output_index=index)
        at = {"item_id": item["id"], "output_index": index}
        if kind == "code_interpreter_call":
            self._code(item.get("code") or "", raw.chunks, at)
        for stage in _HOSTED.get(kind, ()):
            self._emit(f"{kind}.{stage}", **at)
        self._done(item, index)

    def _code(self, code: str, chunks: Sequence[str] | None, at: Json) -> None:
        self._emit("code_interpreter_call.in_progress", **at)
        for chunk in chunks or tokens.split(code):
            self._delta("code_interpreter_call_code.delta", chunk, **at)
        self._emit("code_interpreter_call_code.done", code=code, **at)


def _position(annotation: Json) -> int:
    """Where in the text an annotation is sent; those of containers come last (spec 3.2)."""
    if annotation.get("type") == "container_file_citation":
        return _LAST
    position = annotation.get("index", annotation.get("end_index"))
    return position if isinstance(position, int) else _LAST


def _split_at(chunks: list[str], positions: list[int]) -> Iterator[str]:
    """The chunks, split further so that each position is the end of one."""
    begin = 0
    for chunk in chunks:
        end = begin + len(chunk)
        inside = sorted({each for each in positions if begin < each < end})
        bounds = [begin, *inside, end]
        for left, right in pairwise(bounds):
            yield chunk[left - begin : right - begin]
        begin = end


def _text_part(text: str, annotations: list[Json]) -> Json:
    return {"type": "output_text", "annotations": annotations, "logprobs": [], "text": text}


def _message(key: str, status: str, content: list[Json], phase: str | None) -> Json:
    item: Json = {"id": key, "type": "message", "status": status, "content": content}
    if phase:
        item["phase"] = phase
    return {**item, "role": "assistant"}


def _function_call(key: str, status: str, arguments: str, call_id: str, name: str) -> Json:
    return {
        "id": key,
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": call_id,
        "name": name,
    }
