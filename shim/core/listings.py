"""What is in a container: asked for once, and matched with what is known of it.

An answer may name a file by its path alone, or not at all; both are found by the list of the
container's files. Knows the endpoint and its pages; stores nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace

from shim.core.ids import file_id
from shim.core.ports import Request, World
from shim.core.records import File, Listing
from shim.core.wire import Json, Target
from shim.errors import ShimError, Unreachable
from shim.translate.failures import error_of, is_container_gone

__all__ = ["MOST_UNNAMED", "Gone", "Unlisted", "is_gone", "listed", "placed", "unnamed", "words"]

_CONTAINER_SECONDS = 20 * 60
"""How long an idle container lives."""

MOST_UNNAMED = 100
"""How many files that no answer names are kept of one response."""

_TIMEOUT = 60.0
_PAGES = 20
_NOT_THERE = "there is no such file where the code ran"


class Gone(ShimError):
    """The container, and all that was in it, is not there any more."""


class Unlisted(ShimError):
    """The container could not be looked through this time."""


def is_gone(status: int, body: Json, age: float) -> bool:
    """Whether what was asked of a container cannot be had any more.

    A 404 that says no more may be of the moment, as long as the container may live.
    """
    old = age > _CONTAINER_SECONDS
    return (status in (404, 410) and old) or is_container_gone(status, body)


def words(status: int, body: Json) -> str:
    """What an upstream said, for a record or a log."""
    said = error_of(body).get("message") or ""
    return f"the upstream answered {status}: {said}"[:500]


async def listed(world: World, container_id: str, age: float, target: Target) -> list[Json]:
    """The files of a container, oldest first; raises Gone and Unlisted."""
    found: list[Json] = []
    query = [("limit", "100"), ("order", "asc")]
    for _ in range(_PAGES):
        page = await _page(world, container_id, age, target, query)
        found += [file for file in page.get("data") or () if isinstance(file, dict)]
        if not page.get("has_more") or not found:
            break
        query = [*query[:2], ("after", str(found[-1].get("id")))]
    return found


async def _page(
    world: World, container_id: str, age: float, target: Target, query: Sequence[tuple[str, str]]
) -> Json:
    path = f"/containers/{container_id}/files"
    request = Request("GET", path, target, query=tuple(query), attempts=3, timeout=_TIMEOUT)
    try:
        answer = await world.upstream.send(request)
    except Unreachable as error:
        raise Unlisted(str(error)) from error
    if answer.status < 400:
        return answer.body
    said = words(answer.status, answer.body)
    raise Gone(said) if is_gone(answer.status, answer.body, age) else Unlisted(said)


def placed(file: File, found: Iterable[Json]) -> File:
    """A file of which only the path is known, with the id that its container has for it."""
    path = _plain(file.path)
    ids = [str(each["id"]) for each in found if each.get("id") and _path(each) == path]
    if not ids:
        return replace(file, status="lost", problem=_NOT_THERE)
    return replace(file, source_id=ids[-1])


def unnamed(
    listing: Listing, known: Sequence[File], found: Iterable[Json], now: float
) -> list[File]:
    """The files that the code made and that no answer names, as far as they are not known yet.

    A file that has changed since it was copied is one more.
    """
    of_container = [file for file in known if file.container_id == listing.container_id]
    pictured = _is_pictured(listing, known)
    fresh = []
    for each in found:
        source_id, size = each.get("id"), each.get("bytes")
        if each.get("source") != "assistant" or not source_id:
            continue
        copies = [file for file in of_container if file.source_id == source_id]
        if any(file.size in (None, size) for file in copies):
            continue
        if pictured and _is_picture(each):
            continue
        fresh.append(_file(listing, each, now))
    return fresh


def _file(listing: Listing, found: Json, now: float) -> File:
    source_id, path = str(found["id"]), _path(found)
    key = file_id(listing.run_id, listing.turn, listing.container_id, source_id)
    return File(
        key,
        int(now),
        posixpath.basename(path) or source_id,
        listing.thread_id,
        listing.run_id,
        container_id=listing.container_id,
        source_id=source_id,
        path=path,
        named=False,
    )


def _is_pictured(listing: Listing, known: Iterable[File]) -> bool:
    """Whether all images that the run's code showed came with their bytes, and are kept so."""
    shown = [file for file in known if file.run_id == listing.run_id and file.container_id is None]
    return bool(shown) and all(file.status != "lost" for file in shown)


def _is_picture(found: Json) -> bool:
    """Whether a file is the container's own of an image that code showed: named by its id."""
    return posixpath.splitext(posixpath.basename(_path(found)))[0] == str(found["id"])


def _path(found: Json) -> str:
    return _plain(str(found.get("path") or ""))


def _plain(path: str) -> str:
    return posixpath.normpath(posixpath.join("/mnt/data", path)) if path else ""
