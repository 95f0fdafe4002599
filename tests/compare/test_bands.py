"""Time, tokens and length of two lanes, turn by turn."""

from __future__ import annotations

import pytest
from driven_place import asked, case_of

from shim.compare.bands import Ratio, bands
from shim.native.cases import ERROR, Outcome, Pair, Usage


def pairs(count, times, *, own=1.0, unknown=()):
    """Turns of growing length in which B takes so many times as long as A, and A as itself."""
    made = []
    for number in range(count):
        case = case_of(asked("?"), id=f"case {number}")
        seconds = 1.0 + number
        outcomes = [
            Outcome(
                status="completed",
                seconds=seconds * factor,
                usage=Usage(prompt_tokens=100, completion_tokens=10, total_tokens=110),
                unknown=frozenset(unknown),
            )
            for factor in (1.0, own, times)
        ]
        made.append(Pair(case=case, turn=case.turns[0], a=outcomes[:2], b=outcomes[2:]))
    return made


def band(name, found):
    return next((each for each in found if each.name == name), None)


def test_what_takes_longer_turn_by_turn():
    """The ratio is that of each turn, however the turns differ among themselves."""
    time = band("time", bands(pairs(20, 1.3)))

    assert time.ratio.middle == pytest.approx(1.3)
    assert time.ratio.interval == pytest.approx((1.3, 1.3))
    assert time.beyond_noise
    assert (time.a, time.low, time.shown(time.low)) == (10.5, 2.0, "2.00 s")


def test_what_a_lane_does_to_itself_is_noise():
    """A that takes 1.4 times as long the second time has no faster rival in one of 1.2."""
    time = band("time", bands(pairs(20, 1.2, own=1.4)))

    assert time.floor.middle == pytest.approx(1.4)
    assert not time.beyond_noise


def test_few_turns_have_no_interval():
    """Below six the least and the greatest are no interval of 95 %."""
    time = band("time", bands(pairs(5, 9.0)))

    assert time.ratio.interval is None
    assert "too few" in time.ratio.told()
    assert not time.beyond_noise


def test_what_is_not_told_has_no_band():
    """Times that a recording lacks, and answers that broke, are left out."""
    (one,) = pairs(1, 2.0)
    broken = one.model_copy(update={"b": (Outcome(status=ERROR, seconds=9.0),)})

    assert band("time", bands(pairs(8, 2.0, unknown=["seconds"]))) is None
    assert bands([broken]) == []
    assert Ratio.over([]) is None


def test_the_interval_of_a_median_is_by_ranks():
    """For a hundred numbers it is from the fortieth to the sixty-first."""
    ratio = Ratio.over([float(number) for number in range(1, 101)])

    assert ratio.middle == 50.5
    assert ratio.interval == (40.0, 61.0)
