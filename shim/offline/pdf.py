"""The text of simple PDFs: uncompressed or Flate streams, literal or hexadecimal strings.

Knows the text operators of content streams; no fonts with encodings of their own, no scans.
"""

from __future__ import annotations

import re
import zlib

__all__ = ["text_of_pdf"]

_STREAM = re.compile(rb"<<(.*?)>>\s*stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
_TEXT = re.compile(rb"\bBT\b(.*?)\bET\b", re.DOTALL)
_TOKEN = re.compile(
    rb"\((?:\\.|[^()\\]|\((?:\\.|[^()\\])*\))*\)"  # a literal string, one level nested
    rb"|<[0-9A-Fa-f\s]*>|\[|\]|[A-Za-z]+\*?|'|\"|-?\d*\.?\d+",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r?\n|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_NEW_LINE = (b"T*", b"Td", b"TD", b"Tm")
_SHOW_ON_NEXT = (b"'", b'"')
_GAP = -180.0
"""A move to the right within a line, in thousandths of an em, that stands for a blank."""


def text_of_pdf(content: bytes) -> str:
    """All text, lines as the operators part them."""
    streams = (_decoded(head, body) for head, body in _STREAM.findall(content))
    blocks = (_block(block) for stream in streams for block in _TEXT.findall(stream))
    return "\n".join(block.strip() for block in blocks if block.strip())


def _decoded(head: bytes, body: bytes) -> bytes:
    if b"FlateDecode" not in head:
        return body
    try:
        return zlib.decompressobj().decompress(body)
    except zlib.error:
        return b""


def _block(block: bytes) -> str:
    """The text of one BT ... ET."""
    pieces: list[str] = []
    inside = False
    for token in _TOKEN.findall(block):
        if token in (b"[", b"]"):
            inside = token == b"["
        elif token[:1] in (b"(", b"<"):
            pieces.append(_string(token))
        elif token in _SHOW_ON_NEXT:
            pieces.insert(len(pieces) - 1, "\n")
        elif token in _NEW_LINE:
            pieces.append("\n")
        elif inside and token[:1] in b"-.0123456789" and float(token) < _GAP:
            pieces.append(" ")
    return "".join(pieces).replace("\r", "\n")


def _string(token: bytes) -> str:
    if token.startswith(b"<"):
        digits = re.sub(rb"\s", b"", token[1:-1])
        raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    else:
        raw = _ESCAPE.sub(_unescaped, token[1:-1])
    if raw.startswith(b"\xfe\xff"):
        return raw[2:].decode("utf-16-be", "replace")
    return raw.decode("cp1252", "replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if escaped.isdigit():
        return bytes([int(escaped, 8) & 0xFF])
    return b"" if escaped.strip() == b"" and b"\n" in escaped else _ESCAPES.get(escaped, escaped)
