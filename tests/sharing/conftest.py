"""Native code and Assistants code on one conversation, in places of either colour."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

for folder in ("conversation", "server"):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / folder))

from sharing_place import Sharing  # noqa: E402 - after the lines above


def pytest_itemcollected(item):
    """Let the SDK deprecate what these tests are about."""
    item.add_marker(pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"))


@pytest.fixture
def sharings(tmp_path):
    """Makes places with a conversation in them, and closes them."""
    made = []

    def make(colour="sync", **options):
        path = options.pop("path", tmp_path / f"{len(made)}.db")
        made.append(Sharing(colour, path, **options))
        return made[-1]

    yield make
    for sharing in made:
        sharing.offline.faults.clear()
        sharing.settle()
        sharing.close()


@pytest.fixture(params=["sync", "async"])
def sharing(request, sharings):
    """A place of each colour."""
    return sharings(request.param)
