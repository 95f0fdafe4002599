"""Seeded differences, counted: found under their name, missed, and false alarms."""

from __future__ import annotations

import os
from collections import Counter

from seeded import faults, nulls
from seeded_wider import wider_faults, wider_nulls

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


def test_a_second_set_of_faults_counted_too():
    """A negation among equal words is what rules do not see; all else is found, and as what."""
    missed, astray, alarms, count = Counter(), Counter(), Counter(), 0

    for each in wider_faults(SEED, 2):
        found = differences(each.a[0], each.b, each.turn, each.case)
        named = [d for d in found if d.kind in each.kinds]
        count += 1
        missed[each.name] += not named
        if named and each.direction:
            astray[each.name] += all(d.direction != each.direction for d in named)
    for each in wider_nulls(SEED, 4):
        for one in differences(each.a[0], each.b, each.turn, each.case):
            alarms[f"{each.name}: {one.told}"] += 1

    assert count == 114
    assert dict(+missed) == {"a negation": 2}
    assert dict(+astray) == {}
    assert sum(alarms.values()) <= 1, alarms  # a fourth slower may come upon an unlucky pair


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
