"""Files that code made, in exports and out of them."""

from __future__ import annotations

import json

import pytest
from old_data import dump, thread, written

from shim import drive
from shim.core.records import File
from shim.offline import Offline
from shim.storage.imports import Imports
from shim.testing import connect
from shim.wiring import open_contents, open_database
from shim.workers import BlockingWorkers

IDS = [f"file-shim{number:020}" for number in range(5)]
MADE = {IDS[0]: b"a,b\n" * 200_000, IDS[1]: b""}
"""By id: what code made, one larger than a piece and one empty."""


def with_files(shell, contents=MADE):
    """Two threads, one with files: kept, lost, and not copied yet."""
    threads = dump(2, 3)
    (first, *_) = (file["thread"]["id"] for file in threads.values())
    run_id = next(iter(threads.values()))["runs"][0]["id"]
    options = {"thread_id": first, "run_id": run_id, "created_at": 1_790_000_000}
    records = [
        File(each, filename=f"{each}.csv", status="kept", size=len(MADE[each]), **options)
        for each in MADE
    ]
    records += [
        File(IDS[2], filename="c.csv", status="lost", problem="it is gone", **options),
        File(IDS[3], filename="d.csv", **options),
    ]

    async def said(content):
        yield content

    database = open_database(shell.settings, BlockingWorkers())
    kept = open_contents(shell.settings, database)
    for each in records:
        drive.run(Imports(database).add_file(each))
    for file_id, content in contents.items():
        drive.run(kept.put(file_id, said(content)))
    drive.run(database.aclose())
    return first


def contents_in(shell, file_ids):
    """The contents that a program gets."""
    with connect(Offline(), settings=shell.settings) as client:
        return {each: client.files.content(each).content for each in file_ids}


@pytest.fixture
def other_shell(shell, request, tmp_path):
    """A second empty database of the same kind, with a place for files of its own."""
    (tmp_path / "other").mkdir()
    if shell.settings.address() is None:
        return type(shell)(f"sqlite:///{tmp_path / 'other' / 'shim.db'}")
    return type(shell)(request.getfixturevalue("postgres").schema())


def test_files_that_code_made_go_along(shell, other_shell, tmp_path):
    """An export has their contents, an import takes them back, and again gives the same bytes."""
    source = written(tmp_path / "dump", threads=2, messages=3)
    shell("import", source)
    with_files(shell)
    exported = shell("export", tmp_path / "out")

    report, code = other_shell.told("import", tmp_path / "out")
    again, _ = other_shell.told("import", tmp_path / "out")
    verified, differs = other_shell.told("verify", tmp_path / "out")
    other_shell("export", tmp_path / "out2")

    assert "2 files that code made are in it" in exported.output
    assert "1 files that code made are not in it: they are not copied" in exported.output
    assert (code, differs) == (0, 0)
    assert (report["records"]["files"], report["records"]["files without content"]) == (2, 1)
    assert again["records"] == {}
    assert verified["counted"]["files"] == 3
    assert contents_in(other_shell, MADE) == MADE
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "out2")


def test_contents_that_are_not_there_are_told(sqlite_shell, tmp_path):
    """An export says what is gone; a file whose content is not beside it comes as a lost one."""
    sqlite_shell("import", written(tmp_path / "dump", threads=2, messages=3))
    thread_id = with_files(sqlite_shell, {IDS[0]: MADE[IDS[0]]})
    (tmp_path / "other").mkdir()
    other = type(sqlite_shell)(f"sqlite:///{tmp_path / 'other' / 'shim.db'}")

    exported = sqlite_shell("export", tmp_path / "out")
    (tmp_path / "out" / "files" / IDS[0]).unlink()
    report, _ = other.told("import", tmp_path / "out")
    shown = other("threads", "show", thread_id).output
    _, differs = other.told("verify", tmp_path / "out")
    without = sqlite_shell("export", tmp_path / "bare", "--no-files")

    assert "1 files that code made are gone from where SHIM_FILES says" in exported.output
    assert report["records"]["files without content"] == 3
    assert "lost: its content was not beside what was imported" in shown
    assert differs == 1
    assert "2 files that code made are not in it: they stay" in without.output
    assert not (tmp_path / "bare" / "files").exists()


def test_a_file_of_another_thread_is_not_written_over(sqlite_shell, tmp_path):
    """Nor is anything read that is not beside the export, whatever it says of places."""
    sqlite_shell("import", written(tmp_path / "dump", threads=2, messages=3))
    with_files(sqlite_shell)
    sqlite_shell("export", tmp_path / "out")
    (tmp_path / "secret").write_text("not yours")
    whole = {"shim_run_id": "run_1", "shim_status": "kept", "filename": "a", "created_at": 1}
    files = {
        "x": {**whole, "id": IDS[0]},
        "y": {**whole, "id": "file-shim/../../secret", "shim_place": str(tmp_path / "secret")},
        "z": {**whole, "id": IDS[4], "shim_place": str(tmp_path / "secret")},
    }
    fresh = thread(7)
    path = tmp_path / "out" / "threads" / "own.json"
    path.write_text(json.dumps({"thread": fresh, "messages": [], "runs": [], "files": files}))

    report, code = sqlite_shell.told("import", tmp_path / "out", "--keep-going")
    del files["x"], files["y"]
    path.write_text(json.dumps({"thread": fresh, "messages": [], "runs": [], "files": files}))
    again, _ = sqlite_shell.told("import", tmp_path / "out")

    assert code == 1
    assert "no id of a file that shim keeps" in str(report["problems"])
    assert again["records"] == {"files without content": 1}
    assert contents_in(sqlite_shell, MADE) == MADE


def _bytes(folder):
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }
