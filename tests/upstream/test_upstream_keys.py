"""A key that HTTP cannot carry: what is said of it, and that it is not said."""

from __future__ import annotations

import traceback

import httpx
import pytest

from shim import drive
from shim.core.ports import Request
from shim.core.wire import Target
from shim.errors import Unreachable
from shim.offline import Offline
from shim.upstream.http import BlockingUpstream


def test_a_key_is_not_quoted():
    """The HTTP library quotes the header it refuses; neither our error nor its cause does."""
    with Offline().serve() as served, httpx.Client() as client:
        upstream = BlockingUpstream(client, lambda seconds: None)
        target = Target(served.url, {"authorization": "Bearer sk-secret\n"})

        with pytest.raises(Unreachable) as refused:
            drive.run(upstream.send(Request("GET", "/models", target)))

    assert "a key with white space" in str(refused.value)
    told = "".join(traceback.format_exception(refused.value))
    assert "LocalProtocolError" not in told
    assert "sk-secret" not in str(refused.value)
