"""Seeded differences, counted: found under their name, missed, and false alarms."""

from __future__ import annotations

import os
from collections import Counter

from seeded import faults, nulls

from shim.compare.differences import differences
from shim.compare.summary import Summary
from shim.native.cases import Pair

SEED = int(os.environ.get("SHIM_TEST_SEED", "20261126"))


def test_seeded_differences_are_found_and_chance_is_not():
    """Every fault is found by a name that fits it; nothing is found where nothing is wrong."""
    missed, alarms, found = Counter(), Counter(), 0

    for each in faults(SEED, 3):
        kinds = {d.kind for d in differences(each.a[0], each.b, each.turn, each.case)}
        if kinds & set(each.kinds):
            found += 1
        else:
            missed[each.name] += 1
    for each in nulls(SEED, 75):
        for one in differences(each.a[0], each.b, each.turn, each.case):
            alarms[one.told] += 1

    assert (found, dict(missed), dict(alarms)) == (75, {}, {})


def test_the_verdict_over_many_turns():
    """One fault among twenty turns is a verdict of `different`; twenty nulls are `same`."""
    some = list(nulls(SEED + 1, 20))
    whole = [_pair(number, each) for number, each in enumerate(some)]

    assert Summary.of(("a", "b"), whole).verdict == "same"
    for each in faults(SEED, 1):
        summary = Summary.of(("a", "b"), [*whole[:19], _pair(19, each)])
        assert summary.verdict in {"different", "look"}, each.name
        assert summary.turns[-1].counted, each.name


def _pair(number, each):
    case = each.case.model_copy(update={"id": str(number)})
    return Pair(case=case, turn=each.turn, a=each.a, b=(each.b,))
