"""`shim assistants`: files and versions of assistants."""

from __future__ import annotations

import json

import yaml

from shim.offline import Offline
from shim.testing import connect

TEXT = "Be brief.\nBe kind.\n"


def made(shell, **more):
    """The id of an assistant that a program has made."""
    with connect(Offline(), settings=shell.settings) as client:
        fields = {"model": "gpt-4o-mini", "name": "Clerk", "instructions": TEXT, **more}
        return client.beta.assistants.create(**fields).id


def seen(shell, assistant_id):
    """The assistant as a program sees it."""
    with connect(Offline(), settings=shell.settings) as client:
        return client.beta.assistants.retrieve(assistant_id)


def test_files_hold_what_is_set(shell, tmp_path):
    """A file has what somebody set and nothing else, texts as blocks; then nothing differs."""
    assistant_id = made(shell, metadata={"team": "a"}, temperature=0.2)
    path = tmp_path / "files" / f"{assistant_id}.yaml"

    pulled = shell("assistants", "pull", tmp_path / "files")
    diff = shell("assistants", "diff", tmp_path / "files")

    assert pulled.exit_code == 0
    assert yaml.safe_load(path.read_text()) == {
        "id": assistant_id,
        "version": 1,
        "name": "Clerk",
        "model": "gpt-4o-mini",
        "instructions": TEXT,
        "metadata": {"team": "a"},
        "temperature": 0.2,
    }
    assert "instructions: |\n  Be brief.\n" in path.read_text()
    assert (diff.exit_code, diff.output) == (0, "")


def test_a_changed_file_is_a_new_version(shell, tmp_path):
    """Push shows first, then saves a version; history tells what changed, and rollback undoes."""
    assistant_id = made(shell)
    shell("assistants", "pull", tmp_path)
    path = tmp_path / f"{assistant_id}.yaml"
    path.write_text(path.read_text().replace("Be kind.", "Be exact."))

    diff = shell("assistants", "diff", tmp_path)
    dry = shell("assistants", "push", tmp_path, "--dry-run")
    unchanged = seen(shell, assistant_id).instructions
    pushed = shell("assistants", "push", tmp_path)
    again = shell("assistants", "push", tmp_path)
    instructions = seen(shell, assistant_id).instructions
    history = shell("assistants", "history", assistant_id)
    back = shell("assistants", "rollback", assistant_id, "1")

    assert diff.exit_code == 1
    assert "-  Be kind.\n+  Be exact.\n" in diff.output
    assert dry.output.startswith("version 2")
    assert unchanged == TEXT
    assert pushed.output.startswith("version 2")
    assert again.output.startswith("unchanged")
    assert instructions == "Be brief.\nBe exact.\n"
    assert history.output.splitlines()[2].endswith("instructions")
    assert "has version 3 now" in back.output
    assert seen(shell, assistant_id).instructions == TEXT


def test_a_file_without_an_id_makes_an_assistant(sqlite_shell, tmp_path):
    """The new id is written into the file, before the comments that are there."""
    path = tmp_path / "clerk.yaml"
    path.write_text("# ours\nname: Clerk\nmodel: gpt-4o-mini\n")

    pushed = sqlite_shell("assistants", "push", tmp_path)

    value = yaml.safe_load(path.read_text())
    assert pushed.output.startswith("made")
    assert "# ours" in path.read_text()
    assert seen(sqlite_shell, value["id"]).name == "Clerk"


def test_what_was_changed_since_the_pull_is_not_overwritten(shell, tmp_path):
    """A push names the versions and changes nothing, of other files too; --force pushes."""
    first, second = made(shell), made(shell)
    shell("assistants", "pull", tmp_path)
    for each in (first, second):
        path = tmp_path / f"{each}.yaml"
        path.write_text("# ours\n" + path.read_text().replace("Be kind.", "Be exact."))
    with connect(Offline(), settings=shell.settings) as client:
        client.beta.assistants.update(second, instructions="Be quick.")

    refused = shell("assistants", "push", tmp_path)
    kept = [seen(shell, each).instructions for each in (first, second)]
    forced = shell("assistants", "push", tmp_path, "--force")
    path.write_text(path.read_text().replace("Be exact.", "Be calm."))
    again = shell("assistants", "push", tmp_path)

    assert refused.exit_code == 1
    assert f"made of version 1 of {second}, which is at version 2 now" in refused.output
    assert first not in refused.output
    assert kept == [TEXT, "Be quick."]
    assert forced.exit_code == 0
    assert "version 4" in again.output
    assert path.read_text().startswith(f"# ours\nid: {second}\nversion: 4\n")


def test_a_file_that_says_no_version_is_not_held_back(sqlite_shell, tmp_path):
    """Where git is the one place of definitions, the line is left out, and stays out."""
    assistant_id = made(sqlite_shell)
    path = tmp_path / "clerk.yaml"
    path.write_text(f"id: {assistant_id}\nname: Clerk\nmodel: gpt-4o-mini\n")

    pushed = [sqlite_shell("assistants", "push", tmp_path).output]
    path.write_text(path.read_text() + "instructions: Be exact.\n")
    pushed.append(sqlite_shell("assistants", "push", tmp_path).output)

    assert [each.split()[1] for each in pushed] == ["2", "3"]
    assert "version" not in path.read_text()


def test_a_wrong_file_is_refused_before_anything_changes(sqlite_shell, tmp_path):
    """A file is refused in the API's words, with its name, and no other file is pushed."""
    (tmp_path / "a.yaml").write_text("name: Fine\nmodel: gpt-4o-mini\n")
    (tmp_path / "b.yaml").write_text("model: gpt-4o-mini\ntemperature: 3\n")

    result = sqlite_shell("assistants", "push", tmp_path)

    assert result.exit_code == 1
    assert "b.yaml: " in result.output
    assert "Invalid 'temperature': decimal above maximum value" in result.output
    assert "id:" not in (tmp_path / "a.yaml").read_text()


def test_a_run_tells_the_version_it_used(sqlite_shell, tmp_path):
    """`threads show` names the assistant's version, for runs made before a change and after."""
    assistant_id = made(sqlite_shell)
    with connect(Offline(), settings=sqlite_shell.settings) as client:
        thread_id = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}]).id
        runs = client.beta.threads.runs
        runs.create_and_poll(thread_id=thread_id, assistant_id=assistant_id)
        client.beta.assistants.update(assistant_id, instructions="Be exact.")
        runs.create_and_poll(thread_id=thread_id, assistant_id=assistant_id)

    shown = json.loads(sqlite_shell("threads", "show", thread_id, "--json").stdout)
    told = sqlite_shell("threads", "show", thread_id)

    assert sorted(run["assistant_version"] for run in shown["runs"]) == [1, 2]
    assert f"by     {assistant_id}, version 2" in told.output
