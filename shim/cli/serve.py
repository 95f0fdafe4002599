"""`shim serve`: the server, said at its start where it listens and what it works with."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from shim.errors import SettingsError

if TYPE_CHECKING:
    from shim.settings import Settings

__all__ = ["command"]


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
    from shim.upstream import entra

    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings.load(**given)
    serving = _serving()
    if _has_keys(settings) and not settings.access:
        settings = replace(settings, access="keys")
    listener = serving.listening(settings)
    entra.check(settings.upstream_key, settings.upstream_url)
    click.echo(_started(settings, serving.address_of(listener)), err=True)
    sys.exit(serving.serve(settings, listener))


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
    from shim.settings import open_database
    from shim.storage.keyring import Keyring
    from shim.workers import BlockingWorkers

    database = open_database(settings, BlockingWorkers())
    try:
        return bool(drive.run(Keyring(database).keys()))
    finally:
        drive.run(database.aclose())
