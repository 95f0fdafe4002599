"""A request of a test, and whether its form is right by the published document.

Whatever exists is named by a word in brackets, which whoever sends the request puts the id for.
Whether that exists, and is in a state that allows what is asked, is no matter of a request's form.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from documented import body_faults, operation_of
from oddities import QUERIES

from shim.core.routes import match

__all__ = ["Made", "named"]


@dataclass(frozen=True)
class Made:
    """A request; `body` is its JSON, or the bytes that are sent instead."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = b""

    @property
    def operation(self):
        """The operation that is asked for, if there is one."""
        return operation_of(self.method, self.path)

    def content(self):
        """The bytes of the body, before names are replaced."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def right(self, ids):
        """Whether the request, with the ids of what exists, is as the document says."""
        operation = self.operation
        if operation is None:
            return False
        if "files" not in operation["tags"] and "assistants=v2" not in self._beta():
            return False
        return self._right_ids(ids) and self._right_body(ids) and self._right_query()

    def _beta(self):
        return self.headers.get("openai-beta", "")

    def _right_ids(self, ids):
        wanted = [one for one in self.operation["parameters"] if one.get("in") == "path"]
        found = match(self.method, self.path.rstrip("/")).ids
        given = [ids.get(found[one["name"]], found[one["name"]]) for one in wanted]
        return all(re.search(w["schema"]["pattern"], g) for w, g in zip(wanted, given, strict=True))

    def _right_query(self):
        told = (one.get("$ref", "").rpartition("/")[2] for one in self.operation["parameters"])
        known = set(told)
        right = True
        for name, value in dict(self.query).items():
            plain = re.sub(r"\[\d*\]$", "", unquote(name))
            options = QUERIES.get("include[]" if plain == "include" else plain, ())
            right &= plain not in known or dict(options).get(value, True)
        return right

    def _right_body(self, ids):
        if "requestBody" not in self.operation:
            return True
        try:
            body = _read(self.content())
        except (ValueError, RecursionError):
            return False
        return body_faults(self.operation, named(body, ids)) == []


def _read(content):
    """What bytes say, as the document has it: nothing, an empty text and null count as `{}`."""

    def refused(literal):
        raise ValueError(literal)

    def finite(literal):
        if float(literal) in (float("inf"), float("-inf")):
            raise ValueError(literal)
        return float(literal)

    text = content.decode()
    if not text.strip(" \t\r\n\v\f"):
        return {}
    body = json.loads(text, parse_constant=refused, parse_float=finite)
    json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    return {} if body is None or body == "" else body


def named(value, ids):
    """The value with the ids that its names stand for."""
    match value:
        case str():
            return ids.get(value, value)
        case list():
            return [named(each, ids) for each in value]
        case dict():
            return {key: named(each, ids) for key, each in value.items()}
        case _:
            return value
