"""`kill -9` between the end of a code run and the copy of what it made."""

from __future__ import annotations

from types import SimpleNamespace

import openai
import pytest
from durability_place import until

CODE = """
for name in ("named.csv", "left.csv"):
    with open(f"/mnt/data/{name}", "w") as file:
        file.write(f"the content of {name}")
"""
ANSWER = "[the table](sandbox:/mnt/data/named.csv)"
HOUR = 3600


@pytest.fixture
def analysis(place, client):
    """A thread whose next run makes two files, of which the answer names one."""
    place.offline.script.code(CODE, then=ANSWER)
    assistant = client.beta.assistants.create(model="gpt-4o", tools=[{"type": "code_interpreter"}])
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Analyse."}])
    return SimpleNamespace(thread=thread.id, assistant=assistant.id)


def killed(place, analysis, how):
    """Kill a program whose run has ended, while nothing of the container could be had; its run."""
    place.offline.faults.add("/containers/", method="GET", times=99, kind="hang")
    program = place.program(how, analysis.thread, analysis.assistant)
    if how == "stream":
        run_id = program.line_with("event", "thread.run.completed")["id"]
    else:
        run_id = program.line()["id"]
    until(lambda: any("/containers/" in entry.path for entry in place.offline.log))
    program.kill()
    place.offline.faults.clear()
    return run_id


def notes(client, analysis, run_id):
    """What is said of the run."""
    raw = client.beta.threads.runs.with_raw_response.retrieve(run_id, thread_id=analysis.thread)
    return raw.headers.get("x-shim-notes", "")


def cited(client, analysis):
    """The id of the file that the answer names."""
    (part,) = client.beta.threads.messages.list(analysis.thread).data[0].content
    return part.text.annotations[0].file_path.file_id


@pytest.mark.parametrize("how", ["poll", "stream"])
def test_killed_before_the_copies(place, client, analysis, how):
    """Whoever looks at the thread next copies what the answer names, and what it does not."""
    run_id = killed(place, analysis, how)

    until(lambda: "left.csv" in notes(client, analysis, run_id))
    left = notes(client, analysis, run_id).split("left.csv (")[1].split(")")[0]
    ids = [cited(client, analysis), left]
    until(lambda: [client.files.retrieve(each).status for each in ids] == ["processed"] * 2)
    place.offline.clock.advance(HOUR)

    contents = [client.files.content(each).read().decode() for each in ids]
    assert contents == ["the content of named.csv", "the content of left.csv"]


@pytest.mark.parametrize("how", ["poll", "stream"])
def test_killed_and_come_back_too_late(place, client, analysis, how):
    """With the container gone the run says plainly what is lost, and that more may be."""
    run_id = killed(place, analysis, how)
    place.offline.clock.advance(HOUR)

    until(lambda: "could not be looked for" in notes(client, analysis, run_id))
    until(lambda: "named.csv" in notes(client, analysis, run_id))

    with pytest.raises(openai.NotFoundError, match="was not kept"):
        client.files.content(cited(client, analysis))
