"""Threads of a database as cases: all of them, those of an assistant, or a sample over strata.

A sample takes from each stratum as many as its share of all, one at the least, by a seed: the same
seed and the same threads give the same sample. Reads, never writes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shim import drive
from shim.compare.reading.histories import of_history
from shim.compare.reading.timeline import Reading, strata_of
from shim.core.records import Assistant
from shim.errors import SettingsError
from shim.storage.codec import load, unpack
from shim.storage.database import Database, Statement
from shim.storage.imports import Imports

__all__ = ["STRATA", "Choice", "stored", "stored_in"]

STRATA = ("assistant", "tools", "model")
"""What a sample can be spread over."""

_RUNS = "SELECT thread_id, data FROM runs ORDER BY thread_id, position"
_VERSION = "SELECT * FROM assistant_versions WHERE id = :id AND version = :version"
_LATEST = "SELECT * FROM assistant_versions WHERE id = :id ORDER BY version DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which threads: `sample` of them (0 takes all), spread over `stratify`, by `seed`.

    `assistants` and `since` (seconds since 1970) say which there are to choose from. Raises
    SettingsError for a stratum that is unknown.
    """

    sample: int = 0
    stratify: Sequence[str] = ()
    seed: int = 0
    assistants: Sequence[str] = ()
    since: int = 0
    tenant: str | None = None

    def __post_init__(self) -> None:
        for name in self.stratify:
            if name not in STRATA:
                raise SettingsError(f"{name!r} is not one of the strata: {', '.join(STRATA)}")


def stored(database: Database, choice: Choice) -> Reading:
    """The cases of the threads chosen."""
    readings = list(stored_in(database, choice))
    return Reading(
        tuple(case for each in readings for case in each.cases),
        tuple(told for each in readings for told in each.left_out),
    )


def stored_in(database: Database, choice: Choice) -> Iterator[Reading]:
    """The same thread by thread."""
    threads = _Threads(database)
    for thread_id in threads.chosen(choice):
        yield threads.reading(thread_id)


class _Threads:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._imports = Imports(database)
        self._known: dict[tuple[str, int | None], Assistant | None] = {}

    def reading(self, thread_id: str) -> Reading:
        """The cases of a thread."""
        history = drive.run(self._imports.history(thread_id))
        if history is None:
            return Reading(left_out=((thread_id, "the thread was deleted meanwhile"),))
        return of_history(history, self._assistant, f"database: {thread_id}")

    def chosen(self, choice: Choice) -> list[str]:
        """The threads chosen, oldest first."""
        ids = drive.run(
            self._imports.thread_ids(
                tenant=choice.tenant, since=choice.since, assistants=choice.assistants
            )
        )
        if not choice.sample or choice.sample >= len(ids):
            return ids
        kinds = self._strata(ids, choice.stratify)
        if not choice.stratify:
            return _in_order(ids, random.Random(choice.seed).sample(ids, choice.sample))  # noqa: S311
        return _in_order(ids, _spread(ids, kinds, choice))

    def _strata(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The stratum of each thread, by its first run; those without one have their own."""
        if not names:
            return {}
        wanted = set(ids)
        kinds: dict[str, tuple[str, ...]] = {}
        (rows,) = drive.run(self._database.execute(Statement(_RUNS)))
        for row in rows:
            thread_id = str(row["thread_id"])
            if thread_id in wanted and thread_id not in kinds:
                run = load(row["data"])
                strata = self._told(run)
                kinds[thread_id] = tuple(strata[name] for name in names)
        return {one: kinds.get(one, ("no run",)) for one in ids}

    def _told(self, run: Mapping[str, object]) -> dict[str, str]:
        assistant_id = str(run.get("assistant_id") or "")
        version = run.get("assistant_version")
        found = self._assistant(assistant_id, version if isinstance(version, int) else None)
        about = {
            "name": found.name if found else None,
            "tools": found.tools if found else run.get("tools"),
            "model": found.model if found else run.get("model"),
        }
        return strata_of(about, assistant_id)

    def _assistant(self, assistant_id: str, version: int | None) -> Assistant | None:
        """An assistant as it was; where its version is not known, as it is."""
        key = (assistant_id, version)
        if key not in self._known:
            sql, params = (
                (_LATEST, {"id": assistant_id})
                if version is None
                else (_VERSION, {"id": assistant_id, "version": version})
            )
            (rows,) = drive.run(self._database.execute(Statement(sql, params)))
            self._known[key] = unpack(Assistant, rows[0]) if rows else None
        return self._known[key]


def _spread(ids: Sequence[str], kinds: Mapping[str, tuple[str, ...]], choice: Choice) -> list[str]:
    """A sample in which each stratum has its share, by largest remainders, and at least one."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in ids:
        groups.setdefault(kinds[one], []).append(one)
    names = sorted(groups, key=lambda name: (-len(groups[name]), name))[: choice.sample]
    total = sum(len(groups[name]) for name in names)
    exact = {name: choice.sample * len(groups[name]) / total for name in names}
    counts = {name: max(1, int(exact[name])) for name in names}
    while sum(counts.values()) > choice.sample:
        most = max((n for n in names if counts[n] > 1), key=lambda n: counts[n] - exact[n])
        counts[most] -= 1
    for name in sorted(names, key=lambda n: (counts[n] - exact[n], n)):
        if sum(counts.values()) < choice.sample and counts[name] < len(groups[name]):
            counts[name] += 1
    draw = random.Random(choice.seed)  # noqa: S311 - a sample, no secret
    return [one for name in names for one in draw.sample(groups[name], counts[name])]


def _in_order(ids: Sequence[str], chosen: Sequence[str]) -> list[str]:
    kept = set(chosen)
    return [one for one in ids if one in kept]
