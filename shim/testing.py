"""For users' tests: clients whose upstream is embedded, scripted, and free of charge.

With pytest installed the fixtures `shim_offline`, `shim_client` and `shim_async_client` are there
without an import:

    def test_greets(shim_offline, shim_client):
        shim_offline.script.say("Hello!")
        ...

Knows how the embedded upstream is put under a client. Loads the SDK with the first client only, so
that a test run which makes none does not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.client import AsyncOpenAI, OpenAI
    from shim.offline import Offline
    from shim.settings import Settings

__all__ = ["connect", "connect_async"]

_URL = "http://embedded.invalid/v1"


def connect(
    offline: Offline | None = None, *, settings: Settings | None = None, **options: Any
) -> OpenAI:
    """A client on an embedded upstream, its threads in memory; `options` are `OpenAI`'s own.

    >>> offline = Offline()
    >>> offline.script.call("get_weather", {"city": "Oslo"}).say("It rains in Oslo.")
    >>> client = connect(offline)
    """
    from shim.client import OpenAI, http_module, mount

    http = http_module()
    inner = http.Client(transport=_or_new(offline).transport(http))
    client = OpenAI(http_client=inner, **{"api_key": "embedded", "base_url": _URL, **options})
    return mount(client, settings or _in_memory())


def connect_async(
    offline: Offline | None = None, *, settings: Settings | None = None, **options: Any
) -> AsyncOpenAI:
    """The same for `AsyncOpenAI`."""
    from shim.client import AsyncOpenAI, http_module, mount

    http = http_module()
    inner = http.AsyncClient(transport=_or_new(offline).async_transport(http))
    client = AsyncOpenAI(http_client=inner, **{"api_key": "embedded", "base_url": _URL, **options})
    return mount(client, settings or _in_memory())


def _or_new(offline: Offline | None) -> Offline:
    from shim.offline import Offline

    return Offline() if offline is None else offline


def _in_memory() -> Settings:
    from shim.settings import Settings

    return Settings(database_url="sqlite:///:memory:", dialect="openai")


with suppress(ModuleNotFoundError):  # the demo and the examples have no need of pytest
    import pytest

    @pytest.fixture
    def shim_offline() -> Offline:
        """An embedded upstream: script its replies, read its log."""
        return _or_new(None)

    @pytest.fixture
    def shim_client(shim_offline: Offline) -> Iterator[OpenAI]:
        """A client on the test's embedded upstream, its threads in memory."""
        with connect(shim_offline) as client:
            yield client

    @pytest.fixture
    def shim_async_client(shim_offline: Offline) -> AsyncOpenAI:
        """The same for async code; `async with` it, or close it, in the test's own loop."""
        return connect_async(shim_offline)
