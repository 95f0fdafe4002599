"""What an upstream error means for a run. Pure: knows codes and texts, sends nothing.

Assistants knew three codes in `last_error` (spec 4.10), and Azure's own `content_filter`, by which
programs there tell what was filtered. The upstream's text is kept as it is, and what Azure says
beside it is put behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shim.core.wire import Json

__all__ = [
    "droppable",
    "error_of",
    "gone_file",
    "is_container_gone",
    "is_overflow",
    "is_passing",
    "last_error",
]

# billing answers come as 429 too, and waiting does not help (Responses spec 8)
_BILLING = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)
_RATE = frozenset({"rate_limit_exceeded", "slow_down"}) | _BILLING
_SERVER = frozenset({"server_error", "vector_store_timeout", "server_is_overloaded"})
_FILTERED = "content_filter"
_PROMPT = re.compile(r"invalid|image|policy|content|context|unsupported|data_residency")
"""What codes about the caller's own input have in them; the codes are an open set."""

# what a run can do without: sampling a model refuses, and extras that shim itself adds
_DROPPABLE = frozenset(
    {
        "temperature",
        "top_p",
        "reasoning",
        "parallel_tool_calls",
        "prompt_cache_key",
        "metadata",
        "include",
        "stream_options",
        "background",
    }
)
_REFUSAL = re.compile(
    r"(?:unsupported|unknown|unrecognized|unexpected|extra)[ _]"
    r"(?:parameter|value|request argument|argument|field|key|input)|extra_forbidden"
    r"|not support",
    re.IGNORECASE,
)
_REFUSAL_CODES = frozenset({"unsupported_parameter", "unknown_parameter", "unsupported_value"})
_FILE_ID = re.compile(r"\b(?:file|assistant)-[0-9A-Za-z]+")
_QUOTED = re.compile(r"['\"`]([A-Za-z_]+)(?:\.[A-Za-z_.]+)?['\"`]")


def last_error(error: Mapping[str, object], status: int | None = None) -> Json:
    """The `last_error` of a run for an error object, and for the HTTP status it came with."""
    message = error.get("message") or "The server had an error processing your request."
    code = _code(str(error.get("code") or ""), status)
    if code == _FILTERED and (found := _found(error)):
        message = f"{message} Filtered: {', '.join(found)}."
    return {"code": code, "message": str(message)}


def _found(error: Mapping[str, object]) -> list[str]:
    """What Azure's filters found, from either place where it tells: `hate (high)`, `jailbreak`."""
    filters = error.get("content_filters")
    told = [error.get("innererror"), *(filters if isinstance(filters, list) else ())]
    results = [
        each.get(name)
        for each in told
        if isinstance(each, dict)
        for name in ("content_filter_result", "content_filter_results")
    ]
    return list(
        dict.fromkeys(
            f"{kind} ({result['severity']})" if result.get("severity") else str(kind)
            for each in results
            if isinstance(each, dict)
            for kind, result in each.items()
            if isinstance(result, dict) and result.get("filtered")
        )
    )


def _code(code: str, status: int | None) -> str:
    if code in _RATE or status == 429 or code == "429":
        return "rate_limit_exceeded"
    if code in _SERVER:
        return "server_error"
    if code == _FILTERED:
        return code
    if status is None and not code.isdigit():
        return "invalid_prompt" if _PROMPT.search(code) else "server_error"
    status = int(code) if status is None else status
    return "invalid_prompt" if status in (400, 404, 413, 422) else "server_error"


def error_of(body: Json) -> Json:
    """The error object inside a body or event, nested or flat (Responses spec 3.2)."""
    error = body.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    return body


def is_passing(status: int, body: Json) -> bool:
    """Whether the upstream refused a request for the moment only, without carrying it out."""
    error = error_of(body)
    if status == 429:
        return not _BILLING & {str(error.get("code")), str(error.get("type"))}
    return status == 503


def is_container_gone(status: int, body: Json) -> bool:
    """Whether an error says that a container, or a file in it, is not there any more."""
    said = str(error_of(body).get("message") or "").lower()
    return "container" in said and (status in (404, 410) or "expired" in said)


def gone_file(status: int, body: Json) -> str | None:
    """The id of the uploaded file that an error says is not there."""
    found = _FILE_ID.search(str(error_of(body).get("message") or ""))
    return found.group() if found and status in (400, 404) else None


def is_overflow(body: Json) -> bool:
    """Whether the input did not fit into the model's context."""
    error = error_of(body)
    message = str(error.get("message", "")).lower()
    return (
        error.get("code") == "context_length_exceeded"
        or "context window" in message
        or "maximum context length" in message
    )


def droppable(body: Json, request: Json) -> str | None:
    """The parameter of a request that an error refuses and that the run can do without."""
    error = error_of(body)
    message = str(error.get("message", ""))
    if error.get("param") == "background" in request:
        return "background"  # whatever is wrong with it, it can be done without
    if error.get("code") not in _REFUSAL_CODES and not _REFUSAL.search(message):
        return None
    named = [str(error.get("param") or "").split(".")[0], *_QUOTED.findall(message)]
    return next((name for name in named if name in _DROPPABLE and name in request), None)
