"""Server-sent events: bytes to payloads."""

from __future__ import annotations

import json

import pytest

from shim.errors import Unreachable
from shim.upstream.events import EventParser

STREAM = (
    ": hello\n\n"
    'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n'
    'event: response.output_text.delta\r\ndata: {"delta":"a\u2028b\\u2029 \u0085 é"}\r\n\r\n'
    'data: {"type":"x",\rdata: "n":1}\r\r'
    "data: [DONE]\n\n"
).encode()
PAYLOADS = [
    {"type": "response.created", "sequence_number": 0},
    {"delta": "a\u2028b\u2029 \u0085 é", "type": "response.output_text.delta"},
    {"type": "x", "n": 1},
]


def parse(*chunks):
    """The payloads of these chunks."""
    parser = EventParser()
    return [p for chunk in chunks for p in parser.feed(chunk)] + list(parser.end())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_chunks_may_end_anywhere(size):
    """However the bytes are cut, the payloads are the same."""
    chunks = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]

    assert parse(*chunks) == PAYLOADS


def test_an_event_is_given_as_soon_as_it_is_complete():
    """A payload does not wait for the next event."""
    parser = EventParser()

    assert list(parser.feed(b'data: {"a":1}\n')) == []
    assert list(parser.feed(b"\n")) == [{"a": 1}]


def test_a_last_event_without_its_blank_line_counts():
    """Servers that forget the last blank line are understood; half an event is dropped."""
    assert parse(b'data: {"a":1}') == [{"a": 1}]
    assert parse(b'data: {"a":1}\r') == [{"a": 1}]
    assert parse(b'data: {"a":') == []


def test_a_bare_error_gets_its_type():
    """An error object without a type or an event name is an error event."""
    assert parse(b'data: {"error":{"message":"no"}}\n\n') == [
        {"error": {"message": "no"}, "type": "error"}
    ]


def test_what_is_no_object_is_ignored():
    """Other JSON, other fields, a byte order mark and an empty event mean nothing."""
    assert parse(b"\xef\xbb\xbfid: 1\nretry: 5\ndata\n\nevent: ping\n\ndata: 7\n\n") == []


def test_a_byte_order_mark_is_skipped():
    """A byte order mark does not hide the first field."""
    assert parse(b'\xef\xbb\xbfdata: {"a":1}\n\n') == [{"a": 1}]


def test_a_payload_that_is_not_json_breaks_the_stream():
    """A whole event that cannot be read is a broken connection, not silence."""
    with pytest.raises(Unreachable, match="not JSON") as caught:
        parse(b"data: {oops\n\n")

    assert caught.value.sent


def test_a_large_event_in_many_chunks_is_joined_once():
    """A megabyte in small pieces takes no quadratic time."""
    body = json.dumps({"type": "x", "b64": "A" * 1_000_000}).encode()
    chunks = [body[at : at + 100] for at in range(0, len(body), 100)]

    assert parse(b"data: ", *chunks, b"\n\n")[0]["type"] == "x"
