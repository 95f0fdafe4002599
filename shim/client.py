"""The client door: the SDK's own clients, with the Assistants API carried by shim.

Knows the SDK's classes and their one seam, the HTTP client under them. Knows no HTTP and no
Assistants semantics.
"""

from __future__ import annotations

import sys
from functools import cache, cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import openai

if TYPE_CHECKING:
    from shim.settings import Settings
    from shim.transport import Wiring

__all__ = [
    "AsyncAzureOpenAI",
    "AsyncClient",
    "AsyncOpenAI",
    "AzureOpenAI",
    "Client",
    "OpenAI",
    "http_module",
    "mount",
]

C = TypeVar("C")


def mount(client: C, settings: Settings | None = None, *, wiring: Wiring | None = None) -> C:
    """Carry the Assistants calls of an SDK client in hand; gives back the same client.

        client = shim.mount(openai.OpenAI())

    Mounting twice is mounting once. `wiring` makes the handler where it is not shim's own engine.
    """
    from shim.transport import mounted  # noqa: PLC0415 - keeps the import as light as openai's

    sdk: Any = client
    sdk._client = mounted(sdk._client, settings, wiring)  # noqa: SLF001 - the one seam we use
    if "beta" in vars(sdk) or not isinstance(sdk, OpenAI | AsyncOpenAI):
        vars(sdk)["beta"] = _with_vector_stores(sdk.beta)
    return client


def http_module() -> Any:
    """The module, `httpx` or `httpx2`, that the installed SDK uses of itself."""
    theirs = next(k for k in openai.DefaultHttpxClient.__mro__ if k.__module__ != "openai")
    return sys.modules[theirs.__module__.partition(".")[0]]


class OpenAI(openai.OpenAI):
    """`openai.OpenAI`, whose Assistants API runs on the Responses API."""

    if not TYPE_CHECKING:

        @wraps(openai.OpenAI.__init__)
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            mount(self)

        @cached_property
        def beta(self) -> Any:
            """The beta resources, `vector_stores` included."""
            return _with_vector_stores(super().beta)


class AsyncOpenAI(openai.AsyncOpenAI):
    """`openai.AsyncOpenAI`, whose Assistants API runs on the Responses API."""

    if not TYPE_CHECKING:

        @wraps(openai.AsyncOpenAI.__init__)
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            mount(self)

        @cached_property
        def beta(self) -> Any:
            """The beta resources, `vector_stores` included."""
            return _with_vector_stores(super().beta)


class AzureOpenAI(openai.AzureOpenAI, OpenAI):
    """`openai.AzureOpenAI`, whose Assistants API runs on the Responses API."""


class AsyncAzureOpenAI(openai.AsyncAzureOpenAI, AsyncOpenAI):
    """`openai.AsyncAzureOpenAI`, whose Assistants API runs on the Responses API."""


Client = OpenAI
AsyncClient = AsyncOpenAI


def _with_vector_stores(beta: Any) -> Any:
    """The beta resource with the `vector_stores` that it had before openai 1.66."""
    kind: Any = type(beta)
    if hasattr(kind, "vector_stores"):
        return beta
    return _aliased(kind)(beta._client)  # noqa: SLF001 - as every SDK resource is made


@cache
def _aliased(kind: Any) -> Any:
    def wrapped(name: str) -> Any:
        def get(self: Any) -> Any:
            view = kind.__dict__[name].__get__(self, kind)
            view.vector_stores = getattr(self.vector_stores, name)
            return view

        return property(get)

    names = ("with_raw_response", "with_streaming_response")
    body: dict[str, Any] = {name: wrapped(name) for name in names}
    body["vector_stores"] = property(lambda self: self._client.vector_stores)
    return type(kind.__name__, (kind,), body)
