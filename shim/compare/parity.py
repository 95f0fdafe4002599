"""A program of the user's run on two lanes, and what came of its runs compared.

The program is a function that is given a client. On each lane its calls are recorded, read back as
cases, and compared run by run, in the order in which it made them. Knows clients and recordings;
what differs, others know.
"""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from shim.client import AsyncOpenAI, OpenAI, mount
from shim.compare.clients import over, over_async
from shim.compare.differences import WORSE
from shim.compare.limits import Limits
from shim.compare.playback import Playback
from shim.compare.reading.sources import read
from shim.compare.summary import ERRORS, INCOMPARABLE, Judged, Summary
from shim.core.wire import Call, Handler, Json, Reply
from shim.errors import SettingsError
from shim.lanes import LaneSpec, settings_of, target_of
from shim.native.appending import Lines
from shim.native.cases import Case, Outcome, Pair, Turn
from shim.native.changed import Changed
from shim.native.record import Recorder
from shim.settings import Settings
from shim.wiring import Wired, wire

__all__ = ["IGNORED", "Program", "assert_parity", "runs_of"]

Program = Callable[[Any], Any]
"""A function of a client, plain or `async`; with the latter the client is an `AsyncOpenAI`."""

Ran = tuple[Case, Turn, Outcome]

_LEFT = "unknown"
_MOST_LETTERS = 300

IGNORED = ("latency_diff", "first_token_diff", "usage_diff")
"""What no test fails for, unless it is asked to: it differs from one minute to the next."""


def assert_parity(
    program: Program,
    *,
    a: str | dict[str, Any],
    b: str | dict[str, Any],
    ignore: Iterable[str] = IGNORED,
    repeat: int = 1,
    limits: Limits | None = None,
    settings: Settings | None = None,
) -> Summary:
    """Run a program on two lanes; raises AssertionError where B's runs are worse than A's.

    `a` and `b` name lanes (`shim.lanes.LaneSpec`): `recording:FILE`, `shim,model=...`,
    `native:https://...`. `ignore` are kinds of differences that do not count. `repeat` runs the
    program on A so often, which measures the noise. What the program raises, it raises here.
    """
    settings = settings or Settings.load()
    specs = [LaneSpec.of(a), LaneSpec.of(b)]
    ran = [runs_of(program, spec, settings) for spec in [specs[0]] * repeat + [specs[1]]]
    pairs = list(_paired(ran[:-1], ran[-1]))
    summary = Summary.of((specs[0].name, specs[1].name), pairs, limits)
    if problems := list(_problems(summary, frozenset(ignore), len(ran[0]), len(ran[-1]))):
        raise AssertionError(_told(summary, problems))
    return summary


def runs_of(program: Program, spec: LaneSpec, settings: Settings) -> list[Ran]:
    """The runs that a program makes on a lane, each with the case it stands in, oldest first."""
    with tempfile.TemporaryDirectory(prefix="shim-parity-") as folder:
        path = Path(folder) / "calls.jsonl"
        _carried_out(program, spec, replace(settings, record=str(path)))
        if not path.exists():
            return []
        reading = read(path)
    why = dict(reading.left_out)
    return [
        (case, turn, turn.recorded or Outcome(status=_LEFT, error=why.get(case.id, "")))
        for case in reading.cases
        for turn in case.turns
    ]


def _carried_out(program: Program, spec: LaneSpec, settings: Settings) -> None:
    """Run the program with a client of the lane."""
    if inspect.iscoroutinefunction(program):

        async def run() -> None:
            async with _client(AsyncOpenAI, spec, settings) as client:
                await program(client)

        asyncio.run(run())
        return
    with _client(OpenAI, spec, settings) as client:
        program(client)


def _client(kind: type, spec: LaneSpec, settings: Settings) -> Any:
    """A client of the lane, whose calls are recorded."""
    if spec.kind == "recording":
        lines = Lines(Path(settings.record))
        handler = _Closing(Recorder(Playback.of(Path(spec.where)), lines), lines.flush)
        return over(handler) if kind is OpenAI else over_async(handler)
    if spec.kind == "python":
        raise SettingsError(f"the lane {spec.name!r} answers turns and is no server: see compare()")
    own = replace(settings_of(spec, settings), record=settings.record)
    target = target_of(own)
    url, key = (own.native_url, own.native_key) if spec.kind == "native" else (target.root, "")
    shown = key or target.headers.get("authorization", "").removeprefix("Bearer ")
    made = kind(base_url=url, api_key=shown or target.headers.get("api-key") or "no-key")
    return mount(made, own, wiring=lambda own, *ports: _changing(wire(own, *ports), spec.changes))


def _changing(wired: Wired, changes: Json) -> Handler:
    """What was wired, with the lane's changes over what is asked of it."""
    return _Closing(Changed(wired, changes), wired.aclose)


class _Closing:
    """A handler over another that holds something, which is closed with it."""

    def __init__(self, handler: Handler, close: Callable[[], Any]) -> None:
        self._handler = handler
        self._close = close

    async def __call__(self, call: Call) -> Reply:
        return await self._handler(call)

    async def aclose(self) -> None:
        """Close what is beneath."""
        closing = self._close()
        if inspect.isawaitable(closing):
            await closing


def _paired(of_a: Sequence[Sequence[Ran]], of_b: Sequence[Ran]) -> Iterator[Pair]:
    """The n-th run of each, together; where one made fewer, the rest cannot be compared."""
    for number, ran in enumerate(zip_longest(of_a[0], of_b)):
        case, turn, _ = ran[0] or ran[1]
        turn = turn.model_copy(update={"number": number})
        a = tuple(one[number][2] for one in of_a if number < len(one))
        b = (ran[1][2],) if ran[1] else ()
        whole = case.model_copy(update={"id": f"run {number + 1}", "turns": (turn,)})
        untold = next(
            (each.error or "it did not end" for each in (*a, *b) if each.status == _LEFT), ""
        )
        yield Pair(case=whole, turn=turn, a=a, b=b, why=untold)


def _problems(summary: Summary, ignore: frozenset[str], made_a: int, made_b: int) -> Iterator[str]:
    if made_a != made_b:
        yield f"the program made {made_b} runs on B, {made_a} on A"
    for turn in summary.turns:
        yield from (f"{turn.pair.case.id}: {told}" for told in _of_turn(turn, ignore))


def _of_turn(turn: Judged, ignore: frozenset[str]) -> Iterator[str]:
    """What a test fails for in a turn."""
    if turn.verdict in {ERRORS, INCOMPARABLE}:
        yield f"{turn.verdict}: {turn.why}"
    for each in turn.counted:
        if each.direction == WORSE and each.kind not in ignore:
            yield f"{each.kind}: {each.told}"


def _told(summary: Summary, problems: Sequence[str]) -> str:
    """The failure as pytest shows it: what is worse, then both answers of each such run."""
    lines = [f"B ({summary.b}) does not behave as A ({summary.a}):"]
    lines += [f"  {each}" for each in problems]
    for turn in summary.turns:
        if turn.counted or turn.why:
            for name, outcomes in (("A", turn.pair.a), ("B", turn.pair.b)):
                lines += [f"  {turn.pair.case.id} {name}: {_short(one)}" for one in outcomes[:1]]
    return "\n".join(lines)


def _short(outcome: Outcome) -> str:
    calls = "".join(f" {call.name}({call.arguments})" for call in outcome.calls)
    return f"{outcome.status}{calls} {outcome.text[:_MOST_LETTERS]!r}"
