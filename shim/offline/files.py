"""The endpoints of the Files API. Knows purposes, and which of them may be downloaded.

Error texts: as the live service words them (Responses spec 13.3; seen in other projects' logs).
"""

from __future__ import annotations

from typing import Any

from shim.offline import lists, objects, parameters, refusals
from shim.offline.multipart import Upload
from shim.offline.service import Request, Service, answer, download
from shim.offline.wire import Json, Refused, Response

__all__ = ["content", "create", "delete", "listing", "retrieve"]

_PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
_NO_DOWNLOAD = ("assistants", "user_data")
_LEAST, _MOST = 3_600, 2_592_000
_MOST_LISTED = 10_000


def create(service: Service, request: Request) -> Response:
    """POST /files, a form."""
    form = request.object()
    parameters.check_names(form, {"file": "", "purpose": "", "expires_after": ""})
    for name in ("file", "purpose"):
        if name not in form:
            raise Refused(f"'{name}' is a required property", param=name)
    upload, purpose = form["file"], form["purpose"]
    if not isinstance(upload, Upload):
        raise Refused("Expected file to have a filename.", param="file")
    if purpose not in _PURPOSES:
        text = f"'{purpose}' is not one of {list(_PURPOSES)} - 'purpose'"
        raise Refused(text, param="purpose")
    if not upload.content:
        raise Refused("File is empty.", param="file")
    seconds = _seconds(form.get("expires_after"))
    made = service.state.uploads.add(purpose, upload.filename, upload.content, seconds)
    return answer(made.object())


def _seconds(expiry: Any) -> int | None:
    if expiry is None:
        return None
    if not isinstance(expiry, dict):
        raise refusals.wrong_type("expires_after", "an object", expiry)
    for name in ("anchor", "seconds"):
        if name not in expiry:
            raise refusals.missing(f"expires_after.{name}")
    if expiry["anchor"] != "created_at":
        raise refusals.unsupported_value("expires_after.anchor", expiry["anchor"], ("created_at",))
    if not str(expiry["seconds"]).isdecimal():
        raise refusals.wrong_type("expires_after.seconds", "an integer", expiry["seconds"])
    seconds = int(expiry["seconds"])
    if seconds < _LEAST:
        raise refusals.below("expires_after.seconds", "integer", _LEAST, seconds)
    if seconds > _MOST:
        raise refusals.above("expires_after.seconds", "integer", _MOST, seconds)
    return seconds


def listing(service: Service, request: Request) -> Response:
    """GET /files."""
    purpose = request.query.get("purpose")
    found = [f.object() for f in service.state.uploads.all() if purpose in (None, "", f.purpose)]
    data, has_more = lists.window(
        found, request.query, default=_MOST_LISTED, most=_MOST_LISTED, what="File"
    )
    return answer(objects.stores_listing(data, has_more=has_more))


def retrieve(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """GET /files/{id}."""
    return answer(service.state.uploads.get(key).object())


def delete(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """DELETE /files/{id}; the file leaves all vector stores as well."""
    service.state.uploads.remove(key)
    service.state.stores.forget(key)
    gone: Json = {"object": "file", "deleted": True, "id": key}
    return answer(gone)


def content(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """GET /files/{id}/content, refused for what was uploaded for assistants or as user data."""
    file = service.state.uploads.get(key)
    if file.purpose in _NO_DOWNLOAD:
        raise Refused(f"Not allowed to download files of purpose: {file.purpose}")
    return download(file.filename, file.content)
