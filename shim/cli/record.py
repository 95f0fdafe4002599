"""`shim record`: a server whose exchanges are recorded, counted as they come.

Knows options, words and how a recording grows. Who writes it, `shim.native.record` knows.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim.settings import Settings

__all__ = ["Count", "command"]

_SECONDS = 0.5
_NOT_A_TERMINAL = 10.0
"""Seconds between two counts that are told: often on a terminal, seldom in a log."""

_STARTED = """\
shim records to {file}{there}
  {way}
  point programs at it:  OPENAI_BASE_URL={address}/v1 python my_program.py
  (or base_url="{address}/v1"); Ctrl-C ends"""


@click.command("record")
@click.option("--to", "url", help="The base URL of a server that speaks Assistants. Default: shim.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--key", envvar="SHIM_NATIVE_KEY", help="The key of --to (SHIM_NATIVE_KEY).")
@click.option("--hook", help="A function that changes or drops exchanges (SHIM_RECORD_HOOK).")
@click.option("--max-mb", type=int, help="Bound of the recording (SHIM_RECORD_MAX_MB).")
@click.option("--host", help="Address to listen at (SHIM_HOST). Default: 127.0.0.1")
@click.option("--port", type=int, help="Port; 0 takes a free one (SHIM_PORT). Default: 8000")
@click.option("--config", help="Settings file, YAML (SHIM_CONFIG)")
def command(*, url: str | None, out: Path, key: str | None, **options: Any) -> None:
    """Record what programs ask and are answered, as JSON lines in OUT.

    With --to all calls go on to a server that speaks the Assistants API, and the caller's own key
    with them, unless there is a --key. Without it shim answers, by its settings. Secrets are taken
    out; what users said is not.
    """
    from shim.cli.serve import served
    from shim.native.named import function
    from shim.settings import Settings

    _check(out)
    given = {_SETTINGS.get(name, name): v for name, v in options.items() if v is not None}
    given |= {"record": str(out.absolute()), "log": given.get("log", "warning")}
    if url is not None:
        given |= {"mode": "native", "native_url": url, "native_key": key or ""}
        given |= {"upstream_url": url, "upstream_key": key or "", **_A_PROXYS}
    settings = Settings.load(**given)
    if settings.record_hook:
        function("SHIM_RECORD_HOOK", settings.record_hook)  # told now, not by the first request
    count = Count(out)

    def started(settings: Settings, address: str) -> None:
        click.echo(_started(settings, out, address, url), err=True)

    with _told(count):
        status = served(settings, started)
    count.read()
    click.echo(_ended(count, out), err=True)
    sys.exit(status)


_A_PROXYS: dict[str, Any] = {
    "database_url": "sqlite:///:memory:",
    "workers": 1,
    "access": "open",
    "keys": {},
    "routes": {},
    "shadow": {},
    "unknown_threads": "",
}
"""Settings of what passes calls on: it keeps nothing, and lets in whoever is on this machine."""

_SETTINGS = {"hook": "record_hook", "max_mb": "record_max_mb"}


def _check(out: Path) -> None:
    """See that the file can be written before anybody relies on it."""
    try:
        out.open("ab").close()
    except OSError as error:
        raise click.BadParameter(f"{out} cannot be written: {error.strerror}") from error
    if not out.stat().st_size:
        out.unlink()  # made anew for its owner alone


def _started(settings: Settings, out: Path, address: str, url: str | None) -> str:
    from shim.server.access import upstream_of

    to = f"what they ask goes on to {url}" if url else f"shim answers, by {upstream_of(settings)}"
    there = " (what is there already stays)" if out.exists() else ""
    return _STARTED.format(file=out, there=there, way=to, address=address)


def _ended(count: Count, out: Path) -> str:
    told = f"\n{count.words()} are in {out}"
    if not count.runs:
        return f"{told}; without runs there is nothing to compare"
    return f"{told}\n  next:  shim compare --a recording:{out} --b shim"


@dataclass(slots=True)
class Count:
    """What a recording has grown by since it was first looked at."""

    path: Path
    exchanges: int = 0
    threads: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    _place: int = -1
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self._place = self._size()

    def read(self) -> None:
        """Take in the lines that came since."""
        size = self._size()
        if size < self._place:
            self._place, self._rest = 0, b""  # the file was begun anew, its older part moved aside
        if size == self._place:
            return
        with self.path.open("rb") as file:
            file.seek(self._place)
            text = self._rest + file.read(size - self._place)
        self._place = size
        *lines, self._rest = text.split(b"\n")
        for line in lines:
            self._take(line)

    def words(self) -> str:
        """The count as a text."""
        of_threads, of_runs = len(self.threads), len(self.runs)
        return (
            f"{self.exchanges} exchange{'s' * (self.exchanges != 1)}, "
            f"{of_threads} thread{'s' * (of_threads != 1)}, {of_runs} run{'s' * (of_runs != 1)}"
        )

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _take(self, line: bytes) -> None:
        from shim.compare.reading.reconstruction import routed, thread_of
        from shim.core.wire import decode_json
        from shim.native.exchanges import exchange_of

        try:
            exchange = exchange_of(decode_json(line))
        except ValueError:
            return
        self.exchanges += 1
        matched = routed(exchange)
        if matched is None:
            return
        if thread := thread_of(exchange, matched):
            self.threads.add(thread)
        if exchange.ok:
            shown = (e for e in exchange.shown() if e.get("object") == "thread.run")
            self.runs |= {str(each.get("id")) for each in shown}


@contextmanager
def _told(count: Count) -> Iterator[None]:
    """Tell the count as it grows, for the time of a block."""
    over = threading.Event()
    thread = threading.Thread(target=_tell, args=(count, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(count: Count, over: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    told = 0
    while not over.wait(_SECONDS if terminal else _NOT_A_TERMINAL):
        count.read()
        if count.exchanges != told:
            told = count.exchanges
            words = f"\r  {count.words()}   " if terminal else count.words()
            click.echo(words, err=True, nl=not terminal)
