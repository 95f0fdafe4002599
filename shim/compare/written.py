"""The files of a report, in the folder of their comparison, and what is made of one afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from shim.compare.report.page import as_html
from shim.compare.report.plain import as_json, as_junit, as_markdown
from shim.compare.summary import Summary
from shim.core.wire import Json, encode_compact, encode_json
from shim.native.cases import ERROR, Answer, Pair, as_line

__all__ = ["write_baseline", "write_dataset", "write_promptfoo", "write_report"]


def write_report(folder: Path, summary: Summary) -> dict[str, Path]:
    """Write report.html, report.json, junit.xml and summary.md; gives their paths by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "report.html": as_html(summary).encode("utf-8", "replace"),
        "report.json": encode_json(as_json(summary)),
        "junit.xml": as_junit(summary),
        "summary.md": as_markdown(summary).encode("utf-8", "replace"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def write_baseline(path: Path, pairs: Iterable[Pair]) -> int:
    """B's answers as a lane, `recording:PATH`, errors left out; how many there are."""
    answers = [
        Answer(case=pair.case.id, turn=pair.turn.number, lane="b", repeat=number, outcome=outcome)
        for pair in pairs
        for number, outcome in enumerate(each for each in pair.b if each.status != ERROR)
    ]
    path.write_bytes(b"".join(map(as_line, answers)))
    return len(answers)


def write_dataset(path: Path, summary: Summary) -> int:
    """A line for each turn: the messages up to it, what A and B answered, and the verdict."""
    lines = []
    for turn in summary.turns:
        pair = turn.pair
        lines.append(
            encode_compact(
                {
                    "id": turn.id,
                    "input": _messages(pair),
                    "instructions": pair.case.assistant.get("instructions"),
                    "expected": pair.a[0].text if pair.a else None,
                    "output": pair.b[0].text if pair.b else None,
                    "verdict": turn.verdict,
                    "differences": sorted({each.kind for each in turn.counted}),
                }
            )
        )
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return len(lines)


def write_promptfoo(path: Path, summary: Summary, model: str) -> int:
    """A configuration of promptfoo's: the questions as tests, A's answers as what is expected."""
    tests = [_promptfoo_test(turn.pair) for turn in summary.turns if turn.pair.a]
    config: Json = {
        "description": f"{summary.b} against {summary.a}",
        "prompts": ["{{messages}}"],
        "providers": [f"openai:responses:{model}"],
        "tests": tests,
    }
    import yaml  # noqa: PLC0415 - an extra

    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return len(tests)


def _promptfoo_test(pair: Pair) -> Json:
    messages = _messages(pair)
    if instructions := pair.case.assistant.get("instructions"):
        messages = [{"role": "system", "content": instructions}, *messages]
    value = _literal(pair.a[0].text)
    expected: Sequence[Json] = [{"type": "similar", "value": value, "threshold": 0.7}]
    return {
        "description": f"{pair.case.id}/{pair.turn.number}",
        "vars": {"messages": f"[{','.join(map(_message, messages))}]"},
        "assert": list(expected) if pair.a[0].text else [],
    }


def _message(message: Json) -> str:
    """A message as JSON that is no template, whatever its text: promptfoo renders variables too."""
    content = json.dumps(message["content"]).replace("{", "\\u007b").replace("}", "\\u007d")
    return f'{{"role":{json.dumps(message["role"])},"content":{content}}}'


def _literal(text: str) -> str:
    """A text of which promptfoo makes itself: no template, and no file that it would read."""
    is_place = text.startswith(("file://", "package:"))
    return ('{{ "" }}' if is_place else "") + text.replace("{", '{{ "{" }}')


def _messages(pair: Pair) -> list[Json]:
    """The messages of the thread up to the question, as plain texts."""
    reference = {pair.turn.number: pair.a[0]} if pair.a else {}
    history = [*pair.case.history(pair.turn, reference), *pair.turn.asked]
    return [
        {"role": each["role"], "content": _plain(each.get("content"))}
        for each in history
        if "call" not in each
    ]


def _plain(content: object) -> str:
    if not isinstance(content, list):
        return str(content or "")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) else None
        texts.append(str(text.get("value") if isinstance(text, dict) else text or ""))
    return "\n".join(text for text in texts if text)
