"""`shim route`: which lane new threads take, for all processes and at once. Knows words alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from shim.storage.lanes import Lanes

__all__ = ["command"]

T = TypeVar("T")


@click.group()
def command() -> None:
    """Say which share of new threads goes to Responses, without a restart.

    A share stands in the place of the rules (SHIM_ROUTES, `routes` in the settings file). Every
    process that uses the database goes by it within a second. Threads that are there stay where
    they are, but for those that a share above 0 lets move.
    """


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, as_json: bool) -> None:
    """Show the share in force, and how many threads are known in each lane."""
    share, counts = _with(lambda lanes: lanes.share()), _with(lambda lanes: lanes.counts())
    if as_json:
        echo_json({"share": share, **counts})
        return
    said = "the rules decide" if share is None else f"{share:g} % of new threads go to Responses"
    click.echo(said)
    echo_table(("lane", "threads"), list(counts.items()))


@command.command("share")
@click.argument("percent", type=click.FloatRange(0, 100))
@click.option("--dry-run", is_flag=True, help="Change nothing.")
def share(*, percent: float, dry_run: bool) -> None:
    """Let PERCENT of the new threads go to Responses, whatever the rules say."""
    _set(percent, dry_run=dry_run)


@command.command("off")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
def off(*, dry_run: bool) -> None:
    """Make all new threads at the native server, and move none: `share 0`."""
    _set(0.0, dry_run=dry_run)


@command.command("on")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
def on(*, dry_run: bool) -> None:
    """Let the rules decide again."""
    _set(None, dry_run=dry_run)


def _set(percent: float | None, *, dry_run: bool) -> None:
    said = "the rules decide" if percent is None else f"{percent:g} % of new threads to Responses"
    if dry_run:
        click.echo(f"would be set: {said}")
        return
    _with(lambda lanes: lanes.set_share(percent))
    click.echo(f"set: {said}")


def _with(ask: Callable[[Lanes], Coroutine[None, None, T]]) -> T:
    from shim import drive
    from shim.cli.database import opened
    from shim.settings import Settings
    from shim.storage.lanes import Lanes

    with opened(Settings.load()) as database:
        return drive.run(ask(Lanes(database)))
