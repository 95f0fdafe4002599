"""What a comparison will cost before it starts: runs, tokens, and money where prices are known.

An estimate. Knows list prices of one day, which a caller may put right; a dated name goes by the
name before its date. Tokens are those recorded for a turn, else a quarter of its letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shim.core.wire import encode_compact
from shim.errors import SettingsError
from shim.native.cases import Case, Outcome, Turn

__all__ = [
    "PRICES",
    "PRICES_OF",
    "Estimate",
    "Priced",
    "estimate",
    "parsed_price",
    "price_of",
    "tokens_in",
]

PRICES_OF = "2026-04"
"""The month whose list prices these are, as pages of third parties told them."""

PRICES: Mapping[str, tuple[float, float]] = {
    "gpt-4o": (2.50, 10.00),
    "gpt-4o-mini": (0.15, 0.60),
    "gpt-4.1": (2.00, 8.00),
    "gpt-4.1-mini": (0.40, 1.60),
    "gpt-4.1-nano": (0.10, 0.40),
    "gpt-5": (1.25, 10.00),
    "gpt-5.1": (1.25, 10.00),
    "gpt-5-mini": (0.25, 2.00),
    "gpt-5-nano": (0.05, 0.40),
    "o3": (2.00, 8.00),
    "o3-mini": (1.10, 4.40),
    "o4-mini": (1.10, 4.40),
}
"""Dollars for a million tokens, read and written."""

_ANSWER_TOKENS = 300
_LETTERS_A_TOKEN = 4
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$|-\d{4}$")


@dataclass(frozen=True, slots=True)
class Priced:
    """A lane to be asked: its name, how often for each turn, and the model it is told to use."""

    name: str
    times: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one lane will do. `dollars` is None where a model's price is not known (`unpriced`)."""

    lane: str
    runs: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None
    unpriced: tuple[str, ...] = ()

    def told(self) -> str:
        """The estimate in a line."""
        tokens = f"{self.prompt_tokens:,} tokens read, {self.completion_tokens:,} written"
        if self.dollars is None:
            money = f"no price known for {', '.join(self.unpriced)} (give --price MODEL=IN/OUT)"
        else:
            money = f"about ${self.dollars:,.2f} by the list prices of {PRICES_OF}"
        return f"{self.lane}: {self.runs:,} runs, about {tokens}, {money}"


def parsed_price(text: str) -> tuple[str, tuple[float, float]]:
    """A price as it is given, `MODEL=IN/OUT` in dollars for a million tokens."""
    model, _, prices = text.partition("=")
    try:
        read, written = (float(each) for each in prices.split("/"))
    except ValueError:
        raise SettingsError(f"--price {text}: write MODEL=IN/OUT, such as gpt-4.1=2/8") from None
    return model.strip(), (read, written)


def estimate(
    lane: Priced, cases: Sequence[Case], prices: Mapping[str, tuple[float, float]] = PRICES
) -> Estimate:
    """What a lane will do with all turns of the cases."""
    runs = read = written = 0
    dollars, unpriced = 0.0, set()
    for case in cases:
        earlier = 0
        for turn in case.turns:
            prompt, completion = _tokens(case, turn, earlier)
            earlier += completion + _letters(turn) // _LETTERS_A_TOKEN
            runs += lane.times
            read += prompt * lane.times
            written += completion * lane.times
            model = lane.model or turn.params.get("model") or case.assistant.get("model") or ""
            price = price_of(str(model), prices)
            if price is None:
                unpriced.add(str(model) or "an unknown model")
            else:
                dollars += lane.times * (prompt * price[0] + completion * price[1]) / 1_000_000
    known = None if unpriced else dollars
    return Estimate(lane.name, runs, read, written, known, tuple(sorted(unpriced)))


def price_of(model: str, prices: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    """Dollars for a million tokens, read and written; None where nobody told."""
    return prices.get(model) or prices.get(_DATE.sub("", model))


def tokens_in(text: str) -> int:
    """About how many tokens a text has."""
    return len(text) // _LETTERS_A_TOKEN


def _tokens(case: Case, turn: Turn, earlier: int) -> tuple[int, int]:
    """What a turn reads and writes, where `earlier` tokens stand before it in the case."""
    recorded = turn.recorded
    if recorded is not None and recorded.usage is not None and recorded.usage.total_tokens:
        return recorded.usage.prompt_tokens, recorded.usage.completion_tokens
    definition = {k: case.assistant.get(k) for k in ("instructions", "tools", "response_format")}
    letters = len(encode_compact([definition, list(case.before)])) + _letters(turn)
    return letters // _LETTERS_A_TOKEN + earlier, _answer(recorded)


def _letters(turn: Turn) -> int:
    return len(encode_compact([list(turn.asked), turn.params]))


def _answer(recorded: Outcome | None) -> int:
    if recorded is None or not recorded.text:
        return _ANSWER_TOKENS
    return max(1, len(recorded.text) // _LETTERS_A_TOKEN)
