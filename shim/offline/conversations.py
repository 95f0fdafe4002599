"""The endpoints of the Conversations API (spec 1.1). Knows no responses."""

from __future__ import annotations

from typing import Any

from shim.offline import items, lists, objects, parameters, refusals
from shim.offline.service import Request, Service, answer
from shim.offline.state import Conversation
from shim.offline.wire import Json, Response

__all__ = [
    "create",
    "create_items",
    "delete",
    "delete_item",
    "items_page",
    "retrieve",
    "retrieve_item",
    "update",
]

_MAX_ITEMS = 20


def create(service: Service, request: Request) -> Response:
    """POST /conversations."""
    body = request.object()
    parameters.check_names(body, {"metadata": "", "items": ""})
    parameters.check_metadata(body.get("metadata"))
    conversation = Conversation(body.get("metadata") or {})
    _append(service, conversation, body.get("items") or [])
    service.state.conversations[conversation.id] = conversation
    return answer(conversation.object())


def _append(service: Service, conversation: Conversation, given: Any) -> list[Json]:
    if isinstance(given, list) and len(given) > _MAX_ITEMS:
        raise refusals.too_many("items", _MAX_ITEMS, len(given))
    if not isinstance(given, list):
        raise refusals.wrong_type("items", "an array of objects", given)
    mint = conversation.partition.conversation_item
    made = items.read(given, "items", mint, service.state.item)
    conversation.items += made
    service.state.remember(made)
    return made


def retrieve(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """GET /conversations/{id}."""
    return answer(service.state.conversation(key).object())


def update(service: Service, request: Request, key: str) -> Response:
    """POST /conversations/{id}: the metadata is replaced."""
    conversation = service.state.conversation(key)
    body = request.object()
    parameters.check_names(body, {"metadata": ""})
    if "metadata" not in body:
        raise refusals.missing("metadata")
    parameters.check_metadata(body["metadata"])
    conversation.metadata = body["metadata"] or {}
    return answer(conversation.object())


def delete(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """DELETE /conversations/{id}."""
    service.state.conversation(key)
    del service.state.conversations[key]
    return answer(objects.deleted(key, "conversation"))


def create_items(service: Service, request: Request, key: str) -> Response:
    """POST /conversations/{id}/items, 20 a call at most."""
    conversation = service.state.conversation(key)
    body = request.object()
    parameters.check_names(body, {"items": ""})
    if body.get("items") is None:
        raise refusals.missing("items")
    conversation.free()
    return answer(objects.listing(_append(service, conversation, body["items"]), has_more=False))


def items_page(service: Service, request: Request, key: str) -> Response:
    """GET /conversations/{id}/items."""
    return answer(lists.page(service.state.conversation(key).items, request.query))


def retrieve_item(service: Service, request: Request, key: str, item: str) -> Response:  # noqa: ARG001
    """GET /conversations/{id}/items/{item}."""
    return answer(_item(service.state.conversation(key), item))


def delete_item(service: Service, request: Request, key: str, item: str) -> Response:  # noqa: ARG001
    """DELETE /conversations/{id}/items/{item}, which answers the conversation (spec 1.1)."""
    conversation = service.state.conversation(key)
    conversation.items.remove(_item(conversation, item))
    return answer(conversation.object())


def _item(conversation: Conversation, key: str) -> Json:
    for item in conversation.items:
        if item["id"] == key:
            return item
    raise refusals.not_found("Item", key)
