"""Every kind of record comes back from the ledger as it was put in."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shim.core.records import Assistant, Message, Run, Step, Usage
from shim.storage.codec import dump, pack, unpack

COLUMNS = {
    Assistant: ("id", "version"),
    Message: ("id", "thread_id", "run_id", "position"),
    Run: ("id", "thread_id", "status", "version"),
    Step: ("id", "thread_id", "run_id", "type", "position"),
}

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=2)
USAGE = st.builds(Usage, *[st.integers(0, 10**6)] * 4)

OF_TYPE = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "int": st.integers(0, 2**40),
    "int | None": st.none() | st.integers(0, 2**40),
    "float": st.floats(0, 2e9),
    "float | None": st.none() | st.floats(0, 2e9),
    "bool": st.booleans(),
    "bool | None": st.none() | st.booleans(),
    "Json": OBJECT,
    "Json | None": st.none() | OBJECT,
    "Any": JSON,
    "tuple[Json, ...]": st.lists(OBJECT, max_size=2).map(tuple),
    "tuple[str, ...]": st.lists(TEXT, max_size=2).map(tuple),
    "dict[str, str]": st.dictionaries(TEXT, TEXT, max_size=2),
    "Usage": USAGE,
    "Usage | None": st.none() | USAGE,
}


def records(kind):
    """Records of a kind with every field filled."""
    return st.builds(kind, **{each.name: OF_TYPE[each.type] for each in dataclasses.fields(kind)})


def row_of(record):
    """The row that a record becomes."""
    columns = {name: getattr(record, name) for name in COLUMNS[type(record)]}
    if "metadata" not in json.loads(pack(record)):
        columns["metadata"] = dump(getattr(record, "metadata", {}))
    return {**columns, "data": pack(record)}


@pytest.mark.parametrize("kind", COLUMNS)
@settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_record_comes_back_as_it_was(kind, data):
    """Whatever its fields hold, a record is the same after it was stored."""
    record = data.draw(records(kind))

    assert unpack(kind, row_of(record)) == record


@pytest.mark.parametrize("kind", COLUMNS)
@settings(max_examples=5, deadline=None, database=None)
@given(data=st.data())
def test_fields_of_another_version_do_not_matter(kind, data):
    """What a newer shim added is left out; what an older one did not know has its default."""
    record = data.draw(records(kind))
    row = row_of(record)
    stored = json.loads(row["data"])
    optional = [
        each.name
        for each in dataclasses.fields(kind)
        if each.name in stored and each.default is not dataclasses.MISSING
    ]
    del stored[optional[0]]
    row["data"] = json.dumps({**stored, "of_tomorrow": {"x": 1}})

    found = unpack(kind, row)

    default = next(f.default for f in dataclasses.fields(kind) if f.name == optional[0])
    assert found == dataclasses.replace(record, **{optional[0]: default})
