"""The endpoints of vector stores themselves. What is in them: store_files."""

from __future__ import annotations

from typing import Any

from shim.offline import filters, lists, objects, parameters, refusals, shapes, store_files
from shim.offline.service import Request, Service, answer
from shim.offline.stores import Hit, VectorStore
from shim.offline.wire import Json, Response

__all__ = ["create", "delete", "listing", "retrieve", "search", "update"]

_UPDATE: dict[str, str] = {
    "name": "a string",
    "description": "a string",
    "expires_after": "an object",
    "metadata": "an object",
}
_CREATE: dict[str, str] = {
    **_UPDATE,
    "file_ids": "an array",
    "chunking_strategy": "an object",
}
_SEARCH: dict[str, str] = {
    "query": "query",
    "rewrite_query": "a boolean",
    "max_num_results": "an integer",
    "filters": "an object",
    "ranking_options": "an object",
}
_MAX_DAYS = 365
_MAX_FILES = 500


def create(service: Service, request: Request) -> Response:
    """POST /vector_stores."""
    body = request.object()
    parameters.check_shape(body, _CREATE)
    parameters.check_metadata(body.get("metadata"))
    strategy = store_files.strategy_of(body.get("chunking_strategy"))
    files = store_files.stored(service, body.get("file_ids") or [], "file_ids", _MAX_FILES)
    store = service.state.stores.create(
        name=body.get("name"),
        description=body.get("description"),
        expires_after=_expiry(body.get("expires_after")),
        metadata=body.get("metadata") or {},
    )
    for file in files:
        service.state.stores.put(store, file, strategy, {})
    return answer(_just_made(store, service.state.clock.now()))


def _just_made(store: VectorStore, now: float) -> Json:
    """The new store; its files are in progress however fast they will be indexed."""
    made, total = store.object(now), len(store.files)
    if not total:
        return made
    counted = {"in_progress": total, "completed": 0, "failed": 0, "cancelled": 0, "total": total}
    return {**made, "usage_bytes": 0, "file_counts": counted, "status": "in_progress"}


def _expiry(given: Any) -> Json | None:
    if given is None:
        return None
    for name in ("anchor", "days"):
        if given.get(name) is None:
            raise refusals.missing(f"expires_after.{name}")
    if given["anchor"] != "last_active_at":
        supported = ("last_active_at",)
        raise refusals.unsupported_value("expires_after.anchor", given["anchor"], supported)
    days = given["days"]
    if isinstance(days, bool) or not isinstance(days, int):
        raise refusals.wrong_type("expires_after.days", "an integer", days)
    if days < 1:
        raise refusals.below("expires_after.days", "integer", 1, days)
    if days > _MAX_DAYS:
        raise refusals.above("expires_after.days", "integer", _MAX_DAYS, days)
    return {"anchor": "last_active_at", "days": days}


def listing(service: Service, request: Request) -> Response:
    """GET /vector_stores."""
    now = service.state.clock.now()
    everything = [store.object(now) for store in service.state.stores.all()]
    data, has_more = lists.window(everything, request.query, what="Vector store")
    return answer(objects.stores_listing(data, has_more=has_more))


def retrieve(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """GET /vector_stores/{id}."""
    return answer(service.state.stores.get(key).object(service.state.clock.now()))


def update(service: Service, request: Request, key: str) -> Response:
    """POST /vector_stores/{id}."""
    store = service.state.stores.live(key)
    body = request.object()
    parameters.check_shape(body, _UPDATE)
    parameters.check_metadata(body.get("metadata"))
    if "expires_after" in body:
        store.expires_after = _expiry(body["expires_after"])
    if body.get("name") is not None:
        store.name = body["name"]
    if body.get("description") is not None:
        store.description = body["description"]
    if body.get("metadata") is not None:
        store.metadata = body["metadata"]
    return answer(store.object(service.state.clock.now()))


def delete(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """DELETE /vector_stores/{id}."""
    service.state.stores.remove(key)
    return answer(objects.deleted(key, "vector_store"))


def search(service: Service, request: Request, key: str) -> Response:
    """POST /vector_stores/{id}/search."""
    body = request.object()
    parameters.check_shape(body, _SEARCH)
    if body.get("query") is None:
        raise refusals.missing("query")
    query = body["query"]
    queries = [query] if isinstance(query, str) else shapes.strings(query, "query")
    filters.check_search(body, "")
    hits = service.state.stores.search([key], queries, body.get("filters"))
    threshold = (body.get("ranking_options") or {}).get("score_threshold") or 0.0
    most = body.get("max_num_results") or 10
    data = [_shown(hit) for hit in hits if hit.score >= threshold][:most]
    page: Json = {"object": "vector_store.search_results.page", "search_query": queries}
    return answer({**page, "data": data, "has_more": False, "next_page": None})


def _shown(hit: Hit) -> Json:
    return {
        "file_id": hit.file.file.id,
        "filename": hit.file.file.filename,
        "score": hit.score,
        "attributes": hit.file.attributes,
        "content": [{"type": "text", "text": hit.text}],
    }
