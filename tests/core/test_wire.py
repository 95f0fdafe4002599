"""JSON and server-sent events as they pass between a door and a handler."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.core.wire import DONE, Event, decode_json, encode_compact, encode_event, encode_json

_numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)
HALF = "\ud83d"


def nested(depth):
    """An object in an object in an object ..."""
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@given(OBJECTS)
def test_an_answer_is_what_the_standard_library_reads(body):
    """Whatever a body holds, both readers find it in the answer again."""
    text = encode_json(body)

    assert json.loads(text) == decode_json(text) == body


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_an_answer_is_printed_as_the_standard_library_prints_it(value):
    """Two spaces of indent, no escape where none is needed, empty lists on one line."""
    body = {"list": value, "object": {"": value}, "empty": [{}, []], "unit": 1.0}

    assert encode_json(body) == json.dumps(body, indent=2, ensure_ascii=False).encode()


@given(OBJECTS)
def test_an_event_is_one_line_of_data(data):
    """No text can end the line of an event's data, and nothing is lost in it."""
    name, line, *end = encode_event(Event("thread.created", data)).split(b"\n")

    assert (name, end) == (b"event: thread.created", [b"", b""])
    assert decode_json(line.removeprefix(b"data: ")) == data


def test_the_last_event_carries_a_word():
    """`done` has no object: its data is `[DONE]`."""
    assert encode_event(DONE) == b"event: done\ndata: [DONE]\n\n"


@pytest.mark.parametrize("encode", [encode_json, encode_compact])
@pytest.mark.parametrize("value", [{HALF: HALF}, nested(400)], ids=["half a pair", "deep"])
def test_what_the_fast_writer_refuses_is_written(encode, value):
    """Half a surrogate pair, as a delta may end in one, and deep nesting pass as valid UTF-8."""
    text = encode(value).decode()

    assert decode_json(text) == decode_json(text.encode()) == value


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nul", '"\x01"', b'"\xff"', b"{}x"])
def test_what_is_no_json_is_a_value_error(text):
    """One kind of error for every fault."""
    with pytest.raises(ValueError, match=r"."):
        decode_json(text)
