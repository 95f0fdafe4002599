"""The table of recorded scenarios: same, differs (and why), skipped (and why).

Run it: `SHIM_RECORDINGS=<folder> python tests/replay/table.py`. Knows verdicts; the reasons for
differences are data, in `argued.yaml`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml
from recordings import FOLDER, Scenario, scenarios
from replaying import replayed
from turns import unfit, unread_tool

__all__ = ["Row", "argued", "judged", "lines"]

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario's verdict: same, argued, skipped, or, where nobody said why, different."""

    name: str
    recorded: str
    verdict: str
    why: str = ""


def argued() -> dict[str, dict[str, Any]]:
    """The argument for each scenario that may differ: `why`, and its `differences`."""
    text = Path(__file__).with_name("argued.yaml").read_text("utf-8")
    return {name: entry for entry in yaml.safe_load(text) for name in entry["scenarios"]}


def judged(scenario: Scenario, arguments: dict[str, Any], conversations: str = "upstream") -> Row:
    """Replay a scenario, unless it needs what shim does not have yet."""
    name, recorded = scenario.name, scenario.recorded
    argument = arguments.get(name)
    if (reason := unfit(scenario)) is not None:
        return Row(name, recorded, "skipped", reason)
    outcome = replayed(scenario, conversations)
    found = outcome.differences
    if not found and argument is None:
        remarks = [*_remarks(scenario), *outcome.remarks]
        return Row(name, recorded, "same", "; ".join(remarks))
    if not found:
        return Row(name, recorded, "different", "argued to differ, and is the same")
    if argument is None:
        return Row(name, recorded, "different", "; ".join(found))
    if odd := set(found) ^ set(argument["differences"]):
        return Row(name, recorded, "different", f"not as argued: {'; '.join(sorted(odd))}")
    return Row(name, recorded, "argued", argument["why"])


def _remarks(scenario: Scenario) -> list[str]:
    tool = unread_tool(scenario)
    return [f"{tool} is attached, but the recording never reads what it did"] if tool else []


def lines(rows: Iterable[Row]) -> list[str]:
    """The table as text, the counts last."""
    rows = list(rows)
    table = []
    for row in rows:
        table.append(f"{_SHOWN[row.verdict]:9} {row.name}  ({row.recorded})")
        table += [f"{'':12}{part}" for part in wrap(row.why, _WIDTH - 12)]
    counts = Counter(row.verdict for row in rows)
    told = ", ".join(f"{counts[verdict]} {text}" for verdict, text in _COUNTED.items())
    return [*table, "", f"{len(rows)} scenarios: {told}"]


_SHOWN = {"same": "same", "argued": "differs", "skipped": "skipped", "different": "DIFFERENT"}
_COUNTED = {
    "same": "same",
    "argued": "differ as argued",
    "skipped": "skipped (not counted as same)",
    "different": "differ without an argument",
}


def main() -> int:
    """Print the table; 1 where something differs without an argument, 2 without recordings."""
    if not FOLDER.is_dir():
        print("SHIM_RECORDINGS names no folder with recordings in `native`", file=sys.stderr)  # noqa: T201
        return 2
    arguments = argued()
    rows = [judged(scenario, arguments) for scenario in scenarios()]
    print("\n".join(lines(rows)))  # noqa: T201 - it is what this file is for
    return int(any(row.verdict == "different" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
