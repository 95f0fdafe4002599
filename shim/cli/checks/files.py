"""The files that code made: how many are kept, where, and whose time is over.

Knows the setting and the folder. Deletes nothing but in `swept`, which is asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from shim import drive
from shim.cli.checks.finding import Finding
from shim.cli.checks.places import nearest
from shim.cli.database import opened, schema_in
from shim.core.expiry import SECONDS_OF_A_DAY, sweep
from shim.errors import SettingsError
from shim.settings import Settings
from shim.storage.ledger import Ledger
from shim.storage.overview import Overview
from shim.storage.schema import MIGRATIONS
from shim.wiring import open_contents

__all__ = ["findings", "swept"]

_MOST = 1_000_000


def swept(settings: Settings) -> Iterator[Finding]:
    """Delete the files whose time is over; tells how many there were."""
    if not settings.files_days:
        cure = "set SHIM_FILES_DAYS to how many days files are to be kept"
        yield Finding("sweep", "problem", "files are kept until they are deleted", cure)
        return
    if not _can_be_read(settings):
        return
    with opened(settings) as database:
        contents, days = open_contents(settings, database), settings.files_days
        count = drive.run(sweep(Ledger(database), contents, days, time.time()))
    yield Finding("sweep", "ok", f"{_files(count)} older than {days} days deleted")


def findings(settings: Settings) -> Iterator[Finding]:
    """What is kept, and what a sweep would delete."""
    if not _can_be_read(settings):
        return  # the findings on the database say why
    moment = time.time() - settings.files_days * SECONDS_OF_A_DAY
    with opened(settings) as database:
        kept = drive.run(Overview(database).kept())
        over = drive.run(Ledger(database).kept_before(moment, _MOST)) if settings.files_days else []
    if kept.waiting:
        text = f"files and containers still to be fetched: {kept.waiting}"
        cure = (
            "read the threads of the latest runs: any call on a thread fetches what its code made"
        )
        yield Finding("files", "note", text, cure)
    if not kept.count:
        return
    folder = settings.files_path()
    text = f"{_files(kept.count)} that code made, {kept.size / 1e6:.1f} MB, in {_place(settings)}"
    if kept.alone:
        text += f"; the threads of {kept.alone} are deleted"
    yield Finding("files", "ok", text)
    if folder is not None and not os.access(nearest(folder), os.W_OK):
        cure = "let the program write there, or set SHIM_FILES to another folder"
        yield Finding("files", "problem", f"{folder} cannot be written", cure)
    if over:
        text = f"{_files(len(over))} older than {settings.files_days} days"
        cure = "`shim doctor --sweep`, or the next file that is kept, deletes them"
        yield Finding("files", "note", text, cure)


def _can_be_read(settings: Settings) -> bool:
    with suppress(SettingsError):
        return schema_in(settings) == len(MIGRATIONS)
    return False


def _place(settings: Settings) -> str:
    inside = "memory" if settings.address() is None else "the database"
    return str(settings.files_path() or inside)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
