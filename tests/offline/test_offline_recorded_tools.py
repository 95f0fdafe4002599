"""Files, stores, containers and hosted tools against recordings: keys and their order.

The recordings are not part of the project; SHIM_RECORDINGS names their folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx2
import pytest

from shim.offline import Code, Offline, Say, Search

FOLDER = Path(os.environ.get("SHIM_RECORDINGS", "absent"))

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="SHIM_RECORDINGS names no folder with recordings"
)

AUTH = {"api-key": "x"}
UNRECORDED = {"memory_limit", "network_policy"}
"""Keys that only answers to requests with them have."""

OLD = {"chunking_strategy"}
"""Keys that answers of September 2025 lack in the lists of batches; those of October have them."""


def recorded():
    """Every object of a recording of the .NET tests, also those in lists."""
    for path in sorted(FOLDER.glob("*/**/*.json")):
        try:
            entries = json.loads(path.read_text("utf-8-sig"))["Entries"]
        except (ValueError, KeyError, TypeError):  # other shapes, and some that were cut
            continue
        for body in (entry["ResponseBody"] for entry in entries):
            if isinstance(body, dict):
                yield body
                yield from body.get("data") or []


def ours():
    """One object of each kind, by its `object`."""
    offline, found = Offline(), {}
    with httpx2.Client(
        transport=offline.transport(httpx2), base_url="http://x/v1", headers=AUTH
    ) as http:

        def note(response):
            made = response.json()
            found[made["object"]] = made
            for each in made.get("data") or []:
                found[each["object"]] = each
            return made.get("id", "")

        sent = {"file": ("a.txt", b"Hello"), "purpose": (None, b"assistants")}
        file = note(http.post("/files", files=sent))
        store = note(http.post("/vector_stores", json={"file_ids": [file]}))
        note(http.get("/vector_stores"))
        note(http.post(f"/vector_stores/{store}/files", json={"file_id": file}))
        note(http.get(f"/vector_stores/{store}/files"))
        path = f"/vector_stores/{store}/file_batches"
        batch = note(http.post(path, json={"file_ids": [file]}))
        note(http.get(f"{path}/{batch}/files"))
        note(http.delete(f"/vector_stores/{store}/files/{file}"))
        box = note(http.post("/containers", json={"name": "a"}))
        kept = note(http.post(f"/containers/{box}/files", files={"file": ("a.txt", b"x")}))
        note(http.delete(f"/containers/{box}/files/{kept}"))
        note(http.delete(f"/containers/{box}"))
        note(http.delete(f"/vector_stores/{store}"))
    return found


def test_objects_have_the_recorded_keys_in_their_order():
    """Each recorded file, store, batch, container, and deletion has our keys, in our order."""
    mine, compared = ours(), set()
    for made in recorded():
        kind = made.get("object")
        if kind not in mine or kind == "list" or ("deleted" in made and kind == "file"):
            continue
        if UNRECORDED & set(made) or OLD & set(mine[kind]) - set(made):
            continue
        assert list(mine[kind]) == list(made), kind
        compared.add(kind)

    assert compared == set(mine) - {"list"}


def test_usage_is_as_recorded():
    """A file of 21 bytes takes 1045 in a store, as recorded."""
    files = [made for made in recorded() if made.get("object") == "vector_store.file"]
    sizes = {made.get("usage_bytes") for made in files}
    offline = Offline()
    with httpx2.Client(
        transport=offline.transport(httpx2), base_url="http://x/v1", headers=AUTH
    ) as http:
        sent = {"file": ("a.txt", b"Hello, I am a test fi"), "purpose": (None, b"assistants")}
        file = http.post("/files", files=sent).json()["id"]
        store = http.post("/vector_stores", json={"file_ids": [file]}).json()["id"]
        mine = http.get(f"/vector_stores/{store}/files/{file}").json()

    assert mine["usage_bytes"] == 1045
    assert 1045 in sizes


def items(kind):
    """The recorded items of a kind, as the last event of each stream has them."""
    for path in sorted((FOLDER / "responses" / "vf").glob("openai-*.chunks.txt")):
        for line in path.read_text("utf-8").splitlines():
            event = json.loads(line)
            if event["type"] == "response.output_item.done" and event["item"]["type"] == kind:
                yield event["item"]


def test_items_of_hosted_tools():
    """Items, results, outputs and annotations have the recorded keys, in their order."""
    offline = Offline()
    with httpx2.Client(
        transport=offline.transport(httpx2), base_url="http://x/v1", headers=AUTH
    ) as http:
        sent = {"file": ("a.txt", b"Hello"), "purpose": (None, b"assistants")}
        file = http.post("/files", files=sent).json()["id"]
        store = http.post("/vector_stores", json={"file_ids": [file]}).json()["id"]
        offline.script.mixed(
            [
                Search("hello"),
                Code("open('/mnt/data/a.txt', 'w').write('1')"),
                Say("Hello[[1]] sandbox:/mnt/data/a.txt"),
            ]
        )
        body = {
            "model": "m",
            "input": "x",
            "tools": [
                {"type": "file_search", "vector_store_ids": [store]},
                {"type": "code_interpreter", "container": {"type": "auto"}},
            ],
            "include": ["file_search_call.results", "code_interpreter_call.outputs"],
        }
        search, code, message = http.post("/responses", json=body).json()["output"]
    offline.close()

    searched = [each for each in items("file_search_call") if each["results"]]
    ran = [each for each in items("code_interpreter_call") if each["outputs"]]
    annotations = {
        each["type"]: each for m in items("message") for each in m["content"][0]["annotations"]
    }
    assert list(search) == list(searched[0])
    assert set(search["results"][0]) - {"vector_store_id"} == set(searched[0]["results"][0])
    assert list(code) == list(ran[0])
    assert list(code["outputs"][0]) == list(ran[0]["outputs"][0])
    for own in message["content"][0]["annotations"]:
        assert list(own) == list(annotations[own["type"]])
