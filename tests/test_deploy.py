"""What examples/deploy says fits the program, and the curl commands run as printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from server_program import KEY, Served, Upstream

from shim.settings import Settings

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
DEPLOY = EXAMPLES / "deploy"
KNOWN = {f"SHIM_{field.name.upper()}" for field in fields(Settings)}


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "shim.service"])
def test_every_variable_is_a_setting(name):
    """No file names one that shim does not read."""
    named = set(re.findall(r"SHIM_[A-Z_]+", (DEPLOY / name).read_text("utf-8")))

    assert named
    assert named <= KNOWN


def test_the_image_serves_as_somebody_else_than_root():
    """What it copies is there, and it is healthy when the server is ready."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)

    assert all((DEPLOY.parent.parent / each).exists() for line in copied for each in line.split())
    assert "USER shim" in text
    assert re.search(r'^CMD \["shim", "serve"\]$', text, re.MULTILINE)
    assert "http://127.0.0.1:8000/readyz" in text


def test_compose_waits_for_the_database():
    """The services fit each other, and nothing secret stands in the file."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    shim, database = services["shim"], services["database"]

    assert (DEPLOY / shim["build"]["context"] / shim["build"]["dockerfile"]).is_file()
    assert shim["depends_on"]["database"]["condition"] == "service_healthy"
    address = Settings(database_url=shim["environment"]["SHIM_DATABASE_URL"]).address()
    assert address is not None
    assert "@database/shim" in shim["environment"]["SHIM_DATABASE_URL"]
    assert database["environment"]["POSTGRES_USER"] == "shim"
    secrets = [shim["environment"]["OPENAI_API_KEY"], shim["environment"]["SHIM_KEYS"]]
    assert all(secret.startswith("${") for secret in secrets)


def test_the_curl_commands_run(tmp_path):
    """A run polled and one streamed, with nothing but bash and curl."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    upstream = Upstream(tmp_path / "log", 0)
    served = Served(upstream.url, f"sqlite:///{tmp_path / 'shim.db'}")
    key = KEY["authorization"].removeprefix("Bearer ")
    try:
        done = subprocess.run(
            ["bash", EXAMPLES / "curl" / "quickstart.sh"],
            env={**os.environ, "BASE": f"{served.root}/v1", "OPENAI_API_KEY": key},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        served.stop()
        upstream.close()

    assert done.returncode == 0, done.stderr
    assert re.search(r"== polled\ncompleted\n +\"value\": \"You said: I need", done.stdout)
    assert "event: thread.run.completed" in done.stdout
    assert done.stdout.rstrip().endswith("event: done")
