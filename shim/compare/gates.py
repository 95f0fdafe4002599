"""`--fail-on`: expressions over a summary, such as `tool_diff>2%`. Knows their form."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shim.compare.differences import KINDS
from shim.compare.summary import OUTCOMES, Summary
from shim.errors import SettingsError

__all__ = ["Gate", "parsed_gate"]

_FORM = re.compile(r"\s*([a-z_ ]+?)\s*(>=|>|=)\s*([\d.]+\s*%?|[a-z]+)\s*")
_VERDICTS = ("same", "look", "different")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition under which a comparison fails: a kind's or a verdict's count, or its share."""

    text: str
    name: str
    sign: str
    value: str

    def holds(self, summary: Summary) -> bool:
        """Whether it fails."""
        if self.name == "verdict":
            return summary.verdict == self.value
        count, of = self._counted(summary)
        if self.value.endswith("%"):
            share = 100 * count / of if of else 0.0
            return _SIGNS[self.sign](share, float(self.value[:-1]))
        return _SIGNS[self.sign](count, float(self.value))

    def _counted(self, summary: Summary) -> tuple[int, int]:
        if self.name in OUTCOMES:
            return summary.counts[self.name], len(summary.turns)
        rate = next((kind.rate for kind in summary.kinds if kind.name == self.name), None)
        return (rate.count, rate.of) if rate else (0, summary.compared)


def parsed_gate(text: str) -> Gate:
    """The condition that a text says; raises SettingsError with the names there are."""
    match = _FORM.fullmatch(text)
    name, sign, value = match.groups() if match else ("", "", "")
    value = value.replace(" ", "")
    numeric = bool(re.fullmatch(r"\d+(\.\d+)?%?", value))
    if name == "verdict" and sign == "=" and value in _VERDICTS:
        return Gate(text, name, sign, value)
    if name in {*KINDS, *OUTCOMES} and numeric:
        return Gate(text, name, sign, value)
    raise SettingsError(
        f"--fail-on {text!r}: write NAME>NUMBER, NAME>PERCENT%, or verdict=different; NAME is one "
        f"of {', '.join([*OUTCOMES, *KINDS])}"
    )
