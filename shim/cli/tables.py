"""Plain text in columns. Knows widths, nothing of what is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from shim.signs import visible

__all__ = ["echo_json", "echo_table"]


def echo_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a head, each column as wide as its widest cell.

    What models and users wrote neither steers the terminal nor breaks a line.
    """
    cells = [[visible(str(cell)).replace("\n", " ") for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def echo_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
