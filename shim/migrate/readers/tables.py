"""Reads messages from a table: a CSV file, or a query of a database.

Knows the columns thread_id, role, text and created_at (and id, where there is one). Messages
without an id get one made of what they say and where, so that the same table gives the same ids.
"""

from __future__ import annotations

import csv
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shim.core.wire import Json
from shim.errors import SettingsError
from shim.migrate.gathered import Found
from shim.migrate.shapes import Odd

__all__ = ["read_csv", "read_query", "thread_ids"]

_NEEDED = ("thread_id", "role", "text", "created_at")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Row = Mapping[str, Any]
Refuse = Callable[[Odd], None]


def read_csv(path: Path, refuse: Refuse) -> Iterator[Found]:
    """The messages of a CSV file whose first line names its columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(reader.fieldnames or (), path.name)
        yield from _messages(reader, path.name, refuse)


def read_query(url: str, sql: str, refuse: Refuse) -> Iterator[Found]:
    """The messages that a query gives; `url` is sqlite:///path or postgresql://..."""
    kind = url.partition(":")[0]
    if kind == "sqlite":
        yield from _query_sqlite(url, sql, refuse)
    elif kind in ("postgresql", "postgres"):
        yield from _query_postgres(url, sql, refuse)
    else:
        raise SettingsError(
            f"--db {kind}://... is not known: it takes sqlite:///file.db and postgresql://...; "
            "of other databases, export the query as CSV"
        )


def _query_sqlite(url: str, sql: str, refuse: Refuse) -> Iterator[Found]:
    path = Path(url.removeprefix("sqlite:///"))
    if not path.is_file():
        raise SettingsError(f"there is no database file {path}")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            cursor = connection.execute(sql)
        except sqlite3.Error as error:
            raise SettingsError(f"the query failed: {error}") from error
        _check_columns([column[0] for column in cursor.description or ()], "the query")
        yield from _messages((dict(row) for row in cursor), "row", refuse)


def _query_postgres(url: str, sql: str, refuse: Refuse) -> Iterator[Found]:
    try:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg.rows import dict_row  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"--db postgresql://... needs its driver ({error}): "
            "pip install 'assistants-shim[postgres]'"
        ) from error
    try:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            connection.read_only = True
            cursor = connection.execute(sql.encode())
            _check_columns([column.name for column in cursor.description or ()], "the query")
            yield from _messages(cursor, "row", refuse)
    except psycopg.Error as error:
        raise SettingsError(f"the query failed: {error}") from error


def thread_ids(path: Path, column: str | None) -> list[str]:
    """The ids in a file: a column of a CSV file, or one on each line; each once."""
    text = path.read_text(encoding="utf-8-sig")
    if column is None:
        lines = (line.strip() for line in text.splitlines())
        return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    reader = csv.DictReader(text.splitlines())
    if column not in (reader.fieldnames or ()):
        raise SettingsError(f"{path} has no column {column}")
    return list(dict.fromkeys(row[column].strip() for row in reader if (row[column] or "").strip()))


def _check_columns(names: Iterable[str], where: str) -> None:
    missing = [name for name in _NEEDED if name not in set(names)]
    if missing:
        raise SettingsError(
            f"{where} has no {', '.join(missing)}: it must have the columns {', '.join(_NEEDED)} "
            "(in SQL: SELECT my_thread AS thread_id, ...)"
        )


def _messages(rows: Iterable[Row], where: str, refuse: Refuse) -> Iterator[Found]:
    seen: Counter[str] = Counter()
    first = 2 if where != "row" else 1  # a file's first line names the columns
    for number, row in enumerate(rows, first):
        words = f"{where}:{number}"
        try:
            message = _message(row, words, seen)
        except Odd as odd:
            refuse(odd)
            continue
        yield Found("message", words, message, message["thread_id"])


def _message(row: Row, words: str, seen: Counter[str]) -> Json:
    thread_id = str(row["thread_id"] or "").strip()
    if not thread_id:
        raise Odd(words, "has no thread_id")
    text, created_at = str(row["text"] or ""), _moment(row["created_at"], words)
    role = str(row["role"] or "").strip().lower()
    said = f"{thread_id}\n{created_at}\n{role}\n{text}"
    message_id = str(row.get("id") or "") or _made_id(said, seen)
    return {
        "id": message_id,
        "object": "thread.message",
        "created_at": created_at,
        "thread_id": thread_id,
        "role": role,
        "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        "completed_at": created_at,
    }


def _made_id(said: str, seen: Counter[str]) -> str:
    """An id of a message's own words; who says the same again in a second gets another."""
    digest = hashlib.sha256(said.encode()).hexdigest()
    seen[digest] += 1
    number = int.from_bytes(hashlib.sha256(f"{seen[digest]}\n{digest}".encode()).digest(), "big")
    digits = []
    for _ in range(24):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "msg_" + "".join(digits)


def _moment(value: Any, words: str) -> int:
    """Seconds since 1970, of a number or of a date; one without a zone is in UTC."""
    if isinstance(value, datetime):
        moment = value
    else:
        text = str(value or "").strip()
        try:
            number = float(text)
        except ValueError:
            moment = _date(text, words)
        else:
            return int(number / 1000 if number > 1e11 else number)  # milliseconds, as of JS
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


def _date(text: str, words: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Odd(words, f"created_at is {text!r}: neither seconds nor an ISO date") from None
