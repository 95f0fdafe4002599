"""The files that code made in one response, each under an id of shim's own. Pure.

An image that code showed comes with its bytes; a file that the answer names is in the container,
from where somebody else copies it: one that is only linked, by its path there. Ids are made of
where a file comes from, so that who translates the response again gives the same.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import posixpath

from shim.core.ids import file_id
from shim.core.records import File, Run
from shim.core.wire import Json

__all__ = ["Made"]

_NO_IMAGE = "the image came as an address, not with its bytes, and was not fetched"


class Made:
    """Takes in images and citations, gives ids; `now` is the time of the event in hand."""

    def __init__(self, run: Run) -> None:
        self.now = 0.0
        self._run = run
        self._files: dict[str, File] = {}
        self._told = 0
        self._container: str | None = None

    def asked(self, response: Json) -> None:
        """Take in which container the request named, as the envelope repeats it."""
        for tool in response.get("tools") or ():
            if isinstance(tool, dict) and isinstance(tool.get("container"), str):
                self._container = tool["container"]

    def ran(self, item: Json) -> None:
        """Take in in which container code ran."""
        if container_id := item.get("container_id"):
            self._container = str(container_id)

    def image(self, output: Json) -> str:
        """The id of an image that code showed."""
        url = str(output.get("url") or "")
        key = file_id(self._run.id, self._run.sent, url)
        if key not in self._files:
            self._files[key] = self._shown(key, url)
        return key

    def _shown(self, key: str, url: str) -> File:
        head, _, data = url.partition(";base64,")
        kind = head.removeprefix("data:")
        name = f"{key}{mimetypes.guess_extension(kind) or '.png'}"
        try:
            content = base64.b64decode(data, validate=True) if head != kind else None
        except binascii.Error:
            content = None
        if not content:
            return self._file(key, name, status="lost", problem=_NO_IMAGE)
        return self._file(key, name, content=content)

    def cited(self, citation: Json) -> str | None:
        """The id of a file of the container that the answer names; None if it cannot be found."""
        container_id, source_id = citation.get("container_id"), citation.get("file_id")
        if not container_id or not source_id:
            return None
        key = file_id(self._run.id, self._run.sent, container_id, source_id)
        if key not in self._files:
            name = str(citation.get("filename") or source_id)
            self._files[key] = self._file(
                key, name, container_id=str(container_id), source_id=str(source_id)
            )
        return key

    def linked(self, path: str) -> str | None:
        """The id of a file of which a link gives the path alone; None without a container."""
        if self._container is None:
            return None
        key = file_id(self._run.id, self._run.sent, self._container, path)
        if key not in self._files:
            name = posixpath.basename(path)
            self._files[key] = self._file(key, name, container_id=self._container, path=path)
        return key

    def _file(self, key: str, name: str, **more: object) -> File:
        run = self._run
        return File(key, int(self.now), name, run.thread_id, run.id, **more)  # type: ignore[arg-type]

    def fresh(self) -> list[File]:
        """The files not given before."""
        files = self.all()[self._told :]
        self._told = len(self._files)
        return files

    def all(self) -> list[File]:
        """All the files, in the order in which they came up."""
        return list(self._files.values())
