"""The embedded upstream as one object. Knows the way of a request: log, faults, key, route."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shim.offline import multipart, refusals, routes
from shim.offline.clock import Clock
from shim.offline.faults import Fault, Faults
from shim.offline.feed import JobFeed
from shim.offline.model import RuleModel
from shim.offline.multipart import Upload
from shim.offline.script import Script
from shim.offline.served import Served
from shim.offline.service import Model, Request, Service, refusal
from shim.offline.state import State
from shim.offline.transport import async_transport, transport
from shim.offline.wire import Entry, Query, Refused, Response, pairs

__all__ = ["Offline"]

_SECRET = ("authorization", "api-key", "x-api-key", "cookie")


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A request as it came in, credentials masked already."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes


class Offline:
    """One embedded upstream: state, model, log, faults. Thread-safe.

    >>> offline = Offline()
    >>> client = OpenAI(api_key="x", http_client=httpx.Client(transport=offline.transport(httpx)))

    `delay` is how many seconds a response takes in all; `observe` is told each request at once;
    `indexing_delay` is how many seconds a file takes to be indexed in a vector store; `clock`
    gives the time by which files, stores and containers age (`offline.clock.advance(seconds)`);
    code may take `code_seconds`. `close` ends the Python processes of containers, if any ran.
    """

    def __init__(
        self,
        *,
        model: Model | None = None,
        delay: float = 0.0,
        observe: Callable[[Entry], None] | None = None,
        indexing_delay: float = 0.0,
        clock: Callable[[], float] = time.time,
        code_seconds: float = 10.0,
    ) -> None:
        self.clock = Clock(clock)
        state = State(self.clock, indexing_delay, code_seconds)
        self._service = Service(model or RuleModel(), delay, state=state)
        self._observe = observe
        self.log: list[Entry] = []
        self.faults = Faults()

    @property
    def script(self) -> Script:
        """The replies that are given before the model is asked."""
        return self._service.script

    def posts(self, path: str = "/responses") -> list[Entry]:
        """The accepted POSTs to exactly that path."""
        return [e for e in self.log if e.accepted and e.method == "POST" and e.path == path]

    def handle(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer a request; `path` starts after the base path."""
        arrival = _Arrival(method, path, pairs(query), _masked(headers), body)
        with self._service.lock:
            self._service.state.settle()
            fault = self.faults.take(method, path)
            if fault is not None and fault.before:
                response = fault.instead()
                self._note(arrival, response.status, fault)
                return response
            response = self._answer(arrival)
            self._note(arrival, response.status, fault)
            self._service.state.settle()
        return response if fault is None else _lose(fault, response)

    def _answer(self, arrival: _Arrival) -> Response:
        try:
            if not {"authorization", "api-key"} & arrival.headers.keys():
                raise refusals.no_key()
            endpoint, keys = routes.find(arrival.method, arrival.path)
            body = _parse(arrival)
            request = Request(arrival.method, arrival.path, dict(arrival.query), body)
            return endpoint(self._service, request, *keys)
        except Refused as refused:
            return refusal(refused)

    def _note(self, arrival: _Arrival, status: int, fault: Fault | None) -> None:
        carried_out = status < 400 and not (fault is not None and fault.before)
        entry = Entry(
            method=arrival.method,
            path=arrival.path,
            query=arrival.query,
            body=_readable(arrival),
            status=status,
            accepted=carried_out,
            headers=arrival.headers,
            fault=fault.kind if fault else None,
        )
        self.log.append(entry)
        if self._observe is not None:
            self._observe(entry)

    def close(self) -> None:
        """End what runs in containers; otherwise that ends with the upstream or the program."""
        with self._service.lock:
            self._service.state.sandboxes.close()

    def transport(self, module: Any) -> Any:
        """A blocking transport for clients of `module`, which is httpx or httpx2."""
        return transport(self.handle, module)

    def async_transport(self, module: Any) -> Any:
        """A transport for the async clients of `module`, which is httpx or httpx2."""
        return async_transport(self.handle, module)

    def serve(self, port: int = 0) -> Served:
        """A real HTTP server on 127.0.0.1, as a context manager with a `url`."""
        return Served(self.handle, port)


def _lose(fault: Fault, response: Response) -> Response:
    """An answer lost; a stream that is to break is given out so far."""
    lost = fault.lose(response)
    if lost.broken == "reset" and isinstance(response.body, JobFeed):
        feed = response.body.broken_after(fault.after_events or 0)
        return Response(response.status, response.headers, feed)
    return lost


def _parse(arrival: _Arrival) -> Any:
    kind = arrival.headers.get("content-type", "")
    if not arrival.body:
        return None
    if multipart.is_form(kind):
        return multipart.parse(kind, arrival.body)
    try:
        return json.loads(arrival.body)
    except ValueError:
        text = "We could not parse the JSON body of your request."
        raise Refused(text) from None


def _readable(arrival: _Arrival) -> Any:
    """The body for the log; files are told by name and size."""
    try:
        parsed = _parse(arrival)
    except Refused:
        return arrival.body.decode("utf-8", "replace")
    if not isinstance(parsed, dict):
        return parsed
    return {name: _told(value) for name, value in parsed.items()}


def _told(value: Any) -> Any:
    if isinstance(value, Upload):
        return {"filename": value.filename, "bytes": len(value.content)}
    return value


def _masked(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: "***" if name in _SECRET else value for name, value in lower.items()}
