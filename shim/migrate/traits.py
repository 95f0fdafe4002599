"""What code uses of the API besides its methods: features, version 1, ids and models in its text.

Data and patterns over code without comments, the same for each language. Knows no calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shim.migrate.models import MODEL_NAME

__all__ = ["FEATURES", "HEADER", "Found", "features", "ids", "models", "version_1"]


@dataclass(frozen=True, slots=True)
class Found:
    """A word of the code, with its place."""

    line: int
    column: int
    text: str


FEATURES = {
    "streaming": (
        r"(?i)\bstream\s*[:=]\s*true\b|\.stream\(|_stream\(|_and_stream\(|streaming(?:async)?\(|"
        r"[\"']stream[\"']\s*(?::|=>)\s*true"
    ),
    "event handlers": r"AssistantEventHandler|AssistantStream\b|"
    r"\.on\(\s*[\"'](?:textDelta|textCreated|toolCall\w*|event)[\"']",
    "polling": r"(?i)create_?and_?(?:run_?)?poll|\bruns\.poll\b|submit_?tool_?outputs_?and_?poll",
    "tool outputs": r"(?i)submit_?tool_?outputs|\btool_?outputs\b",
    "function tools": r"(?i)[\"']?type[\"']?\s*(?::|=>|=)\s*[\"']function[\"']|"
    r"FunctionToolDefinition|requires_action",
    "file_search": r"(?i)\bfile_search\b|FileSearchTool",
    "code_interpreter": r"(?i)\bcode_interpreter\b|CodeInterpreterTool",
    "attachments": r"\battachments\b\s*[\"']?\s*(?::|=)",
    "images": r"\bimage_(?:file|url)\b|MessageImage\w+",
    "vector stores": r"(?i)\bvector_?stores?\b",
    "citations": r"(?i)\bfile_citation\b|\bfile_path\b\s*[\"')]|\.annotations\b",
    "run steps": r"(?i)\b(?:runs?[._]?|run_)steps\b|\.steps\.(?:list|retrieve)",
    "json mode": r"(?i)\bjson_object\b|\bjson_schema\b|\bresponse_?format\b",
    "truncation": r"\btruncation_strategy\b|\bmax_(?:prompt|completion)_tokens\b",
    "metadata": r"\bmetadata\b\s*[\"']?\s*(?::|=)",
}
"""Each feature with the words that show it."""
_FEATURES = {name: re.compile(pattern) for name, pattern in FEATURES.items()}

HEADER = re.compile(r"assistants=v[12]")
"""A file that sends the API's header speaks of it, though its addresses stand elsewhere."""

_VERSION_1 = re.compile(
    r"assistants=v1|[\"']?type[\"']?\s*(?::|=>|=)\s*[\"']retrieval[\"']|"
    r"(?<![\w.])[\"']?file_ids[\"']?\s*(?::|=(?!=))(?=[^\n]*)|\bAssistantToolTypeRetrieval\b"
    r"|\bRetrievalToolDefinition\b|\bnew\s+RetrievalTool\b"
)
_ID = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?:asst|thread|vs)_[A-Za-z0-9]{20,40}"
    r"|file-[A-Za-z0-9]{20,32})(?![A-Za-z0-9_-])"
)
_MODEL = re.compile(
    rf"(?P<quote>[\"'`])(?P<quoted>{MODEL_NAME.pattern})(?P=quote)"
    rf"|^[ \t]*(?:export[ \t]+)?[\w.-]*MODEL[\w.-]*[ \t]*[:=][ \t]*"
    rf"(?P<plain>{MODEL_NAME.pattern})[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def features(code: str) -> dict[str, Found]:
    """The features that code uses, each with its first place."""
    found = ((name, pattern.search(code)) for name, pattern in _FEATURES.items())
    return {name: _found(code, match, match[0]) for name, match in found if match}


def version_1(code: str) -> list[Found]:
    """Words of `assistants=v1`: its header, `retrieval`, and the files of assistants and messages.

    `file_ids` within `tool_resources` and of vector stores is version 2's own.
    """
    found = []
    for match in _VERSION_1.finditer(code):
        if "file_ids" in match[0] and not _is_of_version_1(code, match.start()):
            continue
        found.append(_found(code, match, match[0].strip()))
    return found


def _is_of_version_1(code: str, position: int) -> bool:
    """Whether the innermost open bracket before a place belongs to an assistant or a message."""
    depth = 0
    for index in range(position - 1, max(0, position - 3000), -1):
        char = code[index]
        depth += char in ")]}"
        if char in "([{":
            if depth == 0:
                head = re.sub(r"\s+", "", code[max(0, index - 60) : index])
                return bool(
                    re.search(r"(?:assistants|messages)\.(?:create|update)$", head) and char == "("
                )
            depth -= 1
    return False


def ids(code: str) -> list[Found]:
    """Ids of objects that lived at OpenAI; those of documentation have no digit or capital."""
    return [
        _found(code, match, match[0])
        for match in _ID.finditer(code)
        if re.search(r"[0-9]", match[0]) and len(set(match[0])) > 8
    ]


def models(code: str) -> Iterator[Found]:
    """The names of OpenAI's models in strings and settings."""
    for match in _MODEL.finditer(code):
        group = "quoted" if match["quoted"] else "plain"
        start = match.start(group)
        line = code.count("\n", 0, start) + 1
        yield Found(line, start - code.rfind("\n", 0, start), match[group])


def _found(code: str, match: re.Match[str], text: str) -> Found:
    start = match.start() + len(match[0]) - len(match[0].lstrip())
    return Found(code.count("\n", 0, start) + 1, start - code.rfind("\n", 0, start), text)
