"""Who may call, as the database remembers it: shim's own keys and callers whose keys were verified.

Knows SQL, and digests of keys; a key itself never comes here. What a key lets its bearer do, and
how a digest is made, is the server's to know.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shim.storage.database import Database, Row, Statement

__all__ = ["Caller", "Key", "Keyring"]

_CALLER = "SELECT tenant, verified_at FROM callers WHERE digest = :digest"
_KNOWN = "INSERT INTO callers VALUES (:old, :old, 0) ON CONFLICT DO NOTHING"
_ALIAS = (
    "INSERT INTO callers VALUES (:new, :tenant, 0) "
    "ON CONFLICT (digest) DO UPDATE SET tenant = :tenant"
)
_OF_TENANTS = ("assistants", "threads", "mirrors", "files", "uploads", "callers")
_TAKE = (
    "INSERT INTO owned SELECT id, :tenant, kind FROM owned WHERE tenant = :own "
    "ON CONFLICT DO NOTHING"
)
_MOVES = (
    *(f"UPDATE {table} SET tenant = :tenant WHERE tenant = :own" for table in _OF_TENANTS),
    _TAKE,
    "DELETE FROM owned WHERE tenant = :own",
)
"""Give a tenant all that another one has, its further keys included."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of shim's own: by its digest, the tenant it is for.

    `upstream` names the variable that holds the key its calls go upstream with; empty means the
    server's own.
    """

    name: str
    digest: str
    tenant: str
    upstream: str = ""
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """One who calls with a key of the upstream's, verified at that time (0: not yet)."""

    tenant: str
    verified_at: int


class Keyring:
    """The keys and callers of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def secret(self) -> bytes:
        """What digests of callers' keys are made with; made with the first call, then the same."""
        read = "SELECT value FROM secrets WHERE name = 'callers'"
        if not (rows := await self._rows(read)):
            sql = "INSERT INTO secrets VALUES ('callers', :value) ON CONFLICT DO NOTHING"
            await self._database.execute(Statement(sql, {"value": secrets.token_hex(32)}))
            rows = await self._rows(read)
        return bytes.fromhex(rows[0]["value"])

    async def keys(self) -> list[Key]:
        """All keys of shim's own, by their names."""
        rows = await self._rows("SELECT * FROM access_keys ORDER BY name")
        return [Key(**row) for row in map(dict, rows)]

    async def add(self, key: Key) -> None:
        """Add a key; raises Lost where its name or digest is taken."""
        sql = "INSERT INTO access_keys VALUES (:name, :digest, :tenant, :upstream, :created_at)"
        params = {name: getattr(key, name) for name in key.__slots__}
        await self._database.execute(Statement(sql, params, expect=1))

    async def remove(self, name: str) -> None:
        """Remove a key; raises Lost where there is none."""
        sql = "DELETE FROM access_keys WHERE name = :name"
        await self._database.execute(Statement(sql, {"name": name}, expect=1))

    async def caller(self, digest: str) -> Caller | None:
        """The caller with that key."""
        rows = await self._rows(_CALLER, digest=digest)
        return Caller(rows[0]["tenant"], rows[0]["verified_at"]) if rows else None

    async def verified(self, digest: str, now: int) -> Caller:
        """Remember that a key was verified; gives whose it is: its own, or by an alias another's.

        A verification that another process has just remembered is no worse.
        """
        params = {"digest": digest, "now": now}
        sql = (
            "INSERT INTO callers VALUES (:digest, :digest, :now) "
            "ON CONFLICT (digest) DO UPDATE SET verified_at = :now"
        )
        _, (row,) = await self._database.execute(Statement(sql, params), Statement(_CALLER, params))
        return Caller(row["tenant"], row["verified_at"])

    async def alias(self, old: str, new: str) -> None:
        """Let the new key see what the old one does.

        What was made with the new key before is not lost: it becomes the old one's.
        """
        tenant, own = await self._tenant(old), await self._tenant(new)
        params = {"old": old, "new": new, "tenant": tenant, "own": own}
        moves = () if tenant == own else _MOVES
        await self._database.execute(*(Statement(sql, params) for sql in (_KNOWN, _ALIAS, *moves)))

    async def counted(self, digest: str) -> int:
        """How many assistants and threads a caller has."""
        params = {"tenant": await self._tenant(digest)}
        tables = ("assistants", "threads")
        count = "SELECT COUNT(*) AS found FROM {0} WHERE tenant = :tenant"
        counts = (Statement(count.format(table), params) for table in tables)
        found = await self._database.execute(*counts)
        return sum(int(rows[0]["found"]) for rows in found)

    async def _tenant(self, digest: str) -> str:
        caller = await self.caller(digest)
        return caller.tenant if caller else digest

    async def _rows(self, sql: str, **params: Any) -> Sequence[Row]:
        return (await self._database.execute(Statement(sql, params)))[0]
