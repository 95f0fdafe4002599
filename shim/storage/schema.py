"""The schema, as ordered migrations. Knows tables; not the records in them.

A database remembers how many migrations it has seen. One that has seen more than this code knows
was written by a newer shim and is refused, since its rules are not known here.
"""

from __future__ import annotations

import sqlite3

from shim.errors import StoreTooNew

__all__ = ["MIGRATIONS", "migrate", "steps_from", "version_of"]

_FIRST = """
CREATE TABLE assistants (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, position BIGINT NOT NULL,
  version INTEGER NOT NULL, data TEXT NOT NULL
);
CREATE INDEX assistants_by_tenant ON assistants (tenant, position);
CREATE TABLE assistant_versions (
  id TEXT NOT NULL, version INTEGER NOT NULL, saved_at BIGINT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (id, version)
);
CREATE TABLE threads (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, created_at BIGINT NOT NULL,
  next_position BIGINT NOT NULL, metadata TEXT NOT NULL, tool_resources TEXT NOT NULL
);
CREATE INDEX threads_by_tenant ON threads (tenant, created_at);
CREATE TABLE messages (
  id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, run_id TEXT, position BIGINT NOT NULL,
  metadata TEXT NOT NULL, data TEXT NOT NULL
);
CREATE UNIQUE INDEX messages_by_thread ON messages (thread_id, position);
CREATE TABLE runs (
  id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, position BIGINT NOT NULL, status TEXT NOT NULL,
  version INTEGER NOT NULL, metadata TEXT NOT NULL, data TEXT NOT NULL
);
CREATE UNIQUE INDEX runs_by_thread ON runs (thread_id, position);
CREATE UNIQUE INDEX one_active_run ON runs (thread_id)
  WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling');
CREATE TABLE steps (
  id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, run_id TEXT NOT NULL, type TEXT NOT NULL,
  position BIGINT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX steps_by_run ON steps (run_id, position);
CREATE INDEX steps_by_thread ON steps (thread_id, position);
CREATE TABLE turns (
  run_id TEXT NOT NULL, number INTEGER NOT NULL, thread_id TEXT NOT NULL,
  response_id TEXT, items TEXT NOT NULL, PRIMARY KEY (run_id, number)
);
CREATE INDEX turns_by_thread ON turns (thread_id);
CREATE TABLE refused_parameters (
  server TEXT NOT NULL, model TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (server, model, name)
);
CREATE TABLE mirrors (
  thread_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, conversation_id TEXT,
  owner TEXT, lease_until DOUBLE PRECISION NOT NULL, failures INTEGER NOT NULL, problem TEXT
);
CREATE TABLE outbox (
  thread_id TEXT NOT NULL, position BIGINT NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL,
  ambiguous INTEGER NOT NULL, PRIMARY KEY (thread_id, position)
);
CREATE TABLE mirrored_items (
  thread_id TEXT NOT NULL, message_id TEXT NOT NULL, item_id TEXT NOT NULL,
  PRIMARY KEY (thread_id, message_id, item_id)
);
"""

_FILES = """
CREATE TABLE files (
  id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, run_id TEXT NOT NULL, status TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX files_by_thread ON files (thread_id, status);
ALTER TABLE threads ADD COLUMN container_id TEXT;
ALTER TABLE threads ADD COLUMN container_files TEXT;
"""

_SERVERS = """
ALTER TABLE mirrors ADD COLUMN server TEXT;
"""

_MADE_STORES = """
ALTER TABLE threads ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
CREATE TABLE made_stores (
  thread_id TEXT NOT NULL, store_id TEXT NOT NULL, PRIMARY KEY (thread_id, store_id)
);
"""

# files outlast their threads, so they have a tenant of their own
_LISTINGS = """
ALTER TABLE files ADD COLUMN tenant TEXT;
ALTER TABLE files ADD COLUMN made_at BIGINT NOT NULL DEFAULT 0;
UPDATE files SET tenant = (SELECT tenant FROM threads WHERE threads.id = files.thread_id);
CREATE INDEX files_by_age ON files (status, made_at);
CREATE TABLE listings (
  thread_id TEXT NOT NULL, run_id TEXT NOT NULL, turn INTEGER NOT NULL, container_id TEXT NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY (thread_id, run_id, turn, container_id)
);
"""

_CONTENTS = """
CREATE TABLE contents (
  writing TEXT PRIMARY KEY, file_id TEXT NOT NULL, size BIGINT, began_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX contents_by_file ON contents (file_id) WHERE size IS NOT NULL;
CREATE INDEX contents_unfinished ON contents (began_at) WHERE size IS NULL;
CREATE TABLE content_pieces (
  writing TEXT NOT NULL, number INTEGER NOT NULL, piece BLOB NOT NULL,
  PRIMARY KEY (writing, number)
);
"""

_UPLOADS = """
CREATE TABLE uploads (
  file_id TEXT NOT NULL, server TEXT NOT NULL, upload_id TEXT NOT NULL, tenant TEXT NOT NULL,
  PRIMARY KEY (file_id, server)
);
CREATE INDEX uploads_by_id ON uploads (upload_id);
CREATE INDEX uploads_by_tenant ON uploads (tenant, server);
"""

# who calls, and whose what is at the upstream: ids that shim itself has made there are known
_ACCESS = """
CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE access_keys (
  name TEXT PRIMARY KEY, digest TEXT NOT NULL, tenant TEXT NOT NULL, upstream TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX access_keys_by_digest ON access_keys (digest);
CREATE TABLE callers (digest TEXT PRIMARY KEY, tenant TEXT NOT NULL, verified_at BIGINT NOT NULL);
CREATE TABLE owned (
  id TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (id, tenant)
);
CREATE INDEX owned_by_tenant ON owned (tenant, kind);
INSERT INTO owned SELECT DISTINCT conversation_id, tenant, 'conversation' FROM mirrors
  WHERE conversation_id IS NOT NULL;
INSERT INTO owned SELECT DISTINCT m.store_id, t.tenant, 'vector_store'
  FROM made_stores m JOIN threads t ON t.id = m.thread_id;
INSERT INTO owned SELECT DISTINCT upload_id, tenant, 'file' FROM uploads;
"""

# what a source said of an assistant or thread when it was imported
_IMPORTS = """
CREATE TABLE imports (id TEXT PRIMARY KEY, digest TEXT NOT NULL, imported_at BIGINT NOT NULL);
"""

# which threads are at a native server, and who works on them there or moves them here
_LANES = """
CREATE TABLE lanes (
  thread_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, lane TEXT NOT NULL, made_at BIGINT NOT NULL,
  writers INTEGER NOT NULL, writers_until DOUBLE PRECISION NOT NULL,
  mover TEXT, mover_until DOUBLE PRECISION NOT NULL, problem TEXT
);
CREATE INDEX lanes_by_age ON lanes (lane, made_at);
CREATE TABLE lane_share (name TEXT PRIMARY KEY, percent DOUBLE PRECISION NOT NULL);
"""

# what is to be told of a thread that was taken in without being asked for
_NOTED = """
ALTER TABLE imports ADD COLUMN note TEXT;
"""

# which conversations native code uses as well, what it put there, and where the items stand. A row
# outlives its thread: what was deleted is not taken in again, by nobody
_SHARED = """
CREATE TABLE shared_threads (
  conversation_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, tenant TEXT NOT NULL
);
CREATE UNIQUE INDEX shared_by_thread ON shared_threads (thread_id);
CREATE INDEX mirrors_by_conversation ON mirrors (conversation_id);
CREATE TABLE native_items (
  id TEXT NOT NULL, thread_id TEXT NOT NULL, position BIGINT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (thread_id, id)
);
ALTER TABLE mirrored_items ADD COLUMN place BIGINT;
"""

_REMEMBER = """
CREATE TABLE IF NOT EXISTS shim_schema (version INTEGER NOT NULL);
DELETE FROM shim_schema;
INSERT INTO shim_schema VALUES ({0});
"""

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _FILES,
    _SERVERS,
    _MADE_STORES,
    _LISTINGS,
    _CONTENTS,
    _UPLOADS,
    _ACCESS,
    _IMPORTS,
    _LANES,
    _NOTED,
    _SHARED,
)
"""Each is a script that takes the schema one step on; the order is the history, never changed."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a SQLite database to this code's schema; raises StoreTooNew where it is beyond it."""
    if version_of(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _apply(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _apply(connection: sqlite3.Connection) -> None:
    for statement in steps_from(version_of(connection)):
        connection.execute(statement)


def steps_from(seen: int) -> list[str]:
    """What takes a schema on to this code's; raises StoreTooNew where it is beyond it."""
    if seen > len(MIGRATIONS):
        raise StoreTooNew(
            f"this database has schema {seen}, this version of shim knows {len(MIGRATIONS)}: "
            "upgrade shim (pip install -U assistants-shim) or use another SHIM_DATABASE_URL"
        )
    scripts = ";".join([*MIGRATIONS[seen:], _REMEMBER.format(len(MIGRATIONS))])
    return [statement for statement in scripts.split(";") if statement.strip()]


def version_of(connection: sqlite3.Connection) -> int:
    """How many migrations a SQLite database has seen."""
    known = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'shim_schema'"
    ).fetchall()
    if not known:
        return 0
    return int(connection.execute("SELECT version FROM shim_schema").fetchone()[0])
