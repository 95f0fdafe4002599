"""The server as processes: uvicorn on a socket of ours, once or several times.

Knows sockets, signals and processes; knows nothing of requests.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

import uvicorn
from prometheus_client.multiprocess import mark_process_dead

from shim.errors import SettingsError
from shim.server.access import check_address
from shim.server.app import asgi, room_of
from shim.server.bounds import Rates
from shim.server.room import Room
from shim.settings import Settings

__all__ = ["address_of", "listening", "serve"]

log = logging.getLogger("shim")

_BACKLOG = 2048
_KEEP_ALIVE = 75
"""Seconds that an idle connection is kept.

SDKs keep theirs for five, uvicorn too unless it is told: a request that is sent just when the
server closes its connection gets no answer. So it is the caller who closes, as balancers want it.
"""

_LAST_SECONDS = 5.0
"""What closing may take after the time to finish is over."""

_NOT_BEGUN = 3
"""The status that uvicorn exits with where the application does not start."""

_APART = (
    "several processes cannot share a database in memory: name a file in SHIM_DATABASE_URL, or use "
    "one process"
)

_MOST_FILES = 65_536

_PAUSE = 1.0
"""Seconds until a process that died is replaced."""


def listening(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say; raises SettingsError where it may not."""
    check_address(settings)
    Rates(settings.rate)  # a bad one is told before anything is served
    if settings.workers > 1 and settings.database_path() == ":memory:":
        raise SettingsError(_APART)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
        # the protocol is named, since asyncio sends at once (TCP_NODELAY) only where it is
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise SettingsError(f"cannot listen at {place}: {error.strerror or error}") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL under which a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, listener: socket.socket) -> int:
    """Serve until told to stop, with as many processes as the settings say; the exit status."""
    if settings.workers == 1:
        return _work(settings, listener)
    return _Crew(settings, listener).run()


class _Server(uvicorn.Server):
    """Tells the application of its end when the signal comes, not when all connections are done."""

    def __init__(self, config: uvicorn.Config, room: Room) -> None:
        super().__init__(config)
        self._room = room
        self._begin: Callable[[], object] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begin = self._room.begin_closing_later()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._begin()
        super().handle_exit(sig, frame)


def _work(settings: Settings, listener: socket.socket) -> int:
    """Serve in this process."""
    _show_log(settings)
    _allow_files()
    app = asgi(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.grace + _LAST_SECONDS),
    )
    server = _Server(config, room_of(app))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _nothing)  # uvicorn sends itself again what stopped it
    server.run(sockets=[listener])
    return 0 if server.started else _NOT_BEGUN


def _allow_files() -> None:
    """Open as many files as this user may: each stream takes two, and the default is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):  # macOS has a further limit that is not told
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _nothing(number: int, frame: FrameType | None) -> None:
    """What a signal does before and after uvicorn has it."""


def _worker(settings: Settings, listener: socket.socket) -> None:
    """The whole of a further process, which ends when the one that began it does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(_work(settings, listener))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _show_log(settings: Settings) -> None:
    """Write to the terminal what goes wrong, and a line for each request."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    for name, level in (("shim", "warning"), ("uvicorn", "warning"), ("shim.access", "info")):
        logging.getLogger(name).setLevel((settings.log or level).upper())
    for logger in (logging.getLogger("shim"), logging.getLogger("uvicorn")):
        if all(isinstance(each, logging.NullHandler) for each in logger.handlers):
            logger.addHandler(handler)


class _Crew:
    """Processes that share a socket: what dies is replaced, what is told to stop is waited for."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._stop = threading.Event()
        self._context = multiprocessing.get_context("spawn")

    def run(self) -> int:
        """Keep the processes alive until a signal says to stop."""
        _show_log(self._settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        with tempfile.TemporaryDirectory(prefix="shim-metrics-") as folder:
            # read by prometheus-client when a process imports it
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            return int(self._watch(folder))

    def _watch(self, folder: str) -> bool:
        """Replace what dies until told to stop; True if a process could not even begin."""
        processes = [self._begun() for _ in range(self._settings.workers)]
        failed = False
        while not failed and not self._stop.wait(0.2):
            failed = self._replaced(processes, folder)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(self._settings.grace + 2 * _LAST_SECONDS)
        for process in processes:
            process.kill()
        return failed

    def _begun(self) -> BaseProcess:
        process = self._context.Process(target=_worker, args=(self._settings, self._listener))
        process.start()
        return process

    def _replaced(self, processes: list[BaseProcess], folder: str) -> bool:
        """Replace the dead; True if one could not even begin, which the next could not either."""
        for position, process in enumerate(processes):
            if process.is_alive():
                continue
            if process.exitcode == _NOT_BEGUN:
                return True
            mark_process_dead(process.pid, folder)  # type: ignore[no-untyped-call]
            log.error("process %s ended with status %s", process.pid, process.exitcode)
            time.sleep(_PAUSE)
            processes[position] = self._begun()
        return False
