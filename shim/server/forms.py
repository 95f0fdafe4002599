"""Forms on their way to the upstream, looked at as they pass: the fields, never the files.

Knows the form of multipart bodies. A field is told of before the piece that ends it is passed on,
so that whoever refuses it lets no whole form through.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shim.core import refusals
from shim.errors import ApiError

__all__ = ["boundary_of", "watched"]

_MOST = 1_000_000
"""How long a field may be: prompts are shorter."""

Look = Callable[[Any], Awaitable[None]]


def boundary_of(kind: str) -> bytes | None:
    """The boundary of a form by its content type; None where that is no form's."""
    name, options = parse_options_header(kind)
    return options.get(b"boundary", b"") if name.startswith(b"multipart/") else None


async def watched(
    pieces: AsyncIterator[bytes], boundary: bytes, look: Look
) -> AsyncGenerator[bytes, None]:
    """The pieces of a form; `look` is shown each field as a body of JSON would have it."""
    try:
        form = _Form(boundary)
        async for piece in pieces:
            form.feed(piece)
            for field in form.taken():
                await look(field)
            yield piece
    except FormParserError:
        raise refusals.malformed() from None


class _Form:
    """The fields of a form that have come so far."""

    def __init__(self, boundary: bytes) -> None:
        self._fields: list[Any] = []
        self._header, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._text = b""
        self._is_file = False
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._named,
            "on_header_value": self._valued,
            "on_header_end": self._header_done,
            "on_headers_finished": self._headers_done,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }
        self.parser = MultipartParser(boundary, callbacks)

    def feed(self, piece: bytes) -> None:
        """Take in a piece."""
        self.parser.write(piece)

    def taken(self) -> list[Any]:
        """The fields that were not taken yet."""
        fields, self._fields = self._fields, []
        return fields

    def _begin(self) -> None:
        self._headers, self._text = {}, b""

    def _named(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _valued(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_done(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _headers_done(self) -> None:
        _, self._options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._is_file = b"filename" in self._options

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file and not self._names():
            return
        self._text += data[start:end]
        if len(self._text) > _MOST:
            raise ApiError(413, f"A field of the form has more than {_MOST} bytes.")

    def _names(self) -> list[str]:
        name = self._options.get(b"name", b"").decode("utf-8", "replace")
        words = re.findall(r"\w+", name)
        return [word for word in words if not word.isdigit() and word.lower() != "file"]

    def _end(self) -> None:
        """`images[0][file_id]` may be read as a key of any of these names."""
        text = self._text.decode("utf-8", "replace").strip()
        value = _json(text)
        self._fields += [{name: value} for name in self._names()]


def _json(text: str) -> Any:
    if text[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
