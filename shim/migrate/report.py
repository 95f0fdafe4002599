"""What an import did, counted and by id. Knows words for outcomes; shows and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from shim.core.wire import Json
from shim.migrate.shapes import Odd
from shim.storage.imports import History

__all__ = ["BAD", "Report"]

BAD = frozenset({"conflict", "problem", "missing"})
"""Outcomes that make an import end with an exit code of 1."""


@dataclass(slots=True)
class Report:
    """Outcomes by kind, problems by id, and what each id became."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)
    problems: list[Json] = field(default_factory=list)
    became: dict[str, Json] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def tell(self, kind: str, object_id: str, outcome: str, old_id: str | None = None) -> None:
        """What became of an assistant or thread."""
        self.outcomes.setdefault(kind, Counter())[outcome] += 1
        self.became[old_id or object_id] = {"kind": kind, "id": object_id, "outcome": outcome}

    def count(self, history: History) -> None:
        """What came with an imported thread."""
        for name in ("messages", "runs", "steps"):
            self.records[name] += len(getattr(history, name))
        self.became[history.thread.id] |= {
            name: len(getattr(history, name)) for name in ("messages", "runs", "steps")
        }

    def refuse(self, odd: Odd) -> None:
        """Something could not be taken over."""
        self.problems.append({"id": odd.object_id, "problem": odd.problem})

    @property
    def is_bad(self) -> bool:
        """Whether something of the source is not here."""
        found = {outcome for counter in self.outcomes.values() for outcome in counter}
        return bool(self.problems) or bool(found & BAD)

    def lines(self) -> Sequence[tuple[str, str, int]]:
        """Kind, outcome and count, for a table."""
        told = [
            (kind, outcome, count)
            for kind, counter in self.outcomes.items()
            for outcome, count in counter.items()
        ]
        return told + [(name, "imported", count) for name, count in self.records.items()]

    def as_json(self) -> Json:
        """The report as `--json` prints it."""
        return {
            "outcomes": {kind: dict(counter) for kind, counter in self.outcomes.items()},
            "records": dict(self.records),
            "problems": self.problems,
            "notes": self.notes,
        }
