"""An embedded upstream for each test, and the SDK's client on it."""

from __future__ import annotations

import httpx2
import openai
import pytest

from shim.offline import Offline

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a place",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
    "strict": False,
}


def connect(offline, **options):
    """The SDK's client on an embedded upstream, without its retries."""
    inner = httpx2.Client(transport=offline.transport(httpx2))
    return openai.OpenAI(api_key="sk-secret", http_client=inner, max_retries=0, **options)


@pytest.fixture
def offline():
    """An embedded upstream."""
    offline = Offline()
    yield offline
    offline.close()


@pytest.fixture
def client(offline):
    """The SDK's client on the embedded upstream."""
    with connect(offline) as client:
        yield client


@pytest.fixture
def weather():
    """A function tool that looks up the weather."""
    return WEATHER


@pytest.fixture
def slow():
    """An upstream whose responses take a second, and its client."""
    offline = Offline(delay=1.0)
    with connect(offline) as client:
        yield offline, client


@pytest.fixture
def reconnect():
    """Makes further clients."""
    return connect
