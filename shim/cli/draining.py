"""Carries out what waits for the threads' conversations, with the key that is set here.

Knows the bound on its time, and what may be sent where conversations are kept locally.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from shim import drive
from shim.cli.access import client_here, target_of
from shim.cli.checks.finding import Finding
from shim.cli.database import is_there, opened
from shim.conversation.mirror import Mirrors
from shim.core.wire import Target
from shim.errors import SettingsError
from shim.settings import Settings
from shim.storage.database import Database
from shim.storage.ledger import Ledger
from shim.storage.outbox import Mirrored, Outbox
from shim.storage.shared_threads import Reads
from shim.upstream.http import BlockingUpstream
from shim.wiring import open_contents
from shim.workers import BlockingWorkers

__all__ = ["drained"]

LONGEST = 300.0


def drained(settings: Settings) -> Iterator[Finding]:
    """Drain each thread for which something waits, oldest first; tells how it went."""
    try:
        there = is_there(settings)
    except SettingsError as error:
        yield Finding("drain", "problem", str(error), "correct SHIM_DATABASE_URL")
        return
    if not there:
        yield Finding("drain", "note", "nothing to carry out: there is no database yet")
        return
    client = client_here(settings)
    if client is None:
        cure = "set OPENAI_API_KEY, or SHIM_UPSTREAM_KEY"
        yield Finding("drain", "problem", "needs a key, and none is set", cure)
        return
    with client, opened(settings) as database:
        workers = BlockingWorkers()
        sender = BlockingUpstream(client._client, workers.sleep, settings.dialect or None)  # noqa: SLF001 - the one seam we use
        # never `auto`, which forgets what waits where the upstream has no conversations
        outbox, ledger = Outbox(database), Ledger(database)
        kept = open_contents(settings, database)
        mirrors = Mirrors(
            *(outbox, ledger, sender, workers, "upstream"), contents=kept, reads=Reads(database)
        )
        yield from _each(settings, database, mirrors, target_of(client))


def _each(
    settings: Settings, database: Database, mirrors: Mirrors, target: Target
) -> Iterator[Finding]:
    outbox = Outbox(database)
    pending = [state for state in drive.run(outbox.pending()) if _may_go(settings, outbox, state)]
    waiting = [state for state in pending if state.server in (None, target.base_url)]
    yield from _of_others(pending, target)
    ends, done = time.monotonic() + LONGEST, 0
    for number, state in enumerate(waiting, 1):
        if time.monotonic() > ends:
            text = f"stopped after {LONGEST:.0f} seconds; {len(waiting) - number + 1} threads left"
            yield Finding("drain", "warning", text, "run `shim doctor --drain` again")
            break
        click.echo(f"draining {number} of {len(waiting)}: {state.thread_id}", err=True)
        done += drive.run(mirrors.drain_now(state.thread_id, target))
    yield Finding("drain", "ok", f"{done} of {len(waiting)} threads drained to {target.base_url}")


def _of_others(pending: Sequence[Mirrored], target: Target) -> Iterator[Finding]:
    """What waits for another server is not sent to this one."""
    here = (None, target.base_url)
    servers = Counter(state.server for state in pending if state.server not in here)
    for server, count in servers.items():
        text = f"{count} threads wait for {server}, and were not sent to {target.base_url}"
        yield Finding("drain", "note", text, f"set SHIM_UPSTREAM_URL={server} and its key")


def _may_go(settings: Settings, outbox: Outbox, state: Mirrored) -> bool:
    """Whether what waits may be sent; where threads are kept locally, deletions alone may."""
    if settings.store and settings.conversations != "local":
        return True
    return all(
        entry.kind.startswith("delete")
        for entry in drive.run(outbox.entries(state.thread_id, state.pending))
    )
