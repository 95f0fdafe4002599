"""A summary as one HTML page: no network, readable on a phone, dark and light. Knows jinja2.

What models and users say is hostile: the template escapes all of it, and signs that turn text round
or hide it are shown as what they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shim.compare.calls import CallPair, ordered_arguments, paired_calls
from shim.compare.differences import KINDS
from shim.compare.report.words import Parts, word_diff
from shim.compare.summary import INCOMPARABLE, SAME, Judged, Summary
from shim.core.wire import Json, encode_compact
from shim.native.cases import Outcome
from shim.signs import visible

__all__ = ["as_html"]

_MOST_TURNS = 200
"""Turns that are shown in full; the others are rows of a table."""
_MOST_ROWS = 5000
_MOST_REASONS = 20
_MOST_LETTERS = 20_000


def as_html(summary: Summary) -> str:
    """The page."""
    import jinja2  # noqa: PLC0415 - an extra

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
    )
    template = environment.from_string(
        Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    )
    turns = summary.worst_first()
    shown = [turn for turn in turns if turn.verdict != SAME][:_MOST_TURNS]
    shown += [turn for turn in turns if turn.verdict == SAME][: _MOST_TURNS - len(shown)]
    kept = {id(turn) for turn in shown}
    listed = [turn for turn in turns if id(turn) not in kept] if len(turns) > _MOST_TURNS else []
    bands = summary.bands()
    reasons = Counter(turn.why for turn in turns if turn.verdict == INCOMPARABLE)
    return template.render(
        summary=summary,
        bands=bands,
        floor_measured=any(band.floor for band in bands),
        reasons=reasons.most_common(_MOST_REASONS),
        meaning=KINDS,
        turns=[_shown(number, turn) for number, turn in enumerate(shown)],
        rows=[_row(turn) for turn in listed[:_MOST_ROWS]],
        left_out=max(0, len(listed) - _MOST_ROWS),
    )


def _row(turn: Judged) -> Json:
    told = "; ".join(each.told for each in turn.counted) or turn.why
    kinds = " ".join(sorted({each.kind for each in turn.found}))
    return {"id": turn.id, "verdict": turn.verdict, "told": told, "kinds": kinds}


def _shown(number: int, turn: Judged) -> Json:
    pair = turn.pair
    a = pair.a[0] if pair.a else None
    b = pair.b[0] if pair.b else None
    left, right = word_diff(_text(a), _text(b))
    calls = paired_calls(a.calls if a else (), b.calls if b else ())
    counted = set(turn.counted)
    return {
        **_row(turn),
        "anchor": f"turn-{number}",
        "source": pair.case.source,
        "asked": [_asked(each) for each in pair.turn.asked],
        "earlier": sum(1 for each in pair.case.turns if each.number < pair.turn.number)
        + len(pair.case.before),
        "found": [
            {
                "kind": each.kind,
                "direction": each.direction,
                "told": each.told,
                "noise": each not in counted,
            }
            for each in turn.found
        ],
        "why": turn.why,
        "judge": turn.judge,
        "expect": encode_compact(pair.turn.expect).decode() if pair.turn.expect else "",
        "sides": [
            _side("A", a, left, len(pair.a)) | {"calls": _calls(calls, 0)},
            _side("B", b, right, len(pair.b)) | {"calls": _calls(calls, 1)},
        ],
    }


def _side(name: str, outcome: Outcome | None, parts: Sequence[tuple[str, str]], times: int) -> Json:
    if outcome is None:
        return {"name": name, "outcome": None}
    usage = outcome.usage
    return {
        "name": name,
        "outcome": outcome,
        "error": outcome.error,
        "parts": list(parts),
        "refusals": list(outcome.refusals),
        "cut": max(0, len(outcome.text) - _MOST_LETTERS),
        "citations": [_cited(outcome, number) for number in range(len(outcome.citations))],
        "files": [f"{each.type} {each.name}".strip() for each in outcome.files],
        "tokens": f"{usage.prompt_tokens} + {usage.completion_tokens} tokens" if usage else "",
        "seconds": "" if outcome.seconds is None else f"{outcome.seconds:.2f} s",
        "first": "" if outcome.first_token is None else f"first words {outcome.first_token:.2f} s",
        "notes": list(outcome.notes),
        "times": times,
    }


def _calls(pairs: Sequence[CallPair], side: int) -> list[Json]:
    """The calls of one side in the order of A's, what is other in their arguments marked."""
    return [_call(pair, side) for pair in pairs if pair[side] is not None]


def _call(pair: CallPair, side: int) -> Json:
    call, partner = pair[side], pair[1 - side]
    assert call is not None
    texts = ["" if one is None else ordered_arguments(one)[:_MOST_LETTERS] for one in pair]
    parts: Parts = [("same", texts[side])]
    kind = ("gone", "new")[side]
    if partner is not None:
        kind = "alike" if texts[0] == texts[1] else "other"
        parts = word_diff(*texts)[side]
    return {"name": call.name, "kind": kind, "parts": parts, "known": call.output is not None}


def _cited(outcome: Outcome, number: int) -> str:
    each = outcome.citations[number]
    place = "" if each.quoted else ", not at its place in the text"
    return f"{each.type} {each.text} at {each.start}:{each.end}{place}"


def _text(outcome: Outcome | None) -> str:
    return "" if outcome is None else outcome.text[:_MOST_LETTERS]


def _asked(message: Json) -> Json:
    content: Any = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    texts = [_part(part) for part in parts]
    attached = len(message.get("attachments") or ())
    told = "\n".join(texts)[:_MOST_LETTERS] + (f"\n[{attached} attachments]" if attached else "")
    return {"role": str(message.get("role")), "text": told}


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    if isinstance(text, dict):
        return str(text.get("value") or "")
    return text if isinstance(text, str) else f"[{part.get('type') if part else 'nothing'}]"


def _plain(value: Any) -> Any:
    """What is put into the page: of a text, nothing is hidden and nothing turned round."""
    return visible(value) if type(value) is str else value
