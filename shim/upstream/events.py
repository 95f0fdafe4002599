"""Server-sent events as they come in: bytes to payloads, or to events with their names.

Knows framing, and no event's meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from shim.core.wire import Event, Json, decode_json
from shim.errors import Unreachable

__all__ = ["EventParser", "NamedEventParser"]

T = TypeVar("T")


class _Parser(Generic[T]):
    """Takes bytes as they arrive; a subclass says what an event amounts to."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[T]:
        """What is completed by these bytes."""
        for line in self._lines(chunk):
            if payload := self._line(line):
                yield payload

    def end(self) -> Iterator[T]:
        """A last event that lacks its closing blank line, if it is whole."""
        for line in (b"".join(self._pieces).rstrip(b"\r"), b""):
            try:
                payload = self._line(line)
            except Unreachable:
                return
            if payload:
                yield payload

    def _lines(self, chunk: bytes) -> list[bytes]:
        if b"\n" not in chunk and b"\r" not in chunk and not self._half_end():
            self._pieces.append(chunk)
            return []
        text = b"".join((*self._pieces, chunk))
        # A carriage return at the very end may be the first half of a line end: it waits.
        held = b"\r" if text.endswith(b"\r") else b""
        # The three line ends of the format and no other: JSON may hold a raw U+2028.
        even = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = even.split(b"\n")
        self._pieces = [rest + held]
        return lines

    def _half_end(self) -> bool:
        return bool(self._pieces) and self._pieces[-1].endswith(b"\r")

    def _line(self, line: bytes) -> T | None:
        if not line:
            return self._dispatch()
        field, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _dispatch(self) -> T | None:
        name, text = self._name, b"\n".join(self._data)
        self._name, self._data = "", []
        return self._event(name, text) if text else None

    def _event(self, name: str, text: bytes) -> T | None:
        raise NotImplementedError


class EventParser(_Parser[Json]):
    """Gives the payload of each event that the bytes complete."""

    def _event(self, name: str, text: bytes) -> Json | None:
        if text.strip() == b"[DONE]":
            return None
        payload = _decoded(text)
        return _typed(payload, name) if isinstance(payload, dict) else None


class NamedEventParser(_Parser[Event]):
    """Gives each event as it was sent, its end included."""

    def _event(self, name: str, text: bytes) -> Event:
        payload = None if text.strip() == b"[DONE]" else _decoded(text)
        data = payload if isinstance(payload, dict) else text.decode("utf-8", "replace")
        return Event(name, data)


def _decoded(text: bytes) -> object:
    try:
        return decode_json(text)
    except ValueError as error:
        raise Unreachable("the upstream sent an event that is not JSON", sent=True) from error


def _typed(payload: Json, name: str) -> Json:
    """The payload with its `type`: the event's name, or `error` for a bare error object."""
    if payload.get("type"):
        return payload
    kind = name or ("error" if payload.get("error") else "")
    return {**payload, "type": kind} if kind else payload
