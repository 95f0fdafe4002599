"""What examples/deploy says fits the program, and the curl commands run as printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
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
    number = re.search(r"^USER (\d+)$", text, re.MULTILINE)[1]
    assert int(number) > 0
    assert f"--uid {number}" in text
    assert re.search(r'^CMD \["shim", "serve"\]$', text, re.MULTILINE)


def test_the_image_knows_whether_it_is_healthy(tmp_path):
    """Its own command says so of a server that is ready, and of a port where none is."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    _, *arguments = json.loads(re.search(r"^ +CMD (\[.*\])$", text, re.MULTILINE)[1])

    def healthy(port):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env={**os.environ, "SHIM_PORT": port}, capture_output=True)
        return done.returncode == 0

    with closing(Upstream(tmp_path / "log", 0)) as upstream:
        served = Served(upstream.url, f"sqlite:///{tmp_path / 'shim.db'}")
        served.ready().close()
        port = served.root.rpartition(":")[2]
        while_it_serves = healthy(port)
        served.stop()

    assert while_it_serves
    assert not healthy(port)


def test_the_image_is_built_of_little():
    """What is sent to the builder is what the Dockerfile copies, and nothing else."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    ignored, *sent = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()

    assert ignored == "*"
    assert {line.removeprefix("!") for line in sent if line.startswith("!")} == {
        each for line in copied for each in line.split()
    }


def test_compose_waits_for_the_database():
    """The services fit each other, and nothing secret stands in the file."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    shim, database = services["shim"], services["database"]

    assert (DEPLOY / shim["build"]["context"] / shim["build"]["dockerfile"]).is_file()
    assert shim["depends_on"]["database"]["condition"] == "service_healthy"
    address = Settings(database_url=shim["environment"]["SHIM_DATABASE_URL"]).address()
    assert address is not None
    assert shim["environment"]["SHIM_DATABASE_URL"] == "postgresql://shim@database/shim"
    assert database["environment"]["POSTGRES_USER"] == "shim"
    secrets = [shim["environment"][name] for name in ("OPENAI_API_KEY", "SHIM_KEYS", "PGPASSWORD")]
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
