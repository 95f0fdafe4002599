"""Servers for the tests, and what they leave open is closed."""

from __future__ import annotations

import pytest
from server_place import Echo, World


@pytest.fixture
def make_world(tmp_path):
    """Make servers with settings of the test's own; they are closed after it."""
    made = []

    def make(**options):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(folder, **options))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world):
    """A server with plain settings."""
    return make_world()


@pytest.fixture
def echo():
    """An upstream that tells what it was asked."""
    echo = Echo()
    yield echo
    echo.close()
