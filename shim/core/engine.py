"""The engine: a Handler that answers Assistants calls. Knows no socket, thread, clock or loop.

It understands the call (header, route, ids, body), hands it to its endpoint, and turns errors into
answers. All meaning is in the endpoints.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from shim.core.assistants import Assistants
from shim.core.background import begin_again
from shim.core.conflicts import internal_error, unusable
from shim.core.files import Files
from shim.core.keeping import Keeper
from shim.core.looks import Looks
from shim.core.messages import Messages
from shim.core.params import check_id, parse_body, validate
from shim.core.ports import World
from shim.core.requests import Asked
from shim.core.routes import CONVERSATION, PREFIXES, Matched, match, methods
from shim.core.runs import Runs
from shim.core.shared import Shared
from shim.core.steps import Steps
from shim.core.stores import Stores
from shim.core.threads import Threads
from shim.core.wire import Call, Reply
from shim.errors import ApiError, Lost, SettingsError, StoreTooNew

__all__ = ["Engine"]

log = logging.getLogger("shim")

_ROUNDS = 5

Endpoint = Callable[[Asked], Awaitable[Reply]]

_NO_BETA = (
    "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
    "Please try again by setting the header 'OpenAI-Beta: assistants=v2'."
)
_OLD_BETA = (
    "The v1 Assistants API has been deprecated. Please try again by setting the header "
    "'OpenAI-Beta: assistants=v2'. See the migration guide for more information: "
    "https://platform.openai.com/docs/assistants/migration."
)


class Engine:
    """The Assistants API over a World."""

    def __init__(self, world: World) -> None:
        looks, keeper = Looks(world, begin_again), Keeper(world)
        stores = Stores(world)
        assistants, threads = Assistants(world, stores), Threads(world, stores, keeper)
        self._shared = Shared(world)
        runs = Runs(world, threads, assistants, looks, stores)
        files = Files(world, keeper)
        self._endpoints = {
            **_endpoints(
                assistants, threads, Messages(world, threads, looks), runs, Steps(world, runs)
            ),
            "files.retrieve": files.retrieve,
            "files.content": files.content,
            "files.delete": files.delete,
        }

    async def __call__(self, call: Call) -> Reply:
        """Answer a call; whatever goes wrong is an answer too."""
        try:
            return await self._decided(call)
        except ApiError as error:
            return _refused(error)
        except (SettingsError, StoreTooNew) as error:
            log.error("%s %s: %s", call.method, call.path, error)  # noqa: TRY400 - it says it all
            return _refused(unusable(error))
        except Exception:
            log.exception("%s %s failed inside shim", call.method, call.path)
            return _refused(internal_error())

    async def _decided(self, call: Call) -> Reply:
        """The answer; where what it goes by moved before its write, the one to what is then."""
        for _ in range(_ROUNDS):
            try:
                return await self._answer(call)
            except Lost:
                log.debug("%s %s: decided anew", call.method, call.path)
        return await self._answer(call)

    async def _answer(self, call: Call) -> Reply:
        if not call.path.startswith("/files/"):
            _check_beta(call)
        matched = _matched(call)
        for name, value in matched.ids.items():
            if name != "thread_id" or not value.startswith(CONVERSATION):
                check_id(value, param=name, prefix=PREFIXES[name])
        body = {}
        if matched.route.body is not None:
            body = validate(matched.route.body, parse_body(call.body))
        ids = await self._shared.named(call, matched.ids)
        return await self._endpoints[matched.route.does](Asked(call, ids, body))


def _endpoints(
    assistants: Assistants, threads: Threads, messages: Messages, runs: Runs, steps: Steps
) -> dict[str, Endpoint]:
    return {
        "assistants.create": assistants.create,
        "assistants.list": assistants.list,
        "assistants.retrieve": assistants.retrieve,
        "assistants.update": assistants.update,
        "assistants.delete": assistants.delete,
        "threads.create": threads.create,
        "threads.retrieve": threads.retrieve,
        "threads.update": threads.update,
        "threads.delete": threads.delete,
        "messages.create": messages.create,
        "messages.list": messages.list,
        "messages.retrieve": messages.retrieve,
        "messages.update": messages.update,
        "messages.delete": messages.delete,
        "runs.create": runs.create,
        "runs.create_with_thread": runs.create_with_thread,
        "runs.list": runs.list,
        "runs.retrieve": runs.retrieve,
        "runs.update": runs.update,
        "runs.cancel": runs.cancel,
        "runs.submit": runs.submit,
        "steps.list": steps.list,
        "steps.retrieve": steps.retrieve,
    }


def _check_beta(call: Call) -> None:
    """Assistants spec 7.6."""
    sent = call.headers.get("openai-beta", "")
    if "assistants=v2" in sent:
        return
    message = _OLD_BETA if "assistants=v1" in sent else _NO_BETA
    raise ApiError(400, message, code="invalid_beta")


def _matched(call: Call) -> Matched:
    path = call.path.rstrip("/")
    if (matched := match(call.method, path)) is not None:
        return matched
    if methods(path):
        raise ApiError(405, f"Invalid method for URL ({call.method} /v1{path})")
    raise ApiError(404, f"Invalid URL ({call.method} /v1{path})")


def _refused(error: ApiError) -> Reply:
    return Reply(error.status, error.body(), headers=error.headers)
