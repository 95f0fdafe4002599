"""Reads from a server that still speaks Assistants: OpenAI-like, Azure, Foundry, another shim.

Knows that threads cannot be listed but in Foundry, so that their ids come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from shim import drive
from shim.core.ids import names_one
from shim.core.ports import Answer, Request
from shim.core.wire import Json, Target
from shim.errors import SettingsError, Unreachable
from shim.migrate.gathered import Found
from shim.upstream.dialect import choose
from shim.upstream.http import BlockingUpstream
from shim.workers import BlockingWorkers

__all__ = ["credentials", "read"]

_TRIES = 4
_PAGE = (("limit", "100"), ("order", "asc"))
_SECONDS = 60.0
_JSON = "eyJ"  # how a JSON object begins in base64, and so a token
_GONE = "api.openai.com"


class _Server:
    def __init__(self, client: httpx.Client, url: str, key: str) -> None:
        self._target = Target(url, credentials(url, key))
        self._upstream = BlockingUpstream(client, BlockingWorkers().sleep)

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        """Ask, more than once where the server has a bad moment."""
        request = Request("GET", path, self._target, query=tuple(query), attempts=_TRIES)
        try:
            return drive.run(self._upstream.send(request))
        except Unreachable as error:
            raise SettingsError(f"{self._target.root} cannot be reached: {error}") from error

    def object(self, path: str) -> Json | None:
        """An object, or None where the server has none."""
        answer = self.get(path)
        if answer.status == 404:
            return None
        return self._checked(answer, path)

    def all(self, path: str) -> Iterator[Json]:
        """Everything in a list, page by page."""
        after: tuple[tuple[str, str], ...] = ()
        while True:
            page = self._checked(self.get(path, (*_PAGE, *after)), path)
            yield from page["data"]
            if not page.get("has_more") or not page["data"]:
                return
            after = (("after", page["data"][-1]["id"]),)

    def lists(self, path: str) -> bool:
        """Whether there is such a list."""
        return self.get(path, (("limit", "1"),)).status < 400

    def _checked(self, answer: Answer, path: str) -> Json:
        if answer.status >= 400:
            if urlsplit(self._target.root).hostname == _GONE and answer.status == 404:
                raise SettingsError(
                    "OpenAI switched the Assistants API off on 2026-08-26: nothing can be read "
                    "from there any more. What was exported before can be imported from its files."
                )
            said = (answer.body.get("error") or {}).get("message") or answer.body
            raise SettingsError(
                f"{self._target.root}{path} answered {answer.status}: {said}. What was read before "
                "is not imported; run the same command again"
            )
        return answer.body


def credentials(url: str, key: str) -> dict[str, str]:
    """The headers with a key; tokens of Entra ID and keys of others are no `api-key`."""
    headers = {"openai-beta": "assistants=v2"}
    if not key:
        return headers
    if choose(url, None).deployments and not key.startswith(_JSON):
        return {**headers, "api-key": key}
    return {**headers, "authorization": f"Bearer {key}"}


def read(url: str, key: str, thread_ids: Sequence[str] | None) -> Iterator[Found]:
    """The assistants of a server, and its threads with these ids, or all where it lists them."""
    with httpx.Client(timeout=_SECONDS, follow_redirects=False) as client:
        server = _Server(client, url.rstrip("/"), key)
        for assistant in server.all("/assistants"):
            yield Found("assistant", "/assistants", assistant)
        if thread_ids is None:
            thread_ids = _listed(server)
        for thread_id in thread_ids:
            yield from _thread(server, thread_id)


def _listed(server: _Server) -> list[str]:
    if not server.lists("/threads"):
        raise SettingsError(
            "this server lists no threads, as the Assistants API never did: give their ids, one a "
            "line, with --threads FILE (or a CSV file and --column NAME)"
        )
    return [str(thread["id"]) for thread in server.all("/threads")]


def _thread(server: _Server, thread_id: str) -> Iterator[Found]:
    path = f"/threads/{thread_id}"
    if not names_one(thread_id):
        yield _missing(thread_id, path, "this is no id of a thread")
        return
    thread = server.object(path)
    if thread is None:
        yield _missing(thread_id, path, "the server has no such thread")
        return
    yield Found("thread", path, thread, thread_id)
    for message in server.all(f"{path}/messages"):
        yield Found("message", f"{path}/messages", message, thread_id)
    for run in server.all(f"{path}/runs"):
        yield Found("run", f"{path}/runs", run, thread_id)
        steps = f"{path}/runs/{run['id']}/steps"
        for step in server.all(steps):
            yield Found("step", steps, step, thread_id)


def _missing(thread_id: str, place: str, problem: str) -> Found:
    data: dict[str, Any] = {"id": thread_id}
    return Found("missing", place, data, problem=problem)
