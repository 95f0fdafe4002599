"""examples/compare, run as a user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_version_is_found_and_named(tmp_path):
    """The same desk is the same; what is wrong with the others is said by its kind."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "compare" / "desk.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    said = {line[:12].strip(): line[12:].split(None, 1) for line in done.stdout.splitlines()}
    assert said["same"] == ["same", "nothing"]
    assert said["instruction"] == ["look", "text_diff"]
    assert said["citation"] == ["different", "citation_diff"]
    assert said["tool call"][0] == "different"
    assert said["tool call"][1].startswith("tool_diff")
    assert said["latency"] == ["different", "latency_diff, first_token_diff"]
