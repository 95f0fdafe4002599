"""`python -m shim.offline`: the embedded upstream as its own process. Knows the command line."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from shim.offline.upstream import Offline
from shim.offline.wire import Entry


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m shim.offline", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds a response takes")
    parser.add_argument(
        "--indexing-delay", type=float, default=0.0, help="seconds until a file can be searched"
    )
    parser.add_argument("--log", help="file that gets a JSON line for each request")
    return parser.parse_args()


def _writer(file: TextIO) -> Callable[[Entry], None]:
    def write(entry: Entry) -> None:
        file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
        file.flush()

    return write


def main() -> None:
    """Serve until interrupted; the URL is the one line of output."""
    arguments = _arguments()
    observe = None
    if arguments.log:
        observe = _writer(open(arguments.log, "a", encoding="utf-8"))  # noqa: PTH123, SIM115 - for life
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    offline = Offline(
        delay=arguments.delay, indexing_delay=arguments.indexing_delay, observe=observe
    )
    with offline.serve(arguments.port) as served:
        sys.stdout.write(served.url + "\n")
        sys.stdout.flush()
        stop.wait()
    offline.close()


if __name__ == "__main__":
    main()
