"""A recorded conversation is asked again of the same shim: its outcomes come again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from recorded_place import script, settings, talk, the_case

from shim import drive
from shim.offline import Offline
from shim.testing import connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compare"))

from driven_place import Driven

_OF_THE_TIME = {"seconds": None, "first_token": None, "thread_id": "", "run_id": ""}


def told(outcome):
    """An outcome without what is another each time."""
    rounds = tuple(
        tuple(call.model_copy(update={"id": ""}) for call in each) for each in outcome.rounds
    )
    return outcome.model_copy(update={**_OF_THE_TIME, "rounds": rounds})


@pytest.mark.parametrize("seeds", [True, False])
def test_the_same_comes_of_it(tmp_path, seeds):
    """Turn by turn, teacher-forced, shim does again what it did when it was recorded."""
    path, offline = tmp_path / "one.jsonl", Offline()
    script(offline)
    with connect(offline, settings=settings(path)) as client:
        talk(client, streamed=True)
    case = the_case(path)
    driven = Driven(seeds=seeds)
    script(driven.offline)

    again = []
    for turn in case.turns:
        history = list(case.history(turn, {}))
        again.append(drive.run(driven.driver.answer(case, turn, history)))

    recorded = [told(turn.recorded) for turn in case.turns]
    assert [told(each).model_copy(update={"notes": ()}) for each in again] == recorded
