"""`shim import`: what comes in, from which forms, what is refused, what a second one does."""

from __future__ import annotations

import json
import sqlite3
from csv import writer

from old_data import assistant, dump, message, run, step, thread, written

from shim.offline import Offline
from shim.testing import connect

THREAD = thread(1)["id"]


def saved(tmp_path, value, name="data.json"):
    """A file that holds a JSON value."""
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return path


def stored_ids(shell, table="messages"):
    """The ids of a table's rows in their threads' order."""
    return [row[0] for row in shell.sql(f"SELECT id FROM {table} ORDER BY thread_id, position")]


def test_a_dump_comes_in_whole_and_only_once(shell, tmp_path):
    """All counts are told, `verify` finds everything, and a second import changes no row."""
    folder = written(tmp_path / "dump", threads=6, messages=10)

    first, code = shell.told("import", folder)
    before = shell.everything()
    second, again = shell.told("import", folder)
    verified, verdict = shell.told("verify", folder)

    assert (code, again, verdict) == (0, 0, 0)
    assert first["records"] == {"messages": 60, "runs": 30, "steps": 60}
    assert second["outcomes"] == {"assistant": {"unchanged": 3}, "thread": {"unchanged": 6}}
    assert shell.everything() == before
    assert verified["counted"]["messages"] == 60
    assert verified["differences"] == []


def test_an_export_of_an_import_is_the_same_bytes(shell, tmp_path):
    """Export, import into an empty database, export: no byte differs."""
    shell("import", written(tmp_path / "dump", threads=3, messages=8))

    shell("export", tmp_path / "one")
    other = type(shell)(f"sqlite:///{tmp_path / 'other.db'}")
    imported = other("import", tmp_path / "one")
    other("export", tmp_path / "two")

    one = tmp_path / "one"
    files = sorted(path.relative_to(one) for path in one.rglob("*.json"))
    assert imported.exit_code == 0
    assert len(files) == 5
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_page_of_the_api_is_turned_round(sqlite_shell, tmp_path):
    """Pages list the newest first; messages of one second come out in the order they were made."""
    newest = [message(THREAD, name) for name in ("c", "b", "a")]
    page = {"object": "list", "data": newest, "has_more": False}

    report, code = sqlite_shell.told("import", saved(tmp_path, page))

    assert (code, report["outcomes"]) == (0, {"thread": {"imported": 1}})
    assert stored_ids(sqlite_shell) == ["msg_a", "msg_b", "msg_c"]


def test_lines_may_come_in_any_order(sqlite_shell, tmp_path):
    """NDJSON with steps before runs before messages before their thread is put together."""
    ran = run(THREAD, "r", at=1_700_000_005)
    called = step(ran, "s", {"type": "tool_calls", "tool_calls": [{"type": "code_interpreter"}]})
    lines = [called, ran, message(THREAD, "b", at=1_700_000_006), message(THREAD, "a"), thread(1)]
    path = tmp_path / "data.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)))

    _, code = sqlite_shell.told("import", path)

    assert code == 0
    assert stored_ids(sqlite_shell) == ["msg_a", "msg_b"]
    order = sqlite_shell.sql(
        "SELECT id, position FROM messages UNION SELECT id, position FROM runs "
        "UNION SELECT id, position FROM steps ORDER BY position"
    )
    assert [row[0] for row in order] == ["msg_a", "run_r", "step_s", "msg_b"]


def test_unknown_content_stops_at_the_thread(sqlite_shell, tmp_path):
    """The error names id and place; of the thread nothing is there, of those before it all."""
    files = list(dump(2, 2).values())
    files[1]["messages"][1]["content"] = [{"type": "hologram", "hologram": {}}]

    result = sqlite_shell("import", saved(tmp_path, files))

    assert result.exit_code == 1
    assert "msg_1x0b" in result.output
    assert "content[0] is of the unknown type 'hologram'" in result.output
    assert "data.json[1].messages[1]" in result.output
    assert len(sqlite_shell.sql("SELECT id FROM threads")) == 1
    assert len(stored_ids(sqlite_shell)) == 2


def test_keep_going_collects_what_is_odd(sqlite_shell, tmp_path):
    """With --keep-going all else is imported, and each problem is told."""
    files = list(dump(4, 2).values())
    files[0]["messages"][0]["role"] = "system"
    files[2]["runs"][0]["status"] = "dreaming"

    report, code = sqlite_shell.told("import", saved(tmp_path, files), "--keep-going")

    assert code == 1
    assert report["outcomes"]["thread"] == {"problem": 2, "imported": 2}
    assert [each["id"] for each in report["problems"]] == ["msg_0x0a", "run_2x0"]


def test_a_dry_run_changes_nothing(shell, tmp_path):
    """A dry run tells the same counts and makes no row, and no database."""
    folder = written(tmp_path / "dump", threads=2, messages=4)

    report, code = shell.told("import", folder, "--dry-run")
    listed = shell("threads", "list")

    assert (code, report["outcomes"]["thread"]) == (0, {"imported": 2})
    assert "There is no database" in listed.output


def test_a_changed_source_is_a_conflict(shell, tmp_path):
    """What changed in the source is told, and taken over on request alone."""
    file = next(iter(dump(1, 4).values()))
    shell("import", saved(tmp_path, file))
    file["messages"][0]["content"][0]["text"]["value"] = "Something else"

    conflict, code = shell.told("import", saved(tmp_path, file))
    kept = shell.everything()
    replaced, after = shell.told("import", saved(tmp_path, file), "--replace")
    again, _ = shell.told("import", saved(tmp_path, file))

    assert (code, conflict["outcomes"]["thread"]) == (1, {"conflict": 1})
    assert "Something else" not in str(kept["messages"])
    assert (after, replaced["outcomes"]["thread"]) == (0, {"replaced": 1})
    assert again["outcomes"]["thread"] == {"unchanged": 1}
    assert shell("verify", saved(tmp_path, file)).exit_code == 0


def test_a_thread_goes_on_with_its_old_id(sqlite_shell, tmp_path):
    """A program finds the old thread, adds to it and runs; the source is then no conflict."""
    folder = written(tmp_path / "dump", threads=1, messages=4)
    sqlite_shell("import", folder)
    thread_id, helper = thread(0)["id"], assistant(0)["id"]
    with connect(Offline(), settings=sqlite_shell.settings) as client:
        client.beta.threads.messages.create(thread_id, role="user", content="Still there?")

        ran = client.beta.threads.runs.create_and_poll(
            thread_id=thread_id, assistant_id=helper, model="gpt-4o-mini", tools=[]
        )
        texts = [
            m.content[0].type for m in client.beta.threads.messages.list(thread_id, order="asc")
        ]

    report, code = sqlite_shell.told("import", folder, "--replace")
    lost, _ = sqlite_shell.told("verify", folder)
    assert ran.status == "completed", ran.last_error
    assert len(texts) == 6
    assert (code, report["outcomes"]["thread"]) == (0, {"unchanged": 1})
    assert lost["differences"] == []


def test_what_would_be_lost_is_not_replaced(sqlite_shell, tmp_path):
    """--replace does not take away messages that are here alone."""
    file = next(iter(dump(1, 2).values()))
    sqlite_shell("import", saved(tmp_path, file))
    with connect(Offline(), settings=sqlite_shell.settings) as client:
        client.beta.threads.messages.create(thread(0)["id"], role="user", content="Mine")
    file["messages"][0]["metadata"] = {"changed": "yes"}

    report, code = sqlite_shell.told("import", saved(tmp_path, file), "--replace")

    assert (code, report["outcomes"]["thread"]) == (1, {"conflict": 1})
    assert "1 messages of it are here alone" in report["problems"][0]["problem"]
    assert len(stored_ids(sqlite_shell)) == 3


def test_a_deleted_thread_stays_deleted(sqlite_shell, tmp_path):
    """What was deleted here after its import does not come back by itself."""
    path = saved(tmp_path, thread(1))
    sqlite_shell("import", path)
    with connect(Offline(), settings=sqlite_shell.settings) as client:
        client.beta.threads.delete(THREAD)

    report, code = sqlite_shell.told("import", path)

    assert (code, report["outcomes"]["thread"]) == (0, {"deleted here": 1})
    assert sqlite_shell.sql("SELECT id FROM threads") == []


def test_an_active_run_has_ended(sqlite_shell, tmp_path):
    """A run that was waiting when it was exported is expired, and says so; the thread is free."""
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": []}}
    waiting = run(THREAD, "r", status="requires_action", required_action=action)
    path = saved(tmp_path, [thread(1), message(THREAD, "a"), waiting])

    report, code = sqlite_shell.told("import", path)
    shown = json.loads(sqlite_shell("threads", "show", THREAD, "--json").stdout)

    assert code == 0
    assert report["notes"] == ["1 runs that were requires_action are expired"]
    assert (shown["runs"][0]["status"], shown["runs"][0]["required_action"]) == ("expired", None)
    assert shown["runs"][0]["notes"] == [
        "it was requires_action when it was exported, and is expired"
    ]


def test_conversations_are_told_everything(sqlite_shell, tmp_path):
    """What waits is told in calls of twenty at most; messages of runs that are missing too."""
    messages = [message(THREAD, f"{n:02}", f"m{n}", run_id=f"run_{n}") for n in range(45)]
    sqlite_shell("import", saved(tmp_path, messages))
    offline = Offline()

    with offline.serve() as served:
        variables = {"OPENAI_BASE_URL": served.url, "OPENAI_API_KEY": "sk-of-the-test-1234567890"}
        drained = sqlite_shell("doctor", "--drain", **variables, SHIM_DIALECT="openai")

    assert "1 of 1 threads drained" in drained.output
    shown = json.loads(sqlite_shell("threads", "show", THREAD, "--json").stdout)
    assert shown["pending"] == 0
    told = sqlite_shell.sql("SELECT COUNT(*) AS items FROM mirrored_items")
    assert told == [(45,)]


def test_a_table_of_messages_is_enough(sqlite_shell, tmp_path):
    """CSV and a query give the same threads, with ids that stay the same."""
    rows = [
        ("thread_own", "user", 'Hi, "you"', "2024-05-01T10:00:00Z"),
        ("thread_own", "assistant", "Hello", "2024-05-01T10:00:00Z"),
        ("thread_own", "assistant", "Hello", "2024-05-01T10:00:00Z"),
    ]
    database = sqlite3.connect(tmp_path / "own.db")
    database.execute("CREATE TABLE said (t, r, x, c)")
    database.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    csv = tmp_path / "own.csv"
    with csv.open("w", newline="") as file:
        writer(file).writerows([("thread_id", "role", "text", "created_at"), *rows])
    query = "SELECT t AS thread_id, r AS role, x AS text, c AS created_at FROM said"

    first, code = sqlite_shell.told("import", csv)
    second, again = sqlite_shell.told(
        "import", "--db", f"sqlite:///{tmp_path}/own.db", "--sql", query
    )

    assert (code, again) == (0, 0)
    assert first["records"]["messages"] == 3
    assert second["outcomes"] == {"thread": {"unchanged": 1}}
    texts = [
        json.loads(row[0])["content"][0]["text"]["value"]
        for row in sqlite_shell.sql("SELECT data FROM messages ORDER BY position")
    ]
    assert texts == ['Hi, "you"', "Hello", "Hello"]


def test_a_query_of_a_postgresql_is_a_source(sqlite_shell, postgres):
    """Its dates count with their zones, nothing is written there, and what fails is told."""
    url = postgres.schema()
    postgres.sql("CREATE TABLE said (t text, r text, x text, c timestamptz, n bigint)", url=url)
    moment = "2024-05-01 12:00:00+02"
    for number, (role, text) in enumerate([("user", "Grüße"), ("assistant", "50 % %s")]):
        row = ("thread_own", role, text, moment, number)
        postgres.sql("INSERT INTO said VALUES (%s, %s, %s, %s, %s)", *row, url=url)
    chosen = "SELECT t AS thread_id, r AS role, x AS text, c AS created_at FROM said"
    like = f"{chosen} WHERE x LIKE '%' ORDER BY n"

    report, code = sqlite_shell.told("import", "--db", url, "--sql", like)
    again, _ = sqlite_shell.told("import", "--db", url, "--sql", like)
    verified, _ = sqlite_shell.told("verify", "--db", url, "--sql", like)
    bad = [
        sqlite_shell("import", "--db", url, "--sql", query).output
        for query in ("SELECT t FROM said", "SELECT nothing", "DELETE FROM said")
    ]
    refused = sqlite_shell("import", "--db", "mysql://h/d", "--sql", like).output

    assert code == 0, report
    assert report["records"]["messages"] == 2
    assert again["outcomes"] == {"thread": {"unchanged": 1}}
    assert (verified["counted"]["messages"], verified["differences"]) == (2, [])
    messages = [json.loads(row[0]) for row in sqlite_shell.sql("SELECT data FROM messages")]
    assert [each["content"][0]["text"]["value"] for each in messages] == ["Grüße", "50 % %s"]
    assert {each["created_at"] for each in messages} == {1714557600}
    assert "has no thread_id, role, text, created_at" in bad[0]
    assert 'column "nothing" does not exist' in bad[1]
    assert "read-only transaction" in bad[2]
    assert postgres.sql("SELECT COUNT(*) FROM said", url=url) == [(2,)]
    assert "--db mysql://... is not known" in refused


def test_a_prompt_becomes_an_assistant(sqlite_shell, tmp_path):
    """A prompt object is an assistant behind a new prefix; the map file tells which."""
    prompt = {
        "id": "pmpt_abc",
        "object": "prompt",
        "version": "3",
        "name": "Clerk",
        "model": "gpt-4o",
        "instructions": "Be exact.",
        "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}],
    }

    _, code = sqlite_shell.told("import", saved(tmp_path, prompt), "--map", tmp_path / "map.json")

    made = json.loads((tmp_path / "map.json").read_text())
    assert code == 0
    assert made["pmpt_abc"] == {"kind": "assistant", "id": "asst_abc", "outcome": "imported"}
    with connect(Offline(), settings=sqlite_shell.settings) as client:
        found = client.beta.assistants.retrieve("asst_abc")
    assert found.instructions == "Be exact."
    assert found.tool_resources.file_search.vector_store_ids == ["vs_1"]


def test_the_variables_of_a_prompt_are_told(sqlite_shell, tmp_path):
    """An assistant has none: they are named in the report and in its metadata."""
    prompt = {
        "id": "pmpt_abc",
        "model": "gpt-4o",
        "input": [{"role": "developer", "content": "Help {{ name }} from {{city}}."}],
        "variables": {"age": {"type": "string"}},
    }

    report, code = sqlite_shell.told("import", saved(tmp_path, prompt))

    assert code == 0
    ((data,),) = sqlite_shell.sql("SELECT data FROM assistants")
    assert json.loads(data)["metadata"]["prompt_variables"] == "age, city, name"
    assert "asst_abc was a prompt with variables (age, city, name)" in report["notes"][0]


def test_tools_that_are_not_the_apis_are_left_out_on_request(sqlite_shell, tmp_path):
    """A tool of another service stops its assistant, unless it may be left out."""
    path = saved(tmp_path, assistant(1, tools=[{"type": "bing_grounding"}, {"type": "retrieval"}]))

    refused = sqlite_shell("import", path)
    report, code = sqlite_shell.told("import", path, "--without-tool", "bing_grounding")

    assert "--without-tool bing_grounding" in refused.output
    assert code == 0
    assert report["notes"] == ["left out: tools of the type bing_grounding (1 times)"]


def test_an_id_of_another_thread_is_refused(shell, tmp_path):
    """A message whose id is taken by another thread's is named, and its thread is not there."""
    shell("import", saved(tmp_path, message(THREAD, "a")))

    result = shell("import", saved(tmp_path, message("thread_other", "a")))

    assert result.exit_code == 1
    assert "msg_a: of thread_other is the id of something in another thread" in result.output
    assert len(shell.sql("SELECT id FROM threads")) == 1


def test_ids_that_calls_cannot_name_are_refused(sqlite_shell, tmp_path):
    """An id with a slash is no id; one with dots, dashes and other letters is."""
    good = sqlite_shell("import", saved(tmp_path, thread(1, id="thread_Ä.b-c~1")))
    bad = sqlite_shell("import", saved(tmp_path, thread(1, id="thread_a/b")))

    assert good.exit_code == 0
    assert "thread_a/b: is no id: calls could not name it" in bad.output
