"""What has to be so before PostgreSQL can be used: an address that works, and the schema.

Knows the first connection to a database and what may be wrong with it, in the words of settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shim.errors import SettingsError
from shim.storage.address import Address
from shim.storage.schema import MIGRATIONS, steps_from

__all__ = ["Seen", "connection_string", "look", "prepare"]

_LOCK = 0x7368696D  # "shim": who migrates holds it
_WANTED: dict[str, Any] = {"connect_timeout": "10", "fallback_application_name": "shim"}
# ids are compared by their bytes, as SQLite does, whatever the language of the database
_TYPES = {"TEXT": 'TEXT COLLATE "C"', "BLOB": "BYTEA"}
_WORD = re.compile(r"\b(?:TEXT|BLOB)\b")

_LOOK = (
    "SELECT current_setting('server_version'), pg_database_size(current_database()), "
    "has_schema_privilege(current_schema(), 'CREATE')"
)

# read as rows: what `to_regclass` says may be older than a lock that was waited for
_KNOWN = (
    "SELECT 1 FROM pg_catalog.pg_tables "
    "WHERE tablename = 'shim_schema' AND schemaname = ANY (current_schemas(false))"
)

Connection = psycopg.Connection[Any]


def connection_string(address: Address) -> str:
    """The address for libpq, with what shim wants where it says nothing; raises SettingsError."""
    try:
        said = conninfo_to_dict(address.url) if address.is_plain() else None
    except psycopg.ProgrammingError:
        said = None
    if said is None:  # libpq's words would repeat parts of the password
        raise SettingsError(
            f"SHIM_DATABASE_URL ({address.shown}) is no URL that PostgreSQL's library understands: "
            "use postgresql://user:password@host:5432/database?parameter=value with those of "
            "https://www.postgresql.org/docs/current/libpq-connect.html, and write special "
            "characters of the password as %40 (@), %2F (/), %3A (:), %3F (?), %23 (#), %25 (%)"
        )
    return make_conninfo(**{**_WANTED, **said, "client_encoding": "UTF8"})


def prepare(address: Address) -> None:
    """Bring the database to this code's schema; raises SettingsError, StoreTooNew."""
    with _connected(address) as connection:
        try:
            _migrate(connection)
        except errors.InsufficientPrivilege as error:
            raise SettingsError(
                f"shim may not make its tables in {address.shown} ({error.diag.message_primary}): "
                "as the database's owner, GRANT CREATE, USAGE ON SCHEMA public TO the user of "
                "SHIM_DATABASE_URL"
            ) from error


@dataclass(frozen=True, slots=True)
class Seen:
    """A database as it is found: `schema` counts the migrations that it has seen."""

    schema: int
    version: str
    megabytes: float
    may_create: bool


def look(address: Address) -> Seen:
    """What is at an address, which stays as it is; raises SettingsError where it cannot be used."""
    with _connected(address) as connection:
        ((version, size, may_create),) = connection.execute(_LOOK).fetchall()
        return Seen(_version(connection), version, size / 1e6, bool(may_create))


@contextmanager
def _connected(address: Address) -> Iterator[Connection]:
    try:
        connection = psycopg.connect(connection_string(address), prepare_threshold=None)
    except psycopg.OperationalError as error:
        if "starting up" in str(error):
            raise  # worth another try
        raise SettingsError(_unreachable(address, error)) from error
    with connection:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise SettingsError(
                f"the database {address.shown} is kept in {encoding}, which cannot hold every "
                "text: CREATE DATABASE shim ENCODING 'UTF8' TEMPLATE template0, and use that one"
            )
        yield connection


def _unreachable(address: Address, error: psycopg.OperationalError) -> str:
    return (
        f"the database {address.shown} cannot be reached ({str(error).strip()}): check the host, "
        "port, user, password and database of SHIM_DATABASE_URL, and that the server runs; "
        "shim makes its tables, but not the database"
    )


def _migrate(connection: Connection) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    for statement in steps_from(_version(connection)):
        connection.execute(_WORD.sub(lambda word: _TYPES[word[0]], statement))


def _version(connection: Connection) -> int:
    if not connection.execute(_KNOWN).fetchall():
        return 0
    (version,) = connection.execute("SELECT version FROM shim_schema").fetchall()
    return int(version[0])
