"""What was found in a source, put in order by thread. Knows kinds and ids; not where it came from.

Found objects wait in a temporary database, so that a source may be larger than the memory and tell
its objects in any order.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from shim.core.wire import Json, decode_json, encode_compact

__all__ = ["Found", "Gathered", "Source", "gather"]

_TABLE = (
    "CREATE TABLE found (number INTEGER PRIMARY KEY, kind TEXT, owner TEXT, id TEXT, place TEXT, "
    "newest_first INTEGER, data BLOB)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """An object of a source and where it stood.

    `kind` is assistant, thread, message, run, step, file (one that code made), other (what is known
    and not imported) or missing (a thread that the source says it could not get, with its
    `problem`). `owner` is the thread. `newest_first` says that it stood in a list that may be in
    the API's usual order.
    """

    kind: str
    place: str
    data: Json
    owner: str = ""
    newest_first: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """All that a source has of one thread, in the source's order."""

    thread_id: str
    found: list[Found] = field(default_factory=list)

    def of(self, kind: str) -> list[Found]:
        """The objects of a kind, each once; the last place of one that stands there twice alike."""
        return [each for each in self.found if each.kind == kind]


class Gathered:
    """Found objects. `others` counts what is not imported, by kind; `missing` was not got."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # "" is a file of its own
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute(_TABLE)
        self._database.execute("BEGIN")
        self.others: Counter[str] = Counter()
        self.missing: list[Found] = []

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def add(self, found: Found) -> None:
        """Take in an object."""
        if found.kind == "other":
            self.others[str(found.data.get("object"))] += 1
        elif found.kind == "missing":
            self.missing.append(found)
        else:
            row = (
                *(found.kind, found.owner, str(found.data.get("id")), found.place),
                *(int(found.newest_first), encode_compact(found.data)),
            )
            self._database.execute("INSERT INTO found VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)

    def index(self) -> None:
        """Make threads quick to find; called once all is taken in."""
        self._database.execute("CREATE INDEX by_owner ON found (owner, kind)")

    def size(self) -> int:
        """How many threads and assistants there are."""
        return len(self.thread_ids()) + len(self.assistants())

    def thread_ids(self) -> list[str]:
        """The threads, in the order in which the source came to them."""
        sql = "SELECT owner FROM found WHERE owner <> '' GROUP BY owner ORDER BY MIN(number)"
        return [row[0] for row in self._database.execute(sql)]

    def threads(self) -> Iterator[Source]:
        """Each thread with what the source has of it."""
        for thread_id in self.thread_ids():
            yield Source(thread_id, self._select("owner = ?", thread_id))

    def assistants(self) -> list[Found]:
        """The assistants, oldest first where the source tells."""
        return self._select("kind = ?", "assistant")

    def _select(self, condition: str, value: str) -> list[Found]:
        sql = f"SELECT * FROM found WHERE {condition} ORDER BY number"
        with closing(self._database.execute(sql, (value,))) as rows:
            return [
                Found(kind, place, decode_json(data), owner, bool(newest_first))
                for _, kind, owner, _, place, newest_first, data in rows
            ]


def gather(found: Iterable[Found]) -> Gathered:
    """Take in all that a source has."""
    gathered = Gathered()
    for each in found:
        gathered.add(each)
    gathered.index()
    return gathered
