"""The address of a PostgreSQL database. Knows URLs; never shows what may be a password.

All that libpq understands in a URL passes as it is. Two parameters are shim's own, named as
elsewhere: `pool` (connections that a process opens at most) and `prepared_statements` (`false`
behind a PgBouncer that does not know them).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shim.errors import SettingsError

__all__ = ["Address", "without_password"]

_SCHEMES = ("postgresql://", "postgres://")
_POOL = 10
_FLAGS = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, for libpq, and how many connections are made to it."""

    url: str = field(repr=False)
    shown: str
    pool: int = _POOL
    prepared: bool = True

    @classmethod
    def of(cls, url: str) -> Address | None:
        """The address that a URL is, or None where it is of another kind; raises SettingsError."""
        if not url.startswith(_SCHEMES):
            return None
        head, mark, query = url.partition("?")
        given = [pair.partition("=") for pair in query.split("&")] if mark else []
        theirs = [f"{name}{sign}{value}" for name, sign, value in given if name not in _OURS]
        ours = {name: value for name, _, value in given if name in _OURS}
        return cls(
            f"{head}?{'&'.join(theirs)}" if theirs else head,
            without_password(url),
            _size(ours.get("pool", str(_POOL))),
            _flag(ours.get("prepared_statements", "true")),
        )

    def is_plain(self) -> bool:
        """Whether it has one `@` at most, before its first slash: else a password is cut in two."""
        head = self.url.partition("://")[2].partition("?")[0]
        return head.count("@") == head.partition("/")[0].count("@") <= 1


_OURS = ("pool", "prepared_statements")


def _size(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= 1000:
        return int(text)
    raise SettingsError(
        f"pool={text} in SHIM_DATABASE_URL is no number of connections: use pool=10"
    )


def _flag(text: str) -> bool:
    if text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    raise SettingsError(
        f"prepared_statements={text} in SHIM_DATABASE_URL is neither true nor false"
    )


def without_password(url: str) -> str:
    """A URL as it may be shown: no user, no password, no parameters.

    A password with an unescaped `/`, `?` or `@` makes a URL that cannot be taken apart for certain.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "***" if "@" in url else url
    head, _, query = rest.partition("?")
    if "@" in query:
        return f"{scheme}://***"
    _, at, place = head.rpartition("@")
    return f"{scheme}://***@{place}" if at else f"{scheme}://{place}"
