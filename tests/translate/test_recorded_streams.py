"""Live Responses streams, read from the recordings folder, through the translator."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from order_rules import check_order

from shim.core.records import Message, Run
from shim.translate.changes import Change
from shim.translate.events import RunTranslator

FOLDER = Path(os.environ.get("SHIM_RECORDINGS", "/nowhere")) / "responses"
RUN = Run("run_1", 100, "thread_1", "asst_1", 700, "gpt-4o", sent=1)


def sse_payloads(lines: Iterator[str]) -> list[dict[str, Any]]:
    payloads = []
    for line in lines:
        if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
            payloads.append(json.loads(line[5:]))
    return payloads


def json_lines(path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    payloads = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        # one fixture has a first line that is no JSON; it is an envelope and is not missed
        with suppress(ValueError):
            payloads.append(json.loads(line))
    starts = [i for i, one in enumerate(payloads) if one.get("type") == "response.created"]
    for start, end in zip(starts or [0], [*starts[1:], None], strict=True):
        yield f"{path.name}#{start}", payloads[start:end]


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["Entries"])
    except ValueError:
        return []  # one fixture is no JSON


def dotnet(path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for number, entry in enumerate(_entries(path)):
        body = entry.get("ResponseBody")
        if isinstance(body, list) and "/responses" in entry["RequestUri"]:
            text = "\n".join(str(line) for line in body)
            yield f"{path.name}#{number}", sse_payloads(iter(text.split("\n")))


def cassettes(path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    recorded = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    for number, entry in enumerate(recorded.get("interactions", ())):
        body = entry["response"].get("body", {}).get("string") or ""
        if isinstance(body, str) and body.startswith("event: response."):
            yield f"{path.name}#{number}", sse_payloads(iter(body.split("\n")))


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def streams() -> list[Any]:
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for path in sorted((FOLDER / "vf").glob("*.chunks.txt")):
        found += json_lines(path)
    for path in sorted((FOLDER / "dn").rglob("*.json")):
        found += dotnet(path)
    for path in sorted((FOLDER / "pyd").glob("*.yaml")):
        found += cassettes(path)
    if not found:
        reason = "SHIM_RECORDINGS names no folder of recordings"
        return [pytest.param([], marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(events, id=name) for name, events in found if events]


def texts(changes: list[Change]) -> list[Any]:
    final = {change.record.id: change.record for change in changes if change.record is not None}
    return [
        record.content if isinstance(record, Message) else record.step_details.get("tool_calls")
        for record in final.values()
    ]


@pytest.mark.parametrize("events", streams())
def test_a_live_stream_obeys_the_order_and_ends_as_its_whole_response(
    events: list[dict[str, Any]],
) -> None:
    """Every recorded stream passes the order checker, and equals its last event fed alone."""
    translator, whole = RunTranslator(RUN), RunTranslator(RUN)

    changes = [change for event in events for change in translator.feed(event, 200.0)]

    if translator.outcome is None:  # a recording of the first part of a stream that was left
        changes += translator.abort("cancelled", 200.0)
        check_order(changes)
        return
    if translator.outcome.kind == "failed":
        changes += translator.abort("failed", 200.0)
    check_order(changes)
    alone = whole.feed(events[-1], 200.0)
    for record in (change.record for change in changes):
        for part in record.content if isinstance(record, Message) else ():
            for note in part.get("text", {}).get("annotations", ()):
                value = part["text"]["value"]
                assert value[note["start_index"] : note["end_index"]] == note["text"]
    if translator.outcome.kind != "failed":
        assert texts(changes) == texts(alone)
