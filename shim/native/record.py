"""Recording: a Handler around a Handler that keeps every exchange as a line of a file.

A stream is recorded as it passes: each event is handed on at once, with the time noted. Lines are
made and written beside the calls, and nothing of it slows a call down or fails it. Which headers
are worth keeping is listed here; whose the call is, is never told. Knows calls and answers, not
what they mean.
"""

from __future__ import annotations

import logging
import time
import traceback
import weakref
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from shim.core.wire import Call, Event, Handler, Json, Reply, decode_json
from shim.errors import ApiError, Unreachable
from shim.native.appending import Lines
from shim.native.exchanges import KEPT_OF_ANSWERS, line_of, untold
from shim.native.forward import LANE
from shim.native.redaction import Redaction
from shim.upstream.events import NamedEventParser

__all__ = ["Hook", "Recorder", "keys_of"]

log = logging.getLogger("shim")

Hook = Callable[[Json], Json | None]
"""From an exchange, as it is to be written, to what is written in its place; None drops it."""

_ASKED = (
    *("accept", "content-type", "openai-beta", "user-agent", "x-stainless-async"),
    *("x-stainless-helper-method", "x-stainless-lang", "x-stainless-package-version"),
    *("x-stainless-poll-helper", "x-stainless-retry-count"),
)
_FORMS = {"text/event-stream": "lines", "application/json": "json"}
"""The forms of bytes that are kept; of others the size alone is told."""

_OF_KEYS = ("authorization", "api-key", "x-api-key")

_EVEN_IF_EMPTY = {"at", "seconds", "body", "answer", "events"}

T = TypeVar("T")
Clock = Callable[[], float]


@dataclass(slots=True)
class _Passed(Generic[T]):
    """What has passed of a stream, and whether it came to its end. `end` is told once."""

    end: Callable[[_Passed[T]], None]
    pieces: list[tuple[float, T]] = field(default_factory=list)
    size: int = 0
    whole: bool = False
    told: bool = False
    problem: str = ""

    def count(self, noted: tuple[float, T]) -> None:
        """Of what is not kept the size alone is told."""
        self.size += len(noted[1])  # type: ignore[arg-type]

    def tell(self) -> None:
        """The stream is over, one way or another."""
        if not self.told:
            self.told = True
            self.end(self)


class _Watched(AsyncGenerator[T, None], Generic[T]):
    """A stream that notes when each piece came. One that is dropped has ended, too."""

    def __init__(
        self, source: AsyncGenerator[T, None], passed: _Passed[T], *, kept: bool, clock: Clock
    ) -> None:
        self._next = source.__anext__
        self._source = source
        self._passed = passed
        self._note = passed.pieces.append if kept else passed.count
        self._clock = clock
        weakref.finalize(self, passed.tell).atexit = False

    async def __anext__(self) -> T:
        try:
            piece = await self._next()
        except StopAsyncIteration:
            self._passed.whole = True
            self._passed.tell()
            raise
        except BaseException as error:
            self._passed.problem = f"{type(error).__name__}: {error}"
            self._passed.tell()
            raise
        self._note((self._clock(), piece))
        return piece

    async def aclose(self) -> None:
        self._passed.tell()
        await self._source.aclose()

    async def asend(self, value: None) -> T:  # noqa: ARG002 - the protocol's signature
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> T:
        self._passed.tell()
        return await self._source.athrow(typ, val, tb)


class Recorder:
    """Records what a handler answers. `lane` is that of answers which do not say theirs.

    `secrets` are keys that are never to be written, whoever says them.
    """

    def __init__(
        self,
        handler: Handler,
        lines: Lines,
        *,
        lane: str = "",
        hook: Hook | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self._handler = handler
        self._lines = lines
        self._lane = lane
        self._hook = hook
        self._secrets = tuple(secrets)
        self._hook_failed = False
        self.flush = lines.flush

    async def __call__(self, call: Call) -> Reply:
        """Answer as the handler answers; raises what it raises."""
        exchange = _Asking(call, time.time(), time.monotonic())
        try:
            reply = await self._handler(call)
        except ApiError as error:
            self._put(exchange.answered(Reply(error.status, error.body(), headers=error.headers)))
            raise
        except BaseException as error:
            status = 502 if isinstance(error, Unreachable) else 0
            told = exchange.answered(Reply(status), f"{type(error).__name__}: {error}")
            told.aborted = status == 0
            self._put(told)
            raise
        if reply.events is not None:
            return replace(reply, events=self._watched(reply.events, exchange, reply))
        if reply.chunks is not None:
            return replace(reply, chunks=self._watched(reply.chunks, exchange, reply))
        self._put(exchange.answered(reply))
        return reply

    def _watched(
        self, source: AsyncGenerator[T, None], exchange: _Asking, reply: Reply
    ) -> AsyncGenerator[T, None]:
        bare = replace(reply, events=None, chunks=None)
        form = "events" if reply.events is not None else _FORMS.get(_kind(reply), "")

        def end(passed: _Passed[T]) -> None:
            told = exchange.answered(bare, passed.problem)
            told.form, told.pieces = form, passed.pieces
            told.size, told.whole = passed.size, passed.whole
            self._put(told)

        return _Watched(source, _Passed(end), kept=bool(form), clock=time.monotonic)

    def _put(self, told: _Told) -> None:
        self._lines.put(lambda: self._line(told))

    def _line(self, told: _Told) -> bytes | None:
        """The line of an exchange, without secrets; None where it is not to be written."""
        exchange = told.exchange(self._lane)
        line = line_of(exchange)
        redaction = Redaction([*self._secrets, *keys_of(told.call)])
        events = [data for _, _, data in exchange.get("events") or ()]
        hidden = redaction.needed(line.decode("utf-8", "replace"))
        if hidden or redaction.needed_in_pieces(events):
            exchange = _without_secrets(exchange, redaction)
            line = line_of(exchange)
        return line if self._hook is None else self._hooked(self._hook, line)

    def _hooked(self, hook: Hook, line: bytes) -> bytes | None:
        """What the user's own code makes of a copy of the exchange."""
        try:
            changed = hook(untold(line))
            return None if changed is None else line_of(changed)
        except Exception as error:  # noqa: BLE001 - the user's own code
            self._tell_hook(error)
            return None

    def _tell_hook(self, error: Exception) -> None:
        if not self._hook_failed:
            self._hook_failed = True
            last = traceback.extract_tb(error.__traceback__)[-1]
            # not what it says, which may be of what users said
            log.warning(
                "SHIM_RECORD_HOOK failed, so that exchanges are not written: %s at %s:%s",
                type(error).__name__,
                last.filename,
                last.lineno,
            )


@dataclass(frozen=True, slots=True)
class _Asking:
    """A call that is under way."""

    call: Call
    at: float
    began: float

    def answered(self, reply: Reply, problem: str = "") -> _Told:
        """It was answered just now."""
        return _Told(self.call, reply, self.at, self.began, time.monotonic(), problem)


@dataclass(slots=True)
class _Told:
    """A call and its answer, not put into words yet."""

    call: Call
    reply: Reply
    at: float
    began: float
    ended: float
    problem: str = ""
    form: str | None = None
    pieces: list[Any] = field(default_factory=list)
    size: int = 0
    whole: bool = True
    aborted: bool = False

    def exchange(self, lane: str) -> Json:
        """The exchange as a line has it."""
        call, reply = self.call, self.reply
        told: Json = {
            "at": round(self.at, 6),
            "seconds": round(self.ended - self.began, 6),
            "lane": reply.headers.get(LANE) or lane or None,
            "method": call.method,
            "path": call.path,
            "query": [list(pair) for pair in call.query],
            "headers": _kept(call.headers, _ASKED),
            **_body("body", "content", call.body, call.headers),
            "status": reply.status or None,
            "answer_headers": _kept(reply.headers, KEPT_OF_ANSWERS),
            **self._answer(),
            "problem": self.problem,
        }
        if self.aborted:
            told["aborted"] = True
        return {k: v for k, v in told.items() if v or k in _EVEN_IF_EMPTY}

    def _answer(self) -> Json:
        """The answer, as far as it is kept."""
        match self.form:
            case None:
                body = self.reply.body
                return {} if body is None and self.problem else {"answer": body or {}}
            case "events":
                return self._events(self.pieces)
            case "lines":
                return self._events(_parsed(self.pieces))
            case "json":
                content = b"".join(piece for _, piece in self.pieces)
                return _body("answer", "answer_content", content, self.reply.headers)
            case _:
                self.aborted = not self.whole
                return {"answer_content": {"kind": _kind(self.reply), "bytes": self.size}}

    def _events(self, events: Iterable[tuple[float, Event]]) -> Json:
        told = [[round(at - self.began, 6), event.name, event.data] for at, event in events]
        self.aborted = not (told and told[-1][1] in {"done", "error"})
        return {"events": told}


def _without_secrets(exchange: Json, redaction: Redaction) -> Json:
    """A copy without secrets: the objects of an answer are others', and stay as they are."""
    copy = untold(line_of(exchange))
    redaction.pieces([data for _, _, data in copy.get("events") or ()])
    copy = redaction.value(copy)
    return {**copy, "removed": redaction.removed} if redaction.removed else copy


def _parsed(pieces: Iterable[tuple[float, bytes]]) -> Iterable[tuple[float, Event]]:
    """The events of a stream of bytes; one that is cut off in the midst of an event ends there."""
    parser, when = NamedEventParser(), 0.0
    try:
        for when, piece in pieces:
            for event in parser.feed(piece):
                yield when, event
        for event in parser.end():
            yield when, event
    except Unreachable:
        return


def _body(name: str, other: str, content: bytes, headers: Mapping[str, str]) -> Json:
    """A body that is a JSON object, else its kind and size."""
    if not content:
        return {}
    try:
        value = decode_json(content)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return {name: value}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return {other: {"kind": kind or "unknown", "bytes": len(content)}}


def _kind(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def _kept(headers: Mapping[str, str], names: Iterable[str]) -> Json:
    return {name: headers[name] for name in names if name in headers}


def keys_of(call: Call) -> Iterable[str]:
    """The keys that a call shows, or goes on with."""
    for headers in (call.headers, call.target.headers):
        for name in _OF_KEYS:
            if value := headers.get(name):
                yield value.rpartition(" ")[2]
