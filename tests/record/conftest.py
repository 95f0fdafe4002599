"""A server that still speaks Assistants, played by a second shim."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "server"))

from server_place import World


@pytest.fixture
def native(tmp_path):
    """A server that speaks Assistants."""
    folder = tmp_path / "native"
    folder.mkdir()
    world = World(folder)
    yield world
    world.close()
