"""When the time of a kept file is over, and what becomes of it then. Knows no caller.

How long a file is kept is a setting, and holds for files that were kept under another one too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from shim.core.made_files import Contents
from shim.core.ports import Ledger
from shim.core.records import File
from shim.errors import Lost

__all__ = ["SECONDS_OF_A_DAY", "expire", "expires_at", "sweep"]

SECONDS_OF_A_DAY = 86_400
_AT_ONCE = 100
_OVER = "it expired: files are kept for {0} (SHIM_FILES_DAYS)"


def expires_at(file: File, days: int) -> int | None:
    """When the file's time is over; None where files are kept until they are deleted."""
    return file.created_at + days * SECONDS_OF_A_DAY if days else None


async def sweep(ledger: Ledger, contents: Contents, days: int, now: float) -> int:
    """Delete the contents of all files whose time is over; gives how many there were."""
    swept = 0
    while days and (over := await ledger.kept_before(now - days * SECONDS_OF_A_DAY, _AT_ONCE)):
        for file in over:
            await expire(ledger, contents, file, days)
        swept += len(over)
    return swept


async def expire(ledger: Ledger, contents: Contents, file: File, days: int) -> File:
    """The file whose time is over, without its content."""
    span = "1 day" if days == 1 else f"{days} days"
    after = replace(file, status="expired", problem=_OVER.format(span))
    with suppress(Lost):  # it was deleted meanwhile
        await ledger.save_file(after, was=file.status)
    await contents.delete(file.id)
    return after
