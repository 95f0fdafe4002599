"""The lanes of the contract suite: by which client, and to what, each of its tests is run.

Knows the SDK's version, and what widens the choice; knows no test.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product

import openai

__all__ = ["LANES", "SDK", "STREAMS", "WAYS", "Lane"]

SDK = tuple(int(part) for part in openai.__version__.split(".")[:2])
STREAMS = ("streamed", "helped")
WAYS = ("polled", *STREAMS)
"""How a program takes its runs further: polling, by a stream, by the SDK's stream helper."""
_ALL = os.environ.get("SHIM_TEST_LANES") == "all"


@dataclass(frozen=True)
class Lane:
    """A colour, where conversations are kept, the HTTP library under the SDK, and the door.

    The door is the client itself, unless there are `workers`: then it is a server of that many.

    `unstored` keeps them here and lets the upstream store nothing, so that runs that are polled go
    on in this process and not in the upstream's background.
    """

    colour: str
    conversations: str
    http: str
    workers: int = 0
    database: str = "sqlite"

    @property
    def in_file(self):
        """Some lanes keep their threads in a file, the others in memory."""
        kept = (self.colour, self.conversations)
        return self.database == "sqlite" and kept in (("sync", "local"), ("async", "upstream"))

    @property
    def is_legacy(self):
        """Whether the HTTP library is not the one that the SDK brings."""
        return (SDK[0] >= 3) != (self.http == "httpx2")

    @property
    def ways(self):
        """How runs are taken further; to a server and a database the two streams are one."""
        if _ALL or not (self.workers or self.is_legacy or self.database == "postgres"):
            return WAYS
        return ("polled", "helped" if self.colour == "sync" else "streamed")

    def __str__(self):
        if self.workers:
            return f"{self.colour}-server-{self.database}-{self.workers}"
        legacy = "-legacy" if self.is_legacy else ""
        server = "-postgres" if self.database == "postgres" else ""
        return f"{self.colour}-{self.conversations}{legacy}{server}"


def _lanes():
    """Both colours, with and without conversations, and the server at the end, by plain clients.

    Openai 3 takes clients of old httpx too. An older SDK does its own part in each colour, with
    which conversations have nothing to do: it runs a half.
    """
    pairs = list(product(("sync", "async"), ("upstream", "local")))
    if SDK[0] < 3:
        pairs = [*pairs, ("sync", "unstored")] if _ALL else [pairs[0], pairs[-1]]
        return [*(Lane(*pair, "httpx") for pair in pairs), *_served("httpx", ("sync",))]
    legacy = [Lane("sync", "upstream", "httpx"), Lane("async", "unstored", "httpx")]
    server = Lane("async", "upstream", "httpx2", database="postgres")
    return [
        *(Lane(*pair, "httpx2") for pair in pairs),
        *legacy,
        server,
        *_served("httpx2", ("sync", "async")),
    ]


def _served(http, colours):
    """Servers reached by plain clients: the smallest and the largest, or all where that is asked.

    An older SDK is not kept waiting for PostgreSQL.
    """
    if _ALL:
        pairs = list(product(colours, product(("sqlite", "postgres"), (1, 2))))
    else:
        pairs = list(zip(colours, (("sqlite", 1), ("postgres", 2)), strict=False))
    return [
        Lane(colour, "upstream", http, workers, database) for colour, (database, workers) in pairs
    ]


LANES = _lanes()
