"""Servers that record, and `shim record`: what goes through them is read back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from click.testing import CliRunner
from recorded_place import assert_talk, lines, script, settings, talk, the_case
from server_place import Running
from server_program import wait_until

from shim.cli import main
from shim.compare.reading.sources import read
from shim.server.app import asgi

ROOT = Path(__file__).resolve().parents[2]
CODE = "from shim.cli import main; main()"


def client_of(url):
    """A stock client."""
    return openai.OpenAI(base_url=url, api_key="sk-caller-1", max_retries=0)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_server_before_another_records(native, tmp_path, streamed):
    """A server that hands all on records what passes, streams of bytes included."""
    path = tmp_path / "one.jsonl"
    script(native.offline)
    running = Running(asgi(settings(path, mode="native", native_url=native.url)))

    with client_of(running.url) as client:
        talk(client, streamed=streamed)
    running.close()

    assert_talk(the_case(path), streamed=streamed)
    assert {line["lane"] for line in lines(path)} == {"native"}
    assert "sk-caller" not in path.read_text()


def test_a_server_of_its_own_records(native, tmp_path):
    """A server that carries the calls itself records them; what it only passes on it does not."""
    path = tmp_path / "one.jsonl"
    script(native.offline)
    running = Running(asgi(settings(path, upstream_url=native.upstream.url)))

    with client_of(running.url) as client:
        talk(client, streamed=True)
        client.models.list()
    running.close()

    assert_talk(the_case(path), streamed=True)
    assert not [line for line in lines(path) if "models" in line["path"]]


class Program:
    """`shim record` in a process of its own."""

    def __init__(self, *arguments, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, "record", "--port", "0", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.output = ""

    @property
    def url(self):
        """Its address, which it tells at the start."""
        while "OPENAI_BASE_URL=" not in self.output:
            line = self.process.stderr.readline()
            assert line, self.output
            self.output += line
        return re.search(r"OPENAI_BASE_URL=(\S+)", self.output)[1]

    def stop(self):
        """Its exit status after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.output += self.process.communicate(timeout=30)[1]
        return self.process.returncode


def reached(url):
    """A client of a server that has just begun to listen."""
    client = client_of(url)

    def answers():
        try:
            client.get("/../readyz", cast_to=object)
        except openai.APIConnectionError:
            return False
        except openai.APIStatusError:
            return True
        return True

    wait_until(answers)
    return client


def test_shim_record_stands_before_a_server(native, tmp_path):
    """It says how to be used, counts what passes, and at its end names the next command."""
    path = tmp_path / "out.jsonl"
    script(native.offline)
    program = Program("--to", native.url, "--out", str(path))

    with reached(program.url) as client:
        talk(client, streamed=True)
    status = program.stop()

    assert status == 0
    assert f"shim records to {path}" in program.output
    assert f"goes on to {native.url}" in program.output
    assert re.search(r"\d+ exchanges, 1 thread, 2 runs are in", program.output)
    assert f"shim compare --a recording:{path} --b shim" in program.output
    assert "Traceback" not in program.output
    assert_talk(the_case(path), streamed=True)


def test_shim_record_may_answer_itself(native, tmp_path):
    """Without another server shim answers by its settings, and adds to a file that is there."""
    path = tmp_path / "out.jsonl"
    environment = {
        "SHIM_UPSTREAM_URL": native.upstream.url,
        "SHIM_DATABASE_URL": f"sqlite:///{tmp_path}/own.db",
        "SHIM_DIALECT": "openai",
    }
    for _ in range(2):
        script(native.offline)
        program = Program("--out", str(path), **environment)
        with reached(program.url) as client:
            talk(client, streamed=False)
        assert program.stop() == 0

    assert "what is there already stays" in program.output
    assert re.search(r"1 thread, 2 runs are in", program.output)
    assert [len(case.turns) for case in read(path).cases] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "https://api.openai.com/v1", "--out", "a.jsonl"], "2026-08-26"),
        (["--to", "nowhere", "--out", "a.jsonl"], "is not an address"),
        (["--out", "no/such/folder/a.jsonl"], "cannot be written"),
        (["--out", "a.jsonl", "--hook", "json:nothing"], "SHIM_RECORD_HOOK"),
    ],
)
def test_what_cannot_be_recorded_is_told(arguments, words, tmp_path, monkeypatch):
    """A server whose API has ended, a bad address, place or hook: the reason is told."""
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(main, ["record", "--port", "0", *arguments])

    assert done.exit_code != 0
    assert words in done.output
