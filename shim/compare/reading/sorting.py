"""The exchanges of recordings, sorted by thread. Knows kinds of calls, no form of recording.

They wait in a temporary database, so that a recording may be larger than the memory. What is of one
`world` may name the same ids: the parts of one recording, written by however many processes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from shim.compare.reading.reconstruction import Assistants, Key, Recorded, routed, thread_of
from shim.compare.reading.timeline import Reading
from shim.core.wire import decode_json
from shim.native.exchanges import Exchange, exchange_of, line_of, telling

__all__ = ["Sorted"]

_TABLE = (
    "CREATE TABLE exchanges (number INTEGER PRIMARY KEY, world TEXT, thread TEXT, at REAL, "
    "place TEXT, line BLOB)"
)
_OF_ASSISTANTS = ""


class Sorted:
    """Exchanges to be read thread by thread, in the order in which they were begun."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # "" is a file of its own
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute(_TABLE)
        self._database.execute("BEGIN")
        self._assistants: dict[str, Assistants] = {}
        self._places: dict[str, str] = {}

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def add(self, exchange: Exchange, world: str, file: str) -> None:
        """Take in an exchange that stands in a file; what is no call of the API is passed over."""
        matched = routed(exchange)
        if matched is None or matched.route.does.startswith("files."):
            return
        of_assistants = matched.route.does.startswith("assistants.")
        thread = _OF_ASSISTANTS if of_assistants else thread_of(exchange, matched)
        if not (thread or of_assistants):
            return  # a thread that could not be made
        self._places.setdefault(world + thread, file)
        row = (world, thread, exchange.at or 0.0, exchange.place, line_of(telling(exchange)))
        self._database.execute("INSERT INTO exchanges VALUES (NULL, ?, ?, ?, ?, ?)", row)

    def readings(self) -> Iterator[Reading]:
        """What each thread makes, in the order in which they were first spoken of."""
        self._database.execute("CREATE INDEX by_thread ON exchanges (world, thread, at, number)")
        sql = (
            "SELECT world, thread, MIN(at) AS first, MIN(number) FROM exchanges "
            "GROUP BY world, thread ORDER BY first, 4"
        )
        threads = [row[:2] for row in self._database.execute(sql)]
        for world in {world for world, _ in threads}:
            self._assistants[world] = Assistants()
            for key, exchange in self._of(world, _OF_ASSISTANTS):
                self._assistants[world].take(exchange, key)
        for world, thread in threads:
            if thread != _OF_ASSISTANTS:
                yield self._reading(world, thread)

    def _reading(self, world: str, thread: str) -> Reading:
        source = f"{self._places[world + thread]}: {thread}"
        recorded = Recorded(thread, self._assistants[world], source)
        for key, exchange in self._of(world, thread):
            matched = routed(exchange)
            if matched is not None:
                recorded.take(exchange, matched, key)
        return recorded.reading()

    def _of(self, world: str, thread: str) -> Iterator[tuple[Key, Exchange]]:
        sql = (
            "SELECT at, number, place, line FROM exchanges WHERE world = ? AND thread = ? "
            "ORDER BY at, number"
        )
        with closing(self._database.execute(sql, (world, thread))) as rows:
            for at, number, place, line in rows:
                yield (at, number), exchange_of(decode_json(line), place)
