"""Files that code left in its container: found, kept, and told of on the run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import openai
import pytest
from code_runs import AN_HOUR, CHART, CSV, LINK, begun, mounted, run

from shim.offline import Offline
from shim.offline.outputs import Code, Say

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
    offline.clock.advance(AN_HOUR)

    assert content == client.files.content(file_id).read() == b"left"
    assert said == f"the code made left.txt ({file_id}), which the answer does not name"
    assert client.files.retrieve(file_id).filename == "left.txt"
    assert (lists(offline), downloads(offline)) == (1, 2)
