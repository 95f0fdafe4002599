"""`shim threads`: lists and shows what is stored, and makes nothing."""

from __future__ import annotations

import json

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def told(client, **options):
    """A thread with an answered run that called a function; gives the ids of both."""
    beta = client.beta
    assistant = beta.assistants.create(model="gpt-test", tools=[TOOL], **options)
    thread = beta.threads.create(
        messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
        metadata={"customer": "42"},
    )
    run = beta.threads.runs.create_and_poll(
        thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20
    )
    calls = run.required_action.submit_tool_outputs.tool_calls
    run = beta.threads.runs.submit_tool_outputs_and_poll(
        thread_id=thread.id,
        run_id=run.id,
        tool_outputs=[{"tool_call_id": call.id, "output": "sunny"} for call in calls],
        poll_interval_ms=20,
    )
    return thread.id, run.id


def test_threads_are_listed_newest_first(shell, offline):
    """A line has the thread, its time, its messages, its active run and its conversation."""
    with shell.connect(offline) as client:
        older = client.beta.threads.create().id
        newer = told(client)[0]

    result = shell("threads", "list")

    head, first, second = result.output.splitlines()
    columns = ["thread", "created", "lane", "messages", "active", "run", "conversation"]
    assert head.split() == columns
    assert first.split()[0] == newer
    assert first.split()[3:6] == ["responses", "2", "-"]
    assert first.split()[6].startswith("conv_")
    assert second.split()[0] == older


def test_an_active_run_is_shown_in_the_list(shell):
    """The status of the run that holds a thread stands in its line."""
    shell.run(shell.thread())

    result = shell("threads", "list", "--json")

    assert json.loads(result.stdout)["data"][0]["active_run"] == "queued"


def test_a_list_says_that_there_is_more(shell):
    """The limit cuts the list, and the cut is said."""
    for number in range(3):
        shell.thread(f"thread_{number}")

    result = shell("threads", "list", "--limit", "2")
    as_json = json.loads(shell("threads", "list", "--limit", "2", "--json").stdout)

    assert "There are more; use --limit." in result.output
    assert len(result.output.splitlines()) == 4
    assert (len(as_json["data"]), as_json["has_more"]) == (2, True)


def test_a_thread_is_shown_with_all_that_hangs_on_it(shell, offline):
    """Messages, runs with usage, steps, calls and outputs, and the conversation's state."""
    with shell.connect(offline) as client:
        thread_id, run_id = told(client)

    result = shell("threads", "show", thread_id)

    assert result.exit_code == 0, result.output
    for shown in (
        f"thread        {thread_id}",
        "conversation  conv_",
        "waiting       nothing: the conversation has all of it",
        "'customer': '42'",
        "What is the weather in Oslo?",
        "get_weather returned: sunny",
        f"run {run_id}",
        "completed  gpt-test",
        "prompt, ",
        'get_weather({"city":"Oslo"})',
        "      sunny",
    ):
        assert shown in result.output, (shown, result.output)


def test_notes_are_shown(shell, offline):
    """What a run could not carry over stands under it."""
    refusal = ("unsupported_parameter", "Unsupported parameter: 'temperature'", "x", "temperature")
    offline.faults.add("/responses", method="POST", status=400, error=refusal)
    with shell.connect(offline) as client:
        thread_id, _ = told(client, temperature=0.5)

    result = shell("threads", "show", thread_id)

    assert "note   temperature was left out" in result.output


def test_json_has_the_wire_objects(shell, offline):
    """--json gives thread, messages, runs and steps as the API does, notes and ids beside them."""
    with shell.connect(offline) as client:
        thread_id, run_id = told(client)

    shown = json.loads(shell("threads", "show", thread_id, "--json").stdout)

    assert (shown["id"], shown["object"]) == (thread_id, "thread")
    assert shown["conversation_id"].startswith("conv_")
    assert shown["pending"] == 0
    assert [message["role"] for message in shown["messages"]] == ["user", "assistant"]
    assert [run["id"] for run in shown["runs"]] == [run_id]
    assert shown["runs"][0]["notes"] == []
    assert [s["type"] for s in shown["runs"][0]["steps"]] == ["tool_calls", "message_creation"]


def test_what_waits_is_shown(shell):
    """A thread whose conversation lags says how much waits, and why."""
    thread_id = shell.thread()
    shell.fail(thread_id, "the upstream answered 500: oops")

    result = shell("threads", "show", thread_id)

    assert "waiting       1 entries (the upstream answered 500: oops)" in result.output


def test_an_unknown_thread_is_an_error_with_the_next_step(shell):
    """An id that is not there is said in the API's words, with what to do."""
    shell.thread()

    result = shell("threads", "show", "thread_none")

    assert result.exit_code == 1
    assert "No thread found with id 'thread_none'." in result.output
    assert "shim threads list" in result.output


def test_a_database_that_is_not_there_is_not_made(shell):
    """Both commands say that there is none, and where they looked."""
    results = [shell("threads", "list"), shell("threads", "show", "thread_1")]

    assert [result.exit_code for result in results] == [1, 1]
    assert all(f"There is no database at {shell.path}" in result.output for result in results)
    assert not shell.path.exists()


def test_a_newer_schema_is_refused_plainly(shell):
    """A database of a later shim is one line, not a traceback."""
    import sqlite3  # noqa: PLC0415 - next to its one use
    from contextlib import closing  # noqa: PLC0415

    shell.thread()
    with closing(sqlite3.connect(shell.path)) as connection, connection:
        connection.execute("UPDATE shim_schema SET version = 99")

    result = shell("threads", "list")

    assert result.exit_code == 1
    assert "Error: this database has schema 99" in result.output


def test_a_shared_thread_says_so(shell, offline):
    """It is listed and shown as shared, and found by the id of its conversation as well."""
    with shell.connect(offline) as client:
        given = [{"role": role, "content": "Hello"} for role in ("system", "user")]
        conversation = client.conversations.create(items=given).id
        thread = client.beta.threads.retrieve(conversation).id

    listed = shell("threads", "list")
    shown = shell("threads", "show", conversation)
    told = json.loads(shell("threads", "show", thread, "--json").output)

    assert f"{conversation} (shared)" in listed.output
    assert f"thread        {thread}" in shown.output
    assert "shared        with native code" in shown.output
    assert "native        1 items" in shown.output
    assert (told["shared"], told["native_items"]) == (True, 1)
