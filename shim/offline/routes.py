"""The table of endpoints. Knows paths; what is not in it does not exist."""

from __future__ import annotations

import re

from shim.offline import (
    containers,
    conversations,
    files,
    models,
    refusals,
    responses,
    store_files,
    vector_stores,
)
from shim.offline.service import Endpoint

__all__ = ["find"]

_ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/responses", responses.create),
    ("POST", "/responses/input_tokens", responses.count),
    ("GET", "/responses/{}", responses.retrieve),
    ("DELETE", "/responses/{}", responses.delete),
    ("POST", "/responses/{}/cancel", responses.cancel),
    ("GET", "/responses/{}/input_items", responses.input_items),
    ("POST", "/conversations", conversations.create),
    ("GET", "/conversations/{}", conversations.retrieve),
    ("POST", "/conversations/{}", conversations.update),
    ("DELETE", "/conversations/{}", conversations.delete),
    ("POST", "/conversations/{}/items", conversations.create_items),
    ("GET", "/conversations/{}/items", conversations.items_page),
    ("GET", "/conversations/{}/items/{}", conversations.retrieve_item),
    ("DELETE", "/conversations/{}/items/{}", conversations.delete_item),
    ("POST", "/files", files.create),
    ("GET", "/files", files.listing),
    ("GET", "/files/{}", files.retrieve),
    ("DELETE", "/files/{}", files.delete),
    ("GET", "/files/{}/content", files.content),
    ("POST", "/vector_stores", vector_stores.create),
    ("GET", "/vector_stores", vector_stores.listing),
    ("GET", "/vector_stores/{}", vector_stores.retrieve),
    ("POST", "/vector_stores/{}", vector_stores.update),
    ("DELETE", "/vector_stores/{}", vector_stores.delete),
    ("POST", "/vector_stores/{}/search", vector_stores.search),
    ("POST", "/vector_stores/{}/files", store_files.create),
    ("GET", "/vector_stores/{}/files", store_files.listing),
    ("GET", "/vector_stores/{}/files/{}", store_files.retrieve),
    ("POST", "/vector_stores/{}/files/{}", store_files.update),
    ("DELETE", "/vector_stores/{}/files/{}", store_files.delete),
    ("GET", "/vector_stores/{}/files/{}/content", store_files.content),
    ("POST", "/vector_stores/{}/file_batches", store_files.create_batch),
    ("GET", "/vector_stores/{}/file_batches/{}", store_files.batch),
    ("POST", "/vector_stores/{}/file_batches/{}/cancel", store_files.cancel_batch),
    ("GET", "/vector_stores/{}/file_batches/{}/files", store_files.batch_files),
    ("POST", "/containers", containers.create),
    ("GET", "/containers", containers.listing),
    ("GET", "/containers/{}", containers.retrieve),
    ("DELETE", "/containers/{}", containers.delete),
    ("POST", "/containers/{}/files", containers.create_file),
    ("GET", "/containers/{}/files", containers.files),
    ("GET", "/containers/{}/files/{}", containers.retrieve_file),
    ("DELETE", "/containers/{}/files/{}", containers.delete_file),
    ("GET", "/containers/{}/files/{}/content", containers.content),
    ("GET", "/models", models.listing),
    ("GET", "/models/{}", models.retrieve),
)

_TABLE = [
    (method, re.compile(pattern.replace("{}", "([^/]+)")), endpoint)
    for method, pattern, endpoint in _ROUTES
]


def find(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint of a request, and the ids in its path."""
    for known, pattern, endpoint in _TABLE:
        match = pattern.fullmatch(path)
        if known == method and match:
            return endpoint, match.groups()
    raise refusals.no_url(method, path)
