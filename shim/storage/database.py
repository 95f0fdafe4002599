"""The database as the ledger sees it: statements, rows, all or nothing. Knows no product.

The SQL is written once, with `:name` parameters, and runs on each database that has an adapter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Database", "Row", "Statement"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `:name` parameters; `expect` is how many rows it must touch, if that matters."""

    sql: str
    params: Mapping[str, Any] = field(default_factory=dict)
    expect: int | None = None


class Database(Protocol):
    """Runs statements all-or-nothing, in one transaction."""

    async def execute(self, *statements: Statement) -> list[Sequence[Row]]:
        """The rows of each statement; raises Lost, and keeps nothing, where `expect` is not met."""
        ...

    async def aclose(self) -> None:
        """Close what is open; the next statement opens it again."""
        ...
