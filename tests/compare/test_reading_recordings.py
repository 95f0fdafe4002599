"""The recorded sessions and cassettes are read as cases: counted against an independent count."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "replay"))

from recordings import scenarios

from shim.compare.reading.sources import read

FOLDERS = ("openai-dotnet", "openllmetry", "ruby-openai")


def scenarios_in(folder):
    """The scenarios of a folder, by the reader of the tests."""
    return [one for one in scenarios() if one.name.startswith(f"{folder}/")]


def exchanges_in(folder):
    return [exchange for one in scenarios_in(folder) for exchange in one.exchanges]


def is_run(exchange):
    return exchange.method == "POST" and exchange.path.partition("?")[0].endswith("/runs")


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_run_is_a_turn(folder, recordings):
    """Every run that an answer shows, and every one that was refused, is a turn of some case."""
    shown = {
        each["id"]
        for one in scenarios_in(folder)
        for each in one.shown("thread.run")
        if each["id"].startswith("run_")
    }
    refused = [e for e in exchanges_in(folder) if is_run(e) and e.status >= 400]

    reading = read(recordings / "native" / folder)

    turns = [turn for case in reading.cases for turn in case.turns]
    assert len(turns) == len(shown) + len(refused)
    assert {t.recorded.run_id for t in turns if t.recorded} - {""} <= shown


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_thread_is_told_of(folder, recordings):
    """Every thread that is spoken of makes a case, or is left out with a reason."""
    threads = {
        part
        for exchange in exchanges_in(folder)
        for part in exchange.path.partition("?")[0].split("/")
        if part.startswith("thread_")
    }
    made = {each["id"] for one in scenarios_in(folder) for each in one.shown("thread")}

    reading = read(recordings / "native" / folder)

    told = {case.id for case in reading.cases} | {one for one, _ in reading.left_out}
    assert threads | made <= told


@pytest.mark.parametrize("folder", FOLDERS)
def test_streams_tell_what_was_said(folder, recordings):
    """The texts of a streamed run are the deltas put together; its events are all there, folded."""
    streams = [e for e in exchanges_in(folder) if is_run(e) and e.streamed]

    reading = read(recordings / "native" / folder)

    outcomes = {
        turn.recorded.run_id: turn.recorded
        for case in reading.cases
        for turn in case.turns
        if turn.recorded
    }
    assert streams
    for stream in streams:
        run = next(e.data for e in stream.answer if e.name == "thread.run.created")
        deltas = [e.data["delta"] for e in stream.answer if e.name == "thread.message.delta"]
        said = "".join(
            part["text"].get("value") or ""
            for delta in deltas
            for part in delta.get("content") or ()
            if part["type"] == "text"
        )
        outcome = outcomes[run["id"]]
        if stream.answer[-2].name != "thread.run.requires_action":
            assert "".join(outcome.texts) == said
        assert outcome.events[0] in {"thread.created", "thread.run.created"}
        assert "events" not in outcome.unknown


def test_what_a_recording_does_not_show_is_unknown(recordings):
    """A polled run whose messages were never listed has unknown texts; its steps are known."""
    folder = recordings / "native" / "openai-dotnet"

    (case,) = read(folder / "BasicRunStepFunctionalityWorks.json").cases

    outcome = case.turns[0].recorded
    assert {"texts", "citations", "events", "first_token"} <= outcome.unknown
    assert "steps" not in outcome.unknown
    assert outcome.steps.count("code_interpreter") == 6


def test_function_outputs_are_matched_to_their_calls(recordings):
    """What was submitted stands at the call it answers."""
    folder = recordings / "native" / "openai-dotnet"

    (case,) = read(folder / "StreamingToolCall().json").cases

    (turn,) = case.turns
    assert [(c.name, c.output) for c in turn.outputs] == [("get_current_weather", "warm and sunny")]
    assert turn.recorded.calls == turn.outputs
    assert [message["role"] for message in turn.asked] == ["user"]


def test_reasons_name_their_case(recordings):
    """Whatever is left out is a case or turn that is there, or a thread that made none."""
    reading = read(recordings / "native")

    ids = {case.id for case in reading.cases}
    ids |= {f"{case.id}/{turn.number}" for case in reading.cases for turn in case.turns}
    others = [one for one, why in reading.left_out if one not in ids]
    assert all(why.startswith("no run") for one, why in reading.left_out if one in others)
    assert ("thread_a98BwG780eC0s8fDpS5vj5hI/0", "it was queued when it was last seen") in (
        reading.left_out
    )
