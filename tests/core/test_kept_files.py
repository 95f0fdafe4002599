"""How files are kept: piece by piece, for as many days as is set, and whoever ended the run."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from code_runs import CODE, CSV, LINK, answer, begun, mounted, run
from odd_upstream import (
    Api,
    added,
    created,
    done,
    ended,
    last_run,
    message,
    plain,
    response,
    sse,
)

from shim import drive
from shim.offline import Offline

DAY = 86_400
FILE = "/containers/cntr_1/files/cfile_1"
PIECE = b"0123456789abcdef" * 4096


@pytest.fixture
def offline() -> Iterator[Offline]:
    offline = Offline()
    yield offline
    offline.close()


def code(**more: Any) -> dict[str, Any]:
    """A code call of the upstream."""
    item = {"type": "code_interpreter_call", "id": "ci_1", "container_id": "cntr_1", "code": "x"}
    return {**item, "status": "completed", "outputs": None, **more}


def naming(filename: str = "large.bin") -> dict[str, Any]:
    """A message that names the file of the container."""
    link = f"sandbox:/mnt/data/{filename}"
    cited = {"type": "container_file_citation", "container_id": "cntr_1", "file_id": "cfile_1"}
    place = {"start_index": 0, "end_index": len(link), "filename": filename}
    part = {"type": "output_text", "text": link, "annotations": [{**cited, **place}]}
    return message("", content=[part])


class Pieces(httpx.SyncByteStream):
    """A body of many pieces, which may break off."""

    def __init__(self, count: int, *, broken: bool = False) -> None:
        self.count = count
        self.broken = broken

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.count):
            yield PIECE
        if self.broken:
            raise httpx.ReadError("reset")


Downloads = Callable[[httpx.Request], httpx.Response]


def kept_by(downloads: Downloads, folder: Path, **settings: Any) -> tuple[Api, str, Any]:
    """The engine after a run that named a file, the file's id, and its run."""

    def answering(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        if path == f"{FILE}/content":
            return downloads(request)
        if path == "/responses":
            whole = ended(code(), naming())
            return httpx.Response(200, json=whole["response"])
        if path.endswith("/files"):
            return httpx.Response(200, json={"data": [], "has_more": False})
        return httpx.Response(404, json={"error": {"message": "Not Found"}})

    api = Api(answering, files=str(folder), **settings)
    path, body = api.begun(tools=CODE)
    ran = last_run(api.streamed(path, body))
    api.workers.flush(10)
    (part,) = api.messages(path)[-1]["content"]
    return api, part["text"]["annotations"][0]["file_path"]["file_id"], ran


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    """It goes from the upstream to the folder and from there to the caller piece by piece."""
    tracemalloc.start()
    api, file_id, _ = kept_by(lambda _: httpx.Response(200, stream=Pieces(800)), tmp_path)

    reply = api.ask("GET", f"/files/{file_id}/content")
    assert reply.chunks is not None
    size = sum(len(piece) for piece in drive.iterate(reply.chunks))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size == int(reply.headers["content-length"]) == 800 * len(PIECE) > 50_000_000
    assert most < 20_000_000
    api.close()


@pytest.mark.parametrize("said", [True, False])
def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, said: bool) -> None:
    """Whether its size is said before or not; nothing of it stays, and the run says so."""
    read = []

    class Counted(Pieces):
        def __iter__(self) -> Iterator[bytes]:
            for piece in super().__iter__():
                read.append(len(piece))
                yield piece

    headers = {"content-length": str(800 * len(PIECE))} if said else {}
    answered = httpx.Response(200, headers=headers, stream=Counted(800))
    api, file_id, ran = kept_by(lambda _: answered, tmp_path, files_max_mb=1)

    reply = api.ask("GET", f"/files/{file_id}/content")
    notes = api.ask("GET", f"/threads/{ran['thread_id']}/runs/{ran['id']}").headers["x-shim-notes"]

    assert reply.status == 404
    assert "are not kept" in notes
    assert sum(read) < 1_200_000
    assert list(tmp_path.iterdir()) == []
    api.close()


def test_a_copy_that_breaks_off_is_begun_again(tmp_path: Path) -> None:
    """Of the first try nothing is kept; the second has all."""
    answers = [Pieces(2, broken=True), Pieces(3)]
    api, file_id, _ = kept_by(lambda _: httpx.Response(200, stream=answers.pop(0)), tmp_path)

    made = api.ok("GET", f"/files/{file_id}")

    assert (made["bytes"], made["status"]) == (3 * len(PIECE), "processed")
    assert [path.name for path in tmp_path.iterdir()] == [file_id]
    api.close()


def older(database: Path, days: int) -> None:
    """Let all files have been made so many days ago."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE files SET made_at = made_at - :age, "
            "data = json_set(data, '$.created_at', json_extract(data, '$.created_at') - :age)",
            {"age": days * DAY},
        )


def made(client: openai.OpenAI, offline: Offline) -> str:
    """A file that a run has made and that is kept."""
    offline.script.code(CSV, then=LINK)
    thread_id, assistant_id = begun(client)
    run(client, thread_id, assistant_id)
    file_id: str = answer(client, thread_id)[0].text.annotations[0].file_path.file_id
    assert client.files.retrieve(file_id).status == "processed"
    return file_id


def test_files_expire_after_the_days_that_are_set(offline: Offline, tmp_path: Path) -> None:
    """An expired file is the original's 404, which says why; a younger one is as before."""
    database, folder = tmp_path / "shim.db", tmp_path / "made"
    client = mounted(offline, str(database), files=str(folder), files_days=2)
    old = made(client, offline)
    older(database, 3)
    young = made(client, offline)
    shown = client.files.retrieve(young)

    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError, match=f"No such File object: {old}") as error:
            ask(old)
        assert "files are kept for 2 days (SHIM_FILES_DAYS)" in str(error.value)
    assert shown.to_dict()["expires_at"] == shown.created_at + 2 * DAY
    assert [path.name for path in folder.iterdir()] == [young]
    client.close()


def test_a_new_file_makes_room(offline: Offline, tmp_path: Path) -> None:
    """Contents whose time is over go when the next is kept, though nobody asks for them."""
    database, folder = tmp_path / "shim.db", tmp_path / "made"
    client = mounted(offline, str(database), files=str(folder))
    made(client, offline)
    client.close()
    older(database, 3)

    client = mounted(offline, str(database), files=str(folder), files_days=2)
    young = made(client, offline)

    assert [path.name for path in folder.iterdir()] == [young]
    client.close()


def containers(api: Api) -> list[Any]:
    """The containers that responses were asked for with."""
    return [tool["container"] for body in api.posted() for tool in body["tools"]]


def test_the_container_of_a_cancelled_run_is_remembered() -> None:
    """What the upstream says of a cancelled response has it, and the next run goes on in it."""
    api = Api()
    path, body = api.begun(tools=CODE)
    api.odd.posts.append(plain(response(status="queued")))
    run = api.ok("POST", f"{path}/runs", body)
    api.odd.gets += [
        plain(response(code(status="incomplete"), status="in_progress")),
        plain(response(code(status="incomplete"), status="cancelled")),
    ]
    api.ok("POST", f"{path}/runs/{run['id']}/cancel")
    ending = api.ok("GET", f"{path}/runs/{run['id']}")
    api.odd.posts.append(plain(response(message("Hi"), status="completed")))

    api.ok("POST", f"{path}/runs", body)

    assert ending["status"] == "cancelled"
    assert containers(api) == [{"type": "auto"}, "cntr_1"]
    api.workers.stop_waiting()
    api.close()


@pytest.mark.parametrize("end", ["failed", "broken"])
def test_the_container_of_a_failed_run_is_remembered(end: str) -> None:
    """Also where its stream just stopped, with the code not yet run to its end."""
    api = Api()
    path, body = api.begun(tools=CODE)
    item = code(status="in_progress")
    events = [created(), added(item)]
    if end == "failed":
        events += [done(code()), ended(code(), status="failed", error={"code": "x", "message": ""})]
    api.odd.posts += [sse(*events), sse(created(), ended(message("Hi")))]

    first = last_run(api.streamed(path, body))
    second = last_run(api.streamed(path, body))

    assert (first["status"], second["status"]) == ("failed", "completed")
    assert containers(api) == [{"type": "auto"}, "cntr_1"]
    api.close()


def test_what_somebody_else_has_copied_is_not_lost(tmp_path: Path) -> None:
    """Of two who copy a file, one finds the container gone: the other's copy counts."""
    database, folder = tmp_path / "shim.db", tmp_path / "made"
    asked: list[str] = []

    def downloads(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) <= 2:
            return httpx.Response(500)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE files SET status = 'kept'")
            ((file_id,),) = connection.execute("SELECT id FROM files").fetchall()
        folder.mkdir()
        (folder / file_id).write_bytes(b"the other's")
        return httpx.Response(404, json={"error": {"message": "Container is expired."}})

    url = f"sqlite:///{database}"
    api, file_id, ran = kept_by(downloads, folder, database_url=url)

    reply = api.ask("GET", f"/files/{file_id}/content")
    headers = api.ask("GET", f"/threads/{ran['thread_id']}/runs/{ran['id']}").headers

    assert reply.chunks is not None
    assert b"".join(drive.iterate(reply.chunks)) == b"the other's"
    assert "x-shim-notes" not in headers
    api.close()
