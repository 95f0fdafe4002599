"""Playback: a Handler that answers from a recording, so that a program runs against it.

Each recorded exchange is given out once, in order, for a call with the same method, path, query and
body; reads may be repeated. The ids that were recorded are given out, so that what the program asks
next is what was asked then. A call that was not recorded is answered with an error which says how
it differs from the nearest that was. Knows no meaning of calls.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shim.compare.likeness import Asking, Names, asking, ids_in
from shim.compare.reading.recordings import exchanges, older
from shim.core.wire import Call, Event, Reply
from shim.errors import ApiError, SettingsError, Unreachable
from shim.native.exchanges import KEPT_OF_ANSWERS, Exchange, line_of, telling

__all__ = ["Playback"]

CODE = "not_in_recording"
"""The code of the error that answers a call which was not recorded."""

_MOST_TOLD = 3
_UNKNOWN = "The recording has no answer to {0}. "
_NEAREST = "The nearest is {0} ({1}): {2}."
_USED = "it was given out already, and only reads are answered again"
_BYTES = (
    "The recording keeps of the answer to {0} only that it was {1} bytes of {2}: there is nothing "
    "to be given out."
)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class _Track:
    """A recorded exchange, and how often it was given out."""

    exchange: Exchange
    asking: Asking
    place: str
    times: int = 0


class Playback:
    """Answers calls from exchanges. Safe in threads, in either colour.

    `speed` is how many times as fast as recorded streams are: 1 takes their time, 0 takes none.
    """

    def __init__(self, recorded: Iterable[Exchange], *, speed: float = 0.0) -> None:
        answered = [each for each in recorded if each.status or each.problem]
        answered = [each for each in answered if not (each.aborted and not each.status)]
        ordered = sorted(answered, key=lambda each: each.at or 0.0)
        self._tracks = [
            _Track(each, Asking.of(each), each.place or f"exchange {number}")
            for number, each in enumerate(ordered, 1)
        ]
        self._shapes: dict[tuple[str, ...], list[tuple[int, _Track]]] = {}
        for number, track in enumerate(self._tracks):
            self._shapes.setdefault(track.asking.shape, []).append((number, track))
        self._speed = speed
        self._sleep: Sleep | None = None
        self._names = Names(frozenset(_ids(ordered)))
        self._places: dict[str, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, path: Path, *, speed: float = 0.0) -> Playback:
        """The playback of a file; raises SettingsError for one that holds no exchange."""
        read = [each for part in older(path) for each in exchanges(part)]
        found = [each for each in read if isinstance(each, Exchange)]
        if not found:
            raise SettingsError(f"{path} holds no exchange to be played")
        return cls(found, speed=speed)

    def paced(self, sleep: Sleep) -> Playback:
        """The same, waiting as its door does."""
        self._sleep = sleep
        return self

    @property
    def left(self) -> int:
        """How many exchanges were not given out yet."""
        return sum(not each.times for each in self._tracks)

    async def __call__(self, call: Call) -> Reply:
        """The recorded answer; raises ApiError where there is none."""
        asked = asking(call)
        with self._lock:
            track = self._found(asked)
        if track is None:
            raise ApiError(400, self._told(asked), code=CODE, headers={"x-should-retry": "false"})
        return self._reply(track)

    def _found(self, asked: Asking) -> _Track | None:
        """The exchange to be given out, by the rule at the head of this module."""
        alike: list[tuple[int, _Track, dict[str, str]]] = []
        for number, track in self._shapes.get(asked.shape, ()):
            bound = self._names.matching(asked, track.asking)
            if bound is not None:
                alike.append((number, track, bound))
        fresh = [each for each in alike if not each[1].times]
        if not fresh and asked.method != "GET":
            return None
        # what comes next in its thread, else what was left out before, else what was read last
        place = self._places.get(self._thread(asked), -1)
        ahead = (each for each in fresh if each[0] > place)
        chosen = next(ahead, None) or next(iter(fresh), None) or (alike[-1] if alike else None)
        if chosen is None:
            return None
        number, track, bound = chosen
        track.times += 1
        self._names.known |= bound
        self._places[self._thread(track.asking)] = max(number, place)
        return track

    def _thread(self, asked: Asking) -> str:
        """The thread that a call is about, by its recorded name."""
        named = asked.path[1] if asked.path[:1] == ("threads",) and len(asked.path) > 1 else ""
        return self._names.known.get(named, named)

    def _told(self, asked: Asking) -> str:
        """What was asked, and how the nearest recorded exchange differs."""
        words = _UNKNOWN.format(asked)
        ranked = [(self._names.differences(asked, each.asking), each) for each in self._tracks]
        if not ranked:
            return f"{words}It is empty."
        differences, nearest = min(ranked, key=lambda each: _distance(asked, *each))
        told = "; ".join(differences[:_MOST_TOLD]) or _USED
        more = len(differences) - _MOST_TOLD
        told += f"; and {more} more" if more > 0 else ""
        return words + _NEAREST.format(nearest.asking, nearest.place, told)

    def _reply(self, track: _Track) -> Reply:
        exchange = track.exchange
        if exchange.status == 0 or (exchange.problem and exchange.events is None):
            raise Unreachable(exchange.problem, sent=True)
        headers = {k: v for k, v in exchange.answer_headers.items() if k in KEPT_OF_ANSWERS}
        if exchange.events is not None:
            return Reply(exchange.status, headers=headers, events=self._events(exchange))
        if exchange.answer is None and exchange.answer_content is not None:
            content = exchange.answer_content
            words = _BYTES.format(track.asking, content.get("bytes"), content.get("kind"))
            raise ApiError(400, words, code=CODE, headers={"x-should-retry": "false"})
        return Reply(exchange.status, exchange.answer or {}, headers=headers)

    async def _events(self, exchange: Exchange) -> AsyncGenerator[Event, None]:
        """The recorded events; a stream that broke off breaks off."""
        spent = 0.0
        for each in exchange.events or ():
            if self._speed and self._sleep is not None and each.seconds is not None:
                await self._sleep(max(0.0, each.seconds - spent) / self._speed)
                spent = max(spent, each.seconds)
            yield each.event
        if exchange.problem:
            raise Unreachable(exchange.problem, sent=True)


def _ids(recorded: Iterable[Exchange]) -> Iterator[str]:
    """The ids that a recording speaks of: each stands for itself."""
    for each in recorded:
        yield from ids_in(line_of(telling(each)).decode("utf-8", "replace"))


def _distance(asked: Asking, differences: list[str], track: _Track) -> tuple[int, int, int, int]:
    """How far a recorded exchange is from a call: what is not used yet is nearer."""
    other = track.asking
    shared = sum(a == b for a, b in zip(asked.path, other.path, strict=False))
    return (
        int(asked.method != other.method or len(asked.path) != len(other.path)),
        -shared,
        len(differences),
        track.times,
    )
