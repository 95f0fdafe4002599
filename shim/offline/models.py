"""The endpoints of the models list. Any name is answered by the model at hand, but one."""

from __future__ import annotations

from shim.offline import objects
from shim.offline.service import Request, Service, answer
from shim.offline.wire import Refused, Response

__all__ = ["MODEL", "listing", "retrieve"]

MODEL = "shim-offline-1"
"""The name of the embedded model."""


def listing(service: Service, request: Request) -> Response:  # noqa: ARG001
    """GET /models."""
    return answer({"object": "list", "data": [objects.model(MODEL)]})


def retrieve(service: Service, request: Request, key: str) -> Response:  # noqa: ARG001
    """GET /models/{id}."""
    if key == "no-such-model":
        text = f"The model '{key}' does not exist"
        raise Refused(text, status=404, param="model", code="model_not_found")
    return answer(objects.model(key))
