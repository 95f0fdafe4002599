"""The endpoints of the files in a vector store, and of their batches. Knows no search."""

from __future__ import annotations

from typing import Any

from shim.offline import extraction, filters, ids, lists, objects, parameters, refusals, shapes
from shim.offline.service import Request, Service, answer
from shim.offline.stores import AUTO, Batch, StoreFile, as_made
from shim.offline.uploads import StoredFile
from shim.offline.wire import Json, Refused, Response

__all__ = [
    "batch",
    "batch_files",
    "cancel_batch",
    "content",
    "create",
    "create_batch",
    "delete",
    "listing",
    "retrieve",
    "stored",
    "strategy_of",
    "update",
]

_FILE: dict[str, str] = {
    "file_id": "a string",
    "attributes": "an object",
    "chunking_strategy": "an object",
}
_BATCH: dict[str, str] = {
    "file_ids": "an array",
    "files": "an array",
    "attributes": "an object",
    "chunking_strategy": "an object",
}
_STATES = ("in_progress", "completed", "failed", "cancelled")
_MAX_BATCH = 2000
_DOCUMENTED = "https://platform.openai.com/docs/assistants/tools/file-search/supported-files"


def strategy_of(given: Any) -> Json:
    """A chunking strategy as it is kept: always static."""
    if given is None or given == {"type": "auto"}:
        return AUTO
    if given.get("type") != "static":
        kinds = ("auto", "static")
        raise refusals.unsupported_value("chunking_strategy.type", given.get("type"), kinds)
    static = given.get("static")
    if not isinstance(static, dict):
        raise refusals.missing("chunking_strategy.static")
    size = _whole(static, "max_chunk_size_tokens", 100, 4096)
    return {"type": "static", "static": _overlap(static, size)}


def _overlap(static: Json, size: int) -> Json:
    overlap = _whole(static, "chunk_overlap_tokens", 0, 4096)
    if overlap > size // 2:
        param = "chunking_strategy.static.chunk_overlap_tokens"
        raise refusals.above(param, "integer", size // 2, overlap)
    return {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}


def _whole(static: Json, name: str, least: int, most: int) -> int:
    param, value = f"chunking_strategy.static.{name}", static.get(name)
    if value is None:
        raise refusals.missing(param)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusals.wrong_type(param, "an integer", value)
    if value < least:
        raise refusals.below(param, "integer", least, value)
    if value > most:
        raise refusals.above(param, "integer", most, value)
    return value


def stored(service: Service, keys: Any, param: str, most: int) -> list[StoredFile]:
    """The uploaded files of some ids, all of which can be searched."""
    keys = shapes.strings(keys, param)
    if len(keys) > most:
        raise refusals.too_many(param, most, len(keys))
    missing = [key for key in keys if key not in service.state.uploads]
    if missing:
        text = f"No file found with id '{missing[0]}'."
        raise Refused(text, status=404, param=param)
    files = [service.state.uploads.get(key) for key in keys]
    _check_supported(files, param)
    return files


def _check_supported(files: list[StoredFile], param: str) -> None:
    wrong = [f.filename for f in files if not extraction.is_supported(f.filename)]
    if wrong:
        named = ", ".join(dict.fromkeys(map(extraction.extension, wrong)))
        text = f"Files with extensions [{named}] are not supported for retrieval. See {_DOCUMENTED}"
        raise Refused(text, param=param, code="unsupported_file")


def create(service: Service, request: Request, key: str) -> Response:
    """POST /vector_stores/{id}/files."""
    store = service.state.stores.live(key)
    made = service.state.stores.put(store, *_read(service, request.object(), ""))
    return answer(as_made(made.object(service.state.clock.now())))


def _read(service: Service, body: Json, at: str) -> tuple[StoredFile, Json, Json]:
    """A file that is to come into a store, how to cut it, and its attributes."""
    parameters.check_shape(body, _FILE)
    if body.get("file_id") is None:
        raise refusals.missing(f"{at}file_id")
    attributes = filters.check_attributes(body.get("attributes"))
    strategy = strategy_of(body.get("chunking_strategy"))
    (file,) = stored(service, [body["file_id"]], f"{at}file_id", 1)
    return file, strategy, attributes


def _found(service: Service, key: str, file_id: str) -> StoreFile:
    files = service.state.stores.get(key).files
    if file_id not in files:
        text = f"No file found with id '{file_id}' in vector store '{key}'."
        raise Refused(text, status=404, param="file_id")
    return files[file_id]


def listing(service: Service, request: Request, key: str) -> Response:
    """GET /vector_stores/{id}/files."""
    now = service.state.clock.now()
    files = service.state.stores.get(key).files.values()
    return _page(request, [each.object(now) for each in files])


def _page(request: Request, everything: list[Json]) -> Response:
    wanted = request.query.get("filter")
    if wanted and wanted not in _STATES:
        raise refusals.unsupported_value("filter", wanted, _STATES)
    kept = [each for each in everything if not wanted or each["status"] == wanted]
    data, has_more = lists.window(kept, request.query, what="File")
    return answer(objects.stores_listing(data, has_more=has_more))


def retrieve(service: Service, request: Request, key: str, file_id: str) -> Response:  # noqa: ARG001
    """GET /vector_stores/{id}/files/{file}."""
    return answer(_found(service, key, file_id).object(service.state.clock.now()))


def update(service: Service, request: Request, key: str, file_id: str) -> Response:
    """POST /vector_stores/{id}/files/{file}: its attributes are replaced."""
    found, body = _found(service, key, file_id), request.object()
    parameters.check_shape(body, {"attributes": "an object"})
    if "attributes" not in body:
        raise refusals.missing("attributes")
    found.attributes = filters.check_attributes(body["attributes"])
    return answer(found.object(service.state.clock.now()))


def delete(service: Service, request: Request, key: str, file_id: str) -> Response:  # noqa: ARG001
    """DELETE /vector_stores/{id}/files/{file}; the file itself stays."""
    _found(service, key, file_id)
    del service.state.stores.get(key).files[file_id]
    return answer(objects.deleted(file_id, "vector_store.file"))


def content(service: Service, request: Request, key: str, file_id: str) -> Response:  # noqa: ARG001
    """GET /vector_stores/{id}/files/{file}/content: the text that is searched."""
    file = _found(service, key, file_id).file
    text = extraction.text_of_file(file.filename, file.content)
    data = [{"type": "text", "text": text}]
    page: Json = {"object": "vector_store.file_content.page", "data": data}
    return answer({**page, "has_more": False, "next_page": None})


def create_batch(service: Service, request: Request, key: str) -> Response:
    """POST /vector_stores/{id}/file_batches."""
    store, body = service.state.stores.live(key), request.object()
    parameters.check_shape(body, _BATCH)
    read = [_read(service, each, f"files[{n}].") for n, each in enumerate(_members(body))]
    files = [service.state.stores.put(store, *each) for each in read]
    now = service.state.clock
    made = Batch(ids.batch_id(), store.id, now.stamp(), files)
    store.batches[made.id] = made
    counted = {"in_progress": len(files), "completed": 0, "failed": 0, "cancelled": 0}
    counted["total"] = len(files)
    return answer({**made.object(now.now()), "status": "in_progress", "file_counts": counted})


def _members(body: Json) -> list[Json]:
    """A batch's files one by one, each with its attributes and chunking."""
    if body.get("files") is not None and body.get("file_ids") is not None:
        text = (
            "Mutually exclusive parameters. Ensure you are only providing one of: "
            "'file_ids' or 'files'."
        )
        raise Refused(text, code="mutually_exclusive_parameters")
    name = "files" if body.get("files") is not None else "file_ids"
    members = body.get(name)
    if members is None:
        raise refusals.missing(name)
    if len(members) > _MAX_BATCH:
        raise refusals.too_many(name, _MAX_BATCH, len(members))
    if name == "files":
        return _objects(members)
    shared = {each: body.get(each) for each in ("attributes", "chunking_strategy")}
    return [{"file_id": key, **shared} for key in shapes.strings(members, name)]


def _objects(members: list[Any]) -> list[Json]:
    for index, each in enumerate(members):
        if not isinstance(each, dict):
            raise refusals.wrong_type(f"files[{index}]", "an object", each)
    return members


def _batch(service: Service, key: str, batch_id: str) -> Batch:
    batches = service.state.stores.get(key).batches
    if batch_id not in batches:
        raise refusals.not_found("File batch", batch_id)
    return batches[batch_id]


def batch(service: Service, request: Request, key: str, batch_id: str) -> Response:  # noqa: ARG001
    """GET /vector_stores/{id}/file_batches/{batch}."""
    return answer(_batch(service, key, batch_id).object(service.state.clock.now()))


def cancel_batch(service: Service, request: Request, key: str, batch_id: str) -> Response:  # noqa: ARG001
    """POST /vector_stores/{id}/file_batches/{batch}/cancel."""
    found, now = _batch(service, key, batch_id), service.state.clock.now()
    found.cancel(now)
    return answer(found.object(now))


def batch_files(service: Service, request: Request, key: str, batch_id: str) -> Response:
    """GET /vector_stores/{id}/file_batches/{batch}/files."""
    now = service.state.clock.now()
    return _page(request, [each.object(now) for each in _batch(service, key, batch_id).files])
