"""Thousands of requests made from the document: none breaks the server, none half succeeds.

SHIM_TEST_REQUESTS asks for about so many instead of the few thousand of an ordinary run, and
SHIM_TEST_SEED for other ones.
"""

from __future__ import annotations

import json
import logging
import os
import sys

import pytest
from documented import answer_faults, event_faults
from generated import requests
from sent import named
from stored import EngineStored, ServerStored

WANTED = int(os.environ.get("SHIM_TEST_REQUESTS", "2000"))
FIRST = int(os.environ.get("SHIM_TEST_SEED", "0"))
AT_ONCE = 8
"""How many requests at most follow each other before the store is put back."""

FORM_CODES = {
    "empty_string",
    "invalid_beta",
    "invalid_type",
    "invalid_value",
    "missing_required_parameter",
    "mutually_exclusive_parameters",
    "unknown_parameter",
}
"""Codes of refusals that a request gets for its form, whatever exists; so do those for limits."""

FORM_TEXTS = ("We could not parse", "Message content must be", "Invalid method", "Invalid URL")


@pytest.fixture(params=[EngineStored, ServerStored], ids=["engine", "server"])
def stored(request, tmp_path):
    """What all requests go to."""
    stored = request.param(tmp_path)
    yield stored
    stored.close()


class Trouble(logging.Handler):
    """What shim logs as an error."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.seen = []

    def emit(self, record):
        self.seen.append(record.getMessage())


@pytest.fixture
def trouble():
    """What is logged as an error."""
    handler = Trouble()
    logging.getLogger("shim").addHandler(handler)
    yield handler
    logging.getLogger("shim").removeHandler(handler)


def answer(stored, made):
    """The answer to the request, with the ids of what is there."""
    ids = stored.ids
    content = made.body
    if not isinstance(content, bytes):
        content = json.dumps(named(content, ids)).encode()
    path = "/".join(ids.get(part, part) for part in made.path.split("/"))
    query = tuple((name, ids.get(value, value)) for name, value in made.query)
    return stored.answer(made.method, path, query, made.headers, content)


def about_form(error):
    """Whether an error is for the form of a request, by shim's rules and not the upstream's."""
    if (error["param"] or "").startswith("chunking_strategy"):
        return False
    code = error["code"] or ""
    limits = ("_min_value", "_max_value", "_max_length", "_max_properties")
    return code in FORM_CODES or code.endswith(limits) or error["message"].startswith(FORM_TEXTS)


def check(made, reply, ids):
    """What holds of every answer, whatever was asked; the upstream's own are its own matter."""
    if reply.passed:
        assert reply.status >= 400
        return
    assert reply.status in (200, 400, 404, 405), reply  # SDKs would send others again
    if reply.body is not None:
        kind = "application/json"
        assert answer_faults(made.operation, reply.status, kind, reply.body) == []
    assert [fault for frame in reply.frames for fault in event_faults(frame)] == []
    if not made.right(ids):
        assert reply.status >= 400, "accepted, although not as documented"
    if reply.status >= 400:
        assert list(reply.body["error"]) == ["message", "type", "param", "code"]
        assert about_form(reply.body["error"]) <= (not made.right(ids)), reply.body


@pytest.mark.timeout(60 + WANTED // 20)
def test_whatever_is_sent_is_answered_as_documented(stored, trouble, capsys):
    """No 5xx; a refusal leaves no trace; what is right by the document is not called wrong."""
    count, refused, seed = 0, 0, FIRST

    while count < WANTED:
        stored.restore()
        for made in requests(seed, AT_ONCE):
            before = stored.dump()
            capsys.readouterr()
            sys.stdout.write(f"seed {seed}: {made}\n")  # shown where it fails
            reply = answer(stored, made)
            count, refused = count + 1, refused + (reply.status >= 400)
            check(made, reply, stored.ids)
            assert reply.status == 200 or stored.dump() == before
            assert trouble.seen == []
        seed += 1

    with capsys.disabled():
        sys.stdout.write(f"\n{count} generated requests, {refused} of them refused\n")
