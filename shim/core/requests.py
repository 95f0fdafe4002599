"""A call, understood: its ids, its body, its query. Knows no endpoint and no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shim.core.wire import Call, Json, Target

__all__ = ["Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an endpoint is given: the call, the ids in its path, and its checked body."""

    call: Call
    ids: Mapping[str, str]
    body: Json

    def id(self, kind: str) -> str:
        """The id of that kind in the path."""
        return self.ids[f"{kind}_id"]

    @property
    def tenant(self) -> str:
        """Who owns what the call may see."""
        return self.call.tenant

    @property
    def target(self) -> Target:
        """Where upstream calls made for this call go."""
        return self.call.target

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The decoded query."""
        return self.call.query
