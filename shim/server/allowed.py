"""What is passed on for tenants who share an upstream key, and what its paths name. Data, pure.

All else is refused: endpoints that see the whole account (`/batches`, whose files hold requests
that nobody looks into, `/fine_tuning`, `/organization` ...) have no place here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RULES", "Allowed", "Rule", "allowed"]

_STORE = "/vector_stores/{vector_store}"
_CONTAINER = "/containers/{container}"
_CONVERSATION = "/conversations/{conversation}"


@dataclass(frozen=True, slots=True)
class Rule:
    """An endpoint; ids in its path are named by their kinds, `_` is bound to what stands before.

    `lists` is the kind of what it lists of the whole account. `cursor` is the kind of its cursors.
    `reads` says that it changes nothing, though it is no GET.
    """

    method: str
    path: str
    lists: str = ""
    cursor: str = ""
    reads: bool = False


@dataclass(frozen=True, slots=True)
class Allowed:
    """A rule, and the ids that the path names, by kind."""

    rule: Rule
    ids: Mapping[str, str]


RULES = (
    Rule("GET", "/models"),
    Rule("GET", "/models/{model}"),
    Rule("POST", "/chat/completions"),
    Rule("POST", "/completions"),
    Rule("POST", "/embeddings"),
    Rule("POST", "/moderations"),
    Rule("POST", "/images/generations"),
    Rule("POST", "/images/edits"),
    Rule("POST", "/images/variations"),
    Rule("POST", "/audio/speech"),
    Rule("POST", "/audio/transcriptions"),
    Rule("POST", "/audio/translations"),
    Rule("POST", "/responses"),
    Rule("POST", "/responses/input_tokens"),
    Rule("POST", "/responses/compact"),
    Rule("GET", "/responses/{response}"),
    Rule("DELETE", "/responses/{response}"),
    Rule("POST", "/responses/{response}/cancel"),
    Rule("GET", "/responses/{response}/input_items", cursor="item"),
    Rule("POST", "/conversations"),
    Rule("GET", _CONVERSATION),
    Rule("POST", _CONVERSATION),
    Rule("DELETE", _CONVERSATION),
    Rule("POST", f"{_CONVERSATION}/items"),
    Rule("GET", f"{_CONVERSATION}/items", cursor="item"),
    Rule("GET", f"{_CONVERSATION}/items/{{item}}"),
    Rule("DELETE", f"{_CONVERSATION}/items/{{item}}"),
    Rule("POST", "/files"),
    Rule("GET", "/files", lists="file"),
    Rule("GET", "/files/{file}"),
    Rule("GET", "/files/{file}/content"),
    Rule("DELETE", "/files/{file}"),
    Rule("POST", "/uploads"),
    Rule("POST", "/uploads/{upload}/parts"),
    Rule("POST", "/uploads/{upload}/complete"),
    Rule("POST", "/uploads/{upload}/cancel"),
    Rule("POST", "/vector_stores"),
    Rule("GET", "/vector_stores", lists="vector_store"),
    Rule("GET", _STORE),
    Rule("POST", _STORE),
    Rule("DELETE", _STORE),
    Rule("POST", f"{_STORE}/search", reads=True),
    Rule("POST", f"{_STORE}/files"),
    Rule("GET", f"{_STORE}/files", cursor="file"),
    Rule("GET", f"{_STORE}/files/{{_}}"),
    Rule("POST", f"{_STORE}/files/{{_}}"),
    Rule("DELETE", f"{_STORE}/files/{{_}}"),
    Rule("GET", f"{_STORE}/files/{{_}}/content"),
    Rule("POST", f"{_STORE}/file_batches"),
    Rule("GET", f"{_STORE}/file_batches/{{batch}}"),
    Rule("POST", f"{_STORE}/file_batches/{{batch}}/cancel"),
    Rule("GET", f"{_STORE}/file_batches/{{batch}}/files", cursor="file"),
    Rule("POST", "/containers"),
    Rule("GET", "/containers", lists="container"),
    Rule("GET", _CONTAINER),
    Rule("DELETE", _CONTAINER),
    Rule("POST", f"{_CONTAINER}/files"),
    Rule("GET", f"{_CONTAINER}/files"),
    Rule("GET", f"{_CONTAINER}/files/{{_}}"),
    Rule("DELETE", f"{_CONTAINER}/files/{{_}}"),
    Rule("GET", f"{_CONTAINER}/files/{{_}}/content"),
)
"""Literal paths stand before those with ids."""


def _pattern(path: str) -> re.Pattern[str]:
    """Ids have nothing that is escaped; names of models may have a slash, which is."""
    ids = re.sub(r"\{_\}", r"[\\w.-]+", path).replace("{model}", r"[\w.:@%-]+")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[\\w-]+)", ids), re.ASCII)


_TABLE = tuple((rule, _pattern(rule.path)) for rule in RULES)


def allowed(method: str, path: str) -> Allowed | None:
    """The rule for a request, its path as it was sent: what is written oddly fits none."""
    for rule, pattern in _TABLE:
        if rule.method == method and (found := pattern.fullmatch(path)):
            return Allowed(rule, found.groupdict())
    return None
