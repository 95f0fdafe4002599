"""One response of a run as Assistants events. Pure: events in, changes out; no clock, no storage.

`RunTranslator.feed` takes the upstream's stream events one by one, or only the last of them: what
the events before it should have said is made up from the whole response that it carries. So a
polled response, a stream, and a stream with holes end in the same records.

Order of events: Assistants spec 6.3. A response's usage belongs to its last step, so a step that is
done is held until the next one begins (and then completes with zeros) or the response ends.
Items of unknown types make no step; they are kept, as they are, with the response's items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from shim.core.objects import without_texts
from shim.core.records import Message, Run, Step, Usage
from shim.core.wire import Json
from shim.translate.beginning import message_delta, new_message, new_step, step_delta
from shim.translate.calls import Calls, whole
from shim.translate.changes import Change, Outcome, usage_of
from shim.translate.closing import ENDINGS, completed_step, ended_message, ended_step
from shim.translate.failures import error_of, is_overflow, last_error
from shim.translate.hosted import HOSTED, Hosted
from shim.translate.made import Made
from shim.translate.ordering import (
    MESSAGE_OVER,
    Names,
    Ordering,
    names_of,
    parts_of,
    says_something,
)
from shim.translate.wrapper import is_wrapper, unwrapped
from shim.translate.writing import Writing

__all__ = ["RunTranslator"]


class RunTranslator:
    """Translates the events of one response of a run.

    `known` are records that an earlier worker already made for this response, in order: they are
    taken up instead of new ones, so that nothing appears twice.
    """

    def __init__(
        self, run: Run, known: Sequence[Step] = (), messages: Sequence[Message] = ()
    ) -> None:
        self.response_id: str | None = None
        self.outcome: Outcome | None = None
        self._run = run
        self._known = list(known)
        self._messages = {record.id: record for record in messages}
        self._step: Step | None = None
        self._writing: Writing | None = None
        self._calls: list[Calls] = []
        self._hosted: Hosted | None = None
        self._made = Made(run)
        self._shown: list[str] = []
        self._finished: Counter[str] = Counter()
        self._items: list[Json] = []
        self._output: list[Json] = []
        self._spoken = False
        self._silent: Json | None = None
        self._ordering = Ordering()
        self._handlers: dict[str, Callable[[Json, float], list[Change]]] = {
            "response.created": self._begun,
            "response.queued": self._begun,
            "response.in_progress": self._begun,
            "response.output_item.added": self._added,
            "response.output_item.done": self._item_done,
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._refusal,
            "response.output_text.annotation.added": self._annotated,
            "response.function_call_arguments.delta": self._arguments,
            "response.code_interpreter_call_code.delta": self._code,
            "response.completed": self._ended,
            "response.incomplete": self._ended,
            "response.failed": self._ended,
            "response.cancelled": self._ended,
            "error": self._failed,
            MESSAGE_OVER: self._over,
        }

    def feed(self, event: Json, now: float) -> list[Change]:
        """What an upstream event changes; unknown events change nothing."""
        self._output = _items_of(event.get("response") or {})
        self._made.now = now
        changes: list[Change] = []
        for each in self._ordering.feed(event):
            handler = self._handlers.get(each.get("type", ""))
            changes += handler(each, now) if handler is not None else []
        if files := self._made.fresh():
            changes.append(Change(None, files=files))
        return changes

    def abort(self, ending: str, now: float, error: Json | None = None) -> list[Change]:
        """How what is open ends because the run failed, was cancelled or expired.

        Changes nothing here: where one ending is not written because of another, ask again.
        """
        changes = []
        used = self.outcome.usage if self.outcome else Usage()
        open_steps = [group.record() for group in self._calls]
        open_steps += [step for step in self._known if step.status == "in_progress"]
        if self._writing is not None and self._step is not None:
            message = ended_message(self._writing.written(), ENDINGS[ending], now)
            changes.append(Change("thread.message.incomplete", message))
            open_steps.append(self._step)
        elif self._hosted is not None:
            open_steps.append(self._hosted.record())
        elif self._step is not None and not self._waits(self._step):
            step = completed_step(self._step, now, Usage() if open_steps else used)
            changes.append(self._told(step))
        for place, step in enumerate(open_steps, 1):
            counted = replace(step, usage=used if place == len(open_steps) else Usage())
            ended = ended_step(counted, ending, now, error)
            changes.append(Change(f"thread.run.step.{ending}", ended))
        if files := self._made.all():
            changes.append(Change(None, files=files))
        return changes

    # envelope

    def _begun(self, event: Json, _now: float) -> list[Change]:
        self.response_id = event.get("response", {}).get("id") or self.response_id
        return []

    def _ended(self, event: Json, now: float) -> list[Change]:
        response = event.get("response") or {}
        self._begun(event, now)
        status = response.get("status")
        if status not in _STATUSES:
            status = event["type"].removeprefix("response.")
        used = usage_of(response)
        if status in ("failed", "cancelled"):
            error, items = last_error(error_of(response)), self._all_items()
            full = self._is_full(response)
            self.outcome = Outcome(status, used, items, error=error, overflow=full)
            return []
        return self._closed(response, status, used, now)

    def _closed(self, response: Json, status: str, used: Usage, now: float) -> list[Change]:
        reason = (response.get("incomplete_details") or {}).get("reason")
        short = None if status == "completed" else reason or "max_output_tokens"
        changes: list[Change] = []
        for item in self._unfinished(self._output):
            changes += self._item(item, frozenset(), now, short)
        if self._wants_message(short):
            changes += self._open_message(now)
        if self._writing is not None:
            changes.append(self._finish_message(now, short))
        calls = [call for group in self._calls for call in group.required()] if not short else []
        changes += self._rest(now, used, waiting=short is None)
        kind = "calls" if calls else status
        self.outcome = Outcome(kind, used, self._all_items(), calls, reason=short)
        return changes

    def _wants_message(self, short: str | None) -> bool:
        """Whether a message is to be made of a silent one, or of images that no message showed."""
        if self._shown and self._writing is None:
            return short is not None or not self._calls
        return self._silent is not None and not self._spoken

    def _unfinished(self, output: Sequence[Json]) -> list[Json]:
        """The items of a whole response whose end was not seen: matched by kind and order.

        Not by index, since output indices can skip, nor by id, since not every server gives one.
        """
        seen: Counter[str] = Counter()
        missing = []
        for item in output:
            kind = item.get("type", "")
            seen[kind] += 1
            if seen[kind] > self._finished[kind]:
                missing.append(item)
        if self._writing is not None:  # its end comes before anything else begins
            written = next((item for item in missing if item.get("type") == "message"), None)
            missing.sort(key=lambda item: item is not written)
        return missing

    def _rest(self, now: float, used: Usage, *, waiting: bool) -> list[Change]:
        """Close or park the steps; the response's tokens go to the last of them."""
        changes = []
        last = self._step
        for group in self._calls:
            is_last = last is None or group.step.id == last.id
            parked = replace(group.record(), usage=used if is_last else Usage())
            if waiting:
                changes.append(Change(None, parked))
            else:
                done = completed_step(parked, now, parked.usage or Usage())
                changes.append(Change("thread.run.step.completed", done))
        if self._hosted is not None:
            last = self._step = self._hosted.record()
            self._hosted = None
        if last is not None and not self._waits(last):
            changes.append(self._complete_step(now, used))
        self._step = None
        return changes

    def _all_items(self) -> Sequence[Json]:
        """The items of the response; calls of which only pieces were seen are made up."""
        items = self._output or self._items
        if any(item.get("type") == "function_call" for item in items):
            return items
        return [*items, *(item for group in self._calls for item in group.items())]

    def _failed(self, event: Json, _now: float) -> list[Change]:
        error, full = last_error(error_of(event)), self._is_full(event)
        self.outcome = Outcome("failed", Usage(), self._items, error=error, overflow=full)
        return []

    def _is_full(self, body: Json) -> bool:
        """Whether nothing came of the response because its input was too long."""
        return is_overflow(body) and not self._spoken

    # items

    def _added(self, event: Json, now: float) -> list[Change]:
        item = whole(event.get("item") or {})
        match item.get("type"):
            case "message":
                return self._open_message(now)
            case "function_call" if not is_wrapper(item, self._run.tools):
                return self._open_call(item, names_of(event, item), now)
            case kind if kind in HOSTED:
                return self._open_hosted(item, now)
            case _:
                return []

    def _item_done(self, event: Json, now: float) -> list[Change]:
        item = whole(event.get("item") or {})
        self._items.append(item)
        if item.get("type") == "message" and item.get("status") == "incomplete":
            return []  # the reason comes with the end of the response
        return self._item(item, names_of(event, item), now, None)

    def _item(self, item: Json, names: Names, now: float, short: str | None) -> list[Change]:
        """A whole item: open it if it is not, add what is missing, close it."""
        self._finished[item.get("type", "")] += 1
        match item.get("type"):
            case "message":
                if self._writing is None and not says_something(item):
                    self._silent = item  # no message, unless the response has nothing else
                    return []
                changes = [] if self._writing is not None else self._open_message(now)
                changes += self._settled(item)
                cut = None if item.get("status") == "completed" else short
                return [*changes, self._finish_message(now, cut)]
            case "function_call":
                inner = unwrapped(item) if is_wrapper(item, self._run.tools) else []
                if inner:
                    return [c for call in inner for c in self._call(call, names_of({}, call), now)]
                return self._call(item, names | names_of({}, item), now)
            case kind if kind in HOSTED:
                return self._hosted_done(item, now)
            case _:
                return []

    # messages

    def _over(self, _event: Json, now: float) -> list[Change]:
        """Nothing said that the message ended: the whole response, once there, says how."""
        if self._writing is None:
            return []
        missing = self._unfinished(self._output)
        if missing and missing[0].get("type") == "message":
            return self._item(missing[0], frozenset(), now, None)
        self._finished["message"] += 1
        return [self._finish_message(now, None)]

    def _open_message(self, now: float) -> list[Change]:
        changes = self._make_way(now)
        step = self._take_known("message_creation")
        record = self._message_of(step) if step else new_message(self._run, now)
        step = step or new_step(self._run, "message_creation", now, record)
        self._step, self._writing, self._spoken = step, self._new_writing(record), True
        fresh = record.id not in self._messages
        return [
            *changes,
            Change("thread.run.step.created", step, new=fresh),
            Change("thread.run.step.in_progress", step),
            Change("thread.message.created", record, new=fresh),
            Change("thread.message.in_progress", record),
            *map(self._message_delta, self._writing.opened()),
        ]

    def _text(self, event: Json, now: float) -> list[Change]:
        return self._piece(event, "text", now)

    def _refusal(self, event: Json, now: float) -> list[Change]:
        return self._piece(event, "refusal", now)

    def _piece(self, event: Json, kind: str, now: float) -> list[Change]:
        changes = [] if self._writing is not None else self._open_message(now)
        if event.get("delta") and self._writing is not None:
            entries = self._writing.add(event.get("content_index", 0), kind, event["delta"])
            changes += map(self._message_delta, entries)
        return changes

    def _settled(self, item: Json) -> list[Change]:
        if self._writing is None:
            return []
        deltas = []
        for index, part in enumerate(parts_of(item)):
            kind = "refusal" if part.get("type") == "refusal" else "text"
            whole = part.get("refusal" if kind == "refusal" else "text")
            if isinstance(whole, str):
                noted = part.get("annotations") or ()
                deltas += self._writing.settle(index, kind, whole, noted)
        deltas += self._writing.pictures()
        return [self._message_delta(entry) for entry in deltas]

    def _annotated(self, event: Json, _now: float) -> list[Change]:
        annotation = event.get("annotation")
        if self._writing is None or not isinstance(annotation, dict):
            return []
        entries = self._writing.annotate(event.get("content_index", 0), annotation)
        return [self._message_delta(entry) for entry in entries]

    def _new_writing(self, record: Message) -> Writing:
        shown, self._shown = self._shown, []
        # the first marker of a run is numbered as the recorded ones were
        return Writing(record, self._run.sent + 3, self._made.cited, shown)

    def _message_delta(self, entry: Json) -> Change:
        assert self._writing is not None
        return message_delta(self._writing.message, entry)

    def _finish_message(self, now: float, short: str | None) -> Change:
        if short is not None:
            return self._end_message(_MESSAGE_REASONS.get(short, short), now)
        assert self._writing is not None
        done = replace(self._writing.written(), status="completed", completed_at=int(now))
        self._writing = None
        return Change("thread.message.completed", done)

    def _end_message(self, reason: str, now: float) -> Change:
        assert self._writing is not None
        ended = ended_message(self._writing.written(), reason, now)
        self._writing = None
        return Change("thread.message.incomplete", ended)

    # function calls

    def _call(self, item: Json, names: Names, now: float) -> list[Change]:
        known = any(group.has(item["call_id"]) for group in self._calls)
        changes = [] if known else self._open_call(item, names, now)
        return changes + self._settled_call(item, names)

    def _open_call(self, item: Json, names: Names, now: float) -> list[Change]:
        changes: list[Change] = []
        if self._step is None or not self._waits(self._step):
            changes, self._step = self._tool_step(now)
            self._calls.append(Calls(self._step))
        group = self._calls[-1]
        return [*changes, step_delta(group.step, group.open(item, names))]

    def _arguments(self, event: Json, _now: float) -> list[Change]:
        names = names_of(event, {})
        group = self._group(names)
        if group is None or not event.get("delta"):
            return []
        return [step_delta(group.step, group.add(names, event["delta"]))]

    def _settled_call(self, item: Json, names: Names) -> list[Change]:
        group = next(group for group in self._calls if group.has(item["call_id"]))
        entry = group.settle(item, names)
        return [step_delta(group.step, entry)] if entry else []

    def _group(self, names: Names) -> Calls | None:
        """The step with the call that the names fit best."""
        best = max(self._calls, key=lambda group: group.fit(names), default=None)
        return best if best is not None and best.fit(names) > 0 else None

    # hosted tools

    def _open_hosted(self, item: Json, now: float) -> list[Change]:
        changes, step = self._tool_step(now)
        kind = HOSTED[item["type"]]
        self._step, self._hosted = step, kind(step, self._run, item, self._made.image)
        return changes + self._hosted_deltas(self._hosted.opened())

    def _code(self, event: Json, _now: float) -> list[Change]:
        """A piece of code; those of a call that was not announced come with its end."""
        if self._hosted is None or not event.get("delta"):
            return []
        return self._hosted_deltas(self._hosted.add(event["delta"]))

    def _hosted_done(self, item: Json, now: float) -> list[Change]:
        """The call is done; its step completes when the next begins or the response ends."""
        changes = [] if self._hosted is not None else self._open_hosted(item, now)
        assert self._hosted is not None
        changes += self._hosted_deltas(self._hosted.finish(item))
        self._shown += self._hosted.shown
        self._step, self._hosted = self._hosted.record(), None
        return [*changes, Change(None, self._step)]

    def _hosted_deltas(self, entries: Sequence[Json]) -> list[Change]:
        assert self._hosted is not None
        return [step_delta(self._hosted.step, entry) for entry in entries]

    # steps

    def _tool_step(self, now: float) -> tuple[list[Change], Step]:
        """A new step for calls, and what is told of it."""
        changes = self._make_way(now)
        known = self._take_known("tool_calls")
        self._spoken = True
        step = known or new_step(self._run, "tool_calls", now)
        return [
            *changes,
            Change("thread.run.step.created", step, new=known is None),
            Change("thread.run.step.in_progress", step),
        ], step

    def _waits(self, step: Step) -> bool:
        """Whether a step is one of those whose function calls the caller answers."""
        return any(group.step.id == step.id for group in self._calls)

    def _make_way(self, now: float) -> list[Change]:
        """Close what is open before the next step begins."""
        changes = []
        if self._writing is not None:
            changes.append(self._finish_message(now, None))
        if self._hosted is not None:
            self._step, self._hosted = self._hosted.record(), None
        if self._step is not None and not self._waits(self._step):
            changes.append(self._complete_step(now, Usage()))
        self._step = None
        return changes

    def _told(self, step: Step) -> Change:
        """A completed step, told with the texts found only to those who asked for them."""
        shown = step if self._run.include else without_texts(step)
        return Change("thread.run.step.completed", step, told=shown)

    def _complete_step(self, now: float, used: Usage) -> Change:
        assert self._step is not None
        done = completed_step(self._step, now, used)
        self._step = None
        return self._told(done)

    def _take_known(self, kind: str) -> Step | None:
        return self._known.pop(0) if self._known and self._known[0].type == kind else None

    def _message_of(self, step: Step) -> Message:
        return self._messages[step.step_details["message_creation"]["message_id"]]


_STATUSES = frozenset({"completed", "incomplete", "failed", "cancelled"})
_MESSAGE_REASONS = {"max_output_tokens": "max_tokens"}


def _items_of(response: Json) -> list[Json]:
    return [whole(item) for item in response.get("output") or () if isinstance(item, dict)]
