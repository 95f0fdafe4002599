"""Images that messages show, as they are fetched for a run."""

from __future__ import annotations

import pytest

from shim import drive
from shim.core.pictures import fetched
from shim.core.ports import Download, Request
from shim.core.records import Message
from shim.core.wire import Target
from shim.errors import Unreachable


class Asked:
    """An upstream that remembers which paths it is asked for, and is not there."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def download(self, request: Request) -> Download:
        self.paths.append(request.path)
        raise Unreachable("not there", sent=False)


@pytest.mark.parametrize("odd", ["../models", "file-1/../../x", "file-1?x", "", ".."])
def test_an_odd_file_id_leads_to_no_other_place(odd: str) -> None:
    """Only what can be a file's id is put into the path of a call."""
    upstream = Asked()
    parts = [{"type": "image_file", "image_file": {"file_id": each}} for each in (odd, "file-1")]
    message = Message("msg_1", 1, "thread_1", "user", tuple(parts))

    shown = drive.run(fetched(upstream, Target("http://upstream.invalid/v1"), [message]))  # type: ignore[arg-type]

    assert shown == {}
    assert upstream.paths == ["/files/file-1/content"]
