"""`shim doctor` and `shim threads` on PostgreSQL: nothing is made, and no password is shown."""

from __future__ import annotations

import json

from shim.storage.schema import MIGRATIONS


def database(result):
    """The findings on the database."""
    return [each for each in json.loads(result.stdout) if each["subject"] == "database"]


def test_an_empty_database_stays_empty(server_shell, postgres):
    """The doctor says what will be made, and makes nothing; a listing says that there is none."""
    examined = server_shell("doctor", "--json")
    listed = server_shell("threads", "list")

    (finding,) = database(examined)
    assert (examined.exit_code, finding["state"]) == (0, "note")
    assert "no tables are there yet; the first Assistants call makes them" in finding["text"]
    assert listed.exit_code == 1
    assert "There is no database at postgresql://" in listed.output
    tables = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema()"
    assert postgres.sql(tables, url=server_shell.settings.database_url) == []


def test_a_database_in_use_is_described(server_shell):
    """Place, version, schema and size; then what waits in it and which runs are active."""
    thread_id = server_shell.thread()
    server_shell.run(thread_id, status="in_progress")

    examined = server_shell("doctor", "--json")
    listed = server_shell("threads", "list", "--json")
    shown = server_shell("threads", "show", thread_id)

    (finding,) = database(examined)
    assert finding["state"] == "ok"
    assert f"schema {len(MIGRATIONS)}" in finding["text"]
    assert "PostgreSQL" in finding["text"]
    assert "1 entry waits" in examined.stdout
    assert [each["id"] for each in json.loads(listed.stdout)["data"]] == [thread_id]
    assert thread_id in shown.output
    assert "secret" not in examined.output + listed.output + shown.output


def test_a_newer_schema_is_a_problem(server_shell, postgres):
    """The doctor names the cure, and changes nothing."""
    server_shell.thread()
    url = server_shell.settings.database_url
    postgres.sql("UPDATE shim_schema SET version = 99", url=url)

    result = server_shell("doctor", "--json")

    (finding,) = database(result)
    assert (result.exit_code, finding["state"]) == (1, "problem")
    assert finding["cure"] == "pip install -U assistants-shim"
    assert postgres.sql("SELECT version FROM shim_schema", url=url) == [(99,)]


def test_a_server_that_is_not_there_is_a_problem(shell):
    """The doctor says so, with a drain asked for as well, and shows no password."""
    url = "postgresql://shim:secret@127.0.0.1:1/shim"

    result = shell("doctor", "--drain", SHIM_DATABASE_URL=url, OPENAI_API_KEY="")

    assert result.exit_code == 1
    assert "cannot be reached" in result.output
    assert "secret" not in result.output
