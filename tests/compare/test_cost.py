"""What a comparison says it will cost."""

from __future__ import annotations

import pytest
from driven_place import asked, case_of

from shim.compare.cost import Priced, estimate, parsed_price
from shim.errors import SettingsError
from shim.native.cases import Outcome, Usage

RECORDED = Outcome(
    status="completed",
    usage=Usage(prompt_tokens=1_000_000, completion_tokens=500_000, total_tokens=1_500_000),
)


def test_recorded_tokens_are_taken_and_priced():
    """Each run is counted as often as it is made, by the model that the lane asks for."""
    cases = [case_of(asked("Hi", recorded=RECORDED), id=str(n)) for n in range(3)]

    told = estimate(Priced("new", 2, "gpt-4.1-2025-04-14"), cases)

    assert (told.runs, told.prompt_tokens, told.completion_tokens) == (6, 6_000_000, 3_000_000)
    assert told.dollars == pytest.approx(6 * (2.0 + 4.0))
    assert "6 runs" in told.told()


def test_an_unknown_price_is_said_and_may_be_given():
    """No price is made up; one that is given counts."""
    cases = [case_of(asked("Hi " * 400), asked("And?", number=1))]

    unknown = estimate(Priced("new", 1, "llama"), cases)
    known = estimate(Priced("new", 1, "llama"), cases, dict([parsed_price("llama=1/2")]))

    assert (unknown.dollars, unknown.unpriced) == (None, ("llama",))
    assert "--price" in unknown.told()
    assert 0 < known.dollars < 1
    with pytest.raises(SettingsError, match="MODEL=IN/OUT"):
        parsed_price("llama=cheap")
