"""Containers of the embedded upstream, and the Python that runs in them."""

from __future__ import annotations

import base64
import gc
import os
import re
import threading
import time
from pathlib import Path

import openai
import pytest

from shim.offline import Offline
from shim.offline.clock import Clock
from shim.offline.interpreter import Interpreter
from shim.offline.sandboxes import Sandboxes

IDLE = 20 * 60


def upload(client, name="data.csv", content=b"x,y\n1,2\n"):
    """The id of an uploaded file."""
    return client.files.create(file=(name, content), purpose="assistants").id


@pytest.fixture
def container():
    """A container outside any upstream; a cell may take two seconds."""
    boxes = Sandboxes(Clock(), 2.0)
    yield boxes.create("box")
    boxes.close()


def logs(executed):
    """All the text that a cell showed."""
    return "".join(each["logs"] for each in executed.outputs if each["type"] == "logs")


def test_life_of_a_container(client):
    """A container runs, is found and listed, and is deleted."""
    made = client.containers.create(name="box")
    other = client.containers.create(
        name="b",
        expires_after={"anchor": "last_active_at", "minutes": 5},
        memory_limit="4g",
        network_policy={"type": "disabled"},
    )
    found = client.containers.retrieve(made.id)
    listed = [each.id for each in client.containers.list()]
    gone = client.delete(f"/containers/{made.id}", cast_to=object)

    assert re.fullmatch(r"cntr_[0-9a-f]{48}", made.id)
    assert (made.status, made.expires_after.minutes) == ("running", 20)
    assert (other.expires_after.minutes, other.memory_limit) == (5, "4g")
    assert found.model_dump() == made.model_dump()
    assert listed == [other.id, made.id]
    assert gone == {"id": made.id, "object": "container.deleted", "deleted": True}
    with pytest.raises(openai.NotFoundError) as caught:
        client.containers.retrieve(made.id)
    assert caught.value.body["message"] == f"Container with id '{made.id}' not found."


def test_files_of_a_container(client):
    """Files come by upload or by id, with the recorded paths; they are read, listed, deleted."""
    key = upload(client)
    box = client.containers.create(name="box", file_ids=[key])
    files = client.containers.files

    sent = files.create(box.id, file=("notes.txt", b"Hello"))
    again = files.create(box.id, file_id=key)
    content = files.content.retrieve(sent.id, container_id=box.id)
    listed = [each.id for each in files.list(box.id, order="asc")]
    gone = client.delete(f"/containers/{box.id}/files/{sent.id}", cast_to=object)

    assert re.fullmatch(r"cfile_[0-9a-f]{32}", sent.id)
    assert re.fullmatch(r"/mnt/data/[0-9a-f]{32}-notes\.txt", sent.path)
    assert (sent.bytes, sent.source, sent.container_id) == (5, "user", box.id)
    assert again.path == f"/mnt/data/{key}-data.csv"
    assert content.read() == b"Hello"
    assert content.response.headers["content-type"] == "text/plain; charset=utf-8"
    assert listed == [again.id, sent.id]
    assert gone == {"id": sent.id, "object": "container.file.deleted", "deleted": True}
    with pytest.raises(openai.NotFoundError, match="Container file with id"):
        files.retrieve(sent.id, container_id=box.id)


def test_idle_containers_expire(offline, client):
    """After 20 idle minutes a container is expired for good and its files are gone."""
    box = client.containers.create(name="box", file_ids=[upload(client)])

    offline.clock.advance(IDLE - 1)
    kept = client.containers.retrieve(box.id)
    offline.clock.advance(IDLE - 1)
    files = list(client.containers.files.list(box.id))
    offline.clock.advance(IDLE)
    late = client.containers.retrieve(box.id)

    assert (kept.status, kept.last_active_at) == ("running", box.last_active_at + IDLE - 1)
    assert len(files) == 1
    assert late.status == "expired"
    assert client.containers.retrieve(box.id).status == "expired"
    with pytest.raises(openai.NotFoundError):
        client.containers.files.list(box.id)
    with pytest.raises(openai.NotFoundError):
        client.containers.files.retrieve(files[0].id, container_id=box.id)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": "a", "colour": "red"}, "colour"),
        ({"name": "a", "memory_limit": "2g"}, "memory_limit"),
        ({"name": "a", "file_ids": ["file-a"]}, "id"),
        ({"name": "a", "expires_after": {"minutes": 1}}, "expires_after.anchor"),
        (
            {"name": "a", "expires_after": {"anchor": "last_active_at", "minutes": 21}},
            "expires_after.minutes",
        ),
    ],
)
def test_containers_are_checked(client, body, param):
    """Name, files, memory and expiry of a new container are checked."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.post("/containers", body=body, cast_to=object)

    assert caught.value.body["param"] == param


def test_cells_share_their_state(container):
    """Variables, imports and functions of one cell are there in the next."""
    container.run("import math\nx = 5\ndef double(n): return 2 * n")

    assert container.run("double(math.factorial(x))").outputs == [{"type": "logs", "logs": "240"}]


def test_outputs_come_in_their_order(container):
    """Streams, shown images and the last value are entries of their own, in order."""
    executed = container.run(
        "import shim_png, sys\nprint('a')\nprint('b', file=sys.stderr)\n"
        "display(shim_png.line([1, 4, 9]))\nprint('c')\n'/mnt/data/x.png'"
    )

    assert [each.get("logs") for each in executed.outputs] == [
        "a\nb\n",
        None,
        "c\n",
        "'/mnt/data/x.png'",
    ]
    head, _, data = executed.outputs[1]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == executed.shown[0].content
    assert executed.shown[0].content.startswith(b"\x89PNG\r\n\x1a\n")
    assert executed.shown[0].name == f"{executed.shown[0].id}.png"


def test_nothing_shown_is_no_output(container):
    """A cell that shows nothing has no outputs; a last value of None is not shown."""
    assert container.run("x = 1").outputs == []
    assert container.run("None").outputs == []
    assert container.run("x;").outputs == []


def test_written_files_become_files_of_the_container(container):
    """What a cell writes to /mnt/data is a file by the assistant; removed files are gone."""
    first = container.run(
        "import os\nopen('/mnt/data/a.csv', 'w').write('1')\nopen('b.txt', 'w').write('2')\n"
        "os.mkdir('/mnt/data/sub')\nopen('/mnt/data/sub/c.txt', 'w').write('3');"
    )
    second = container.run(
        "os.remove('/mnt/data/b.txt')\nopen('/mnt/data/a.csv', 'w').write('12');"
    )

    assert [each.name for each in first.written] == ["a.csv", "b.txt", "sub/c.txt"]
    assert {each.source for each in first.written} == {"assistant"}
    assert [(each.name, each.content) for each in second.written] == [("a.csv", b"12")]
    assert second.written[0].id == first.written[0].id
    assert sorted(each.name for each in container.files.values()) == ["a.csv", "sub/c.txt"]


def test_files_of_the_user_are_there(container):
    """Cells read what was laid into the container, before and after the first of them."""
    early = container.upload("a.txt", b"early")
    container.run("1")
    late = container.upload("b.txt", b"late")

    executed = container.run(
        f"print(open('/mnt/data/{early.name}').read(), open('/mnt/data/{late.name}').read())"
    )
    container.remove(late.id)

    assert logs(executed) == "early late\n"
    assert executed.written == []
    assert logs(container.run("import os\nlen(os.listdir('/mnt/data'))")) == "1"


def test_failures_are_shown(container):
    """A failing cell shows its traceback, without the machinery, and the next one runs."""
    failed = container.run("x = 1\n1 / 0")
    broken = container.run("def f(:")
    ended = container.run("import sys\nprint('before')\nsys.exit(3)")

    assert logs(failed).startswith('Traceback (most recent call last):\n  File "<cell 1>", line 2')
    assert logs(failed).endswith("ZeroDivisionError: division by zero\n")
    assert "SyntaxError" in logs(broken)
    assert logs(ended).startswith("before\n")
    assert logs(container.run("x")) == "1"


def test_a_cell_that_takes_too_long_is_ended(container):
    """Its process ends with all it started; files stay, variables do not."""
    container.run("x = 1\nopen('/mnt/data/a.txt', 'w').write('1');")

    begun = time.monotonic()
    endless = container.run("import subprocess\nsubprocess.run(['sleep', '60'])")

    assert time.monotonic() - begun < 10
    assert logs(endless) == "TimeoutError: the cell took more than 2 seconds\n"
    assert "NameError" in logs(container.run("x"))
    assert logs(container.run("open('/mnt/data/a.txt').read()")) == "'1'"


def test_a_process_that_dies_is_replaced(container):
    """A cell that kills its process says so; the next one has a new process."""
    assert logs(container.run("import os\nos._exit(1)")) == "The kernel died.\n"
    assert logs(container.run("1 + 1")) == "2"


def test_limits(container):
    """Memory, the size of files and the network are limited; the environment is bare."""
    memory = container.run("len(bytearray(4 << 30))")
    file = container.run("open('/mnt/data/big', 'wb').write(bytes(80 << 20))")
    network = container.run("import socket\nsocket.create_connection(('127.0.0.1', 9))")
    environment = container.run("import os, sys\nsorted(os.environ)")

    assert "MemoryError" in logs(memory)
    assert "OSError" in logs(file) or "died" in logs(file)
    assert "The network is disabled in this container." in logs(network)
    assert "SHIM_TEST_SECRET" not in logs(environment)
    assert "PATH" in logs(environment)


def test_the_environment_is_not_passed_on(monkeypatch):
    """Keys in the environment are not seen by code."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    interpreter = Interpreter(1, 5.0)

    ran = interpreter.run("import os\nos.environ.get('OPENAI_API_KEY', 'none')")
    interpreter.close()

    assert ran.outputs == [{"type": "logs", "logs": "'none'"}]


def test_nothing_is_left_behind():
    """Process and folder go with the upstream, also if nobody closes it."""
    interpreter = Interpreter(1, 5.0)
    pid = int(interpreter.run("import os\nos.getpid()").outputs[0]["logs"])
    folder = Path(f"/proc/{pid}/cwd").resolve() if Path("/proc").is_dir() else None

    del interpreter
    gc.collect()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert folder is None or not folder.exists()


def test_containers_run_for_threads():
    """Several threads use the upstream's containers at once, each its own."""
    offline, seen = Offline(), []
    boxes = offline._service.state.sandboxes

    def work(n):
        box = boxes.create(str(n))
        box.run(f"x = {n}")
        seen.append((n, logs(box.run("x"))))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    offline.close()

    assert sorted(seen) == [(n, str(n)) for n in range(4)]


def test_charts_without_a_library(container):
    """`shim_png` draws bars and lines of any numbers."""
    executed = container.run(
        "import shim_png\n"
        "first = shim_png.bars({'a': 1, 'b': -2}, title='T')\n"
        "rest = (shim_png.line([1, 2], [3, 4]), shim_png.bars([]), shim_png.line([5]))\n"
        "for chart in (first, *rest):\n"
        "    display(chart)\n"
        "print(chart)\nchart.save('/mnt/data/c.png')"
    )

    assert len(executed.shown) == 4
    assert logs(executed) == "<Chart '' of 1 values>\n"
    assert executed.written[0].content == executed.shown[3].content
