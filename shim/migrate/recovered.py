"""Definitions of assistants that were recovered from code, and the text of their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shim.migrate import definitions
from shim.migrate.literals import Unresolved, unresolved_in

__all__ = ["REST", "Recovered", "Recovery", "text_of"]

REST = "rest"
"""The key of a definition that stands for what else there may be in it."""


@dataclass(slots=True)
class Recovered:
    """A definition: where it was found, under which name it is kept, and what it says."""

    place: str
    title: str
    body: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    updates: list[str] = field(default_factory=list)

    @property
    def open(self) -> list[tuple[str, Unresolved]]:
        """What somebody has to fill in, by key."""
        return [(key, each) for key, held in self.body.items() for each in unresolved_in(held)]


@dataclass(slots=True)
class Recovery:
    """All definitions of a tree, and calls of which none could be made."""

    found: list[Recovered] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def names(self) -> dict[str, Recovered]:
        """The definitions by the names of their files, each name once."""
        names: dict[str, Recovered] = {}
        for each in self.found:
            number, name = 1, f"{each.title}.yaml"
            while name in names:
                number += 1
                name = f"{each.title}-{number}.yaml"
            names[name] = each
        return names


def text_of(found: Recovered) -> str:
    """The file of a definition, with where it is from."""
    lines = [f"# from {found.place}, by `shim scan`"]
    lines += [f"# changed by the update at {each}" for each in found.updates]
    if found.open:
        lines.append("# fill in what is marked !unresolved: until then a push is refused")
    known = {key: found.body[key] for key in definitions.KEYS if key in found.body}
    return "\n".join([*lines, definitions.shown(found.id, {**known, **found.body})])
