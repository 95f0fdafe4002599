"""A summary as JSON, as JUnit XML, and as Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from shim.compare.bands import Band, Ratio
from shim.compare.summary import ERRORS, INCOMPARABLE, REGRESSED, Judged, Summary
from shim.core.wire import Json
from shim.signs import visible

__all__ = ["as_json", "as_junit", "as_markdown"]

_MOST_ROWS = 30
_MOST_LETTERS = 60_000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JOINER = "\u2060"
"""Shows nothing; after it, GitHub takes what follows for no person and no issue."""
_MENTION = re.compile(r"([@#]|www(?=\.)|https?(?=:))(?=[\w.:/])")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#!@~])")


def as_json(summary: Summary) -> Json:
    """All that the summary says, its outcomes included."""
    return {
        "format": "shim-comparison/v1",
        "verdict": summary.verdict,
        "reason": summary.reason,
        "lanes": {"a": summary.a, "b": summary.b},
        "counts": summary.counts,
        "compared": summary.compared,
        "wins": summary.wins,
        "noise_floor": summary.floor or None,
        "notes": list(summary.notes),
        "kinds": [
            {
                "kind": kind.name,
                "count": kind.rate.count,
                "of": kind.rate.of,
                "interval": list(kind.rate.interval),
                "floor": {"count": kind.floor.count, "of": kind.floor.of}
                if kind.floor.of
                else None,
                "beyond_noise": kind.beyond_noise,
            }
            for kind in summary.kinds
        ],
        "rule": summary.rule,
        "measures": [_measure(band) for band in summary.bands()],
        "turns": [_turn(turn) for turn in summary.turns],
    }


def _measure(band: Band) -> Json:
    return {
        "measure": band.name,
        "a": {"median": band.a, "of_nine_in_ten": [band.low, band.high]},
        "b": {"median": band.b},
        "ratio": _ratio(band.ratio),
        "floor": _ratio(band.floor),
        "beyond_noise": band.beyond_noise,
    }


def _ratio(ratio: Ratio | None) -> Json | None:
    if ratio is None:
        return None
    interval = None if ratio.interval is None else list(ratio.interval)
    return {"median": ratio.middle, "interval": interval, "of": ratio.of}


def _turn(turn: Judged) -> Json:
    pair = turn.pair
    return {
        "id": turn.id,
        "case": pair.case.id,
        "turn": pair.turn.number,
        "source": pair.case.source,
        "verdict": turn.verdict,
        "why": turn.why or None,
        "judge": turn.judge or None,
        "differences": [
            {
                "kind": each.kind,
                "direction": each.direction,
                "told": each.told,
                "beyond_noise": each in turn.counted,
            }
            for each in turn.found
        ],
        "asked": list(pair.turn.asked),
        "a": [one.model_dump(mode="json") for one in pair.a],
        "b": [one.model_dump(mode="json") for one in pair.b],
    }


def as_junit(summary: Summary) -> bytes:
    """A suite with a test for each turn: regressed ones failed, those not comparable skipped."""
    counts = summary.counts
    suite = ET.Element(
        "testsuite",
        name=_xml(f"{summary.a} against {summary.b}"),
        tests=str(len(summary.turns)),
        failures=str(counts[REGRESSED]),
        errors=str(counts[ERRORS]),
        skipped=str(counts[INCOMPARABLE]),
        time=f"{sum(_seconds(turn) for turn in summary.turns):.3f}",
    )
    for turn in summary.turns:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_xml(turn.pair.case.id),
            name=_xml(turn.id),
            time=f"{_seconds(turn):.3f}",
        )
        told = _xml("\n".join(f"{each.kind}: {each.told}" for each in turn.counted))
        if turn.verdict == REGRESSED:
            ET.SubElement(
                case, "failure", message=told.split("\n")[0], type="regressed"
            ).text = told
        elif turn.verdict == ERRORS:
            ET.SubElement(case, "error", message=_xml(turn.why), type="error")
        elif turn.verdict == INCOMPARABLE:
            ET.SubElement(case, "skipped", message=_xml(turn.why))
        elif told:
            ET.SubElement(case, "system-out").text = told
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    whole: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return whole


def _seconds(turn: Judged) -> float:
    return sum(one.seconds or 0.0 for one in turn.pair.b)


def _xml(text: str) -> str:
    """A text without the characters that XML cannot have."""
    return _NOT_XML.sub("\ufffd", text)


def as_markdown(summary: Summary) -> str:
    """A comment for a pull request: the verdict, the counts, the kinds, and the worst turns."""
    lines = list(_head(summary))
    rows = [turn for turn in summary.worst_first() if turn.counted or turn.why]
    if rows:
        lines += ["", "| turn | verdict | what |", "|---|---|---|"]
        lines += [_row(turn) for turn in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append(f"\n{len(rows) - _MOST_ROWS} more are in the report.")
    return _fitted(lines)


def _fitted(lines: Sequence[str]) -> str:
    """As many whole lines as a comment may have."""
    kept, room = [], _MOST_LETTERS
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept) + "\n"


def _head(summary: Summary) -> Iterator[str]:
    yield f"### {summary.verdict.capitalize()}: {_md(summary.b)} against {_md(summary.a)}"
    yield ""
    yield f"{_md(summary.reason)}. {_md(summary.wins)}."
    yield ""
    counts: Any = summary.counts
    yield f"| {' | '.join(counts)} |"
    yield "|" + "---|" * len(counts)
    yield f"| {' | '.join(map(str, counts.values()))} |"
    if summary.kinds:
        yield ""
        yield "| difference | A and B | A with itself | |".replace(
            "A with itself", f"{summary.floor.upper() or 'a lane'} with itself"
        )
        yield "|---|---|---|---|"
    for kind in summary.kinds:
        floor = kind.floor.told() if kind.floor.of else "not measured"
        noise = "" if kind.beyond_noise else "noise"
        yield f"| {kind.name} | {kind.rate.told()} | {floor} | {noise} |"
    yield from _bands(summary)
    for note in summary.notes:
        yield f"\n{_md(note)}"


def _bands(summary: Summary) -> Iterator[str]:
    """Time and tokens, where B's are surely other than A's."""
    for band in summary.bands():
        if band.beyond_noise:
            a, b = band.shown(band.a), band.shown(band.b)
            yield f"\n{band.name.capitalize()}: {b}, A {a}; turn by turn {band.ratio.told()}."


def _row(turn: Judged) -> str:
    told = "; ".join(each.told for each in turn.counted) or turn.why
    return f"| {_md(turn.id)} | {turn.verdict} | {_md(told[:300])} |"


def _md(text: str) -> str:
    """A text that Markdown takes for nothing but text, on one line; it names and links nobody."""
    plain = _MARKUP.sub(r"\\\1", " ".join(visible(text).split()))
    return _MENTION.sub(f"\\1{_JOINER}", plain)
