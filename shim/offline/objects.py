"""The objects of the API, with every key the live ones have, in their order. Knows shapes only."""

from __future__ import annotations

from typing import Any

from shim.offline import tools
from shim.offline.wire import Json

__all__ = ["conversation", "deleted", "listing", "model", "response", "stores_listing", "usage"]

_TOOL_USAGE: Json = {
    "image_gen": {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "total_tokens": 0,
    },
    "web_search": {"num_requests": 0},
}


def response(
    body: Json,
    *,
    id: str,  # noqa: A002 - the wire's own word
    created_at: int,
    status: str,
    output: list[Json],
    **known: Any,
) -> Json:
    """A response object. `known` are the keys that depend on how far it is.

    Order: ResponseUsingConversations (June 2026). `billing` is only in whole answers,
    `conversation` only where one is used.
    """
    ended = status in ("completed", "incomplete", "failed")
    made: Json = {
        "id": id,
        "object": "response",
        "created_at": created_at,
        "status": status,
        "background": bool(body.get("background")),
        "completed_at": known.get("completed_at"),
        "conversation": known.get("conversation"),
        "error": known.get("error"),
        "frequency_penalty": 0.0,
        "incomplete_details": known.get("incomplete_details"),
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": body["model"],
        "moderation": None,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "presence_penalty": 0.0,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "prompt_cache_retention": body.get("prompt_cache_retention") or "in_memory",
        "reasoning": {"context": None, "effort": None, "summary": None, **_reasoning(body)},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "default" if ended else "auto",
        "store": body.get("store") is not False,
        "temperature": _number(body, "temperature"),
        "text": _text(body),
        "tool_choice": body.get("tool_choice") or "auto",
        "tool_usage": _TOOL_USAGE,
        "tools": tools.echo_tools(body.get("tools") or []),
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _number(body, "top_p"),
        "truncation": body.get("truncation") or "disabled",
        "usage": known.get("usage"),
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }
    if made["conversation"] is None:
        del made["conversation"]
    return made


def _reasoning(body: Json) -> Json:
    return body.get("reasoning") or {}


def _number(body: Json, key: str) -> float:
    value = body.get(key)
    return 1.0 if value is None else float(value)


def _text(body: Json) -> Json:
    text = body.get("text") or {}
    return {
        "format": tools.echo_format(text.get("format") or {"type": "text"}),
        "verbosity": text.get("verbosity") or "medium",
    }


def usage(spent_in: int, spent_out: int) -> Json:
    """The cost of a response."""
    return {
        "input_tokens": spent_in,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": spent_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent_in + spent_out,
    }


def conversation(key: str, created_at: int, metadata: Json) -> Json:
    """A conversation object, which is nothing else than this (spec 1.1)."""
    return {
        "id": key,
        "object": "conversation",
        "created_at": created_at,
        "metadata": metadata,
    }


def deleted(key: str, kind: str) -> Json:
    """What deleting an object answers."""
    return {"id": key, "object": f"{kind}.deleted", "deleted": True}


def listing(data: list[Json], *, has_more: bool) -> Json:
    """A page of a list."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "has_more": has_more,
        "last_id": data[-1]["id"] if data else None,
    }


def stores_listing(data: list[Json], *, has_more: bool) -> Json:
    """A page of a list of files or of anything in a vector store: the same keys, other order."""
    page = listing(data, has_more=has_more)
    return {key: page[key] for key in ("object", "data", "first_id", "last_id", "has_more")}


def model(key: str) -> Json:
    """A model object."""
    return {"id": key, "object": "model", "created": 1_764_000_000, "owned_by": "shim"}
