"""`shim doctor`: what is installed, set, stored and reached, with a cure for what is wrong.

Knows how findings are shown and which exit code they mean; `shim.cli.checks` makes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from shim.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from shim.cli.checks.finding import Finding
    from shim.settings import Settings

__all__ = ["command"]

_MOST = 20


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--offline", is_flag=True, help="Ask the upstream nothing.")
@click.option("--drain", is_flag=True, help="Carry out what waits for conversations; needs a key.")
@click.option("--sweep", is_flag=True, help="Delete kept files older than SHIM_FILES_DAYS.")
def command(*, as_json: bool, offline: bool, drain: bool, sweep: bool) -> None:
    """Check the installation, settings, database and upstream.

    Exits with 0 where all is well and 1 where there is a problem; each problem names its cure.
    Changes nothing but with --drain, which sends what waits to the threads' conversations, and
    with --sweep; without it, the doctor tells how many files that would delete.
    """
    if drain and offline:
        raise click.UsageError("--drain sends to the upstream; leave out --offline")
    findings = list(_findings(ask=not offline, drain=drain, sweep=sweep))
    if as_json:
        echo_json([finding.as_json() for finding in findings])
    else:
        _show(findings)
    if any(finding.state == "problem" for finding in findings):
        raise click.exceptions.Exit(1)


def _findings(*, ask: bool, drain: bool, sweep: bool) -> Iterator[Finding]:
    from shim.cli.checks import configuration, versions

    yield from versions.findings()
    settings, wrong = configuration.loaded()
    if wrong is not None:
        yield wrong
    yield from configuration.findings(settings)
    fit = wrong is None
    yield from _in_use(settings, ask=ask, drain=drain and fit, sweep=sweep and fit)


def _in_use(settings: Settings, *, ask: bool, drain: bool, sweep: bool) -> Iterator[Finding]:
    from shim.cli.checks import files, storage, upstream
    from shim.cli.draining import drained

    yield from upstream.findings(settings, ask=ask)
    if drain:
        yield from drained(settings)
    yield from storage.findings(settings)
    if sweep:
        yield from files.swept(settings)
    yield from files.findings(settings)


def _show(findings: list[Finding]) -> None:
    shown: Counter[str] = Counter()
    rows: list[tuple[str, str, str]] = []
    for finding in findings:
        shown[finding.subject] += 1
        if shown[finding.subject] > _MOST:
            continue
        rows.append((finding.state, finding.subject, finding.text))
        if finding.cure:
            rows.append(("", "", f"-> {finding.cure}"))
    rows += [
        ("", subject, f"and {count - _MOST} more; --json shows all")
        for subject, count in shown.items()
        if count > _MOST
    ]
    echo_table(("state", "subject", "finding"), rows)
    problems = sum(finding.state == "problem" for finding in findings)
    click.echo(f"\n{problems or 'No'} problem{'' if problems == 1 else 's'} found.")
