"""How recorded code is told to the embedded upstream, on answers made for the purpose."""

from __future__ import annotations

import pytest
from coded import ran, runs
from recordings import Exchange, Scenario

from shim.offline import View

FILE = "file-" + "a" * 22
WANTED = "code_interpreter_call.outputs"


def step(*outputs):
    """A step in which code ran."""
    told = {"input": "1 + 1", "outputs": list(outputs)}
    call = {"type": "code_interpreter", "code_interpreter": told}
    return {"object": "thread.run.step", "step_details": {"tool_calls": [call]}}


def test_pictures_are_told_apart():
    """Logs stay as they are; each recorded picture has other bytes."""
    first, second = ({"type": "image", "image": {"file_id": f"file-{n}"}} for n in "12")

    (made,) = ran(step({"type": "logs", "logs": "2"}, first, second, first))

    logs, *urls = made.item["outputs"]
    assert made.item["code"] == "1 + 1"
    assert logs == {"type": "logs", "logs": "2"}
    assert [urls.index(url) for url in urls] == [0, 1, 0]
    assert all(each["url"].startswith("data:image/png;base64,") for each in urls)


@pytest.mark.parametrize(
    ("files", "include", "answered"),
    [
        ([FILE], [WANTED], True),
        ([], [WANTED], False),
        ([FILE, "file-b"], [WANTED], False),
        ([FILE], [], False),
    ],
)
def test_code_runs_only_as_it_ran(files, include, answered):
    """The reply is for a request that gives code the recorded files and asks for its outputs."""
    thread = {"object": "thread", "tool_resources": {"code_interpreter": {"file_ids": [FILE]}}}
    scenario = Scenario("made", "", (Exchange("GET", "/", {}, "", 200, {}, thread),))
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": files}}
    asked = View({"tools": [tool], "include": include}, ())

    assert runs(scenario, lambda key: key)(asked) is answered
