"""The documents say what is so: their programs run, their generated parts are current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import openai
import pytest

from shim.cli.checks.versions import TESTED
from shim.offline import Offline
from shim.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "MIGRATION.md")
LONGEST_README = 150


def blocks(document, language):
    """The code blocks of a document in one language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


PROGRAMS = [
    pytest.param(code, id=f"{document}-{number}")
    for document in DOCUMENTS
    for number, code in enumerate(blocks(document, "python"), 1)
]


@pytest.fixture
def served(tmp_path):
    """What makes a program go to an embedded upstream, which has one conversation."""
    with Offline().serve() as upstream:
        native = openai.OpenAI(api_key="sk-test", base_url=upstream.url)
        conversation = native.conversations.create().id
        native.close()
        yield (
            conversation,
            {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_BASE_URL": upstream.url,
                "SHIM_UPSTREAM_URL": upstream.url,
                "SHIM_DATABASE_URL": f"sqlite:///{tmp_path}/shim.db",
                "SHIM_DIALECT": "openai",
            },
        )


@pytest.mark.parametrize("code", PROGRAMS)
def test_each_program_runs(code, served, tmp_path):
    """A Python block runs as it stands against the embedded upstream; a test block by pytest."""
    conversation, environment = served
    program = tmp_path / "test_block.py"
    program.write_text(code.replace('"conv_..."', f'"{conversation}"'))
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(program)]
    if "def test_" in code:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "shim.testing", str(program)]

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_parts_are_current():
    """The coverage tables and the lifecycle diagram are what the code would write now."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "coverage-table", "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}run scripts/coverage-table"


def test_the_readme_is_short():
    """The README fits on a few screens."""
    assert len(README.splitlines()) <= LONGEST_README


@pytest.mark.parametrize("name", [each.name for each in fields(Settings)])
def test_each_setting_is_listed(name):
    """The table of settings has each setting and its variable."""
    row = re.search(rf"^\|.*`{name}`.*\|.*`SHIM_{name.upper()}`.*\|", README, re.MULTILINE)

    assert row, f"README.md lists no setting {name} with SHIM_{name.upper()}"


def test_the_tested_versions_agree():
    """The README, `shim doctor` and the script that tests older SDKs name the same ones."""
    script = (ROOT / "scripts" / "test-sdks").read_text(encoding="utf-8")
    older = re.findall(r"^on (\S+)", script, re.MULTILINE)
    listed = re.findall(r"^\| (\d+\.\d+\.\d+)", README, re.MULTILINE)

    # the newest major is the one that the README's own set-up installs
    assert [*older, TESTED[-1]] == listed == list(TESTED)


def test_each_dependency_has_its_reason():
    """The README names every dependency of pyproject."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)[1]
    reasons = README.partition("Dependencies:")[2]

    assert not [n for n in re.findall(r'"([a-z]+)', listed) if f"`{n}`" not in reasons]


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md", "examples/README.md"])
def test_links_lead_somewhere(document):
    """A relative link names a file that is there."""
    text = (ROOT / document).read_text(encoding="utf-8")

    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md", "examples/README.md"])
def test_words_are_plain(document):
    """No emoji, and no claim that nobody measured."""
    text = (ROOT / document).read_text(encoding="utf-8")

    assert not re.findall("[\U0001f000-\U0001ffff\u2600-\u27bf]", text)
    assert not re.findall(r"(?i)blazing|seamless|effortless|powerful|state.of.the.art", text)
