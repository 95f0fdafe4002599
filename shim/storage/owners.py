"""Whose what is at the upstream, where tenants share one key there. Knows SQL, ids and kinds.

An id is its maker's for good: what is deleted there stays known here, so that an id that comes
again is nobody else's. `*` stands for all tenants: what was given to everybody to use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from shim.storage.database import Database, Statement

__all__ = ["Owned", "Owners"]

Owned = tuple[str, str]
"""A kind, such as `vector_store`, and an id."""

_AT_ONCE = 200
_ADD = (
    "INSERT INTO owned SELECT :id, :tenant, :kind "
    "WHERE NOT EXISTS (SELECT 1 FROM owned WHERE id = :id) ON CONFLICT DO NOTHING"
)
_GRANT = "INSERT INTO owned VALUES (:id, :tenant, :kind) ON CONFLICT DO NOTHING"


class Owners:
    """Who has made, or was given, which of the upstream's objects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant: str, made: Collection[Owned]) -> None:
        """Remember what a tenant has made; what is somebody's already stays that."""
        for some in _chunks(made):
            rows = ({"id": key, "tenant": tenant, "kind": kind} for kind, key in some)
            await self._database.execute(*(Statement(_ADD, row) for row in rows))

    async def grant(self, tenant: str, given: Collection[Owned]) -> None:
        """Give a tenant what is there already, and may be somebody else's as well."""
        rows = ({"id": key, "tenant": tenant, "kind": kind} for kind, key in given)
        await self._database.execute(*(Statement(_GRANT, row) for row in rows))

    async def own(
        self, tenant: str, asked: Collection[Owned], *, alone: bool = False
    ) -> set[Owned]:
        """Which of these are the tenant's, or, unless `alone`, everybody's."""
        found: set[Owned] = set()
        for some in _chunks(asked):
            names = {f"id{number}": key for number, (_, key) in enumerate(some)}
            listed = ", ".join(f":{name}" for name in names)
            sql = (
                f"SELECT kind, id FROM owned WHERE id IN ({listed}) "
                "AND tenant IN (:tenant, :everybody)"
            )
            everybody = tenant if alone else "*"
            params = {**names, "tenant": tenant, "everybody": everybody}
            (rows,) = await self._database.execute(Statement(sql, params))
            found.update((row["kind"], row["id"]) for row in rows)
        return found.intersection(asked)

    async def has_conversation(self, tenant: str, conversation_id: str) -> bool:
        """Whether a conversation was made by or given to the tenant alone, or is its thread's."""
        sql = (
            "SELECT id FROM owned WHERE id = :id AND tenant = :tenant AND kind = 'conversation' "
            "UNION ALL SELECT thread_id AS id FROM mirrors "
            "WHERE conversation_id = :id AND tenant = :tenant LIMIT 1"
        )
        params = {"id": conversation_id, "tenant": tenant}
        (rows,) = await self._database.execute(Statement(sql, params))
        return bool(rows)

    async def any(self, tenant: str, kind: str) -> bool:
        """Whether a tenant has anything of a kind."""
        sql = "SELECT id FROM owned WHERE tenant IN (:tenant, '*') AND kind = :kind LIMIT 1"
        (rows,) = await self._database.execute(Statement(sql, {"tenant": tenant, "kind": kind}))
        return bool(rows)


def _chunks(owned: Collection[Owned]) -> Iterator[list[Owned]]:
    rest = iter(owned)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
