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

from shim.core.records import Message, Run, Step, Usage
from shim.core.wire import Json
from shim.translate.calls import FunctionCalls, whole
from shim.translate.changes import Change, Outcome, usage_of
from shim.translate.closing import ended_step
from shim.translate.failures import error_of, is_overflow, last_error
from shim.translate.hosted import HOSTED, HostedCalls
from shim.translate.made import Made
from shim.translate.messages import Messages
from shim.translate.ordering import ITEM_OVER, Names, Ordering, names_of, says_something
from shim.translate.steps import Steps
from shim.translate.wrapper import is_wrapper, unwrapped

__all__ = ["RunTranslator"]


class RunTranslator:
    """Translates the events of one response of a run.

    `known` and `messages` are what an earlier worker already made for this response.
    """

    def __init__(
        self, run: Run, known: Sequence[Step] = (), messages: Sequence[Message] = ()
    ) -> None:
        self.response_id: str | None = None
        self.outcome: Outcome | None = None
        self._run = run
        self._made = Made(run)
        self._steps = Steps(run, known, messages)
        self._messages = Messages(run, self._steps, self._made)
        self._calls = FunctionCalls(self._steps, self._messages.pictures)
        self._hosted = HostedCalls(run, self._steps, self._made.image)
        self._finished: Counter[str] = Counter()
        self._items: list[Json] = []
        self._output: list[Json] = []
        self._silent: Json | None = None
        self._ordering = Ordering()
        self._handlers: dict[str, Callable[[Json, float], list[Change]]] = {
            "response.created": self._begun,
            "response.queued": self._begun,
            "response.in_progress": self._begun,
            "response.output_item.added": self._added,
            "response.output_item.done": self._item_done,
            "response.output_text.delta": self._messages.text,
            "response.refusal.delta": self._messages.refusal,
            "response.output_text.annotation.added": self._messages.annotated,
            "response.function_call_arguments.delta": self._calls.arguments,
            "response.code_interpreter_call_code.delta": self._hosted.code,
            "response.completed": self._ended,
            "response.incomplete": self._ended,
            "response.failed": self._ended,
            "response.cancelled": self._ended,
            "error": self._failed,
            ITEM_OVER: self._over,
        }

    def feed(self, event: Json, now: float) -> list[Change]:
        """What an upstream event changes; unknown events change nothing."""
        response = event.get("response") or {}
        self._output = _items_of(response)
        self._made.asked(response)
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
        used = self.outcome.usage if self.outcome else Usage()
        changes, written = self._messages.aborted(ending, now)
        open_steps = [*self._calls.records(), *self._steps.left()]
        open_steps += [*written, *self._hosted.records()]
        changes += self._steps.completion(now, Usage() if open_steps else used)
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
            changes = self._left_over(now)
            full = self._is_full(response)
            self.outcome = Outcome(status, used, items, error=error, overflow=full)
            return changes
        return self._closed(response, status, used, now)

    def _closed(self, response: Json, status: str, used: Usage, now: float) -> list[Change]:
        reason = (response.get("incomplete_details") or {}).get("reason")
        short = None if status == "completed" else reason or "max_output_tokens"
        changes: list[Change] = []
        for item in self._unfinished(self._output):
            changes += self._item(item, frozenset(), now, short)
        if self._messages.shown or (self._silent is not None and not self._steps.begun):
            changes += self._messages.begin(now)  # of images, or of a model that said nothing
        if self._messages.open:
            changes += self._messages.finish(now, short)
        calls = self._calls.required() if not short else []
        changes += self._rest(now, used, waiting=short is None)
        kind = "calls" if calls else status
        self.outcome = Outcome(kind, used, self._all_items(), calls, reason=short)
        return changes

    def _left_over(self, now: float) -> list[Change]:
        """What a response made before it broke off, and no event told of.

        An item that was not ended stays open: it ends as the run does.
        """
        changes: list[Change] = []
        for item in self._unfinished(self._output):
            kind = item.get("type")
            if item.get("status") in (None, "completed"):
                changes += self._item(item, frozenset(), now, None)
            elif kind == "message" and says_something(item):
                changes += [] if self._messages.open else self._messages.begin(now)
                changes += self._messages.settled(item)
            elif kind in HOSTED and self._open is None:
                changes += self._hosted.open(item, now)
                changes += self._hosted.code({"delta": item.get("code")}, now)
        return changes

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
        if kind := self._open:  # its end comes before anything else begins
            first = next((item for item in missing if item.get("type") == kind), None)
            missing.sort(key=lambda item: item is not first)
        return missing

    @property
    def _open(self) -> str | None:
        """The type of the item that goes on, of which no other may begin before its end."""
        return "message" if self._messages.open else self._hosted.kind

    def _rest(self, now: float, used: Usage, *, waiting: bool) -> list[Change]:
        """Close or park the steps; the response's tokens go to the last of them."""
        self._hosted.left()
        counted = used if self._steps.held is None else Usage()
        changes = self._calls.parked(counted) if waiting else self._calls.closed(now, counted)
        return changes + self._steps.completed(now, used)

    def _all_items(self) -> Sequence[Json]:
        """The items of the response; calls of which only pieces were seen are made up."""
        items = self._output or self._items
        if any(item.get("type") == "function_call" for item in items):
            return items
        return [*items, *self._calls.items()]

    def _failed(self, event: Json, _now: float) -> list[Change]:
        error, full = last_error(error_of(event)), self._is_full(event)
        self.outcome = Outcome("failed", Usage(), self._items, error=error, overflow=full)
        return []

    def _is_full(self, body: Json) -> bool:
        """Whether nothing came of the response because its input was too long."""
        return is_overflow(body) and not self._steps.begun

    # items

    def _added(self, event: Json, now: float) -> list[Change]:
        item = whole(event.get("item") or {})
        match item.get("type"):
            case "message":
                return self._messages.begin(now)
            case "function_call" if not is_wrapper(item, self._run.tools):
                return self._calls.open(item, names_of(event, item), now)
            case kind if kind in HOSTED:
                return self._hosted.open(item, now)
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
                return self._message(item, now, short)
            case "function_call":
                inner = unwrapped(item) if is_wrapper(item, self._run.tools) else []
                names = names | names_of({}, item)
                called = [(call, names_of({}, call)) for call in inner] or [(item, names)]
                return [c for call, by in called for c in self._calls.done(call, by, now)]
            case kind if kind in HOSTED:
                self._made.ran(item)
                changes, shown = self._hosted.done(item, now)
                self._messages.shown += shown
                return changes
            case _:
                return []

    def _message(self, item: Json, now: float, short: str | None) -> list[Change]:
        if not self._messages.open and not says_something(item):
            self._silent = item  # no message, unless the response has nothing else
            return []
        changes = [] if self._messages.open else self._messages.begin(now)
        changes += self._messages.settled(item)
        cut = None if item.get("status") == "completed" else short
        return changes + self._messages.finish(now, cut)

    def _over(self, _event: Json, now: float) -> list[Change]:
        """Nothing said that what is open ended: the whole response, once there, says how."""
        kind = self._open or ""
        missing = self._unfinished(self._output)
        if missing and missing[0].get("type") == kind:
            return self._item(missing[0], frozenset(), now, None)
        self._finished[kind] += 1
        if self._messages.open:
            return self._messages.finish(now, None)
        self._hosted.left()
        return []


_STATUSES = frozenset({"completed", "incomplete", "failed", "cancelled"})


def _items_of(response: Json) -> list[Json]:
    return [whole(item) for item in response.get("output") or () if isinstance(item, dict)]
