"""Clients as strangers' programs hold them, on the embedded upstream; nothing of theirs needed."""

from __future__ import annotations

import openai
import pytest

import shim
from shim.offline import Offline
from shim.upstream.http import module_of

HTTP = module_of(openai.OpenAI(api_key="k")._client)


@pytest.fixture
def offline():
    """The upstream behind this test's clients."""
    return Offline()


@pytest.fixture(params=["openai", "generic"])
def settings(request, tmp_path):
    """Settings for a server with background mode, and for one without."""
    url = f"sqlite:///{tmp_path}/shim.db"
    return shim.Settings.load({}, database_url=url, dialect=request.param)


@pytest.fixture
def client(offline, settings):
    """A mounted blocking client."""
    given = HTTP.Client(transport=offline.transport(HTTP))
    with openai.OpenAI(api_key="sk-1", http_client=given) as client:
        yield shim.mount(client, settings)


@pytest.fixture
def make_async_client(offline, settings):
    """Makes mounted async clients, on the loop of whoever asks."""

    def make():
        given = HTTP.AsyncClient(transport=offline.async_transport(HTTP))
        return shim.mount(openai.AsyncOpenAI(api_key="sk-1", http_client=given), settings)

    return make
