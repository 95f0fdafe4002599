"""Recorded Assistants traffic, replayed against shim: the answers are the recorded ones.

The recordings are not part of the project; SHIM_RECORDINGS names their folder.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from coded import ran
from recordings import FOLDER, scenarios
from replaying import replayed
from searched import found
from table import argued, judged, lines

ABSENT = "SHIM_RECORDINGS names no folder with recordings in `native`"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)

SCENARIOS = {each.name: each for each in (scenarios() if FOLDER.is_dir() else ())}
FIRST_VERSION_REFUSALS = [
    name
    for name, each in SCENARIOS.items()
    if each.exchanges[0].status >= 400 and "v1" in each.exchanges[0].headers["openai-beta"]
]

STEPS = {name: each.shown("thread.run.step") for name, each in SCENARIOS.items()}
SEARCHING = [name for name, steps in STEPS.items() if found(steps)]
CODING = [name for name, steps in STEPS.items() if any(map(ran, steps))]


@pytest.mark.parametrize("conversations", ["upstream", "local"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_scenario_is_answered_as_recorded_or_differs_as_argued(name, conversations):
    """Statuses, keys, nulls, values and events are those of the recording, or argued one by one."""
    row = judged(SCENARIOS[name], argued(), conversations)

    if row.verdict == "skipped":
        pytest.skip(row.why)
    assert row.verdict in ("same", "argued"), row.why


def test_the_table_counts_every_scenario_and_no_skip_as_same():
    """The table names each scenario with its verdict; nothing differs without an argument."""
    rows = [judged(each, argued()) for each in SCENARIOS.values()]

    print("\n".join(lines(rows)))  # noqa: T201 - read with -rA or -s

    counts = Counter(row.verdict for row in rows)
    assert len(rows) == len(SCENARIOS)
    assert counts["different"] == 0
    assert counts["same"] == len(rows) - counts["argued"] - counts["skipped"] > 0


def test_usage_is_compared_by_its_sum_only_where_hosted_tools_were_used():
    """A run whose steps are a response each has the recorded usage on each."""
    summed = {name for name, each in SCENARIOS.items() if replayed(each).remarks}

    assert summed == {*SEARCHING, *CODING} != set()


def test_every_argument_is_about_a_scenario_that_exists():
    """The list of arguments holds nothing that is not in the recordings."""
    assert argued().keys() <= SCENARIOS.keys()


@pytest.mark.parametrize("name", FIRST_VERSION_REFUSALS)
def test_what_the_first_version_refused_is_refused_in_the_same_words(name):
    """Sent as of v2, and with texts in the metadata, the request gets the recorded refusal."""
    exchange = SCENARIOS[name].exchanges[0]
    headers = {**exchange.headers, "openai-beta": "assistants=v2"}
    asked = replace(exchange, headers=headers, content=exchange.content.replace(":true", ':"true"'))

    outcome = replayed(replace(SCENARIOS[name], exchanges=(asked,)))

    assert outcome.differences == []


@pytest.mark.parametrize("conversations", ["upstream", "local"])
@pytest.mark.parametrize("name", SEARCHING)
def test_a_search_that_is_carried_out_differs_in_its_score_alone(name, conversations):
    """Searched for in the stores that shim made, the file is found, shown and cited as recorded."""
    outcome = replayed(SCENARIOS[name], conversations, searching=True)

    (odd,) = outcome.differences
    assert "file_search.results[].score: 0." in odd
