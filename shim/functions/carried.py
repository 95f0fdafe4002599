"""What one of LiteLLM's functions is: a method of the SDK, called on a client of shim's.

Knows which method, and what becomes of each argument: some make the client, the method takes the
others, and what neither knows is told in the log. Knows no Assistants semantics.
"""

from __future__ import annotations

import logging
from inspect import signature
from operator import attrgetter
from typing import Any

import openai

from shim.client import mount
from shim.functions.accounts import Account, account, checked
from shim.functions.clients import CLIENTS
from shim.providers import model_name

__all__ = ["asynchronous", "blocking"]

log = logging.getLogger("shim")

_METHODS = {
    "create_assistants": "assistants.create",
    "get_assistants": "assistants.list",
    "delete_assistant": "assistants.delete",
    "create_thread": "threads.create",
    "get_thread": "threads.retrieve",
    "add_message": "threads.messages.create",
    "get_messages": "threads.messages.list",
    "run_thread": "threads.runs.create_and_poll",
    "run_thread_stream": "threads.runs.stream",
}
_CONNECTION = (
    "api_key",
    "api_base",
    "api_version",
    "organization",
    "azure_ad_token",
    "azure_ad_token_provider",
    "tenant_id",
    "client_id",
    "client_secret",
    "azure_scope",
)
_WITHOUT_EFFECT = {"drop_params"}  # which parameters an upstream takes, shim finds out by itself


def blocking(function: str, provider: Any, given: dict[str, Any]) -> Any:
    """Carry out a call; `given` are its arguments, named."""
    client, made_of = _connection(function, provider, given)
    if isinstance(client, openai.AsyncOpenAI):
        raise TypeError(f"{function} takes no AsyncOpenAI client; its async twin does")
    sdk = CLIENTS.blocking(made_of()) if client is None else _mounted(client)
    return _called(function, provider, sdk, given)


def asynchronous(function: str, provider: Any, given: dict[str, Any]) -> Any:
    """The same for a client of a loop: what the SDK's method gives, to be awaited or entered."""
    client, made_of = _connection(function, provider, given)
    if isinstance(client, openai.OpenAI):
        raise TypeError(f"the async twin of {function} takes no blocking OpenAI client")
    sdk = CLIENTS.asynchronous(made_of()) if client is None else _mounted(client)
    return _called(function, provider, sdk, given)


def _connection(function: str, provider: Any, given: dict[str, Any]) -> tuple[Any, Any]:
    """The client that was given, and what one is made of where none was; taken out of `given`."""
    checked(function, provider)
    values = {name: given.pop(name) for name in _CONNECTION if name in given}
    body = dict(given.pop("extra_body", None) or {})
    if token := body.pop("azure_ad_token", None):
        values.setdefault("azure_ad_token", token)
    if body:
        given["extra_body"] = body

    def made_of() -> Account:
        return account(provider, values)

    return given.pop("client", None), made_of


def _mounted(client: Any) -> Any:
    """A client in hand; what is none of the SDK's, as in tests, is used as it is."""
    return mount(client) if isinstance(client, openai.OpenAI | openai.AsyncOpenAI) else client


def _called(function: str, provider: str, sdk: Any, given: dict[str, Any]) -> Any:
    options = _options(given)
    sdk = sdk.with_options(**options) if options else sdk
    method = attrgetter(_METHODS[function])(sdk.beta)
    arguments = {name: value for name, value in given.items() if value is not None}
    known = signature(method).parameters
    if left_out := [n for n in arguments if n not in known and n not in _WITHOUT_EFFECT]:
        log.warning("%s has no parameter %s: left out", function, ", ".join(left_out))
    taken = {name: value for name, value in arguments.items() if name in known}
    if "model" in taken:
        taken["model"] = model_name(taken["model"], provider)
    return method(**taken)


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """Timeout and retries, which LiteLLM takes as text as well."""
    timeout, requested = given.pop("timeout", None), given.pop("request_timeout", None)
    timeout = timeout or requested
    retries = given.pop("max_retries", None)
    options: dict[str, Any] = {}
    if timeout:
        options["timeout"] = float(timeout) if isinstance(timeout, str | int) else timeout
    if retries is not None:
        options["max_retries"] = int(retries)
    return options
