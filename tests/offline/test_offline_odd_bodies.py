"""Bodies of all shapes: the endpoints of files, stores and containers refuse, and never break."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shim.offline import Offline

AUTH = {"api-key": "x"}
LEAVES = st.none() | st.booleans() | st.integers(-2, 5000) | st.floats(-1, 2) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each)
)
NAMES = [
    *("file_ids", "files", "file_id", "name", "description", "expires_after", "metadata"),
    *("chunking_strategy", "attributes", "query", "max_num_results", "filters"),
    *("ranking_options", "memory_limit", "network_policy"),
]
INNER = [
    *("type", "static", "anchor", "days", "minutes", "key", "value", "filters", "ranker"),
    *("score_threshold", "file_id", "attributes", "file_ids", "memory_limit"),
    *("max_chunk_size_tokens", "chunk_overlap_tokens"),
]
WORDS = ["auto", "static", "last_active_at", "eq", "in", "and", "year", "1g"]


def near(leaf):
    """Values that look like what is expected."""
    known = st.sampled_from(WORDS) | leaf
    inner = st.dictionaries(st.sampled_from(INNER), known | st.lists(known, max_size=2))
    return inner | st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(INNER), inner)


BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES | near(VALUES), max_size=4)
TOOLS = st.dictionaries(
    st.sampled_from(["filters", "ranking_options", "max_num_results", "container"]),
    VALUES | near(VALUES),
)


def post(offline, path, body):
    """The answer to a POST."""
    return offline.handle("POST", path, "", AUTH, json.dumps(body).encode())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES, file=st.booleans())
def test_odd_bodies_are_refused(body, file):
    """Whatever the body, the answer is one of the service's, and an error has its envelope."""
    offline = Offline()
    store = post(offline, "/vector_stores", {}).json()["id"]
    box = post(offline, "/containers", {"name": "a"}).json()["id"]
    body = {**body, "file_id": "file-a"} if file else body

    for path in (
        "/files",
        "/vector_stores",
        f"/vector_stores/{store}",
        f"/vector_stores/{store}/search",
        f"/vector_stores/{store}/files",
        f"/vector_stores/{store}/file_batches",
        "/containers",
        f"/containers/{box}/files",
    ):
        answer = post(offline, path, body)
        assert answer.status in (200, 400, 404)
        assert answer.status == 200 or set(answer.json()["error"]) == {
            "message",
            "type",
            "param",
            "code",
        }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tool=TOOLS, kind=st.sampled_from(["file_search", "code_interpreter"]))
def test_odd_tools_are_refused(tool, kind):
    """Whatever a hosted tool has in it, the answer is one of the service's."""
    offline = Offline()
    store = post(offline, "/vector_stores", {}).json()["id"]
    needed = {"vector_store_ids": [store]} if kind == "file_search" else {"container": tool}
    tools = [{"type": kind, **tool, **needed}]

    answer = post(offline, "/responses", {"model": "m", "input": "What?", "tools": tools})

    assert answer.status in (200, 400, 404)
