"""What is shipped: one version, the licence, the types, and imports that cost what they must."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import shim

ROOT = Path(__file__).resolve().parent.parent


def loaded_by(code):
    """The top-level packages and modules of ours that a fresh interpreter loads for some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_changelog_names_the_version():
    """The newest entry of the changelog is the version of the code."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)[1] == shim.__version__


def test_the_licence_and_the_types_are_there():
    """LICENSE is MIT, and py.typed says that the annotations are for users too."""
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert (ROOT / "shim" / "py.typed").exists()


def test_the_entry_points_lead_somewhere():
    """The command and the pytest plugin that pyproject names exist."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'shim = "shim.cli:main"' in project
    assert 'shim = "shim.testing"' in project
    assert (ROOT / "shim" / "testing.py").exists()


def test_import_shim_is_light():
    """`import shim` alone loads neither the SDK nor an HTTP library nor pydantic."""
    heavy = {"openai", "httpx", "httpx2", "pydantic", "sqlite3", "asyncio", "click"}

    assert not loaded_by("import shim") & heavy


def test_importing_the_client_loads_no_engine():
    """`from shim import OpenAI` costs what `from openai import OpenAI` does."""
    loaded = loaded_by("from shim import OpenAI")

    ours = {name for name in loaded if name.startswith("shim")}
    assert ours == {"shim", "shim.client"}


def test_the_pytest_plugin_is_light():
    """Every pytest run of a user's loads `shim.testing`; the SDK comes with the first client."""
    assert not loaded_by("import shim.testing") & {"openai", "httpx", "httpx2", "pydantic"}


def test_help_is_fast():
    """`shim --help` loads neither the SDK nor the engine."""
    code = "from shim.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"

    loaded = loaded_by(code)

    assert not loaded & {"openai", "pydantic", "sqlite3", "shim.settings", "shim.client"}
