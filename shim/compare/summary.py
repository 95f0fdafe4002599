"""What a comparison comes to: each turn judged, each kind of difference counted, one verdict.

A lane that is asked twice differs from itself. How often is measured where A (or else B) answered a
turn more than once, and a kind of difference counts only where A and B differ in it more often than
that. Knows pairs and differences; writes no report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from shim.compare.bands import Band, bands
from shim.compare.differences import BETTER, KINDS, WORSE, Alike, Difference, differences
from shim.compare.limits import Limits
from shim.compare.noise import Rate, sign_test
from shim.compare.texts import similarity
from shim.native.cases import ERROR, UNANSWERED, Outcome, Pair

__all__ = [
    "CHANGED",
    "ERRORS",
    "IMPROVED",
    "INCOMPARABLE",
    "REGRESSED",
    "SAME",
    "Judged",
    "Summary",
]

REGRESSED, IMPROVED, CHANGED, SAME = "regressed", "improved", "changed", "same"
INCOMPARABLE, ERRORS = "not comparable", "error"
OUTCOMES = (REGRESSED, CHANGED, IMPROVED, SAME, INCOMPARABLE, ERRORS)

_HALF = 0.5
_SURE = 0.01
_COSTS = {"usage_diff", "latency_diff", "first_token_diff"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A turn: what is said of it, all that differs, and what of that is beyond the noise."""

    pair: Pair
    verdict: str
    found: tuple[Difference, ...] = ()
    counted: tuple[Difference, ...] = ()
    why: str = ""
    judge: str = ""

    @property
    def id(self) -> str:
        """The turn's name among all."""
        return f"{self.pair.case.id}/{self.pair.turn.number}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of difference: how often A and B differ in it, how often a lane from itself."""

    name: str
    rate: Rate
    floor: Rate

    @property
    def beyond_noise(self) -> bool:
        """Whether the rate is surely above that of the floor."""
        return self.rate.count > 0 and self.rate.interval[0] > self.floor.share


@dataclass(frozen=True, slots=True)
class Summary:
    """All of a comparison. `floor` says which lane the noise was measured on: A, B or neither."""

    a: str
    b: str
    turns: tuple[Judged, ...]
    kinds: tuple[Kind, ...]
    floor: str
    limits: Limits = field(default_factory=Limits)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        lanes: tuple[str, str],
        pairs: Sequence[Pair],
        limits: Limits | None = None,
        *,
        notes: Iterable[str] = (),
        judged: Mapping[str, str] | None = None,
        alike: Alike = similarity,
    ) -> Summary:
        """The summary of pairs; `judged` has what a judge preferred (`a`, `b`, `tie`) by turn."""
        limits = limits or Limits()
        counting = _Counting(limits, alike)
        looked = [counting.look(pair) for pair in pairs]
        kinds = counting.kinds()
        noisy = frozenset(kind.name for kind in kinds if not kind.beyond_noise)
        preferred = judged or {}
        turns = tuple(_judged(one, noisy, preferred) for one in looked)
        return cls(*lanes, turns, kinds, counting.floor_of(), limits, tuple(notes))

    @property
    def counts(self) -> dict[str, int]:
        """How many turns there are of each verdict."""
        counted = Counter(turn.verdict for turn in self.turns)
        return {name: counted[name] for name in OUTCOMES}

    @property
    def compared(self) -> int:
        """How many turns could be compared."""
        counts = self.counts
        return sum(counts[name] for name in (REGRESSED, IMPROVED, CHANGED, SAME))

    @property
    def verdict(self) -> str:
        """`same`, `look` or `different`."""
        counts, compared = self.counts, self.compared
        if compared and counts[REGRESSED] / compared >= self.limits.regressed_share:
            return "different"
        if counts[REGRESSED] or counts[CHANGED] or counts[ERRORS]:
            return "look"
        return "same" if compared > counts[INCOMPARABLE] else "look"

    @property
    def reason(self) -> str:
        """The verdict's reason, thresholds and reservations."""
        counts, compared, limits = self.counts, self.compared, self.limits
        share = f"{limits.regressed_share:.0%}"
        told = {
            "different": f"{counts[REGRESSED]} of {_turns(compared)} regressed; {share} or more is "
            "different",
            "look": _to_look_at(counts, compared, share),
            "same": _the_same(counts, compared),
        }[self.verdict]
        if compared:
            told += f". {_shown_by(Rate(counts[REGRESSED], compared), limits.few)}"
        if not self.floor:
            told += ". How far a lane differs from itself was not measured (--repeat 2 does)"
        return told

    @property
    def rule(self) -> str:
        """When a kind of difference counts."""
        if not self.floor:
            return "No noise was measured: whatever differs counts"
        lane = self.floor.upper()
        return (
            f"Noise is how often {lane} differs from itself. A kind counts where A and B surely "
            "differ in it more often: where the lower end of its interval is above that"
        )

    def bands(self) -> list[Band]:
        """Time, tokens and length of the turns that were compared."""
        return bands(turn.pair for turn in self.turns if turn.verdict not in {INCOMPARABLE, ERRORS})

    @property
    def wins(self) -> str:
        """Wins, ties and losses of B, and how likely chance alone makes them so uneven."""
        counts = self.counts
        wins, losses = counts[IMPROVED], counts[REGRESSED]
        ties = counts[SAME] + counts[CHANGED]
        chance = sign_test(wins, losses)
        by_chance = f"p = {chance:.2f}" if chance >= _SURE else f"p < {_SURE}"
        return f"B wins {wins}, ties {ties}, loses {losses} (sign test: {by_chance})"

    def worst_first(self) -> list[Judged]:
        """The turns, the gravest first; those of one kind stay in their order."""
        rank = {name: number for number, name in enumerate((REGRESSED, ERRORS, CHANGED))}
        kinds = list(KINDS)

        def gravity(turn: Judged) -> tuple[int, int]:
            gravest = min((kinds.index(each.kind) for each in turn.counted), default=len(kinds))
            return rank.get(turn.verdict, len(rank)), gravest

        return sorted(self.turns, key=gravity)


def _turns(count: int) -> str:
    return f"{count:,} turn{'' if count == 1 else 's'}"


def _shown_by(regressed: Rate, few: int) -> str:
    """How much so many turns say of all others."""
    low, high = regressed.interval
    share = f"{low:.0%} to {high:.0%}"
    if regressed.of >= few:
        return f"Of all such turns, {share} may regress"
    are = "is" if regressed.of == 1 else "are"
    return f"{_turns(regressed.of)} {are} few: of all such turns, {share} may regress"


def _the_same(counts: Mapping[str, int], compared: int) -> str:
    better = f"; {counts[IMPROVED]} improved" if counts[IMPROVED] else ""
    beyond = f"; {counts[INCOMPARABLE]} could not be compared" if counts[INCOMPARABLE] else ""
    return f"nothing worse or other beyond the noise in {_turns(compared)}{better}{beyond}"


def _to_look_at(counts: Mapping[str, int], compared: int, share: str) -> str:
    if not compared:
        return "nothing could be compared"
    if not (counts[REGRESSED] or counts[CHANGED] or counts[ERRORS]):
        return f"{counts[INCOMPARABLE]} could not be compared, and only {_turns(compared)} could"
    named = {REGRESSED: "regressed", CHANGED: "changed", ERRORS: "errors"}
    parts = [f"{counts[key]} {word}" for key, word in named.items() if counts[key]]
    return f"{', '.join(parts)} in {_turns(compared)}; {share} regressed would be different"


class _Counting:
    """Counts differences of pairs, and of each lane with itself."""

    def __init__(self, limits: Limits, alike: Alike) -> None:
        self._limits = limits
        self._alike = alike
        self._rates: dict[str, list[int]] = {kind: [0, 0] for kind in KINDS}
        self._floors: dict[str, dict[str, list[int]]] = {
            lane: {kind: [0, 0] for kind in KINDS} for lane in "ab"
        }

    def look(self, pair: Pair) -> Judged:
        """Compare all answers of a turn; what most of them differ in is its difference."""
        if why := _incomparable(pair):
            return Judged(pair, INCOMPARABLE, why=why)
        if why := _broken(pair):
            return Judged(pair, ERRORS, why=why)
        couples = [(a, b) for a in pair.a for b in pair.b]
        found, times = self._compare(pair, couples)
        for kind in KINDS:
            rate = self._rates[kind]
            rate[1] += 1
            rate[0] += times[kind] / len(couples) > _HALF
        for lane, outcomes in (("a", pair.a), ("b", pair.b)):
            self._self(pair, lane, outcomes)
        mostly = tuple(each for each in found if times[each.kind] / len(couples) > _HALF)
        return Judged(pair, SAME, found=mostly)

    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that were found, or that a lane differs from itself in."""
        floors = self._floors[self.floor_of() or "a"]
        kinds = (Kind(k, Rate(*self._rates[k]), Rate(*floors[k])) for k in KINDS)
        return tuple(kind for kind in kinds if kind.rate.count or kind.floor.count)

    def floor_of(self) -> str:
        """The lane that was asked more than once, A before B; empty for none."""
        for lane in "ab":
            if any(rate[1] for rate in self._floors[lane].values()):
                return lane
        return ""

    def _self(self, pair: Pair, lane: str, outcomes: Sequence[Outcome]) -> None:
        couples = list(combinations(outcomes, 2))
        if not couples:
            return
        _, times = self._compare(pair, couples)
        for kind in KINDS:
            self._floors[lane][kind][0] += times[kind]
            self._floors[lane][kind][1] += len(couples)

    def _compare(
        self, pair: Pair, couples: Sequence[tuple[Outcome, Outcome]]
    ) -> tuple[list[Difference], Counter[str]]:
        """The differences of the first couple that has each kind, and in how many each is."""
        found: dict[str, list[Difference]] = {}
        times: Counter[str] = Counter()
        for a, b in couples:
            by_kind: dict[str, list[Difference]] = {}
            for each in differences(a, b, pair.turn, pair.case, self._limits, alike=self._alike):
                by_kind.setdefault(each.kind, []).append(each)
            times.update(by_kind.keys())
            for kind, some in by_kind.items():
                found.setdefault(kind, some)
        return [each for kind in KINDS for each in found.get(kind, ())], times


def _incomparable(pair: Pair) -> str:
    if pair.why:
        return pair.why
    if not pair.a or not pair.b:
        return "one of the lanes has no answer"
    if all(one.status == UNANSWERED for one in pair.a):
        call = next((each for one in pair.a for each in one.unmatched), None)
        name = call.name if call else "a function"
        return f"lane A called {name}, and no output for it is known: give it under tools"
    return ""


def _broken(pair: Pair) -> str:
    """Why a turn tells of servers alone: one lane could not be asked, or broke down."""
    for name, own, others in (("A", pair.a, pair.b), ("B", pair.b, pair.a)):
        broken = next((one for one in own if one.broken), None)
        if broken is not None and (broken.status == ERROR or not any(o.broken for o in others)):
            return f"{name}: {broken.error}"
    return ""


def _judged(turn: Judged, noisy: frozenset[str], preferred: Mapping[str, str]) -> Judged:
    """The turn with its verdict, by what is beyond the noise, else by what a judge preferred."""
    if turn.verdict in {INCOMPARABLE, ERRORS}:
        return turn
    counted = tuple(each for each in turn.found if each.kind not in noisy)
    choice = preferred.get(turn.id, "")
    verdict = _weighed(counted)
    if verdict in {SAME, CHANGED} and choice in {"a", "b"}:
        verdict = REGRESSED if choice == "a" else IMPROVED
    return Judged(turn.pair, verdict, turn.found, counted, turn.why, choice)


def _weighed(counted: Sequence[Difference]) -> str:
    """The verdict of differences. What an answer costs is weighed after what it is worth."""
    worth = {each.direction for each in counted if each.kind not in _COSTS}
    costs = {each.direction for each in counted if each.kind in _COSTS}
    if not counted:
        return SAME
    for directions in (worth, costs):
        if WORSE in directions:
            return CHANGED if BETTER in directions else REGRESSED
    return IMPROVED if (worth or costs) == {BETTER} else CHANGED
