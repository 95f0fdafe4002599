"""The embedded upstream as a real HTTP server on the loopback address. Knows sockets, no API."""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from shim.offline.feed import PATIENCE
from shim.offline.transport import strip_base
from shim.offline.wire import Broken, Feed, Response

__all__ = ["Served"]

_GRACE = 2.0
_NOTICE = 0.1
"""Seconds until a stream notices that its response was cancelled; each is a thread, which looks."""

_LONGEST_SELECT = 3600.0
"""Seconds; no system's poll takes a number that is much larger."""

_BACKLOG = 2048

_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Takes files of any number; `select` itself takes none from 1024 on."""


class _Gone(Exception):
    """Nobody is there to answer any more."""


class _Server(ThreadingHTTPServer):
    """Keeps track of its connections, so that closing it closes them."""

    daemon_threads = True
    request_queue_size = _BACKLOG

    def __init__(self, port: int, handle: Callable[..., Response]) -> None:
        self.handle_call = handle
        self.closing = threading.Event()
        self.closes, self._closer = socket.socketpair()
        self.connections: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def begin_closing(self) -> None:
        """Wake all who wait."""
        self.closing.set()
        self._closer.close()

    def server_close(self) -> None:
        super().server_close()
        self.closes.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away; that is no error of the server's. Others are shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        """Wait for what may end an answer: its reader leaves, or the server closes."""
        super().setup()
        self._ends = _Selector()
        for end in (self.connection, self.server.closes):
            self._ends.register(end, selectors.EVENT_READ)

    def finish(self) -> None:
        """Close what waits."""
        self._ends.close()
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
        """Requests are logged by the upstream itself."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        path, headers, body = strip_base(url.path), dict(self.headers.items()), self._body()
        response = self.server.handle_call(self.command, path, url.query, headers, body)
        try:
            self._wait(1e9 if response.broken in ("hang", "timeout") else response.after)
            self._write(response)
        except (Broken, _Gone, OSError):
            self._abort()

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _serve  # noqa: N815 - the base class's names

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return b"".join(self._chunks())
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError  # its sender left: half a request is none
        return body

    def _chunks(self) -> Any:
        while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _write(self, response: Response) -> None:
        if response.broken:
            raise Broken
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)
        else:
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self._write_stream(response.body)

    def _write_stream(self, feed: Feed) -> None:
        while (step := feed.step()) is not None:
            if isinstance(step, bytes):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(step), step))
            else:
                self._wait(min(step, _NOTICE))
        self.wfile.write(b"0\r\n\r\n")

    def _wait(self, seconds: float) -> None:
        """Wait, unless the client leaves or the server closes meanwhile."""
        due = time.monotonic() + seconds
        while (left := due - time.monotonic()) > 0:
            if self._ends.select(min(left, _LONGEST_SELECT)):
                if self.server.closing.is_set() or self._left():
                    raise _Gone
                time.sleep(min(left, PATIENCE))  # the next request is there already

    def _left(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            return not self.connection.recv(1, socket.MSG_PEEK | _AT_ONCE)
        return False

    def _abort(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class Served:
    """A running server: use it as a context manager, or `close` it."""

    def __init__(self, handle: Callable[..., Response], port: int = 0) -> None:
        self._server = _Server(port, handle)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(PATIENCE,), name="shim-offline", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop, and close every connection."""
        self._server.begin_closing()
        self._server.shutdown()
        self._thread.join()
        for connection in list(self._server.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        due = time.monotonic() + _GRACE
        while self._server.connections and time.monotonic() < due:
            time.sleep(0.005)
        self._server.server_close()

    def __enter__(self) -> Served:  # noqa: PYI034 - Self is not in Python 3.10
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
