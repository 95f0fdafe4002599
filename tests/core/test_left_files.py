"""Files that code left in its container: found, kept, and told of on the run."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from code_runs import (
    AN_HOUR,
    CHART,
    CODE,
    CSV,
    FUNCTION,
    LINK,
    answer,
    begun,
    dropping,
    mounted,
    run,
)

from shim.offline import Offline
from shim.offline.outputs import Call, Code, Say

NOTES = "x-shim-notes"
LEFT = 'open("/mnt/data/left.txt", "w").write("left")'


@pytest.fixture
def offline() -> Iterator[Offline]:
    offline = Offline()
    yield offline
    offline.close()


@pytest.fixture
def client(offline: Offline) -> Iterator[openai.OpenAI]:
    sdk = mounted(offline)
    yield sdk
    sdk.close()


def notes(client: openai.OpenAI, thread_id: str, run_id: str) -> str:
    """What the header says of a run."""
    raw = client.beta.threads.runs.with_raw_response.retrieve(run_id, thread_id=thread_id)
    return raw.headers.get(NOTES, "")


def noted(client: openai.OpenAI, thread_id: str, run_id: str, text: str) -> str:
    """The notes of a run, as soon as they say something."""
    end = time.monotonic() + 5
    while text not in (said := notes(client, thread_id, run_id)):
        assert time.monotonic() < end, said
        time.sleep(0.01)
    return said


def file_in(said: str, name: str) -> str:
    """The id of a file that notes tell of."""
    return said.split(f"{name} (")[1].split(")", maxsplit=1)[0]


def lists(offline: Offline) -> int:
    """How often a container was looked through."""
    asked = [entry for entry in offline.log if entry.method == "GET"]
    return sum(entry.path.endswith("/files") and "containers" in entry.path for entry in asked)


def downloads(offline: Offline) -> int:
    """How often a file was copied from a container."""
    return sum(entry.path.endswith("/content") for entry in offline.log)


@pytest.mark.parametrize("how", ["polled", "streamed"])
def test_a_file_that_no_answer_names_is_kept(
    client: openai.OpenAI, offline: Offline, how: str
) -> None:
    """It has an id, which the run's notes tell, and outlives the container; nothing comes twice."""
    offline.script.mixed([Code(LEFT), Code(CSV), Code(CHART), Say(f"See {LINK}.")])
    thread_id, assistant_id = begun(client)

    done = run(client, thread_id, assistant_id, how)
    said = noted(client, thread_id, done.id, "left.txt")
    file_id = file_in(said, "left.txt")
    content = client.files.content(file_id).read()
    cited = answer(client, thread_id)[-1].text.annotations[0].file_path.file_id
    assert client.files.retrieve(cited).status == "processed"
    offline.clock.advance(AN_HOUR)

    assert content == client.files.content(file_id).read() == b"left"
    assert said == f"the code made left.txt ({file_id}), which the answer does not name"
    assert client.files.retrieve(file_id).filename == "left.txt"
    assert (lists(offline), downloads(offline)) == (1, 2)


def test_a_file_of_an_earlier_run_is_not_found_again(
    client: openai.OpenAI, offline: Offline
) -> None:
    """Not even one that was deleted; but one that has changed since is one more."""
    offline.script.mixed([Code(LEFT), Code(CSV), Say("Done.")])
    thread_id, assistant_id = begun(client)
    first = run(client, thread_id, assistant_id)
    said = noted(client, thread_id, first.id, "left.txt")
    client.files.delete(file_in(said, "left.txt"))
    offline.script.mixed([Code(CSV.replace("5", "55")), Say("Again.")])

    second = run(client, thread_id, assistant_id)

    again = noted(client, thread_id, second.id, "result.csv")
    assert file_in(again, "result.csv") != file_in(said, "result.csv")
    assert "left.txt" not in again
    assert client.files.content(file_in(again, "result.csv")).read() == b"month,sales\nMar,55\n"
    assert client.files.content(file_in(said, "result.csv")).read() == b"month,sales\nMar,5\n"


def test_files_left_before_a_function_call_are_noted_at_the_end(
    client: openai.OpenAI, offline: Offline
) -> None:
    """A run that waits for outputs is not touched; what was found by then is told when it ends."""
    offline.script.mixed([Code(LEFT), Call("rate", {})])
    thread_id, assistant_id = begun(client, tools=[*CODE, FUNCTION])
    waiting = run(client, thread_id, assistant_id)
    end = time.monotonic() + 5
    while not downloads(offline) and time.monotonic() < end:
        time.sleep(0.01)
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls
    offline.script.say("Done.")

    done = client.beta.threads.runs.submit_tool_outputs_and_poll(
        thread_id=thread_id,
        run_id=waiting.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "5"}],
        poll_interval_ms=20,
    )

    assert done.status == "completed"
    assert "left.txt" in noted(client, thread_id, done.id, "left.txt")


def left_and_dropped(offline: Offline, database: Path, code: str = LEFT) -> tuple[str, str]:
    """A run whose process ended before its container was looked through: thread and run."""
    client = mounted(offline, str(database), dropping)
    offline.script.code(code, then="Done.")
    thread_id, assistant_id = begun(client)
    done = run(client, thread_id, assistant_id)
    client.close()
    assert lists(offline) == 0
    return thread_id, done.id


def test_another_process_looks_through_a_container(offline: Offline, tmp_path: Path) -> None:
    """What a process that ended owed is made up for by whoever looks at the thread next."""
    thread_id, run_id = left_and_dropped(offline, tmp_path / "shim.db")
    client = mounted(offline, str(tmp_path / "shim.db"))

    said = noted(client, thread_id, run_id, "left.txt")

    assert client.files.content(file_in(said, "left.txt")).read() == b"left"
    client.close()


def test_a_container_that_was_gone_is_told_of(offline: Offline, tmp_path: Path) -> None:
    """Nobody knows what it held: the run says so, once."""
    thread_id, run_id = left_and_dropped(offline, tmp_path / "shim.db")
    offline.clock.advance(AN_HOUR)
    client = mounted(offline, str(tmp_path / "shim.db"))

    noted(client, thread_id, run_id, "what else the code made could not be looked for")
    client.beta.threads.messages.list(thread_id)
    client.close()

    assert lists(offline) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_a_container_is_looked_through_again(offline: Offline, tmp_path: Path, status: int) -> None:
    """A look that failed for the moment is repeated, in the end by another process."""
    thread_id, run_id = left_and_dropped(offline, tmp_path / "shim.db")
    fault = offline.faults.add(
        "/containers/", method="GET", times=99, status=status, headers={"retry-after": "0.01"}
    )
    client = mounted(offline, str(tmp_path / "shim.db"))
    client.beta.threads.messages.list(thread_id)
    client.close()
    before = fault.times
    offline.faults.clear()

    again = mounted(offline, str(tmp_path / "shim.db"))
    said = noted(again, thread_id, run_id, "left.txt")

    assert before < 99
    assert again.files.content(file_in(said, "left.txt")).read() == b"left"
    again.close()


def test_very_many_files_are_not_all_kept(offline: Offline, tmp_path: Path) -> None:
    """The first hundred of a response are, through all pages of the list; the rest is counted."""
    code = 'for n in range(120): open(f"/mnt/data/f{n:03}.txt", "w").write("x")'
    thread_id, run_id = left_and_dropped(offline, tmp_path / "shim.db", code)
    client = mounted(offline, str(tmp_path / "shim.db"))

    said = noted(client, thread_id, run_id, "more notes, which `shim threads show` lists")
    client.close()
    with closing(sqlite3.connect(tmp_path / "shim.db")) as connection:
        ((data,),) = connection.execute("SELECT data FROM runs").fetchall()
        kept = connection.execute("SELECT status FROM files").fetchall()

    *named, rest = json.loads(data)["notes"]
    assert all("which the answer does not name" in note for note in named)
    assert rest == "20 more files that the code made and the answer does not name were not kept"
    assert (len(named), kept, lists(offline)) == (100, [("kept",)] * 100, 2)
    assert len(said) < 4000


def ending(client: openai.OpenAI, thread_id: str, run_id: str) -> Any:
    """The run, once it has ended."""
    end = time.monotonic() + 8
    while True:
        found = client.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
        if found.status not in ("queued", "in_progress", "cancelling"):
            return found
        assert time.monotonic() < end, found.status
        time.sleep(0.05)


def test_a_failed_runs_container_is_remembered(offline: Offline) -> None:
    """The next run goes on in the container of a streamed run that was broken off."""
    client = mounted(offline)
    offline.script.mixed([Code("x = 41"), Say("Some words.")])
    thread_id, assistant_id = begun(client)
    runs = client.beta.threads.runs
    with runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
        for event in stream:
            if event.event == "thread.run.step.completed":
                runs.cancel(event.data.run_id, thread_id=thread_id)
                break
    broken = ending(client, thread_id, runs.list(thread_id).data[0].id)
    offline.script.mixed([Code("print(x + 1)"), Say("There.")])

    run(client, thread_id, assistant_id)

    asked = [tool["container"] for post in offline.posts() for tool in post.body["tools"]]
    assert broken.status in ("cancelled", "completed")
    assert asked[1].startswith("cntr_")
    client.close()


def test_runs_that_end_shortly_after_one_another_are_all_looked_at(
    client: openai.OpenAI, offline: Offline
) -> None:
    """Also what a second run left while the container was looked through for the first."""
    thread_id, assistant_id = begun(client)
    offline.faults.add("/containers/", method="GET", times=2, status=500)
    ids = []
    for number in (1, 2):
        offline.script.mixed([Code(LEFT.replace("left.txt", f"{number}.txt")), Say("Done.")])
        runs = client.beta.threads.runs
        with runs.stream(thread_id=thread_id, assistant_id=assistant_id) as stream:
            stream.until_done()
        ids.append(runs.list(thread_id, limit=1).data[0].id)

    end = time.monotonic() + 5
    while "2.txt" not in (said := "".join(notes(client, thread_id, each) for each in ids)):
        assert time.monotonic() < end, said
        time.sleep(0.05)

    assert "1.txt" in said
