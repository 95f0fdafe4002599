"""Addresses of the API in code of any language: found by pattern, joined from parts of strings.

Knows what an address looks like and how strings are put together on a line. Knows no SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shim.migrate import vocabulary
from shim.migrate.python_code import Site

__all__ = ["addresses"]

_HEADER = re.compile(r"OpenAI-Beta|assistants=v[12]|openai\.azure\.com")
_BASE = re.compile(r"(?i)(?:base|url|api)\w*\W{1,6}(?:https?://)?api\.openai\.com/v1/?[\"'`]")
_VALUE = r"\{\{[^{}\n]*\}\}|[$#]?\{[^{}\n]*\}|%[sdv]"
_URL = re.compile(
    r"(?P<host>(?:https?://[\w.{}$-]*openai[\w.-]*(?::\d+)?|/openai(?:/deployments/[^/\s\"'`]+)?)"
    r"(?:/v1)?)?"
    r"(?P<path>(?:/v1)?/?(?<![\w.@-])(?:assistants|threads)"
    rf"(?:/(?:{_VALUE}|[\w:.$+<>-])+)*)"
    rf"(?P<end>(?:{_VALUE})?/?(?=[\"'`?\s\\]|$))",
    re.MULTILINE,
)
_PLACEHOLDER = re.compile(rf"{_VALUE}|:\w+|\$\w+|<[^<>]*>|x{{8}}")
_ANYTHING = "x" * 8
_ENDS_WITH_VALUE = re.compile(r"(?<=[a-z_])x{8}$")
"""A placeholder right after a resource's name: a query, and no part of the path."""
_METHOD = re.compile(
    r"\b(GET|POST|DELETE|get|post|delete|Get|Post|Delete)(?:Async|JsonAsync|AsJsonAsync|Json|Entity)?\b"
)
_VERSION_1 = re.compile(
    r"/(?:(?P<assistant>assistants)/\w+|threads/\w+/messages/\w+)/files(?P<one>/\w+)?"
)
_JOIN = re.compile(
    r"[\"']\s*(?:\.(?=\s*[$\w]+(?:->|::|\s*\.|;|,|\)))|\+)\s*"
    r"(?:[\w$]|->|::|\.(?=\w)|\(\)|\[[^\]\n]*\])+(?:\s*[.+]\s*[\"']|)"
)
_ROUTE = re.compile(
    r"(?i)@\w+\.\w+\(|@\w+(?:mapping)?\(|\b(?:app|router|route)\W{1,2}\w+\(|\bfrom\b|\bimport\b"
)

_SENT = re.compile(r"[\"'](?:GET|POST|DELETE)[\"']\s*,\s*[\"'`]/?$")
"""A method and then a path: `send('POST', 'threads')`, of a wrapper that knows the base."""


def addresses(code: str) -> list[Site]:
    """The addresses of the API that code asks by HTTP of its own.

    A path without OpenAI's host counts in a file that sends the API's header or names its host, and
    where a base stands before it in a file that speaks of OpenAI.
    """
    if "threads" not in code and "assistants" not in code:
        return []
    if not re.search(r"openai", code, re.IGNORECASE):
        return []
    return list(_found(_JOIN.sub(_placeholder, code)))


def _found(code: str) -> Iterator[Site]:
    speaks = bool(_HEADER.search(code) or _BASE.search(code))
    for match in _URL.finditer(code):
        if match["host"] is None and not _is_request(code, match, speaks=speaks):
            continue
        method = _http_method(code, match.start(), match.end())
        if (named := _named(method, match["path"])) is not None:
            line = code.count("\n", 0, match.start()) + 1
            yield Site(line, match.start() - code.rfind("\n", 0, match.start()), named, "")


def _named(method: str | None, written: str) -> str | None:
    """The endpoint, or the method of version 1, that a written path is of."""
    path = _PLACEHOLDER.sub(_ANYTHING, "/" + written.removeprefix("/v1").strip("/"))
    for each in (path, _ENDS_WITH_VALUE.sub("", path)):
        if old := _VERSION_1.fullmatch(each):
            return _version_1(method, old)
        endpoint = vocabulary.endpoint_of(method, each) or vocabulary.endpoint_of(None, each)
        if endpoint is not None:
            return endpoint
    return None


def _version_1(method: str | None, old: re.Match[str]) -> str:
    resource = "assistants" if old["assistant"] else "threads.messages"
    if method == "DELETE":
        return f"{resource}.files.delete"
    if old["one"]:
        return f"{resource}.files.retrieve"
    return f"{resource}.files.{'list' if method == 'GET' else 'create'}"


def _placeholder(found: re.Match[str]) -> str:
    """What stands between two strings that are put together, as a value of the same length."""
    text = found[0]
    if "\n" in text or len(text) < 4:
        return text
    if text[-1] in "\"'":
        return "{" + "x" * (len(text) - 2) + "}"
    return "{" + "x" * (len(text) - 3) + "}" + text[0]


def _is_request(code: str, match: re.Match[str], *, speaks: bool) -> bool:
    """Whether a path without a host is asked of the API: not a route of the program's own."""
    if _SENT.search(code[max(0, match.start() - 80) : match.start()]):
        return True
    if "/" not in match["path"]:
        return False
    before = code[max(0, match.start() - 80) : match.start()].rpartition("\n")[2]
    if _ROUTE.search(before):
        return False
    if re.search(r"[\w)\]}]\s*[.+]\s*[\"']$|(?:\}|[\"'`]%[sv])/?$", before):
        return True
    return speaks and bool(re.search(r"[\"'`]/?$", before))


def _http_method(code: str, start: int, end: int) -> str | None:
    """The method beside an address: before it in its call, or among the options after it."""
    before = code[max(0, start - 120) : start].rpartition(";")[2]
    after = code[end : end + 200].partition(";")[0]
    named = re.search(r"(?i)(?:method|CUSTOMREQUEST)[\"']?\s*(?::|=>?|,)\s*[\"']?(\w+)", after)
    if named and named[1].upper() in {"GET", "POST", "DELETE"}:
        return named[1].upper()
    near = _METHOD.findall(before)
    return near[-1].upper() if near else None
