"""An embedded upstream that the functions reach as a user's would: by the environment."""

from __future__ import annotations

import asyncio
import os

import pytest

import shim
from shim.functions.clients import CLIENTS
from shim.offline import Offline


@pytest.fixture
def offline():
    """The upstream: script its replies, read its log."""
    return Offline()


@pytest.fixture
def served(offline, monkeypatch, tmp_path):
    """The upstream's address, which the environment names as that of OpenAI."""
    before = set(vars(shim))
    with offline.serve() as upstream:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
        monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
        monkeypatch.setenv("SHIM_DATABASE_URL", f"sqlite:///{tmp_path}/shim.db")
        monkeypatch.setenv("SHIM_DIALECT", "openai")
        yield upstream.url
        CLIENTS.close(os.getpid())
    for name in set(vars(shim)) - before:
        delattr(shim, name)


@pytest.fixture
def run(served):
    """Run a coroutine function on a loop of its own, and what it began in the background."""

    async def whole(work):
        try:
            return await work()
        finally:
            await CLIENTS.aclose()

    return lambda work: asyncio.run(whole(work))
