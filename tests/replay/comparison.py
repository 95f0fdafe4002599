"""Compares an answer with the recorded one: what may differ, and how a difference is named.

Ids, and the times of expiry, differ but must differ consistently; other timestamps must be there,
and change when the recorded ones change. The usage of steps has the recorded shape, and the
recorded sum over a run's steps (`usages` says why). All else is equal, of the same type, in the
same order. Knows nothing of requests.
"""

from __future__ import annotations

import json
import re
from typing import Any

from recordings import Event, Exchange, read_events
from usages import Usages, aligned

__all__ = ["ID", "Comparison"]

ID = re.compile(r"(asst|thread|run|msg|step|call|vs|file)[_-][0-9A-Za-z]{22,32}")

_STEP = "thread.run.step"

_ADDED = {
    "thread.message": frozenset({"status", "incomplete_details", "incomplete_at", "completed_at"}),
    _STEP: frozenset({"expired_at", "metadata"}),
}
"""The keys that the published types require and the recorded server left out (design section 5)."""

_HEADERS = ("content-type", "openai-version")
_PRESENT = ("x-request-id", "openai-processing-ms")


class Comparison:
    """Compares the answers of one scenario; `differences` names each once, in order.

    `remarks` say which rule let something differ that is not an id or a time.
    """

    def __init__(self) -> None:
        self.differences: dict[str, None] = {}
        self.ids: dict[str, str] = {}
        self._usages = Usages()
        self._stamps: dict[tuple[str, str], tuple[int, int]] = {}

    def note(self, difference: str) -> None:
        """Note a difference; the same one in many places is one."""
        self.differences[difference] = None

    def finish(self) -> None:
        """Compare what only all answers together tell."""
        for wrong in self._usages.wrong():
            self.note(f"{_STEP}.usage.{wrong}")

    @property
    def remarks(self) -> list[str]:
        """What was compared by a rule of its own, because it was not the same."""
        return ["usage compared as the run's sum"] if self._usages.shared else []

    def ours(self, text: str) -> str:
        """A text of the recording with our ids in place of the recorded ones."""
        return ID.sub(lambda found: self.ids.get(found[0], found[0]), text)

    def answer(self, recorded: Exchange, status: int, headers: Any, raw: str) -> None:
        """Compare an answer as it came over the wire."""
        for name in _HEADERS:
            if headers.get(name) != recorded.answer_headers[name]:
                self.note(f"header {name}: {recorded.answer_headers[name]}, {headers.get(name)}")
        for name in _PRESENT:
            if name not in headers:
                self.note(f"header {name} is missing")
        if status != recorded.status:
            self.note(f"status: {recorded.status}, {status} {_code(raw)}".rstrip())
        elif recorded.streamed:
            self._events(recorded.answer, read_events(raw))
            self._layout(recorded, raw, _framed)
        else:
            self.value(recorded.answer, json.loads(raw), _kind(recorded.answer, "answer"))
            self._layout(recorded, raw, _pretty)

    def _layout(self, recorded: Exchange, raw: str, laid_out: Any) -> None:
        """Where the recorded bytes are laid out in the known way, ours must be."""
        known = recorded.raw is not None and laid_out(recorded.raw) == recorded.raw
        if known and laid_out(raw) != raw:
            self.note("the JSON is laid out in another way")

    def _events(self, recorded: list[Event], made: list[Event]) -> None:
        names = [event.name for event in recorded]
        ours = [event.name for event in made]
        for name, other in zip(names, ours, strict=False):
            if name != other:
                self.note(f"event {name}: {other}")
        if len(names) != len(ours):
            self.note(f"events: {len(names)}, {len(ours)}")
        for event, other in zip(recorded, made, strict=False):
            self.value(event.data, other.data, _kind(event.data, event.name))

    def value(self, recorded: Any, made: Any, place: str, key: str = "") -> None:
        """Compare two values and all that is in them."""
        match recorded, made:
            case dict(), dict():
                self._object(recorded, made, place)
            case list(), list():
                if len(recorded) != len(made):
                    self.note(f"{place}: {len(recorded)} entries, {len(made)}")
                for one, other in zip(recorded, made, strict=False):
                    self.value(one, other, _kind(one, f"{place}[]"))
            case str(), str():
                self._text(recorded, made, place)
            case int(), int() if key == "expires_at":
                self._alike(f"time {recorded}", f"time {made}", place)
            case int(), int() if key.endswith("_at"):
                pass  # `_object` compares it with what the object showed before
            case _ if type(recorded) is not type(made) or recorded != made:
                self.note(f"{place}: {json.dumps(recorded)}, {json.dumps(made)}")

    def _object(self, recorded: dict[str, Any], made: dict[str, Any], place: str) -> None:
        added = _ADDED.get(recorded.get("object", ""), frozenset())
        for key in recorded:
            if key not in made:
                self.note(f"{place}.{key} is missing")
        for key in made:
            if key not in recorded and key not in added:
                self.note(f"{place}.{key} is extra")
        if [k for k in recorded if k in made] != [k for k in made if k in recorded]:
            self.note(f"{place}: the keys are in another order")
        for key, value in recorded.items():
            if key in made:
                ours = self._counted(recorded, made[key], place) if key == "usage" else made[key]
                self.value(value, ours, _kind(value, f"{place}.{key}"), key)
        self._times(recorded, made, place)

    def _counted(self, recorded: dict[str, Any], usage: Any, place: str) -> Any:
        """Our usage as it is to be compared here: of a step only in its shape."""
        if recorded.get("object") != _STEP or not recorded["usage"] or not isinstance(usage, dict):
            return usage
        for wrong in self._usages.add(recorded, usage):
            self.note(f"{place}.usage: {wrong}")
        return aligned(recorded["usage"], usage)

    def _times(self, recorded: dict[str, Any], made: dict[str, Any], place: str) -> None:
        """Timestamps change when the recorded ones do, and runs expire as long after they began."""
        for key, value in recorded.items():
            if not (key.endswith("_at") and type(value) is type(made.get(key)) is int):
                continue
            known = (recorded.get("id", ""), key)
            before = self._stamps.get(known)
            self._stamps[known] = (value, made[key])
            if before and (before[0] == value) != (before[1] == made[key]):
                told = "stays, the recorded one moves"
                if before[0] == value:
                    told = "moves, the recorded one does not"
                self.note(f"{place}.{key}: {told}")
        if recorded.get("object") == "thread.run" and _lifetime(recorded) != _lifetime(made):
            self.note(f"{place}.expires_at: {_lifetime(recorded)} seconds, {_lifetime(made)}")

    def _text(self, recorded: str, made: str, place: str) -> None:
        one, other = ID.fullmatch(recorded), ID.fullmatch(made)
        if one and other and one[1] == other[1]:
            self._alike(recorded, made, place)
        elif self.ours(recorded) != made:
            self.note(f"{place}: {json.dumps(recorded)}, {json.dumps(made)}")

    def _alike(self, recorded: str, made: str, place: str) -> None:
        """The same recorded value is always the same one of ours, and no other's."""
        if recorded not in self.ids and made not in self.ids.values():
            self.ids[recorded] = made
        if self.ids.get(recorded) != made:
            self.note(f"{place}: names another object than the recorded one")


def _kind(value: Any, place: str) -> str:
    """Where a value stands: objects of the API begin a path of their own."""
    return str(value["object"]) if isinstance(value, dict) and "object" in value else place


def _lifetime(run: dict[str, Any]) -> int | None:
    match run:
        case {"created_at": int(begin), "expires_at": int(end)}:
            return end - begin
        case _:
            return None


def _code(raw: str) -> str:
    try:
        return str(json.loads(raw)["error"]["code"] or "")
    except (ValueError, KeyError):
        return ""


def _pretty(raw: str) -> str:
    return json.dumps(json.loads(raw), ensure_ascii=False, indent=2)


def _framed(raw: str) -> str:
    return "".join(
        f"event: {event.name}\ndata: {_compact(event.data)}\n\n" for event in read_events(raw)
    )


def _compact(data: Any) -> str:
    if isinstance(data, str):
        return data
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
