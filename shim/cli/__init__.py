"""The command line: which commands there are. Imports a command when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from shim import __version__
from shim.errors import ShimError

__all__ = ["main"]

_HOMES = {
    "assistants": "shim.cli.assistants",
    "codemod": "shim.cli.codemod",
    "compare": "shim.cli.compare",
    "demo": "shim.cli.demo",
    "doctor": "shim.cli.doctor",
    "eject": "shim.cli.eject",
    "export": "shim.cli.export",
    "import": "shim.cli.import_",
    "keys": "shim.cli.keys",
    "record": "shim.cli.record",
    "route": "shim.cli.route",
    "scan": "shim.cli.scan",
    "serve": "shim.cli.serve",
    "status": "shim.cli.status",
    "threads": "shim.cli.threads",
    "verify": "shim.cli.verify",
}


class _Commands(click.Group):
    """Loads commands late, and says shim's own errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _HOMES:
            return None
        command: click.Command = import_module(_HOMES[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ShimError as error:
            raise click.ClickException(str(error)) from error


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shim")
def main() -> None:
    """Keeps OpenAI Assistants API code running, on the Responses API."""
