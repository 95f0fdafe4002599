"""The endpoints of the Containers API. Looking at a container counts as using it (recorded)."""

from __future__ import annotations

from typing import Any

from shim.offline import lists, objects, parameters, refusals, shapes
from shim.offline.multipart import Upload
from shim.offline.sandboxes import ContainerFile
from shim.offline.service import Request, Service, answer, download
from shim.offline.wire import Json, Refused, Response

__all__ = [
    "content",
    "create",
    "create_file",
    "delete",
    "delete_file",
    "files",
    "listing",
    "retrieve",
    "retrieve_file",
]

_CREATE: dict[str, str] = {
    "name": "a string",
    "file_ids": "an array",
    "expires_after": "an object",
    "memory_limit": "a string",
    "network_policy": "an object",
    "skills": "an array",
}
_MEMORY = ("1g", "4g", "16g", "64g")
_MOST_MINUTES = 20


def create(service: Service, request: Request) -> Response:
    """POST /containers."""
    body = request.object()
    parameters.check_shape(body, _CREATE)
    if body.get("name") is None:
        raise refusals.missing("name")
    memory = body.get("memory_limit")
    if memory is not None and memory not in _MEMORY:
        raise refusals.unsupported_value("memory_limit", memory, _MEMORY)
    keys = shapes.strings(body.get("file_ids"), "file_ids")
    made = service.state.sandboxes.create(
        body["name"],
        [service.state.uploads.get(key) for key in keys],
        minutes=_minutes(body.get("expires_after")),
        memory_limit=memory,
        network_policy=body.get("network_policy"),
    )
    return answer(made.object())


def _minutes(given: Any) -> int:
    if given is None:
        return _MOST_MINUTES
    for name in ("anchor", "minutes"):
        if given.get(name) is None:
            raise refusals.missing(f"expires_after.{name}")
    minutes = given["minutes"]
    if isinstance(minutes, bool) or not isinstance(minutes, int):
        raise refusals.wrong_type("expires_after.minutes", "an integer", minutes)
    if minutes < 1:
        raise refusals.below("expires_after.minutes", "integer", 1, minutes)
    if minutes > _MOST_MINUTES:
        raise refusals.above("expires_after.minutes", "integer", _MOST_MINUTES, minutes)
    return minutes


def listing(service: Service, request: Request) -> Response:
    """GET /containers."""
    everything = service.state.sandboxes.all()
    for each in everything:
        each.touch()
    shown = [each.object() for each in everything]
    data, has_more = lists.window(shown, request.query, what="Container")
    return answer(objects.listing(data, has_more=has_more))


def retrieve(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """GET /containers/{id}, which also shows that one has expired."""
    container = service.state.sandboxes.get(key)
    container.touch()
    return answer(container.object())


def delete(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """DELETE /containers/{id}."""
    service.state.sandboxes.remove(key)
    return answer(objects.deleted(key, "container"))


def create_file(service: Service, request: Request, key: str) -> Response:
    """POST /containers/{id}/files: a form with a file, or the id of an uploaded one."""
    container, body = service.state.sandboxes.live(key), request.object()
    parameters.check_names(body, {"file": "", "file_id": ""})
    upload = body.get("file")
    if isinstance(upload, Upload):
        return answer(container.upload(upload.filename, upload.content).object())
    chosen = body.get("file_id")
    if chosen is None:
        raise refusals.missing("file")
    if not isinstance(chosen, str):
        raise refusals.wrong_type("file_id", "a string", chosen)
    return answer(container.take(service.state.uploads.get(chosen)).object())


def _file(service: Service, key: str, file_id: str) -> ContainerFile:
    container = service.state.sandboxes.live(key)
    if file_id not in container.files:
        text = f"Container file with id '{file_id}' not found in container '{key}'."
        raise Refused(text, status=404)
    return container.files[file_id]


def files(service: Service, request: Request, key: str) -> Response:
    """GET /containers/{id}/files."""
    held = service.state.sandboxes.live(key).files.values()
    source = request.query.get("source")
    everything: list[Json] = [each.object() for each in held if source in (None, each.source)]
    data, has_more = lists.window(everything, request.query, what="Container file")
    return answer(objects.listing(data, has_more=has_more))


def retrieve_file(service: Service, request: Request, key: str, file_id: str) -> Response:  # noqa: ARG001
    """GET /containers/{id}/files/{file}."""
    return answer(_file(service, key, file_id).object())


def content(service: Service, request: Request, key: str, file_id: str) -> Response:  # noqa: ARG001
    """GET /containers/{id}/files/{file}/content."""
    file = _file(service, key, file_id)
    return download(file.name.rsplit("/", 1)[-1], file.content)


def delete_file(service: Service, request: Request, key: str, file_id: str) -> Response:  # noqa: ARG001
    """DELETE /containers/{id}/files/{file}."""
    _file(service, key, file_id)
    service.state.sandboxes.live(key).remove(file_id)
    return answer(objects.deleted(file_id, "container.file"))
