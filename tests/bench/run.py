"""Measures shim: `python tests/bench/run.py [--json] [--quick] [name ...]`.

Names are those of `BENCHES`; without any, all are run. What is measured, and what came out, stands
in the README beside this file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import platform
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import openai
from bench_calls import calls
from bench_databases import databases
from bench_imports import first_call, imports
from bench_rounds import Row
from bench_server import server
from bench_shadow import shadow
from bench_streams import streams
from bench_turns import turns

__all__ = ["BENCHES", "main", "measured"]

Bench = Callable[..., list[Row]]

BENCHES: dict[str, tuple[Bench, dict[str, Any], dict[str, Any]]] = {
    "imports": (imports, {"rounds": 9}, {"rounds": 0}),
    "first_call": (first_call, {"rounds": 9}, {"rounds": 0}),
    "calls": (calls, {"rounds": 15, "repeats": 100}, {"rounds": 1, "repeats": 2}),
    "databases": (databases, {"rounds": 15, "repeats": 100}, {"rounds": 1, "repeats": 2}),
    "streams": (streams, {"rounds": 15, "deltas": 2000}, {"rounds": 1, "deltas": 5}),
    "turns": (turns, {"delay": 3.3, "pause": 100}, {"delay": 0.0, "pause": 10}),
    "server": (
        server,
        {"rounds": 2, "streams": 500, "delay": 10.0, "pace": 50, "alone": 30},
        {"rounds": 1, "streams": 3, "delay": 0.1, "pace": 100, "alone": 1},
    ),
    "shadow": (
        shadow,
        {"rounds": 7, "runs": 120, "talkers": 6, "delay": 0.1},
        {"rounds": 1, "runs": 2, "talkers": 1, "delay": 0.0},
    ),
}
"""Each bench, its sizes, and the sizes with which it only shows that it runs."""

if find_spec("psycopg") is None:
    del BENCHES["databases"]
if find_spec("openai.resources.responses") is None:
    del BENCHES["streams"]  # before openai 1.66 there is nothing to compare with


def measured(names: list[str], *, quick: bool = False) -> dict[str, Any]:
    """The figures of these benches, and what they were measured on."""
    figures = {}
    for name in names or BENCHES:
        bench, sizes, small = BENCHES[name]
        figures[name] = [dataclasses.asdict(row) for row in bench(**(small if quick else sizes))]
    return {"machine": _machine(), "figures": figures}


def _machine() -> dict[str, Any]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openai": openai.__version__,
        "system": platform.system(),
        "cores": os.cpu_count(),
    }


def _table(result: dict[str, Any]) -> str:
    lines = [", ".join(f"{key} {value}" for key, value in result["machine"].items())]
    for name, rows in result["figures"].items():
        lines += ["", f"{name:60} {'median':>9} {'min':>9} {'max':>9}"]
        lines += [_line(**row) for row in rows]
    return "\n".join(lines)


def _line(what: str, unit: str, median: float, low: float, high: float) -> str:
    return f"{what:60} {median:9.2f} {low:9.2f} {high:9.2f} {unit}".rstrip()


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description="Measure shim.")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # what the SDK says of beta.assistants
    logging.getLogger("shim").setLevel(logging.ERROR)
    result = measured(asked.names, quick=asked.quick)
    sys.stdout.write((json.dumps(result, indent=2) if asked.json else _table(result)) + "\n")


if __name__ == "__main__":
    main()
