"""Writes threads and assistants out as an `assistants-thread-export/v1`. Knows files and names.

Nothing of when and where is written, so that the same threads give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from shim.core import objects
from shim.core.records import Assistant, File
from shim.core.wire import Json
from shim.migrate.contents import exported_file
from shim.migrate.history import exported
from shim.storage.imports import History

__all__ = ["write_assistants", "write_manifest", "write_thread"]


def write_assistants(folder: Path, assistants: Sequence[Assistant]) -> None:
    """All assistants in one file, oldest first."""
    _write(folder / "assistants.json", [objects.assistant(each) for each in assistants])


def write_thread(folder: Path, history: History, files: Sequence[File] = ()) -> None:
    """A thread with its messages, runs and steps in a file of its own, and what its code made."""
    value = {
        "export_schema": "assistants-thread-export/v1",
        "thread_id": history.thread.id,
        **exported(history),
        "files": {each.id: exported_file(each) for each in files},
        "errors": [],
    }
    name = quote(history.thread.id, safe="")
    _write(folder / "threads" / f"{name}.json", value)


def write_manifest(folder: Path, *, threads: int, assistants: int) -> None:
    """What is in the folder; written last, so that a folder without one is not whole."""
    manifest: Json = {
        "export_schema": "assistants-export-manifest/v1",
        "endpoint": "shim",
        "assistants_count": assistants,
        "threads_requested": threads,
        "threads_exported": threads,
        "threads_failed": [],
    }
    _write(folder / "manifest.json", manifest)


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
