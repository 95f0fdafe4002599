"""The examples, each run as a user would run it, without a key and with one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shim.offline import Offline

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SHOWN = {
    "quickstart.py": "completed\n"
    "user: I need to solve the equation 3x + 11 = 14. Can you help me?\nassistant: You said: ",
    "streaming.py": "assistant > 1 2 3 4 5 6 7 8 9 10 11 12\ncompleted, 17 tokens\n",
    "function_tools.py": "get_current_temperature({'location': 'Oslo'}) -> 18 Celsius in Oslo\n"
    "get_rain_probability({'location': 'Oslo'}) -> 6 % in Oslo\ncompleted\n"
    "get_current_temperature returned: 18 Celsius in Oslo ",
    "file_search.py": "completed\nEvery employee has 28 days of holiday a year [0].\n"
    "[0] handbook.pdf\nThe canteen moves to the third floor in March [0].\n[0] news.md\n",
    "data_analysis.py": "completed\nran 20 lines of Python\na chart of ",
    "litellm_functions.py": "completed\nuser: What is 3 + 4?\nassistant: You said: ",
    "function_tools_async.py": "get_weather returned: sunny in Bergen\ncompleted, ",
}


def run(name, folder, **variables):
    """Run an example in an empty folder."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", EXAMPLES / name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_every_example_is_run():
    """A new example needs its expected output here, and a line in examples/README.md."""
    names = {path.name for path in EXAMPLES.glob("*.py")}

    assert names == set(SHOWN)
    assert all(name in (EXAMPLES / "README.md").read_text(encoding="utf-8") for name in names)


@pytest.mark.parametrize("name", SHOWN)
def test_it_runs_without_a_key(name, tmp_path):
    """The embedded model answers, nothing is written, and the output is as expected."""
    done = run(name, tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(SHOWN[name])
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SHOWN)
def test_it_runs_with_a_key(name, tmp_path):
    """With a key the example asks the API, with the model that it names."""
    offline = Offline()
    with offline.serve() as served:
        done = run(
            name,
            tmp_path,
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=served.url,
            SHIM_DIALECT="openai",
            SHIM_DATABASE_URL=f"sqlite:///{tmp_path}/shim.db",
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(SHOWN[name])
    assert {post.body["model"] for post in offline.posts()} == {"gpt-6-luna"}
