"""What a method is asked of, in languages that are read by pattern: an SDK's client, or not.

Knows names, declared types and names that stand for a resource, within one file. Knows no methods:
those are `shim.migrate.other_code`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["aliases", "is_client", "receiver"]

_ACCESS = re.compile(r"(?:\?\.|!\.|&\.|\.|\?->|->|::)$")
_NAME = re.compile(r"[@$#]*\w+[!?]?$")
_CLIENT_NAME = re.compile(
    r"(?i)(?:client|api|sdk|assistants|openai|gpt|endpoint|\bai|\bc)$|^[@$_]*(?:openai\w*)?service$"
)
_OWN = frozenset({"$this", "this", "self", "static", "parent", "super"})
_SDK_TYPE = re.compile(
    r"(?:^|\.)(?:I?(?:Simple)?OpenA[iI]\w*|(?:Assistants?|Agents)(?:Async)?Client)$"
    r"|(?i:openai\w*)\.Client$"
)
_SDK_PACKAGE = re.compile(
    r"com\.(?:openai|theokanning|azure)\b|br\.com\.rcaneppele\b|dev\.ai4j\b"
    r"|io\.github\.(?:sashirestela|lambdua|stefanbratanov)\b"
)
_WRAPPER = re.compile(r"(?:Handler|Wrapper|Repository|Controller|Manager|Factory|Helper)$")
_TYPED = {
    "java": (r"\b([A-Z][\w.]*)(?:<[^<>\n]*>)?\??\s+NAME\s*(?:[;=,){{]|=>)",),
    "kotlin": (r"\bNAME\s*:\s*([A-Z][\w.]*)",),
    "go": (r"\bNAME\s+\*?((?:\w+\.)?[A-Z]\w*)\s*(?:[,\n)`\"]|$)",),
}
_MADE = r"\bNAME\s*:?=\s*(?:await\s+)?(?:new\s+)?([A-Z][\w.]*)\("
_GRAMMARS = {
    ".java": "java",
    ".cs": "java",
    ".kt": "kotlin",
    ".kts": "kotlin",
    ".scala": "kotlin",
    ".go": "go",
}

_RESOURCE = r"(?:assistants|threads|messages|runs|steps)"
_BETA = (
    r"(?:await\s+|new\s+){0,2}[\w$.()?!\[\]#]*?\bbeta(?:\(\))?"
    rf"(?P<chain>(?:\s*[?!]?\.\s*{_RESOURCE}(?:\(\))?)*)\s*(?=[;,\n)]|$)"
)
_ALIAS = re.compile(
    rf"(?<![\w$])(?P<name>#?[\w$]+)\s*(?::\s*[\w$.<>\[\]| ]{{1,80}}?)?\s*=\s*{_BETA}",
    re.MULTILINE,
)
_TAKEN_OUT = re.compile(rf"\{{(?P<names>[^{{}}\n]{{1,200}})\}}\s*=\s*{_BETA}")


def receiver(code: str, position: int) -> str:
    """The last name of what stands before a place and is asked for what stands there."""
    before = code[max(0, position - 300) : position].rstrip()
    access = _ACCESS.search(before)
    if access is None:
        return ""
    before = before[: access.start()].rstrip()
    while before.endswith(")"):
        opening = _opening(before)
        inner = before[opening + 1 : -1].rstrip()
        before = before[:opening].rstrip() or inner
    found = _NAME.search(before)
    return found[0] if found else ""


def _opening(text: str) -> int:
    """Where the bracket opens that a text's last character closes; its start where it is not."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        depth += (text[index] == ")") - (text[index] == "(")
        if depth == 0:
            return index
    return 0


def is_client(code: str, name: str, suffix: str) -> bool:
    """Whether a name is an SDK's client: by the type that it is declared with, else by itself."""
    if not name or name in _OWN:
        return False
    types = set(_types(code, name, suffix))
    if types:
        return any(_is_of_sdk(code, each) for each in types)
    return bool(_CLIENT_NAME.search(name))


def _is_of_sdk(code: str, kind: str) -> bool:
    """Whether a type is an SDK's by its name, and is not imported from elsewhere."""
    if not _SDK_TYPE.search(kind) or _WRAPPER.search(kind):
        return False
    imported = re.search(rf"\bimport\s+([\w.]+)\.{re.escape(kind)}\b", code)
    return imported is None or bool(_SDK_PACKAGE.match(imported[1]))


def _types(code: str, name: str, suffix: str) -> Iterator[str]:
    grammar = _GRAMMARS.get(suffix)
    if grammar is None:
        return
    for pattern in (*_TYPED[grammar], _MADE):
        for match in re.finditer(pattern.replace("NAME", re.escape(name)), code, re.MULTILINE):
            yield match[1]


def aliases(code: str) -> dict[str, list[str]]:
    """Names that stand for `beta` or a resource below it, with the resource's names."""
    found: dict[str, list[str]] = {}
    if "beta" not in code:
        return found
    for match in _ALIAS.finditer(code):
        found[match["name"]] = re.findall(_RESOURCE, match["chain"])
    for match in _TAKEN_OUT.finditer(code):
        chain = re.findall(_RESOURCE, match["chain"])
        for part in match["names"].split(","):
            name, _, bound = (each.strip() for each in part.partition(":"))
            if re.fullmatch(_RESOURCE, name):
                found[bound or name] = [*chain, name]
    return found
