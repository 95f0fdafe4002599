"""Files that code made and the containers it ran in: their rows, and where contents are kept."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from shim import drive
from shim.core.ports import Batch, Resources
from shim.core.records import Container, File, Listing
from shim.errors import Lost
from shim.storage.content_table import Table
from shim.storage.contents import Folder, Memory


def made(run, number=1, **more):
    """A file of a run, not stored."""
    file_id = f"file-shim{number:020d}"
    return File(file_id, 5, "a.csv", run.thread_id, run.id, source_id="cfile_1", **more)


def test_a_file_comes_with_its_run(store):
    """What a run made is stored with it, once, and without its content."""
    run = store.run(store.thread("Hi", tenant="t"))
    file = made(run, content=b"x")

    run = store.do("save_run", run, Batch(files=[file]))
    store.do("save_run", run, Batch(files=[replace(file, status="lost")]))

    assert store.do("file", "t", file.id) == replace(file, content=None)
    assert store.do("file", "another", file.id) is None


def test_a_file_is_pending_until_it_is_saved_otherwise(store):
    """Only pending files are to be copied; one that is deleted or kept is so for good."""
    run = store.run(store.thread("Hi"))
    one, other = made(run), made(run, 2)
    store.do("save_run", run, Batch(files=[one, other]))

    store.do("save_file", replace(one, status="kept", size=3), was="pending")
    store.do("delete_file", other.id)

    assert store.do("owed", run.thread_id).files == []
    found = {file.id: (file.status, file.size) for file in store.do("files", run.thread_id)}
    assert found == {one.id: ("kept", 3), other.id: ("deleted", None)}
    assert store.do("file", "", other.id) is None
    for file in (one, other):
        with pytest.raises(Lost):
            store.do("save_file", replace(file, status="lost"), was="pending")


def test_a_file_that_is_kept_outlasts_its_thread(store):
    """Its tenant still finds it, and nobody else; what has no content goes with the thread."""
    run = store.run(store.thread("Hi", tenant="t"))
    kept, lost = made(run, status="kept"), made(run, 2, status="lost")
    store.do("save_run", run, Batch(files=[kept, lost]))

    store.do("delete_thread", run.thread_id)
    between = [store.do("file", tenant, kept.id) for tenant in ("t", "another")]
    store.do("delete_file", kept.id)

    assert between == [kept, None]
    assert store.sql("SELECT id FROM files") == []


def test_a_container_is_looked_through_once_its_response_has_ended(store):
    """Not while the run goes on; of two who looked through it, the second is told."""
    run = store.run(store.thread("Hi"))
    listing = Listing(run.thread_id, run.id, 1, "cntr_1", 5)
    run = store.do("save_run", replace(run, status="in_progress"), Batch(listings=[listing] * 2))
    before = store.do("owed", run.thread_id).listings
    store.do("save_run", replace(run, status="completed"), Batch())

    after = store.do("owed", run.thread_id).listings
    store.do("save_found", after, [made(run)])

    assert (before, after) == ([], [listing])
    assert [file.id for file in store.do("owed", run.thread_id).files] == [made(run).id]
    with pytest.raises(Lost):
        store.do("save_found", after, [made(run, 2)])
    assert len(store.do("files", run.thread_id)) == 1


def test_files_are_found_by_their_age(store):
    """Those that are still kept, also where an older schema did not write when they were made."""
    run = store.run(store.thread("Hi"))
    old, young = made(run, status="kept"), replace(made(run, 2, status="kept"), created_at=9)
    store.do("save_run", run, Batch(files=[old, young, made(run, 3, status="lost")]))
    store.sql("UPDATE files SET made_at = 0")

    assert store.do("kept_before", 7, 10) == [old]
    assert store.do("kept_before", 5, 10) == []


def test_a_container_is_remembered_with_its_files(store):
    """The container of the latest run counts; one that is known keeps its list of files."""
    run = store.run(store.thread("Hi"))

    run = store.do("save_run", run, Batch(container=Container("cntr_1", ("file-1",))))
    run = store.do("save_run", run, Batch(container=Container("cntr_1", ("file-1", "file-2"))))
    same = store.do("container", run.thread_id)
    store.do("save_run", run, Batch(container=Container("cntr_2", ("file-2",))))
    other = store.do("container", run.thread_id)
    store.do("save_container", run.thread_id, None)

    assert same == Container("cntr_1", ("file-1",))
    assert other == Container("cntr_2", ("file-2",))
    assert store.do("container", run.thread_id) is None


def test_an_upload_belongs_to_a_file_that_is_there(store):
    """A server has one upload of a file; of a file that is gone none can be noted."""
    run = store.run(store.thread("Hi", tenant="t"))
    one, gone = made(run), made(run, 2)
    store.do("save_run", run, Batch(files=[one]))

    store.do("add_upload", one.id, "https://a", "file-1")
    store.do("add_upload", one.id, "https://b", "file-2")
    with pytest.raises(Lost):
        store.do("add_upload", one.id, "https://a", "file-3")
    with pytest.raises(Lost):
        store.do("add_upload", gone.id, "https://a", "file-4")
    store.do("delete_upload", one.id, "https://b")

    assert store.do("upload", one.id, "https://a") == "file-1"
    assert store.do("upload", one.id, "https://b") is None


def test_uploads_are_known_to_threads_of_the_same_tenant(store):
    """Another tenant's file is not named by its id, whatever cites it."""
    run = store.run(store.thread("Hi", tenant="t"))
    same, other = store.thread(tenant="t"), store.thread(tenant="u")
    file = made(run)
    store.do("save_run", run, Batch(files=[file]))
    store.do("add_upload", file.id, "https://a", "file-1")

    cited = ["file-0", "file-1"]

    assert store.do("uploaded", same, cited) == {"file-1": file.id}
    assert store.do("uploaded", other, cited) == {}
    assert (store.do("tenant", same), store.do("tenant", "thread_none")) == ("t", None)


def test_uploads_of_files_that_are_gone_are_left_to_be_deleted(store):
    """Each server's for itself, and each tenant's, until they are struck out."""
    run = store.run(store.thread("Hi", tenant="t"))
    files = [made(run, number) for number in range(4)]
    store.do("save_run", run, Batch(files=files))
    for file in files:
        store.do("add_upload", file.id, "https://a", f"file-{file.id[-1]}")

    store.do("delete_file", files[1].id)
    store.do("save_file", replace(files[2], status="expired"), was=files[2].status)
    store.do("delete_file", files[3].id)
    store.do("delete_upload", files[3].id, "https://a")

    gone = [(files[1].id, "file-1"), (files[2].id, "file-2")]
    assert sorted(store.do("gone_uploads", "t", "https://a", 9)) == gone
    assert len(store.do("gone_uploads", "t", "https://a", 1)) == 1
    assert store.do("gone_uploads", "t", "https://b", 9) == []
    assert store.do("gone_uploads", "u", "https://a", 9) == []
    with pytest.raises(Lost):
        store.do("add_upload", files[2].id, "https://b", "file-9")


def test_stores_wait_for_their_thread_to_be_deleted(store):
    """Whoever holds the claim strikes them out; a thread without any leaves nothing."""
    thread_id, bare = store.thread("Hi"), store.thread("Hi")
    resources = Resources(0, {"file_search": {"vector_store_ids": ["vs_1"]}}, ["vs_1"])
    store.do("add_messages", thread_id, Batch(new=[store.message(thread_id)], resources=resources))

    store.do("delete_thread", thread_id)
    store.do("delete_thread", bare)
    claim = store.ask("claim", thread_id, "me")
    left = store.ask("made_stores", thread_id)
    drive.run(claim.forget_store("vs_1"))

    assert (left, store.ask("made_stores", thread_id)) == (["vs_1"], [])
    assert [entry.kind for entry in store.ask("entries", thread_id, 9)] == ["delete_thread"]
    assert store.ask("entries", bare, 9) == []


def test_messages_bring_resources_only_to_the_thread_that_was_read(store):
    """Neither is written where the thread was changed meanwhile."""
    thread_id = store.thread()
    read = store.do("thread", "", thread_id)
    store.do("save_thread", replace(read, metadata={"k": "v"}))
    now = {"code_interpreter": {"file_ids": ["file-1"]}}

    def add(version):
        batch = Batch(new=[store.message(thread_id)], resources=Resources(version, now))
        store.do("add_messages", thread_id, batch)

    with pytest.raises(Lost):
        add(read.version)
    assert store.sql("SELECT id FROM messages") == []
    add(read.version + 1)

    changed = store.do("thread", "", thread_id)
    assert (changed.metadata, changed.tool_resources, changed.version) == ({"k": "v"}, now, 2)


def test_a_deleted_thread_leaves_its_container_to_be_deleted(store):
    """Rows of files go with the thread; the container is remembered for the upstream."""
    run = store.run(store.thread("Hi", mirrored=True))
    batch = Batch(files=[made(run)], container=Container("cntr_1"))
    store.do("save_run", run, batch)

    store.do("delete_thread", run.thread_id)

    (entry,) = store.ask("entries", run.thread_id, 10)
    assert entry.payload == {"responses": [], "container": "cntr_1"}
    assert store.sql("SELECT id FROM files") == []


@pytest.fixture
def table(store):
    """The tables of a database."""
    return Table(store.database)


@pytest.fixture
def contents_in(tmp_path, database_on):
    """A place for contents, by its kind; the folder is not made yet."""

    def make(place):
        match place:
            case "folder":
                return Folder(tmp_path / "made" / "files")
            case "memory":
                return Memory()
            case kind:
                return Table(database_on(kind))

    return make


@pytest.fixture(params=["folder", "memory", "sqlite", "postgres"])
def contents(request, contents_in):
    """Each place where contents are kept."""
    return contents_in(request.param)


async def pieces(content, fail=None):
    """A content byte by byte, and then perhaps no more."""
    for byte in content:
        yield bytes([byte])
    if fail is not None:
        raise fail


def test_contents_are_put_got_and_deleted(contents):
    """A content is replaced by a newer one; what is not there is None, and deleting it is fine."""
    before = drive.run(contents.get("file-shim1"))
    for content in (b"one", b"two"):
        drive.run(contents.put("file-shim1", pieces(content)))
    between = drive.run(contents.get("file-shim1"))
    for _ in range(2):
        drive.run(contents.delete("file-shim1"))

    assert (before, between, drive.run(contents.get("file-shim1"))) == (None, b"two", None)


def test_a_content_that_cannot_be_written_leaves_nothing(tmp_path):
    """An error of the file system is told, and no half of a file stays."""
    (tmp_path / "file-shim1").mkdir()
    folder = Folder(tmp_path)

    with pytest.raises(OSError, match="file-shim1"):
        drive.run(folder.put("file-shim1", pieces(b"one")))

    assert [path.name for path in tmp_path.iterdir()] == ["file-shim1"]


def test_a_content_that_breaks_off_leaves_what_was_there(contents):
    """Of pieces that end in an error nothing is kept, and the error is told as it is."""
    size = drive.run(contents.put("file-shim1", pieces(b"old")))

    with pytest.raises(ConnectionError):
        drive.run(contents.put("file-shim1", pieces(b"new one", ConnectionError())))

    assert size == 3
    assert drive.run(contents.get("file-shim1")) == b"old"


@pytest.mark.parametrize("place", ["folder", "sqlite", "postgres"])
def test_a_content_is_read_in_pieces(contents_in, place):
    """A large file comes out piece by piece, with its size known before."""
    contents = contents_in(place)
    whole = random.Random(1).randbytes(1_000_000)
    drive.run(contents.put("file-shim1", pieces(b"")))
    drive.run(contents.put("file-shim2", blocks(whole)))

    empty, large = (drive.run(contents.open(f"file-shim{number}")) for number in (1, 2))
    nothing = drive.run(contents.open("file-shim3"))

    assert (empty.size, list(drive.iterate(empty.chunks))) == (0, [])
    read = list(drive.iterate(large.chunks))
    assert (large.size, b"".join(read)) == (1_000_000, whole)
    assert max(map(len, read)) < 300_000
    assert nothing is None
    assert drive.run(contents.get("file-shim1")) == b""
    assert drive.run(contents.get("file-shim2")) == whole


async def blocks(content):
    """A content as it comes over a network."""
    for start in range(0, len(content), 7000):
        yield content[start : start + 7000]


def test_a_content_replaced_while_it_is_read_breaks_off(table):
    """Of a table whoever reads gets the rest of no other content, and is told so."""
    drive.run(table.put("file-shim1", blocks(bytes(600_000))))
    read = drive.iterate(drive.run(table.open("file-shim1")).chunks)
    next(read)

    drive.run(table.put("file-shim1", blocks(b"new")))

    with pytest.raises(OSError, match="file-shim1 was replaced or deleted"):
        next(read)


def test_what_an_ended_process_left_of_a_content_goes(store, table):
    """Pieces of a content that never got whole are deleted a day later, others stay."""
    drive.run(table.put("file-shim1", pieces(b"a")))
    store.sql("INSERT INTO contents VALUES ('writing_1', 'file-shim2', NULL, 1)")
    store.sql("INSERT INTO content_pieces SELECT 'writing_1', 0, piece FROM content_pieces")

    left = drive.run(table.get("file-shim2"))
    drive.run(table.put("file-shim3", pieces(b"b")))

    assert left is None
    assert store.sql("SELECT COUNT(*) FROM content_pieces") == [(2,)]
    assert store.sql("SELECT COUNT(*) FROM contents") == [(2,)]
    assert drive.run(table.get("file-shim1")) == b"a"


def test_memory_gives_a_content_as_it_is():
    """What is kept in memory is one piece."""
    memory = Memory()
    drive.run(memory.put("file-shim1", pieces(b"one")))

    content = drive.run(memory.open("file-shim1"))

    assert (content.size, list(drive.iterate(content.chunks))) == (3, [b"one"])
    assert drive.run(memory.open("file-shim2")) is None
