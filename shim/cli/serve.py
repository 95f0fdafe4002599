"""`shim serve`: the server, said at its start where it listens and what it works with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from shim.errors import SettingsError

if TYPE_CHECKING:
    from shim.settings import Settings

__all__ = ["command", "served"]


@click.command("serve")
@click.option("--host", help="Address to listen at (SHIM_HOST). Default: 127.0.0.1")
@click.option("--port", type=int, help="Port; 0 takes a free one (SHIM_PORT). Default: 8000")
@click.option("--workers", type=int, help="Number of processes (SHIM_WORKERS). Default: 1")
@click.option(
    "--grace",
    type=float,
    help="Seconds that runs and answers may go on after a signal to stop (SHIM_GRACE). Default: 30",
)
@click.option("--config", help="Settings file, YAML; also that of a LiteLLM proxy (SHIM_CONFIG)")
def command(**options: Any) -> None:
    """Serve the Assistants API over HTTP, and all else under /v1 from the upstream."""
    from shim.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings.load(**given)
    sys.exit(served(settings, lambda now, address: click.echo(_started(now, address), err=True)))


def served(settings: Settings, started: Callable[[Settings, str], None]) -> int:
    """Serve until told to stop; `started` is told where. The exit status."""
    from shim.upstream import entra

    serving = _serving()
    if not settings.access and _has_keys(settings):
        settings = replace(settings, access="keys")
    listener = serving.listening(settings)
    entra.check(settings.upstream_key, settings.upstream_url)
    started(settings, serving.address_of(listener))
    return int(serving.serve(settings, listener))


def _serving() -> Any:
    try:
        from shim.server import serving
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "shim":
            raise
        raise SettingsError(
            f"the server needs {error.name}: pip install 'assistants-shim[server]'"
        ) from error
    return serving


def _started(settings: Settings, address: str) -> str:
    from shim.server.access import upstream_of

    access = settings.access or ("keys" if settings.keys else "open")
    return (
        f"shim serves at {address}/v1, mode {settings.mode}, access {access}, "
        f"threads in {settings.database_shown()}, upstream {upstream_of(settings)}"
    )


def _has_keys(settings: Settings) -> bool:
    """Whether the database has keys.

    Opens it before anyone waits, and brings it up to date once for all processes.
    """
    from shim import drive
    from shim.storage.keyring import Keyring
    from shim.wiring import open_database
    from shim.workers import BlockingWorkers

    database = open_database(settings, BlockingWorkers())
    try:
        return bool(drive.run(Keyring(database).keys()))
    finally:
        drive.run(database.aclose())
