"""`shim eject` on whole programs: both ways print the same, the new one without shim."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("libcst")
from shim.migrate.ejecting.ejection import eject
from shim.offline import Offline

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(Path(__file__).with_name("old_programs").glob("*.txt"))
ID = re.compile(r"\b(?:thread|conv|run|resp|msg|asst|file|vs|cfile)[_-][0-9A-Za-z]{8,}")

OLD = """
import openai, shim
openai.OpenAI, openai.AsyncOpenAI, openai.beta = shim.OpenAI, shim.AsyncOpenAI, shim.beta
"""
NEW = """
import sys
sys.modules["shim"] = None
"""
RUN = """
import contextlib, io, json, runpy, sys, traceback
told = {}
for path in sys.argv[1:]:
    sys.stdin, printed = io.StringIO("What is 3 + 4?\\nAnd 5 + 6?\\nexit\\n"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(path, run_name="__main__")
        except BaseException:
            printed.write(traceback.format_exc())
    told[path.replace("\\\\", "/").rpartition("/")[2]] = printed.getvalue()
print(json.dumps(told))
"""


def outputs(way, paths, folder):
    """What each program prints, in one process."""
    with Offline().serve() as served:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", way + RUN, *paths],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHONIOENCODING": "utf-8",
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_BASE_URL": served.url,
                "SHIM_DIALECT": "openai",
                "SHIM_DATABASE_URL": f"sqlite:///{folder}/shim.db",
            },
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            timeout=110,
        )
    assert done.returncode == 0, done.stderr
    return {name: ID.sub("ID", text) for name, text in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The outputs of all programs, before and after."""
    folder = tmp_path_factory.mktemp("programs")
    before, after = folder / "before", folder / "after"
    for each in (before, after):
        each.mkdir()
    for path in PROGRAMS:
        old = before / f"{path.stem}.py"
        old.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        ejection = eject(old)
        assert not ejection.left, ejection.left
        (after / old.name).write_text(ejection.after, encoding="utf-8")
    return (
        outputs(OLD, sorted(before.glob("*.py")), before),
        outputs(NEW, sorted(after.glob("*.py")), after),
    )


@pytest.mark.parametrize("name", [f"{path.stem}.py" for path in PROGRAMS])
def test_an_ejected_program_prints_what_it_printed(ran, name):
    """Ids aside, which have other prefixes, the output is the same, and no error ends it."""
    before, after = ran

    assert "Traceback" not in before[name]
    assert before[name].strip()
    assert after[name] == before[name]
