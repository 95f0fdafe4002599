"""`shim eject` on the examples: they run without shim, and do what they did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("libcst")
from shim.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
REFUSED = {"litellm_functions.py": "LiteLLM's functions find their client by themselves"}


@pytest.fixture
def folder(tmp_path):
    """The examples, where they may be changed."""
    for path in (ROOT / "examples").iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [each for each in EXAMPLES if each not in REFUSED])
def test_an_example_is_ejected_and_its_parity_test_passes(folder, name):
    """Both ways run on the embedded upstream, the new one where shim cannot be imported."""
    done = CliRunner().invoke(main, ["eject", str(folder / name), "--write"])

    assert done.exit_code == 0, done.output
    text = (folder / name).read_text(encoding="utf-8")
    assert "shim" not in text.replace("is shim's", "").replace("shim kept", "").replace(
        "`shim threads", ""
    )
    assert "beta" not in text
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--rootdir", folder, folder / f"test_{Path(name).stem}_parity.py"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout


@pytest.mark.parametrize("name", REFUSED)
def test_an_example_that_cannot_be_ejected_says_why(folder, name):
    """The file stays as it is, and the exit code tells."""
    before = (folder / name).read_text(encoding="utf-8")

    done = CliRunner().invoke(main, ["eject", str(folder / name), "--write"])

    assert done.exit_code == 1
    assert REFUSED[name] in done.output
    assert (folder / name).read_text(encoding="utf-8") == before
    assert not list(folder.glob("test_*"))
