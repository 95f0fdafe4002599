"""The recorded Assistants traffic, read. Knows the three formats it is kept in, and no replaying.

The recordings are not part of the project: SHIM_RECORDINGS names their folder.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import yaml

__all__ = ["FOLDER", "Event", "Exchange", "Scenario", "read_events", "scenarios"]

FOLDER = Path(os.environ.get("SHIM_RECORDINGS", "absent")) / "native"

_FRAME = re.compile(r"event: (?P<name>\S+)\ndata: (?P<data>.*)\n\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name, and its parsed data (the text of `done`)."""

    name: str
    data: Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer: parsed JSON, or a list of events; `raw` is its text where kept."""

    method: str
    path: str
    headers: dict[str, str]
    content: str
    status: int
    answer_headers: dict[str, str]
    answer: Any
    raw: str | None = None

    @property
    def streamed(self) -> bool:
        """Whether the answer is a stream of events."""
        return isinstance(self.answer, list)

    @property
    def sent(self) -> Any:
        """The parsed request body; {} where there was none."""
        return json.loads(self.content) if self.content.startswith("{") else {}

    @property
    def shown(self) -> list[dict[str, Any]]:
        """All JSON objects in the answer, in order, outermost first."""
        told = [event.data for event in self.answer] if self.streamed else self.answer
        return list(_objects(told))


@dataclass(frozen=True, slots=True)
class Scenario:
    """What belongs together: a file, or one exchange of a cassette that holds several years."""

    name: str
    recorded: str
    exchanges: tuple[Exchange, ...]

    def shown(self, kind: str) -> list[dict[str, Any]]:
        """Every state in which the answers show the API's objects of a kind, in order."""
        every = [each for exchange in self.exchanges for each in exchange.shown]
        return [each for each in every if each.get("object") == kind]


def scenarios() -> list[Scenario]:
    """All scenarios of the folder."""
    return [*_dotnet(), *_python(), *_ruby()]


def read_events(text: str) -> list[Event]:
    """The events of a stream framed as the original framed it; refuses any other framing."""
    events, end = [], 0
    for frame in _FRAME.finditer(text):
        if frame.start() != end:
            break
        data = frame["data"]
        events.append(Event(frame["name"], data if data == "[DONE]" else json.loads(data)))
        end = frame.end()
    if end != len(text):
        raise ValueError(f"no frame of an event stream: {text[end : end + 80]!r}")
    return events


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)


def _dotnet() -> Iterator[Scenario]:
    for path in sorted(FOLDER.glob("openai-dotnet/*.json")):
        entries = json.loads(path.read_text("utf-8-sig"))["Entries"]
        exchanges = tuple(_dotnet_exchange(entry) for entry in entries)
        yield Scenario(f"openai-dotnet/{path.stem}", _day(exchanges[0]), exchanges)


def _dotnet_exchange(entry: dict[str, Any]) -> Exchange:
    body, answer = entry["RequestBody"], entry["ResponseBody"]
    raw = "".join(answer) if isinstance(answer, list) else None
    return Exchange(
        method=entry["RequestMethod"],
        path=_path(entry["RequestUri"]),
        headers=_lower(entry["RequestHeaders"]),
        content=json.dumps(body) if isinstance(body, dict) else body or "",
        status=entry["StatusCode"],
        answer_headers=_lower(entry["ResponseHeaders"]),
        answer=answer if raw is None else read_events(raw),
        raw=raw,
    )


def _python() -> Iterator[Scenario]:
    for path in sorted(FOLDER.glob("openllmetry/*.yaml")):
        made = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["interactions"]
        exchanges = tuple(map(_vcr_exchange, made))
        yield Scenario(f"openllmetry/{path.stem}", _day(exchanges[0]), exchanges)


def _ruby() -> Iterator[Scenario]:
    """A cassette keeps the same request of several years, each made in a world of its own."""
    for path in sorted(FOLDER.glob("ruby-openai/*.yml")):
        made = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["http_interactions"]
        for number, exchange in enumerate(map(_vcr_exchange, made), 1):
            yield Scenario(f"ruby-openai/{path.stem}/{number}", _day(exchange), (exchange,))


def _vcr_exchange(made: dict[str, Any]) -> Exchange:
    request, response = made["request"], made["response"]
    raw = _text(response["body"])
    headers = _lower(response["headers"])
    streamed = headers["content-type"].startswith("text/event-stream")
    return Exchange(
        method=request["method"].upper(),
        path=_path(request["uri"]),
        headers=_lower(request["headers"]),
        content=_text(request["body"]),
        status=response["status"]["code"],
        answer_headers=headers,
        answer=read_events(raw) if streamed else json.loads(raw),
        raw=raw,
    )


def _text(body: Any) -> str:
    if isinstance(body, dict):
        body = body["string"]
    if isinstance(body, bytes) and body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    return body.decode() if isinstance(body, bytes) else body or ""


def _path(uri: str) -> str:
    return uri.split("/v1", 1)[1]


def _lower(headers: dict[str, Any]) -> dict[str, str]:
    return {k.lower(): v if isinstance(v, str) else ", ".join(v) for k, v in headers.items()}


def _day(exchange: Exchange) -> str:
    return parsedate_to_datetime(exchange.answer_headers["date"]).date().isoformat()
