"""A server that still speaks Assistants, played by a second shim, and doors that pass on to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

for folder in ("server", "contract"):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / folder))

from server_place import Echo, World  # noqa: E402 - found by the lines above


@pytest.fixture
def native(tmp_path):
    """A server that speaks Assistants."""
    folder = tmp_path / "native"
    folder.mkdir()
    world = World(folder)
    yield world
    world.close()


@pytest.fixture
def echo():
    """A server that tells what it was asked."""
    echo = Echo()
    yield echo
    echo.close()
