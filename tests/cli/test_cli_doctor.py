"""`shim doctor`: what it finds, which cure it names, and that it shows no key and makes nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shim.cli.checks import places, versions
from shim.offline import Offline


def found(result, subject):
    """The findings on a subject, as (state, text, cure)."""
    return [
        (each["state"], each["text"], each["cure"])
        for each in json.loads(result.stdout)
        if each["subject"] == subject
    ]


def test_nothing_set_is_no_problem(shell):
    """On a fresh machine the doctor finds no problem, asks nobody and makes no database."""
    result = shell("doctor")

    assert result.exit_code == 0, result.output
    assert "No problems found." in result.output
    assert "not set here, so the upstream was not asked" in result.output
    assert "is not there yet; the first Assistants call makes it" in result.output
    assert not shell.path.exists()


def test_versions_are_shown_with_those_tested(shell):
    """The SDK's version stands beside the versions that shim is tested with."""
    result = shell("doctor", "--json")

    (state, text, _) = found(result, "openai")[0]
    assert state == "ok"
    assert f"(tested with {', '.join(versions.TESTED)})" in text


def test_each_setting_says_where_it_is_from(shell):
    """A setting of the environment names its variable, others say that they are defaults."""
    result = shell("doctor", "--json", SHIM_HISTORY="messages")

    shown = [text for _, text, _ in found(result, "setting")]
    assert "history = messages (SHIM_HISTORY)" in shown
    assert "store = True (default)" in shown


def test_a_key_of_entra_id_is_asked_for(shell, identity):
    """Where there is none, the doctor says what azure-identity said."""
    identity.problem = "not signed in"
    result = shell("doctor", "--json", SHIM_UPSTREAM_KEY="entra:doctors-scope")

    (state, text, cure) = found(result, "key")[0]
    assert (state, text) == ("problem", "no token of Entra ID: not signed in")
    assert "az login" in cure


def test_a_key_is_never_shown(shell, offline, reached):
    """Neither key appears, not even where the upstream quotes it."""
    offline.faults.add(
        "/models", status=401, error=("x", f"Wrong: {reached['OPENAI_API_KEY']}", "t")
    )
    own = {"SHIM_UPSTREAM_KEY": reached["OPENAI_API_KEY"]}

    result = shell("doctor", **reached, **own)

    assert "Wrong: ***" in result.output
    assert reached["OPENAI_API_KEY"] not in result.output


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-secret hidden", "sk-sécret"])
def test_a_key_that_cannot_be_one_is_not_sent(shell, offline, reached, key):
    """A key with white space in it, as copying leaves it, is found before it is tried."""
    result = shell("doctor", **{**reached, "OPENAI_API_KEY": key})

    assert result.exit_code == 1
    assert "has characters that no key has" in result.output
    assert "cret" not in result.output
    assert offline.log == []


def test_a_misspelt_variable_is_pointed_out(shell):
    """What looks like a setting and is none is a warning."""
    result = shell("doctor", "--json", SHIM_DATABSE_URL="sqlite:///x.db")

    assert result.exit_code == 0
    assert [s for s, text, _ in found(result, "setting") if "SHIM_DATABSE_URL" in text] == [
        "warning"
    ]


def test_a_wrong_setting_is_a_problem_with_its_cure(shell):
    """A setting without meaning is found, and the rest is looked at all the same."""
    result = shell("doctor", "--json", SHIM_CONVERSATIONS="cloud")

    assert result.exit_code == 1
    (state, text, cure) = found(result, "settings")[0]
    assert state == "problem"
    assert "is not one of: auto, upstream, local" in text
    assert cure
    assert found(result, "database")


def test_a_valid_key_costs_one_question(shell, offline, reached):
    """The key is tried with one GET /models."""
    result = shell("doctor", "--json", **reached)

    assert result.exit_code == 0, result.output
    assert found(result, "key") == [("ok", "taken; the upstream lists 1 models", "")]
    assert [(entry.method, entry.path) for entry in offline.log] == [("GET", "/models")]


def test_offline_asks_nothing(shell, offline, reached):
    """With --offline the upstream is left alone."""
    result = shell("doctor", "--offline", **reached)

    assert result.exit_code == 0
    assert "set; not tried (--offline)" in result.output
    assert offline.log == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"status": 401}, "key problem: the upstream does not take it"),
        ({"status": 403}, "key note: taken, but may not list models"),
        ({"status": 404}, "key note: not tried: the upstream has no list of models"),
        ({"status": 429}, "key warning: the upstream refuses for now"),
        ({"status": 500}, "upstream problem: it answered"),
        ({"kind": "drop"}, "upstream problem: http://127.0.0.1"),
    ],
)
def test_an_upstream_that_refuses_is_told_apart(shell, offline, reached, fault, told):
    """A bad key, a key without rights, a full quota and a broken server are different findings."""
    offline.faults.add("/models", **fault)

    result = shell("doctor", "--json", **reached)

    subject = told.split()[0]
    state, text, cure = found(result, subject)[-1]
    assert f"{subject} {state}: {text}".startswith(told)
    assert bool(cure) == (state != "note")
    assert result.exit_code == (state == "problem")


def test_an_upstream_that_is_not_there_is_a_problem(shell):
    """A connection refused names the URL and what to check."""
    result = shell("doctor", OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="sk-x")

    assert result.exit_code == 1
    assert "http://127.0.0.1:9/v1/ was not reached: " in result.output
    assert "-> check OPENAI_BASE_URL or SHIM_UPSTREAM_URL" in result.output


def test_the_plain_clients_404_is_explained(shell):
    """Whoever goes to api.openai.com is told why the plain client gets 404 there, and the cure."""
    result = shell("doctor")

    assert "answers 404 for /assistants and /threads since 2026-08-26" in result.output
    assert "`from shim import OpenAI`" in result.output


def test_a_folder_that_cannot_be_made_is_a_problem(shell, tmp_path):
    """A database under a file names SHIM_DATABASE_URL as the cure."""
    (tmp_path / "file").write_text("")

    result = shell("doctor", "--json", SHIM_DATABASE_URL=f"sqlite:///{tmp_path}/file/shim.db")

    assert result.exit_code == 1
    (state, text, cure) = found(result, "database")[-1]
    assert (state, "cannot be made" in text) == ("problem", True)
    assert "SHIM_DATABASE_URL" in cure


def test_a_file_that_is_no_database_is_a_problem(shell):
    """A file of another kind is reported and left as it is."""
    shell.path.write_text("no database " * 100)

    result = shell("doctor", "--json")

    assert result.exit_code == 1
    assert "file is not a database" in found(result, "database")[-1][1]
    assert shell.path.read_text() == "no database " * 100


def test_a_newer_schema_is_a_problem(shell):
    """A database of a later shim names the upgrade."""
    shell.thread()
    with closing(sqlite3.connect(shell.path)) as connection, connection:
        connection.execute("UPDATE shim_schema SET version = 99")

    result = shell("doctor", "--json")

    assert result.exit_code == 1
    (state, text, cure) = found(result, "database")[-1]
    assert (state, "has schema 99" in text) == ("problem", True)
    assert "pip install -U" in cure


def test_an_older_schema_is_left_as_it_is(shell):
    """The doctor says that the next call migrates, and does not do it."""
    with closing(sqlite3.connect(shell.path)) as connection, connection:
        connection.execute("CREATE TABLE shim_schema (version INTEGER NOT NULL)")
        connection.execute("INSERT INTO shim_schema VALUES (0)")

    result = shell("doctor", "--json")

    assert result.exit_code == 0
    assert found(result, "database")[-1][0] == "note"
    with closing(sqlite3.connect(shell.path)) as connection:
        assert connection.execute("SELECT version FROM shim_schema").fetchone() == (0,)


def test_memory_is_pointed_out(shell):
    """Threads in memory end with the process: a warning."""
    result = shell("doctor", "--json", SHIM_DATABASE_URL="sqlite:///:memory:")

    assert found(result, "database")[0][0] == "warning"
    assert result.exit_code == 0


def test_the_mount_that_holds_a_path_decides(tmp_path):
    """The deepest mount point above a path gives its kind."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 0:20 / / rw - overlay overlay rw\n"
        "22 21 0:21 / /tmp rw - tmpfs tmpfs rw\n"
        "23 21 8:1 / /var/my\\040data rw shared:1 - ext4 /dev/sda1 rw\n"
    )

    kinds = [places.file_system(Path(p), mounts) for p in ("/srv/x", "/tmp/a/b", "/tmpfoo")]

    assert kinds == ["overlay", "tmpfs", "overlay"]
    assert places.file_system(Path("/x"), tmp_path / "none") == ""


def test_what_waits_is_shown_by_thread(shell):
    """An entry that no call has carried out yet is a note."""
    shell.thread("thread_a")

    result = shell("doctor", "--json")

    assert result.exit_code == 0, result.output
    (state, text, _) = found(result, "outbox")[0]
    assert state == "note"
    assert text.startswith("thread_a: 1 entry waits for a conversation to be made")


def test_what_failed_is_a_problem(shell):
    """A conversation that lags because the upstream failed is a problem, with the reason."""
    thread_id = shell.thread()
    shell.fail(thread_id, "the upstream answered 500: oops")

    result = shell("doctor", "--json")

    assert result.exit_code == 1
    (state, text, cure) = found(result, "outbox")[0]
    assert state == "problem"
    assert "failed after 1 try: the upstream answered 500: oops" in text
    assert "--drain" in cure


def test_drain_carries_out_what_waits(shell, offline, reached):
    """With a key, --drain makes the conversations, and nothing waits afterwards."""
    shell.thread("thread_a")
    shell.thread("thread_b")

    result = shell("doctor", "--drain", **reached)

    assert result.exit_code == 0, result.output
    assert f"2 of 2 threads drained to {reached['OPENAI_BASE_URL']}" in result.output
    assert "nothing waits for a conversation" in result.output
    assert len(offline.posts("/conversations")) == 2


def test_drain_sends_nothing_to_another_server(shell, offline, reached):
    """What was made for one upstream waits for it, and the doctor says which it is."""
    shell.thread("thread_1", server="https://other.example/v1")
    shell.thread("thread_2", server=reached["OPENAI_BASE_URL"])

    result = shell("doctor", "--drain", **reached)

    assert f"1 of 1 threads drained to {reached['OPENAI_BASE_URL']}" in result.output
    assert "1 threads wait for https://other.example/v1" in result.output
    made = [e.body for e in offline.log if (e.method, e.path) == ("POST", "/conversations")]
    assert [body["metadata"] for body in made] == [{"shim_thread": "thread_2"}]


def test_drain_without_a_key_is_a_problem(shell):
    """There is nothing to drain with, and the doctor says what to set."""
    shell.thread()

    result = shell("doctor", "--json", "--drain")

    assert result.exit_code == 1
    assert found(result, "drain")[0][2] == "set OPENAI_API_KEY, or SHIM_UPSTREAM_KEY"


def test_drain_sends_no_content_where_threads_are_kept_locally(shell, offline, reached):
    """With conversations=local what waits stays, unless it is a deletion."""
    shell.thread("thread_a")

    result = shell("doctor", "--drain", SHIM_CONVERSATIONS="local", **reached)

    assert "0 of 0 threads drained" in result.output
    assert offline.posts("/conversations") == []


def test_drain_and_offline_exclude_each_other(shell):
    """Asking for both is a usage error."""
    assert shell("doctor", "--drain", "--offline").exit_code == 2


def test_a_run_past_its_time_is_stuck(shell):
    """An active run that should have expired is a problem, and the call that ends it is named."""
    shell.run(shell.thread(), status="requires_action")
    with closing(sqlite3.connect(shell.path)) as connection, connection:
        connection.execute(
            "UPDATE runs SET data = json_set(data, '$.expires_at', 1), status = 'requires_action'"
        )

    result = shell("doctor", "--json")

    assert result.exit_code == 1
    (state, text, cure) = found(result, "run")[0]
    assert (state, text) == ("problem", "run_1 of thread_1 is requires_action past its expires_at")
    assert 'runs.retrieve("run_1", thread_id="thread_1")' in cure


def test_a_run_whose_process_ended_is_named(shell):
    """A run that nobody works on any more is a problem until it is looked at."""
    owner = shell_owner_of_an_ended_process()
    shell.run(shell.thread(), owner=owner, lease_until=9e9)

    result = shell("doctor", "--json")

    assert "its process has ended" in found(result, "run")[0][1]


def test_an_active_run_is_no_problem(shell):
    """A run that may go on is counted and left alone."""
    shell.run(shell.thread())

    result = shell("doctor", "--json")

    assert found(result, "run") == [("ok", "1 active, none stuck", "")]


def test_many_findings_are_cut_short(shell):
    """The table shows twenty of a kind; --json shows all."""
    for number in range(25):
        shell.thread(f"thread_{number}")

    result = shell("doctor")

    assert result.output.count("1 entry waits") == 20
    assert "and 5 more; --json shows all" in result.output
    assert len(found(shell("doctor", "--json"), "outbox")) == 25


def test_real_threads_leave_nothing_waiting(shell, offline):
    """After a client is closed the doctor finds its conversations up to date."""
    with shell.connect(Offline()) as client:
        client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])

    result = shell("doctor", "--json")

    assert found(result, "outbox") == [("ok", "nothing waits for a conversation", "")]


def shell_owner_of_an_ended_process():
    """The name a process of this machine had, which is no more."""
    from shim.workers import Process  # noqa: PLC0415 - next to its one use

    place = Process().owner().rsplit(":", 2)[0]
    return f"{place}:999999999:1"


def test_a_recording_that_cannot_be_written_is_a_problem(shell, tmp_path):
    """A folder that is not there, or a hook, is found before a program relies on it."""
    missing = tmp_path / "no" / "one.jsonl"

    bad = shell("doctor", "--json", SHIM_RECORD=str(missing), SHIM_RECORD_HOOK="json:no")
    good = shell("doctor", "--json", SHIM_RECORD=str(tmp_path / "one.jsonl"))

    texts = [text for state, text, _ in found(bad, "recording") if state == "problem"]
    assert texts[0] == f"{missing} cannot be written"
    assert "SHIM_RECORD_HOOK='json:no' cannot be imported" in texts[1]
    assert found(good, "recording") == []
    assert not (tmp_path / "one.jsonl").exists()
