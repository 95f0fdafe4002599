"""The recorded Responses traffic, read: streams, whole responses, and refusals over HTTP.

Knows the shapes of the three sources and nothing of shim. The recordings are not part of the
project: SHIM_RECORDINGS names their folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["ENDED", "FOLDER", "Body", "Recording", "bodies", "files_with_streams", "streams"]

FOLDER = Path(os.environ.get("SHIM_RECORDINGS", "absent")) / "responses"

ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})
"""The statuses of responses that have ended. Some cassettes were written by hand: `complete`."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EVENT = re.compile(r'data: \{\\?"type\\?": ?\\?"response\.|^\{"type":"response\.', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recording:
    """A stream: its name (file and place in it), and its text as it came over the wire."""

    name: str
    text: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The payloads, without comments and `[DONE]`."""
        lines = [line[5:].strip() for line in self.text.split("\n") if line.startswith("data:")]
        return [json.loads(line) for line in lines if line not in ("", "[DONE]")]

    @property
    def last(self) -> dict[str, Any] | None:
        """The whole response that it ends with, if its end was recorded."""
        response = self.events[-1].get("response") or {}
        return response if response.get("status") in ENDED else None


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON answer: a response, or a refusal (`error`); 400 where no status was kept."""

    name: str
    status: int
    body: dict[str, Any]

    @property
    def is_response(self) -> bool:
        """Whether it is a response, in whatever state."""
        return self.body.get("object") == "response"


def streams() -> list[Recording]:
    """All recorded streams, also those that were left, or taken up in the middle."""
    return [*_lines(), *(each for each in _answers() if isinstance(each, Recording))]


def bodies() -> list[Body]:
    """All recorded responses that were not streamed, and all refusals."""
    found = [each for each in _answers() if isinstance(each, Body)]
    return [each for each in [*_wholes(), *found] if each.is_response or "error" in each.body]


def files_with_streams() -> set[str]:
    """The names of the files that have an event of a stream in them, whatever their shape."""
    paths = (path for path in FOLDER.rglob("*") if path.is_file())
    return {path.name for path in paths if _EVENT.search(path.read_text("utf-8-sig"))}


def _lines() -> Iterator[Recording]:
    """Streams that were kept as lines of JSON, several in one file."""
    for path in sorted(FOLDER.glob("vf/*.chunks.txt")):
        lines = [_mended(line) for line in path.read_text("utf-8").split("\n") if line]
        begins = [n for n, line in enumerate(lines) if '"response.created"' in line[:40]]
        for begin, end in zip(begins, [*begins[1:], None], strict=True):
            told = "".join(f"data: {line}\n\n" for line in lines[begin:end])
            yield Recording(f"{path.name}#{begin}", told)


def _mended(line: str) -> str:
    """A line of JSON; one file was written by hand and lacks the last brace in two."""
    try:
        json.loads(line)
    except ValueError:
        return line + "}"
    return line


def _wholes() -> Iterator[Body]:
    for path in sorted(FOLDER.glob("vf/*.json")):
        body = json.loads(path.read_text("utf-8"))
        yield Body(path.name, 400 if body.get("object") != "response" else 200, body)


def _answers() -> Iterator[Recording | Body]:
    """What requests were answered with, from both kinds of cassette."""
    for name, status, answer in (*_dotnet(), *_python()):
        if isinstance(answer, dict):
            yield Body(name, status, answer)
        elif _EVENT.search(answer):
            yield Recording(name, answer)


def _dotnet() -> Iterator[tuple[str, int, dict[str, Any] | str]]:
    for path in sorted(FOLDER.glob("dn/**/*.json")):
        for number, entry in enumerate(_entries(path)):
            answer = entry["ResponseBody"]
            if not isinstance(answer, dict):
                answer = "".join(answer or ())
            yield f"{path.name}#{number}", entry["StatusCode"], answer


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(path.read_text("utf-8-sig"))["Entries"])
    except ValueError:
        return []  # one is empty and one was cut, both without streams


def _python() -> Iterator[tuple[str, int, dict[str, Any] | str]]:
    for path in sorted(FOLDER.glob("pyd/*.yaml")):
        recorded = yaml.load(path.read_text("utf-8"), _LOADER)
        for number, made in enumerate(recorded["interactions"]):
            response = made["response"]
            answer = response.get("parsed_body") or response["body"]["string"]
            yield f"{path.name}#{number}", response["status"]["code"], answer
