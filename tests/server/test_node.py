"""openai-node runs its own helpers against the server, in each major version since 4."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[1] / "node"
EXAMPLE = PROGRAM.parents[1] / "examples" / "node" / "quickstart.mjs"
CODE = 'open("/mnt/data/made.csv", "w").write("a,b")'
LINK = "Here it is: [made.csv](sandbox:/mnt/data/made.csv)"
PACKAGES = list(json.loads((PROGRAM / "package.json").read_text("utf-8"))["dependencies"])


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with the program, and the packages that it needs installed."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: openai-node is not tried")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "program.mjs"):
        shutil.copy(PROGRAM / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110)
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"npm could not install openai-node: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("package", PACKAGES)
def test_openai_node_runs_its_own_helpers(make_world, packages, package):
    """Polls, streams, function outputs, files, pages, errors and an abort are as they were."""
    world = make_world(delay=0.01)
    script = world.offline.script
    script.say("Hello there.").say("Word by word it comes.")
    script.call("get_weather", {"city": "Oslo"}).say("It rains in Oslo.")
    script.call("get_weather", {"city": "Bergen"}).say("It rains in Bergen.")
    script.say("Both at once.").say("And polled.")
    script.when(lambda view: "code_interpreter" in str(view.body["tools"])).code(CODE, then=LINK)
    done = run(packages, package, world)

    seen = json.loads(done.stdout)
    assert seen["polled"] == ["completed", "Hello there."]
    assert seen["streamed"] == ["completed", *["Word by word it comes."] * 2]
    assert seen["events"][0] == "textCreated"
    assert {"textDone", "messageDone", "runStepDone", "end"} <= {*seen["events"]}
    assert seen["called_streamed"] == ["completed", "It rains in Oslo."]
    assert seen["called_polled"] == ["completed", "It rains in Bergen."]
    assert (seen["both_streamed"], seen["both_polled"]) == ("Both at once.", "And polled.")
    assert (seen["cited"], seen["made"]) == ("news.md", "a,b")
    assert seen["pages"] == ["1", "2", "3", "4", "5"]
    assert seen["missing"][:2] == ["NotFoundError", 404]
    assert "No thread found with id 'thread_000000000000000000000000'." in seen["missing"][2]
    assert seen["bad"][:2] == ["BadRequestError", 400]
    assert seen["left"] == "completed"


@pytest.mark.parametrize("package", [PACKAGES[0], PACKAGES[-1]])
def test_the_example_runs(make_world, packages, package):
    """As printed, with the oldest and the newest of them."""
    world = make_world()
    text = EXAMPLE.read_text("utf-8")
    (packages / "quickstart.mjs").write_text(text.replace('"openai"', f'"{package}"'))

    done = run(packages, package, world, "quickstart.mjs")

    said, ended, polled = done.stdout.splitlines()
    assert said.startswith("assistant > You said: I need to solve the equation")
    assert ended.startswith("completed, ")
    assert polled == "completed, polled"


def run(folder, package, world, program="program.mjs"):
    """A program's end, with what it wrote."""
    command = ["node", program, package, world.url]
    given = {**os.environ, "OPENAI_BASE_URL": world.url, "OPENAI_API_KEY": "sk-caller"}
    done = subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done
