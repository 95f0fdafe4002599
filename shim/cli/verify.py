"""`shim verify`: counts a source again, against the database and, if asked, the upstream."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click

from shim.cli.sources import Where, found_in, source_options
from shim.cli.tables import echo_json

if TYPE_CHECKING:
    from shim.core.wire import Json
    from shim.migrate.verification import Verification
    from shim.settings import Settings

__all__ = ["command"]

_MOST = 20


@click.command()
@source_options
@click.option("--upstream", is_flag=True, help="Look for files and stores upstream; needs a key.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(*, where: Where, upstream: bool, as_json: bool) -> None:
    """Look in the database for all that SOURCE has: each message once, in order, with its text.

    Exits with 0 where all is there and 1 where something is missing or differs.
    """
    from shim.settings import Settings

    settings = Settings.load()
    found = _verified(settings, where)
    if upstream:
        for object_id, problem in _missing(settings, found):
            found.differ(object_id, problem)
    if as_json:
        echo_json(_as_json(found))
    else:
        _show(found)
    sys.exit(1 if found.differences else 0)


def _verified(settings: Settings, where: Where) -> Verification:
    from shim import drive
    from shim.cli.database import opened
    from shim.cli.import_ import progress
    from shim.migrate.gathered import gather
    from shim.migrate.shapes import Odd, Shapes
    from shim.migrate.verification import verify
    from shim.storage.imports import Imports

    odd: list[Odd] = []
    with opened(settings) as database, closing(gather(found_in(where, odd.append))) as gathered:
        shapes = Shapes(where.without_tools)
        with progress(len(gathered.thread_ids()), "verifying") as step:
            found = drive.run(verify(gathered, Imports(database), shapes, step))
    for each in odd:
        found.differ(each.object_id, f"cannot be read: {each.problem}")
    return found


def _missing(settings: Settings, found: Verification) -> Iterator[tuple[str, str]]:
    """The files and stores that the upstream does not have."""
    from shim import drive
    from shim.cli.access import client_here, target_of
    from shim.core.ids import FILE, names_one
    from shim.core.ports import Request
    from shim.upstream.http import BlockingUpstream
    from shim.workers import BlockingWorkers

    client = client_here(settings)
    if client is None:
        raise click.ClickException("--upstream needs a key: set OPENAI_API_KEY")
    asked = [("files", each) for each in sorted(found.files) if not each.startswith(FILE)]
    asked += [("vector_stores", each) for each in sorted(found.stores)]
    with client:
        sender = BlockingUpstream(client._client, BlockingWorkers().sleep, settings.dialect or None)  # noqa: SLF001 - the one seam we use
        for kind, object_id in asked:
            request = Request("GET", f"/{kind}/{object_id}", target_of(client), attempts=3)
            if not names_one(object_id):
                yield object_id, "is no id that could be asked for"
            elif (status := drive.run(sender.send(request)).status) >= 400:
                yield object_id, f"is not at the upstream ({kind} answered {status})"


def _as_json(found: Verification) -> Json:
    return {
        "counted": dict(found.counted),
        "differences": found.differences,
        "files": sorted(found.files),
        "vector_stores": sorted(found.stores),
    }


def _show(found: Verification) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in found.counted.items())
    click.echo(f"counted in the source: {counts or 'nothing'}")
    for each in found.differences[:_MOST]:
        click.echo(f"{each['id']}: {each['problem']}", err=True)
    if (more := len(found.differences) - _MOST) > 0:
        click.echo(f"... and {more} more; --json tells all", err=True)
    if not found.differences:
        click.echo("All of it is here, each message once, in its order.")
