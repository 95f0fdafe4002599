"""`shim scan` as a command: which files it reads, its forms, its exit codes."""

from __future__ import annotations

import json
import subprocess

import jsonschema
import pytest
import trees

CALL = "from {0} import OpenAI\nOpenAI().beta.threads.create()\n"


def names(root):
    return sorted({each[0] for each in trees.found(root)})


def test_others_code_is_not_read(tmp_path):
    """Virtual environments, packages, large files and binary ones are left out; the large named."""
    code = CALL.format("openai")
    for name in ("node_modules/a.py", "env/lib/a.py", "x/site-packages/a.py", "mine/a.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(code)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "binary.py").write_bytes(code.encode() + b"\0")
    (tmp_path / "large.py").write_text(code + "#" * 2_000_000)

    assert names(tmp_path) == ["mine/a.py"]
    assert "large.py was not read" in trees.shim("scan", tmp_path).output


@pytest.mark.parametrize("with_git", [True, False])
def test_gitignore_is_respected(tmp_path, with_git):
    """What .gitignore files name is left out, deeper ones deciding, with git and without."""
    if not with_git:
        pytest.importorskip("pathspec")
    for name in ("a.py", "out/b.py", "sub/c.py", "sub/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CALL.format("openai"))
    (tmp_path / ".gitignore").write_text("out/\nc.py\nd.py\n")
    (tmp_path / "sub" / ".gitignore").write_text("!d.py\n")
    if with_git:
        subprocess.run(["git", "init", "-q", tmp_path], check=True)

    assert names(tmp_path) == ["a.py", "sub/d.py"]


def test_exit_codes(tmp_path):
    """With --ci the command fails while there is work; what is ignored is no work."""
    trees.write(tmp_path, app_DOT_py=CALL.format("openai"))
    without, with_ci = trees.shim("scan", tmp_path), trees.shim("scan", tmp_path, "--ci")
    ignored = trees.shim("scan", tmp_path, "--ci", "--ignore", "python-call")
    trees.write(tmp_path, app_DOT_py=CALL.format("shim"))
    done = trees.shim("scan", tmp_path, "--ci")

    assert [each.exit_code for each in (without, with_ci, ignored, done)] == [0, 1, 0, 0]
    assert "app.py:2:1" in without.output
    assert "POST /threads" in without.output


def test_the_report_as_json(tmp_path):
    """JSON has each finding with its endpoint and cure, the features, and how hard it is."""
    code = CALL.format("openai") + 'X = "file_search"\nM = "gpt-4"\n'
    trees.write(tmp_path, app_DOT_py=code)

    report = json.loads(trees.shim("scan", tmp_path, "--json").output)

    assert report["difficulty"] == report["files"]["app.py"] == "moderate"
    assert report["counts"] == {"python-call": 1, "ended-model": 1}
    assert report["features"] == {"file_search": ["app.py:3"]}
    assert report["findings"][0]["endpoint"] == "POST /threads"
    assert report["findings"][0]["see"] == "MIGRATION.md#in-your-code"
    assert "2026-10-23" in report["findings"][1]["cure"]


SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {"driver": {"required": ["name", "rules"]}},
                    },
                    "results": {
                        "items": {
                            "required": ["ruleId", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"required": ["text"]},
                            },
                        }
                    },
                },
            },
        },
    },
}
"""The parts of the standard's schema that hosts insist on."""


def test_the_report_as_sarif(tmp_path):
    """SARIF names the rule, the place and what to do, in the standard's form."""
    trees.write(tmp_path, **{"a b_DOT_py": CALL.format("openai")})

    log = json.loads(trees.shim("scan", tmp_path, "--sarif").output)

    jsonschema.validate(log, SARIF)
    (result,) = log["runs"][0]["results"]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    place = result["locations"][0]["physicalLocation"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "python-call"
    assert place["artifactLocation"]["uri"] == "a%20b.py"
    assert place["region"] == {"startLine": 2, "startColumn": 1}
