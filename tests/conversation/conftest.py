"""Places to test conversations in, of either colour."""

from __future__ import annotations

import pytest
from places import Place


def pytest_itemcollected(item):
    """Let the SDK deprecate what these tests are about."""
    item.add_marker(pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"))


@pytest.fixture
def places(tmp_path):
    """Makes places, each with a database of its own, and closes them."""
    made = []

    def make(colour="sync", **options):
        path = options.pop("path", tmp_path / f"{len(made)}.db")
        made.append(Place(colour, path, **options))
        return made[-1]

    yield make
    for place in made:
        place.offline.faults.clear()
        place.settle()
        place.close()


@pytest.fixture(params=["sync", "async"])
def place(request, places):
    """A place of each colour."""
    return places(request.param)
