"""What a request asks for: its body and its query, checked.

Knows JSON, the query of lists, and how an id must begin. A body that passes is handed on as it was
sent: nothing is coerced, completed or reordered. Refuses to know what a body may hold
(`shim.core.bodies`), how a refusal is worded (`shim.core.refusals`), and what is done with either.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from pydantic import BaseModel, ValidationError

from shim.core import refusals
from shim.core.bodies import (
    CreateAssistant,
    CreateMessage,
    CreateRun,
    CreateThread,
    CreateThreadAndRun,
    SubmitToolOutputs,
    UpdateAssistant,
    UpdateMessage,
    UpdateRun,
    UpdateThread,
)
from shim.core.wire import Json

__all__ = [
    "INCLUDABLE",
    "LIMIT_DEFAULT",
    "LIMIT_MAX",
    "LIMIT_MIN",
    "ORDERS",
    "CreateAssistant",
    "CreateMessage",
    "CreateRun",
    "CreateThread",
    "CreateThreadAndRun",
    "ListParams",
    "SubmitToolOutputs",
    "UpdateAssistant",
    "UpdateMessage",
    "UpdateRun",
    "UpdateThread",
    "check_id",
    "includes",
    "list_params",
    "parse_body",
    "validate",
]

_Query = Sequence[tuple[str, str]]

ORDERS = ("asc", "desc")
LIMIT_MIN, LIMIT_MAX, LIMIT_DEFAULT = 1, 100, 20
_INCLUDE_NAME = re.compile(r"include(\[\d*\])?")
INCLUDABLE = "step_details.tool_calls[*].file_search.results[*].content"


@dataclass(frozen=True, slots=True)
class ListParams:
    """Which part of a list is asked for (Assistants spec 3)."""

    limit: int = LIMIT_DEFAULT
    order: str = "desc"
    after: str | None = None
    before: str | None = None
    run_id: str | None = None

    @property
    def cursors(self) -> tuple[str, ...]:
        """The ids that the page is cut by."""
        return tuple(cursor for cursor in (self.after, self.before) if cursor is not None)


def parse_body(raw: bytes) -> Json:
    """The JSON object of a body; programs also send nothing at all, an empty string, or null."""
    if not raw.strip():
        return {}
    try:
        body = _decode(raw)
    except (ValueError, RecursionError):
        raise refusals.malformed() from None
    if body is None or body == "":
        return {}
    if not isinstance(body, dict):
        raise refusals.wrong_type("", "an object", body)
    return body


def _decode(raw: bytes) -> object:
    body: object = _JSON.decode(raw.decode("utf-8"))
    if b"\\ud" in raw or b"\\uD" in raw:
        # Escapes can spell lone surrogates, which are no text; encoding fails on them.
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    return body


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise ValueError(literal)
    return number


def _no_constant(literal: str) -> float:
    raise ValueError(literal)


_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def validate(model: type[BaseModel], body: Json) -> Json:
    """The keys that were sent, as they were sent; a 400 for the first that is not as it must be."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        raise refusals.from_pydantic(error.errors(include_url=False), body) from None
    return dict(body)


def list_params(query: _Query, *, run_id: bool = False) -> ListParams:
    """The page a list query asks for; an empty value counts as none, a repeated one as the last."""
    sent = {name: value for name, value in query if value}
    return ListParams(
        limit=_limit(sent.get("limit", str(LIMIT_DEFAULT))),
        order=_order(sent.get("order", "desc")),
        after=sent.get("after"),
        before=sent.get("before"),
        run_id=sent.get("run_id") if run_id else None,
    )


def _limit(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise refusals.wrong_type("limit", "an integer", text)
    limit = int(text)
    if limit > LIMIT_MAX:
        raise refusals.above_max("limit", "integer", LIMIT_MAX, limit)
    if limit < LIMIT_MIN:
        raise refusals.below_min("limit", "integer", LIMIT_MIN, limit)
    return limit


def _order(text: str) -> str:
    if text not in ORDERS:
        raise refusals.bad_value("order", text, ORDERS)
    return text


def includes(query: _Query) -> frozenset[str]:
    """What is to be included beyond the ordinary, in any spelling of `include` SDKs have used."""
    names = [value for name, value in query if _INCLUDE_NAME.fullmatch(unquote(name)) and value]
    for name in names:
        if name != INCLUDABLE:
            raise refusals.bad_value("include", name, [INCLUDABLE])
    return frozenset(names)


def check_id(value: str, *, param: str, prefix: str) -> None:
    """Refuse what cannot be an id of this kind, such as the `undefined` of a careless program."""
    if not value.startswith(prefix):
        raise refusals.bad_id(param, value, prefix)
