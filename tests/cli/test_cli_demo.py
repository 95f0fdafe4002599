"""`shim demo`: a transcript without a key and with one, and what is said when it cannot go on."""

from __future__ import annotations

import re
import time

from shim.offline import Offline


def test_it_shows_each_stage_without_a_key(shell):
    """Without a key the transcript runs from assistant to messages, and says who answers."""
    result = shell("demo")

    assert result.exit_code == 0, result.output
    for shown in (
        r"assistant +asst_[0-9A-Za-z]{24}\n",
        r"thread +thread_[0-9A-Za-z]{24}\n",
        r"conversation +conv_[0-9a-f]+\n",
        r"user +What is the weather in Paris\?\n",
        r"run +run_[0-9A-Za-z]{24}\n",
        r"status +queued > in_progress > requires_action\n",
        r'tool call +get_weather\(\{"city": "Paris"\}\)\n',
        r"tool output +18 degrees, light rain\n",
        r"status +queued > in_progress > completed\n",
        r"messages\.list.*\n +user .*\n +assistant +get_weather returned: 18 degrees, light rain\n",
        r"Answered by shim-offline-1, embedded in shim: no key, no network",
        r"What to do next",
    ):
        assert re.search(shown, result.output), (shown, result.output)


def test_the_answer_is_streamed_before_it_is_listed(shell):
    """The model's words appear under the second stream as well as in the list of messages."""
    result = shell("demo")

    assert result.output.count("get_weather returned: 18 degrees, light rain") == 2


def test_nothing_is_kept_unless_asked(shell):
    """The database of the settings is not made by a demo."""
    result = shell("demo")

    assert "deleted" in result.output
    assert not shell.path.exists()


def test_what_is_kept_can_be_shown(shell):
    """With --keep the thread is in the settings' database, its conversation's id beside it."""
    result = shell("demo", "--keep")

    thread_id = re.search(r"shim threads show (thread_\w+)", result.output)[1]
    listed = shell("threads", "list")
    assert re.search(rf"{thread_id} .* 2 +- +conv_", listed.output), listed.output


def test_with_a_key_the_upstream_is_asked(shell, offline, reached):
    """With a key the demo goes to the client's own URL and names the model that answered."""
    result = shell("demo", "--model", "gpt-test", **reached)

    assert result.exit_code == 0, result.output
    assert {post.body["model"] for post in offline.posts()} == {"gpt-test"}
    assert f"Answered by gpt-test at {reached['OPENAI_BASE_URL']}" in result.output
    assert "embedded" not in result.output


def test_a_replaced_model_is_named(shell, offline, reached):
    """Where SHIM_MODELS replaces the model, the one that answered is named."""
    result = shell("demo", "--model", "gpt-old", SHIM_MODELS='{"gpt-old": "gpt-new"}', **reached)

    assert result.exit_code == 0, result.output
    assert {post.body["model"] for post in offline.posts()} == {"gpt-new"}
    assert "Answered by gpt-new at " in result.output


def test_the_key_can_be_shims_own(shell, offline, reached):
    """SHIM_UPSTREAM_URL and SHIM_UPSTREAM_KEY stand for the client's."""
    own = {
        "SHIM_UPSTREAM_URL": reached["OPENAI_BASE_URL"],
        "SHIM_UPSTREAM_KEY": "sk-own",
        "SHIM_DIALECT": "openai",
    }

    result = shell("demo", **own)

    assert result.exit_code == 0, result.output
    assert len(offline.posts()) == 2


def test_a_key_can_be_left_alone(shell, offline, reached):
    """With --offline the embedded model answers although a key is set."""
    result = shell("demo", "--offline", **reached)

    assert result.exit_code == 0, result.output
    assert offline.log == []


def test_a_failed_run_names_the_reason_and_the_next_step(shell, offline, reached):
    """A model that is not there ends the demo with its error and exit code 1."""
    result = shell("demo", "--model", "no-such-model", **reached)

    assert result.exit_code == 1
    assert "The run ended failed: The requested model 'no-such-model' does not" in result.output
    assert "--model NAME" in result.output
    assert "Traceback" not in result.output


def test_what_failed_is_tidied_too(shell, offline, reached):
    """A demo that ends early leaves no conversation at the upstream."""
    result = shell("demo", "--model", "no-such-model", **reached)

    assert "the thread and its conversation" in result.output
    deleted = [entry for entry in offline.log if entry.method == "DELETE" and entry.accepted]
    assert any(entry.path.startswith("/conversations/") for entry in deleted)


def test_a_wrong_key_names_the_doctor(shell, offline, reached):
    """A refused key is said in the upstream's words."""
    offline.faults.add("/", times=99, status=401)

    result = shell("demo", **reached)

    assert result.exit_code == 1
    assert "Incorrect API key provided." in result.output
    assert "`shim doctor` checks the key" in result.output


def test_a_run_that_takes_too_long_is_given_up(shell):
    """After --seconds the run is cancelled, and the demo says so."""
    slow = Offline(delay=4.0)
    began = time.monotonic()
    with slow.serve() as served:
        result = shell(
            *("demo", "--seconds", "1"),
            OPENAI_BASE_URL=served.url,
            OPENAI_API_KEY="sk-x",
            SHIM_DIALECT="openai",
        )

    assert result.exit_code == 1
    assert "took longer than 1 seconds and was given up" in result.output
    assert time.monotonic() - began < 20


def test_settings_that_are_wrong_are_said_plainly(shell):
    """A setting without meaning is one line, not a traceback."""
    result = shell("demo", SHIM_HISTORY="all")

    assert result.exit_code == 1
    assert "Error: SHIM_HISTORY='all' is not one of: items, messages" in result.output
