"""The benches run, and give what the README says: figures, never judged here."""

from __future__ import annotations

import json

import pytest
from run import BENCHES, measured


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_gives_figures(request, name):
    """Each bench runs at its smallest, and each of its figures has a name, a unit and a spread."""
    if name == "databases":
        request.getfixturevalue("postgres")  # skips it where there is none

    result = json.loads(json.dumps(measured([name], quick=True)))

    (rows,) = result["figures"].values()
    assert len({row["what"] for row in rows}) == len(rows) > 0
    for row in rows:
        assert set(row) == {"what", "unit", "median", "low", "high"}
        assert row["low"] <= row["median"] <= row["high"]


def test_a_turn_asks_once_for_each_response():
    """However a run is carried out, a model turn is one POST, and a streamed run asks no more."""
    rows = measured(["turns"], quick=True)["figures"]["turns"]
    counts = {row["what"]: row["median"] for row in rows}

    kinds = {what.partition(":")[0] for what in counts}

    assert kinds
    for kind in kinds:
        assert counts[f"{kind}: POST /responses"] == counts[f"{kind}: model turns"]
        assert counts[f"{kind}: others"] == 0
        if not kind.startswith("polled, "):
            assert counts[f"{kind}: GET /responses/{{id}}"] == 0
